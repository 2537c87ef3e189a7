"""What a worker that died has left: its rows, or its last totals, and how many workflows it did not finish."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.distribute.ticket import Outcome, Ticket, share_of
from harness.measure.histogram import BUCKETS, Histogram
from harness.measure.mapped import rows_left_in
from harness.measure.record import Outcome as Ending
from harness.measure.record import Run, WorkflowColumns, empty_series, no_attempts, no_workflows
from harness.measure.totals.continued import given_up
from harness.measure.totals.record import Totals
from harness.measure.totals.windows import Windows
from harness.plan.arrivals import OpenArrivals


@dataclass(frozen=True, slots=True)
class Death:
    """A worker's end: why, how long after the start, and what it was (process, target's name, digest)."""

    why: str
    lived_s: float
    pid: int
    target: str
    digest: str


def left_by(ticket: Ticket, last: Totals | None, death: Death) -> Outcome:
    """What the worker of `ticket` had when it died: `last` are the totals it last sent."""
    why, lived_s = death.why, death.lived_s
    if ticket.totals:
        return _totals_left(ticket, last, death)
    rows, kinds = _rows_of_what_was_due(ticket, lived_s) if ticket.folder is None else rows_left_in(ticket.folder)
    kinds = (*kinds, *(() if why in kinds else (why,)))
    lost = np.isnan(rows.finished_s)
    rows = dataclasses.replace(rows, error=np.where(lost, kinds.index(why), rows.error))
    done = _last_instant(rows, lived_s)
    return Run(
        **_identity(ticket, death),
        type_names=tuple(kind.name for kind in ticket.scenario.types),
        pool_names=(),
        pool_sizes=(),
        pool_queues=(),
        error_kinds=kinds,
        workflows=rows,
        attempts=no_attempts(),
        ended_s=done,
        doubts=(f"{why} after {lived_s:.1f} s: {int(lost.sum())} workflow(s) under way were lost with it",),
        invalid=why,
        shares=(share_of(ticket, len(rows), int(lost.sum()), death.pid),),
    )


def _identity(ticket: Ticket, death: Death) -> Mapping[str, Any]:
    return {
        "scenario": ticket.scenario.name,
        "digest": death.digest,
        "target": death.target,
        "clock": "wall",
        "seed": ticket.seed,
        "resources": empty_series(),
        "gauges": empty_series(),
    }


def _rows_of_what_was_due(ticket: Ticket, lived_s: float) -> tuple[WorkflowColumns, tuple[str, ...]]:
    """Of a worker on another machine nothing is left; what was due there is known of an open load."""
    arrivals = ticket.plan().arrivals
    if not isinstance(arrivals, OpenArrivals):
        return no_workflows(), ()
    due_s = arrivals.due_s[arrivals.due_s <= lived_s]
    never = np.full(len(due_s), np.nan)
    none = np.zeros(len(due_s), dtype=np.int64)
    batch = arrivals.batch[: len(due_s)]
    return WorkflowColumns(due_s, never, never, none + int(Ending.CANCELLED), none, none - 1, batch, never), ()


def _last_instant(rows: WorkflowColumns, lived_s: float) -> float:
    """When the worker was last known to do something."""
    seen = [np.nanmax(column, initial=0.0) for column in (rows.due_s, rows.started_s, rows.finished_s)]
    return min(lived_s, float(max(seen))) if len(rows) else lived_s


def _totals_left(ticket: Ticket, last: Totals | None, death: Death) -> Totals:
    if last is None:
        last = Totals(
            **_identity(ticket, death),
            offered=0,
            outcomes=np.zeros(len(Ending), dtype=np.int64),
            errors={},
            windows=Windows.empty(),
            latency_sum_s=0.0,
            latency_max_s=0.0,
            lag=Histogram(np.zeros(BUCKETS, dtype=np.int64)),
            lag_sum_s=0.0,
            most_in_flight=0,
            ended_s=0.0,
        )
    lost = given_up(last, death.why)
    doubt = f"{death.why} after {death.lived_s:.1f} s: what it did after {last.ended_s:.1f} s is not counted"
    return dataclasses.replace(
        lost,
        doubts=(*last.doubts, doubt),
        invalid=death.why,
        shares=(share_of(ticket, last.offered, last.offered - int(last.outcomes.sum()), death.pid),),
    )
