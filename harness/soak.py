"""A long run in constant memory: what adds up is added up, checkpoints are handed on, and what was cut off goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.drive.clock import ClockName, LoopName
from harness.drive.opening import BUILTIN, as_factory
from harness.drive.replication import CHECKPOINT_S, Replication
from harness.errors import DeclarationError, Mistake
from harness.execute import check_options
from harness.measure.record import Run
from harness.measure.totals.continued import continued
from harness.measure.totals.folding import TotalsRecorder
from harness.measure.totals.record import Totals
from harness.plan.arrivals import Plan, plan
from harness.plan.cutting import part_of
from harness.plan.part import Part
from harness.scenario.model import Scenario

Checkpoint = Callable[[Totals], None]


@dataclass(frozen=True, slots=True)
class Soak:
    """How a long run is kept: who is handed its totals every `every_s`, and the totals of the run that it continues."""

    checkpoint: Checkpoint | None = None
    every_s: float = CHECKPOINT_S
    before: Totals | None = None


# long: two ways to begin, one to run, and the arguments of both
def soak(
    scenario: Scenario,
    seed: int = 0,
    *,
    target: object = BUILTIN,
    clock: ClockName = "wall",
    keep: Soak | None = None,
    loop: LoopName = "asyncio",
    precise: bool = False,
    **how: Any,
) -> Totals:
    """Run one replication of `scenario` without keeping its rows; `how` are the other arguments of `harness.run`.

    `keep.checkpoint` is handed the totals so far every `keep.every_s`, on the event loop's thread (wall clock only).
    With `keep.before` the run goes on where those totals end: what was under way then counts as cancelled.

    Raises what `harness.run` raises, and `DeclarationError` where `before` is of another scenario, seed, target or
    clock, or the load cannot be begun in the middle.
    """
    check_options(clock, seed, loop=loop, precise=precise)
    keep = keep or Soak()
    name, factory = as_factory(target)
    planned, recorder = plan(scenario, seed), TotalsRecorder()
    before = keep.before
    if before is not None:
        if how.get("watch") is not None:
            how["watch"].go_on_from(before)
        _same(before, {"target": name, "clock": clock, "seed": seed, "digest": factory.digest(scenario.digest)})
        planned = _rest_of(planned, before)
        recorder = TotalsRecorder(origin_s=before.ended_s)

    def so_far(run: Run) -> Totals:
        totals = recorder.totals(run)
        return totals if before is None else continued(before, totals)

    told = keep.checkpoint
    replication = Replication(
        planned,
        factory,
        name,
        clock,
        loop_name=loop,
        precise=precise,
        recorder=recorder,
        checkpoint_s=keep.every_s,
        checkpoint=None if told is None else lambda run: told(so_far(run)),
        **how,
    )
    return so_far(replication.drive())


def _rest_of(planned: Plan, before: Totals) -> Plan:
    """What the run that was cut off had not offered, with what is due counted from where it was."""
    if planned.total is not None and before.offered >= planned.total:
        raise DeclarationError(
            "--resume", [Mistake("offered", f"all {before.offered} workflows of the load", "a run with some left")]
        )
    return part_of(planned, Part(first=before.offered, begin_s=before.ended_s))


def _same(before: Totals, now: dict[str, object]) -> None:
    mistakes = [
        Mistake(name, repr(getattr(before, name)), f"{value!r}, which is to go on")
        for name, value in now.items()
        if getattr(before, name) != value
    ]
    if mistakes:
        raise DeclarationError("--resume", mistakes)
