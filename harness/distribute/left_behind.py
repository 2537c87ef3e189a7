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
from harness.measure.record import Run, WorkflowColumns, empty_series, no_attempts
from harness.measure.totals.record import Totals
from harness.measure.totals.windows import Windows


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
    if ticket.folder is None:
        raise ValueError("a worker without a folder leaves nothing")
    rows, kinds = rows_left_in(ticket.folder)
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


def given_up(totals: Totals, why: str) -> Totals:
    """The totals of a run that was cut off: what was under way counts as cancelled, because of `why`."""
    under_way = totals.offered - int(totals.outcomes.sum())
    outcomes = totals.outcomes.copy()
    outcomes[Ending.CANCELLED] += under_way
    errors = dict(totals.errors) | ({why: totals.errors.get(why, 0) + under_way} if under_way else {})
    return dataclasses.replace(totals, outcomes=outcomes, errors=errors)
