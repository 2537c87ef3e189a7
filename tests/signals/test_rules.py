"""The rules and the figures behind them, on runs written by hand and on the virtual clock, where all is exact."""

from __future__ import annotations

import asyncio
import math
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.drive import replication
from harness.execute import run
from harness.judge import signals as rules
from harness.judge.baseline import judge_baseline
from harness.judge.signals import judge_signals
from harness.measure.backlog import is_open
from harness.measure.executors import executor_figures
from harness.measure.metrics import summarise
from harness.measure.resources import ResourceMonitor
from harness.measure.rest import Rest
from harness.measure.retries import Together, retries_of
from harness.measure.stalls import Stall
from harness.measure.summary import Estimate
from harness.scenario.model import (
    BASELINE_METRICS,
    BaselineLine,
    BurstLoad,
    ClosedLoad,
    Constant,
    Load,
    Lognormal,
    Pool,
    Retry,
    Scenario,
    Step,
    WorkflowType,
)
from harness.scenario.parts import RateLoad
from tests.signals.targets import FAULTS, Healthy, LeakedSlots, LeakedTasks
from tests.signals.test_matrix import fired, scenario

MODEL_CALL = Lognormal(0.2, 0.8)


def orchestrated(load: Load, fail: float = 0.0, size: int = 500, retry: Retry | None = None) -> Scenario:
    """One step at a pool of the built-in orchestrator."""
    kind = WorkflowType("simple", (Step("ask", wait=MODEL_CALL, fail=fail),))
    return Scenario("made", load, (kind,), (("simple", 1.0),), (Pool("agents", size),), retry=retry or Retry())


def fires(declared: Scenario, seeds: range) -> Mapping[str, int]:
    """How often each signal fires in runs on the virtual clock."""
    counts: dict[str, int] = {}
    for seed in seeds:
        metrics = summarise(declared, [run(declared, clock="virtual", seed=seed)])
        for one in judge_signals(metrics):
            if one.state == "fired":
                counts[one.name] = counts.get(one.name, 0) + 1
    return counts


# --------------------------------------------------------------------------- retries in step


@pytest.mark.parametrize("base_s", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("load", [BurstLoad((200,)), ClosedLoad(20, workflows=200), RateLoad(50.0, "poisson", 200)])
def test_jittered_retries_are_not_in_step(load: Load, base_s: float) -> None:
    if isinstance(load, RateLoad):
        load = RateLoad(50.0, "poisson", workflows=200)
    declared = orchestrated(load, fail=0.1, retry=Retry(max_attempts=4, base_s=base_s))
    assert fires(declared, range(20)).get("retries_in_step", 0) == 0


def test_retries_that_wait_equally_long_after_one_failure_are_in_step() -> None:
    kind = WorkflowType("simple", (Step("ask", wait=Constant(0.2), fail=0.1),))
    retry = Retry(max_attempts=4, base_s=1.0, jitter="none")
    declared = Scenario("made", BurstLoad((200,)), (kind,), (("simple", 1.0),), (Pool("agents", 500),), retry=retry)
    assert fires(declared, range(20))["retries_in_step"] == 20


def test_few_retries_are_never_in_step() -> None:
    """Five that come together after a wait of one second: that happens."""
    kind = WorkflowType("simple", (Step("ask", wait=Constant(0.2), fail=1.0),))
    retry = Retry(max_attempts=2, base_s=1.0, jitter="none")
    declared = Scenario("made", BurstLoad((4,)), (kind,), (("simple", 1.0),), (Pool("agents", 9),), retry=retry)
    assert "retries_in_step" not in fires(declared, range(3))
    six = replace(declared, load=BurstLoad((8,)))
    assert fires(six, range(3))["retries_in_step"] == 3


def test_the_incident_of_nineteen_of_twenty() -> None:
    """20 calls are turned away within a minute; 19 of them wait exactly 600.0 s."""

    async def work(workflow: Any) -> None:
        await asyncio.sleep(0.002 * workflow.number)
        with workflow.attempt("model"):
            await asyncio.sleep(1.0)
        await asyncio.sleep(600.0 if workflow.number else 599.0)
        with workflow.attempt("model"):
            await asyncio.sleep(1.0)

    found = fired(signals_of_virtual(work, BurstLoad((20,))))
    assert found["retries_in_step"].startswith("19 of 20 retries came within 100 ms at 601 s")
    assert "after the same wait of about 600 s" in found["retries_in_step"]


def signals_of_virtual(target: object, load: Load) -> dict[str, Any]:
    declared = replace(scenario(load), run_timeout_s=3600.0)
    metrics = summarise(declared, [run(declared, target=target, clock="virtual")])
    return {one.name: one for one in judge_signals(metrics)}


def test_attempts_that_do_not_tell_their_end_show_no_waits() -> None:
    async def work(workflow: Any) -> None:
        workflow.attempt("model")
        await asyncio.sleep(600.0)
        workflow.attempt("model")

    declared = replace(scenario(BurstLoad((20,))), run_timeout_s=3600.0)
    done = run(declared, target=work, clock="virtual")
    retries = retries_of(done, None)  # type: ignore[arg-type]  # not looked at where the target tells of its own
    assert retries is not None
    assert (retries.attempts, retries.steps, retries.retries) == (40, 20, 20)
    assert retries.share_together == 1.0
    assert retries.together is None
    judged = {one.name: one for one in judge_signals(summarise(declared, [done]))}["retries_in_step"]
    assert (judged.state, judged.text) == ("not_observable", rules.NO_ENDS)


def test_the_window_and_what_was_expected_in_it() -> None:
    """Ten fail at 0 and wait 1 s: spread evenly over 2 s, a twentieth of them would be in any tenth of a second."""

    async def work(workflow: Any) -> None:
        with workflow.attempt("model"):
            pass
        await asyncio.sleep(1.0)
        with workflow.attempt("model"):
            pass

    done = run(scenario(BurstLoad((10,))), target=work, clock="virtual")
    retries = retries_of(done, None)  # type: ignore[arg-type]  # as above
    assert retries is not None
    together = retries.together
    assert isinstance(together, Together)
    assert (together.most, together.at_s, together.wait_s) == (10, 1.0, 1.0)
    assert together.expected == pytest.approx(0.5)
    assert together.chance == pytest.approx(10 * math.exp(10 - 0.5 - 10 * math.log(20)))


# --------------------------------------------------------------------------- backlog


@pytest.mark.parametrize(("rate_per_s", "most", "least"), [(25.0, 0, 0), (54.0, 30, 29)])
def test_a_backlog_grows_where_more_come_than_are_done(rate_per_s: float, most: int, least: int) -> None:
    """Ten agents do 36 a second: at 25 a second (0.7 of it) nothing grows, at 1.5 times as many it does."""
    declared = orchestrated(RateLoad(rate_per_s, "poisson", workflows=300), size=10)
    assert least <= fires(declared, range(30)).get("backlog_grows", 0) <= most


def test_which_loads_can_be_outrun() -> None:
    assert is_open(RateLoad(1.0, "constant", workflows=9))
    assert is_open(BurstLoad((1, 1), every_s=1.0))
    assert not is_open(BurstLoad((1, 1)))
    assert not is_open(ClosedLoad(1, workflows=9))


# --------------------------------------------------------------------------- virtual, hybrid, at rest


def test_on_the_virtual_clock_the_process_is_not_seen_and_the_rest_is_exact() -> None:
    signals = signals_of_virtual(LeakedTasks, ClosedLoad(10, workflows=60))
    unseen = {name for name, one in signals.items() if one.state == "not_observable"}
    machine = {"blocked_loop", "descriptors_left", "threads_left", "children_left", "executor_exhausted"}
    assert unseen == machine | {"memory_grows", "long_collections", "backlog_grows"}
    assert signals["descriptors_left"].text == "not observable on a virtual clock"
    slots = fired(signals_of_virtual(LeakedSlots, ClosedLoad(10, workflows=80)))
    assert slots == {"slots_left": "2 slots still held when no workflow was left: taken and not given back"}


@pytest.mark.parametrize("clock", ["virtual", "hybrid"])
def test_tasks_left_are_counted_on_clocks_that_jump(clock: Any) -> None:
    async def work(workflow: Any) -> None:
        asyncio.get_running_loop().create_task(asyncio.sleep(3600), name=f"left by {workflow.id}")
        await asyncio.sleep(0.01)

    declared = scenario(ClosedLoad(5, workflows=30))
    done = run(declared, target=work, clock=clock)
    assert done.stopped is None
    assert done.rest is not None
    assert done.rest.left("tasks") == 30
    assert done.rest.kinds == {"sleep": 30}
    assert done.ended_s < 0.5, "what comes after the last workflow is no part of the run"
    metrics = summarise(declared, [done])
    assert [s.name for s in judge_signals(metrics) if s.state == "fired"] == ["tasks_left"]


def test_the_threads_that_carry_out_plain_functions_are_not_the_targets() -> None:
    done = run(scenario(ClosedLoad(12, workflows=60)), target=plain)
    assert done.rest is not None
    assert done.rest.left("threads") == 0


def plain(_workflow: Any) -> None:
    time.sleep(0.01)


def test_both_engines_of_the_built_in_orchestrator_give_the_same_signals() -> None:
    declared = orchestrated(RateLoad(54.0, "poisson", workflows=200), fail=0.3, size=10, retry=Retry(max_attempts=3))
    fast, loop = (run(declared, clock="virtual", engine=engine) for engine in ("fast", "loop"))  # type: ignore[arg-type]  # a literal
    metrics = [summarise(declared, [done]) for done in (fast, loop)]
    assert judge_signals(metrics[0]) == judge_signals(metrics[1])
    assert metrics[0].signals == metrics[1].signals


def test_what_ends_within_a_second_is_not_left() -> None:
    async def work(workflow: Any) -> None:
        asyncio.get_running_loop().create_task(asyncio.sleep(0.4 + 0.01 * workflow.number))
        await asyncio.sleep(0.01)

    done = run(scenario(ClosedLoad(5, workflows=30)), target=work, clock="virtual")
    assert done.rest is not None
    assert done.rest.left("tasks") == 0
    assert 0.4 < done.rest.after_s <= 1.0


def test_a_run_that_was_cut_off_is_not_said_to_leave_anything() -> None:
    declared = replace(scenario(ClosedLoad(5, workflows=30)), run_timeout_s=0.5)
    done = run(declared, target=forever, clock="virtual")
    assert done.stopped == "run timeout"
    assert done.rest is None


async def forever(_workflow: Any) -> None:
    await asyncio.sleep(1e6)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no alarm breaks into a blocked loop on this system")
def test_what_blocks_the_loop_at_rest_does_not_break_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "_ALARM_AFTER_S", 0.3)

    async def work(workflow: Any) -> None:
        if workflow.number == 0:
            asyncio.get_running_loop().call_later(0.05, time.sleep, 5.0)

    done = run(scenario(ClosedLoad(1, workflows=2)), target=Slow(work))
    assert (done.stopped, len(done.workflows)) == (None, 2)
    assert "what the target left behind blocked the event loop: not seen at rest" in done.doubts


class Slow:
    """A target that keeps a task, so that its rest is waited for."""

    def __init__(self, work: Any) -> None:
        self.work = work

    async def run(self, workflow: Any) -> None:
        """Work, and a task too many."""
        await self.work(workflow)
        asyncio.get_running_loop().create_task(asyncio.sleep(3600))


# --------------------------------------------------------------------------- rules at their edges


def one_run(**given: Any) -> rules.RunSignals:
    return rules.RunSignals(workflows=100, length_s=10.0, **given)


@pytest.mark.parametrize(("held_s", "found"), [(0.0999, False), (0.1, True)])
def test_a_hold_counts_from_a_tenth_of_a_second(held_s: float, found: bool) -> None:
    assert (rules._blocked(one_run(stalls=(Stall(held_s, 1.0, 1, ("f (x.py:1)",)),))) is not None) is found


@pytest.mark.parametrize(
    ("left", "growth", "grown", "found"),
    [
        (4, Estimate(4.0, 3.0, 5.0), 4.0, False),
        (5, Estimate(5.0, 3.0, 6.0), 5.0, True),
        (10, Estimate(0.0, 0.0, 0.0), 0.0, False),
        (10, Estimate(None), 5.0, True),
        (10, Estimate(None), 4.0, False),
        (49, None, None, False),
        (50, None, None, True),
    ],
    ids=["few", "grows", "kept on purpose", "few samples", "kept, few samples", "unseen", "unseen, many"],
)
def test_what_is_left_must_have_grown(left: int, growth: Estimate | None, grown: float | None, found: bool) -> None:
    seen = one_run(
        rest=Rest({"fds": 3.0}, {"fds": 3.0 + left}, 0.0),
        growths={} if growth is None else {"fds": growth},
        grown={} if grown is None else {"fds": grown},
    )
    assert (rules._left("fds", "open")(seen) is not None) is found


def test_a_signal_fires_in_one_replication_of_ten() -> None:
    declared = scenario(ClosedLoad(2, workflows=4))
    done = run(declared, target=forever_not, clock="virtual")
    metrics = summarise(declared, [done] * 11)
    assert metrics.signals is not None
    for count, state in ((1, "quiet"), (2, "fired")):
        each = tuple(replace(one, over_limit=1.0 if k < count else 0.0) for k, one in enumerate(metrics.signals.runs))
        shown = replace(metrics.signals, runs=each, over_limit=Estimate(1.0))
        judged = {s.name: s for s in judge_signals(replace(metrics, signals=shown))}["limit_exceeded"]
        assert judged.state == state
    assert judged.text.endswith("(in 2 of 11 replications)")


async def forever_not(_workflow: Any) -> None:
    await asyncio.sleep(0.01)


def test_a_declared_line_makes_a_gate() -> None:
    lines = (
        BaselineLine("tasks_at_rest", "=", 0.0, "= 0"),
        BaselineLine("attempts_per_step", "<=", 1.5, "<= 1.5"),
        BaselineLine("loop_blocked_max", "<", 0.1, "< 100 ms"),
        BaselineLine("fds_at_rest", "=", 0.0, "= 0"),
    )
    declared = scenario(ClosedLoad(10, workflows=60), lines)
    metrics = summarise(declared, [run(declared, target=LeakedTasks, clock="virtual")])
    judged = {line.line.metric: line for line in judge_baseline(declared, metrics)}
    assert [judged[line.metric].verdict for line in lines] == ["broken", "held", "cannot_tell", "cannot_tell"]
    assert judged["tasks_at_rest"].reason == "tasks left at rest 20, not = 0"
    assert judged["loop_blocked_max"].reason.endswith("not observable on a virtual clock")


def test_every_signal_names_a_key_that_can_be_declared() -> None:
    assert {rule.baseline for rule in rules.RULES} <= set(BASELINE_METRICS)
    assert len({rule.name for rule in rules.RULES}) == len(rules.RULES) == len(FAULTS)


def test_the_document_has_every_signal_with_its_key_and_every_threshold() -> None:
    text = (Path(__file__).parents[2] / "docs" / "signals.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| ") and "`" in line]
    faults = {row[2].strip(" `"): row[3] for row in rows if len(row) == 7 and row[2].strip(" `") in FAULTS}
    assert list(faults) == list(FAULTS)
    for rule in rules.RULES:
        assert f"`{rule.baseline}`" in faults[rule.name]
    measured = [row[1].strip(" `") for row in rows if row[1].strip(" `") in FAULTS]
    assert measured == list(FAULTS), "each has its line of false alarms and power"


# --------------------------------------------------------------------------- what the monitor sees


def test_many_short_callbacks_are_no_hold() -> None:
    """A loop that is late because all are busy is not blocked by any of them."""

    async def spin() -> None:
        for _ in range(20):
            until = time.perf_counter() + 0.002
            while time.perf_counter() < until:
                pass
            await asyncio.sleep(0)

    async def main() -> ResourceMonitor:
        monitor = ResourceMonitor(asyncio.get_running_loop(), interval_s=0.05)
        monitor.start()
        await asyncio.gather(*(spin() for _ in range(10)))
        monitor.stop()
        return monitor

    assert max((stall.held_s for stall in asyncio.run(main()).stalls), default=0.0) < 0.1


def test_a_hold_is_told_with_its_stack_on_a_loop_written_in_c() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> ResourceMonitor:
        monitor = ResourceMonitor(asyncio.get_running_loop(), interval_s=0.05)
        monitor.start()
        await asyncio.sleep(0.1)
        hold()
        await asyncio.sleep(0.1)
        monitor.stop()
        return monitor

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stalls = runner.run(main()).stalls
    assert stalls[0].stack[0].startswith("hold (")
    assert stalls[0].held_s >= 0.2


def hold() -> None:
    time.sleep(0.4)


def test_what_queues_for_a_thread_is_seen() -> None:
    over = threading.Event()

    async def main() -> dict[str, float]:
        gathered = asyncio.gather(*(asyncio.to_thread(over.wait, 20) for _ in range(60)))
        await asyncio.sleep(0.1)
        seen = executor_figures(asyncio.get_running_loop())
        over.set()
        await gathered
        return seen

    seen = asyncio.run(main())
    assert seen["executor_threads"] == seen["executor_limit"] > 0
    assert seen["executor_queue"] == 60 - seen["executor_threads"]


def test_no_thread_pool_is_no_queue() -> None:
    figures = executor_figures(None)
    assert np.isnan(list(figures.values())).all() or figures["executor_queue"] == 0


def test_a_healthy_target_on_every_clock() -> None:
    for clock in ("virtual", "hybrid"):
        declared = scenario(ClosedLoad(10, workflows=60))
        metrics = summarise(declared, [run(declared, target=Healthy, clock=clock)])  # type: ignore[arg-type]  # a clock
        assert [one.name for one in judge_signals(metrics) if one.state == "fired"] == []
