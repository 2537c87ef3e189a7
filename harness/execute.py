"""One function: Scenario x target x clock x seed -> Run. It is what every judge and every bridge is handed.

(The design calls this file `run.py`; a submodule of that name would hide the function `harness.run`.)
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, get_args

from harness.drive.clock import CLOCKS, ClockName, LoopName, check_loop, real_now_s
from harness.drive.interrupts import Interrupts, asked_to_stop
from harness.drive.opening import BUILTIN, as_factory
from harness.drive.outside_work import JOB_GRACE_S
from harness.drive.replication import Replication
from harness.errors import DeclarationError, HarnessError, Mistake
from harness.measure.record import Run
from harness.measure.watch import Watch
from harness.plan.arrivals import Plan, plan
from harness.scenario.model import Scenario
from harness.simulate.simulator import simulate

Progress = Callable[[int], None]
Engine = Literal["fast", "loop"]

_NO_ALARM = 0.0
"""A simulation always comes round: nothing has to break into it."""


def run(
    scenario: Scenario,
    *,
    target: object = BUILTIN,
    clock: ClockName = "wall",
    seed: int = 0,
    progress: Progress | None = None,
    watch: Watch | None = None,
    take_stop_signals: bool = False,
    engine: Engine = "fast",
    patch_time: bool = False,
    job_grace_s: float = JOB_GRACE_S,
    loop: LoopName = "asyncio",
    precise: bool = False,
) -> Run:
    """Run one replication of `scenario` and return all that was measured.

    `target` is a name (see `harness.drive.opening.target_factory`), or the function or object itself; `seed` is any
    integer from 0 to 2**63 - 1. `progress` is called about ten times a second with the number of workflows ended;
    whoever holds `watch` may look at the run from another thread. With `take_stop_signals`, SIGINT and SIGTERM end the
    run early and the Run says so in `stopped`.
    `engine` matters to the built-in target on the virtual clock only: `fast` is its compiled twin, `loop` the asyncio
    orchestrator itself on a jumping event loop; the Run is the same, bit for bit.
    On clocks that jump (virtual, hybrid), `patch_time` gives the target's own calls to `time.monotonic`,
    `time.perf_counter`, `time.time` and `time.sleep` the run's clock instead of only reporting them, and `job_grace_s`
    is the real time for which one piece of work outside the event loop may hold a virtual clock (docs/clocks.md).
    On the wall clock, `loop` is the event loop ("uvloop" needs the extra of that name), and with `precise` workflows
    start within 0.1 ms of their due times, at the cost of a core (docs/load.md).

    Raises `TargetError` where the target cannot be loaded or started, `DeclarationError` for a clock or seed that does
    not exist.
    """
    check_options(clock, seed, engine, loop, precise)
    name, factory = as_factory(target)
    planned = plan(scenario, seed)
    if target == BUILTIN and clock == "virtual" and engine == "fast":
        return _simulated(planned, take_stop_signals, watch)
    return Replication(
        planned,
        factory,
        name,
        clock,
        progress,
        watch,
        take_stop_signals,
        job_grace_s=job_grace_s,
        patch_time=patch_time,
        loop_name=loop,
        precise=precise,
    ).drive()


def run_all(
    scenario: Scenario,
    seeds: Iterable[int],
    *,
    target: object = BUILTIN,
    clock: ClockName = "wall",
    progress: Progress | None = None,
    watch: Watch | None = None,
    take_stop_signals: bool = False,
    patch_time: bool = False,
    job_grace_s: float = JOB_GRACE_S,
    loop: LoopName = "asyncio",
    precise: bool = False,
) -> Iterator[Run]:
    """One replication per seed, in order; ends after the first that was stopped early by a signal.

    The other arguments are those of `run`.
    """
    given: dict[str, Any] = {
        "job_grace_s": job_grace_s,
        "patch_time": patch_time,
        "loop_name": loop,
        "precise": precise,
    }
    name, factory = as_factory(target)
    ended = 0
    for seed in seeds:
        check_options(clock, seed, loop=loop, precise=precise)
        further = None if progress is None else _counting_from(ended, progress)
        planned = plan(scenario, seed)
        if target == BUILTIN and clock == "virtual":
            done = _simulated(planned, take_stop_signals, watch)
        else:
            done = Replication(planned, factory, name, clock, further, watch, take_stop_signals, **given).drive()
        ended += len(done.workflows)
        if progress is not None:
            progress(ended)
        yield done
        if asked_to_stop() or done.stopped in {"interrupted", "terminated"}:
            return


def _simulated(planned: Plan, take_stop_signals: bool, watch: Watch | None = None) -> Run:
    asked: list[str] = []
    began_s = real_now_s()
    with Interrupts(_NO_ALARM, asked.append, take_stop_signals):
        done = simulate(planned, asked_to_stop=lambda: asked[0] if asked else None, watch=watch)
    # a run that was over before it heard of the stop still tells whoever would begin the next one
    reason = done.stopped or (asked[0] if asked else None)
    return dataclasses.replace(done, stopped=reason, real_s=real_now_s() - began_s)


def _counting_from(ended: int, progress: Progress) -> Progress:
    return lambda done: progress(ended + done)


def offered(scenario: Scenario, seeds: Iterable[int]) -> int | None:
    """How many workflows replications with these seeds will offer together; None where time ends them."""
    totals = [plan(scenario, seed).total for seed in seeds]
    return None if None in totals else sum(total for total in totals if total is not None)


def check_options(clock: str, seed: int, engine: str = "fast", loop: str = "asyncio", precise: bool = False) -> None:
    """Raise `DeclarationError` for a clock, engine or loop that does not exist or a seed outside 0 … 2**63 - 1.

    Raises `HarnessError` within a running event loop: a run makes its own.
    """
    mistakes = []
    if clock not in CLOCKS:
        mistakes.append(Mistake("--clock", repr(clock), f"one of {', '.join(CLOCKS)}"))
    if engine not in get_args(Engine):
        mistakes.append(Mistake("engine", repr(engine), f"one of {', '.join(get_args(Engine))}"))
    mistakes += check_loop(loop, clock, precise)
    if not isinstance(seed, int) or not 0 <= seed < 2**63:
        mistakes.append(Mistake("--seed", str(seed), "a whole number from 0 to 2**63 - 1"))
    if mistakes:
        raise DeclarationError("options", mistakes)
    if asyncio._get_running_loop() is not None:
        raise HarnessError(
            "a run makes its own event loop and cannot start within a running one; "
            "from a notebook or a coroutine: await asyncio.to_thread(harness.run, scenario)"
        )
