"""One replication driven by several workers: cut, carried out, put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.distribute.spawned import run_spawned
from harness.distribute.ticket import Outcome, Ticket, numbers_of
from harness.drive.opening import BUILTIN
from harness.drive.replication import CHECKPOINT_S
from harness.errors import DeclarationError, Mistake
from harness.measure.merging import merged_run
from harness.measure.record import Run
from harness.measure.totals.record import Totals, merged
from harness.plan.part import Part
from harness.scenario.http import HttpTarget, is_url
from harness.scenario.model import Scenario

MOST_WORKERS = 1000


@dataclass(frozen=True, slots=True)
class Crew:
    """`workers` processes on this machine, or of the Dask cluster at `scheduler` (None: as many as it has)."""

    workers: int | None = None
    scheduler: str | None = None


def drive_with(
    crew: Crew,
    scenario: Scenario,
    seed: int,
    *,
    target: object,
    totals: bool = False,
    clock: str = "wall",
    progress: Callable[[int], None] | None = None,
    checkpoint: Callable[[Totals], None] | None = None,
    every_s: float = CHECKPOINT_S,
    take_stop_signals: bool = False,  # noqa: ARG001 - as every way of driving takes it
    loop: str = "asyncio",
    precise: bool = False,
    **_jumping: Any,
) -> Outcome:
    """One replication on the wall clock, driven by `crew`; a `Run`, or with `totals` only its `Totals`.

    Workflow i is driven by worker i modulo the number of workers, all from one agreed instant. A worker that dies loses
    its unfinished workflows, which count as cancelled, and makes the run invalid.
    `checkpoint` is handed the totals of all so far, every `every_s`. Signals are the coordinator's: `StopSignals`
    around this call are passed on. The arguments that only clocks which jump know are of no use here.

    Raises `DeclarationError` for a load that cannot be cut and for the built-in target, whose pools would be as many as
    the workers; what a worker raises before the start is raised here.
    """
    _refuse(target, clock)
    given = (("loop_name", loop), ("precise", precise), ("checkpoint_s", every_s))

    def make(worker: int, workers: int) -> Ticket:
        return Ticket(scenario, target, seed, Part(worker, workers), totals, options=given)

    if crew.scheduler is not None:
        from harness.distribute.cluster import run_on_cluster  # noqa: PLC0415 - an optional extra

        return _together(*run_on_cluster(crew.scheduler, crew.workers, make, progress), target)
    tickets = [make(worker, crew.workers or 1) for worker in range(crew.workers or 1)]
    return _together(tickets, run_spawned(tickets, progress, checkpoint), target)


def _refuse(target: object, clock: str) -> None:
    mistakes = []
    if target == BUILTIN:
        allowed = "a target of your own: each worker would have pools of its own"
        mistakes.append(Mistake("--target", "builtin", allowed))
    if clock != "wall":
        mistakes.append(Mistake("--clock", clock, "wall: clocks that jump cannot be agreed on by several processes"))
    if mistakes:
        raise DeclarationError("--workers", mistakes)


def _together(tickets: Sequence[Ticket], outcomes: Sequence[Outcome], target: object) -> Outcome:
    totals = [outcome for outcome in outcomes if isinstance(outcome, Totals)]
    if totals:
        done: Outcome = dataclasses.replace(merged(totals), shares=tuple(s for part in totals for s in part.shares))
    else:
        runs = [outcome for outcome in outcomes if isinstance(outcome, Run)]
        done = merged_run(runs, [numbers_of(t.part, len(r.workflows)) for t, r in zip(tickets, runs, strict=True)])
    # a service has one set of gauges, whoever asks; targets in the workers have each their own
    remote = isinstance(target, HttpTarget) or (isinstance(target, str) and is_url(target))
    doubts = (*done.doubts, _said(done, remote))
    return dataclasses.replace(done, gauges=outcomes[0].gauges if remote else done.gauges, doubts=doubts)


def _said(done: Outcome, remote: bool) -> str:
    apart = max((abs(share.clock_offset_s) for share in done.shares), default=0.0)
    error = max((share.clock_error_s for share in done.shares), default=0.0)
    whose = "one service" if remote else "each with a target of its own"
    return (
        f"driven by {len(done.shares)} workers, {whose}; their clocks were up to {1e3 * apart:.3g} ms apart, "
        f"measured to within {1e3 * error:.3g} ms and allowed for"
    )
