"""The steady part of one replication: throughput, mean number in flight, latency, and how busy each resource was.

It begins with the first workflow that counts and ends when the last one comes. A workflow that is only partly within
counts for that part of itself. Counting whole ones would be wrong by up to one per place in flight: where workflows of
equal length go nearly in step, which of them fall just inside is no matter of chance. Under an open load whole ones
are counted: beyond the knee its backlog grows, and who still waits at the end has had nothing done.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.judge.capacity.busy import Busy, busy_in, inside
from harness.measure.record import Floats, Outcome, Run, WorkflowColumns
from harness.measure.warm_up import counted
from harness.scenario.model import Scenario, is_open


@dataclass(frozen=True, slots=True)
class Steady:
    """One replication at one level. Times in seconds, rates per second; NaN where nothing was left to measure.

    `done` workflows succeeded in the steady part; `refused` is the share of all offered that was rejected, `timed_out`
    of those that ended by a timeout.
    """

    throughput: float
    in_flight: float
    done: int
    refused: float
    timed_out: float
    latency_s: Floats
    busy: tuple[Busy, ...]

    @property
    def usable(self) -> bool:
        """Whether throughput and number in flight mean something."""
        return self.done > 1 and math.isfinite(self.throughput) and self.throughput > 0 and self.in_flight > 0


def steady_part(scenario: Scenario, run: Run) -> Steady:
    """What `run`, a steady trial of `scenario`, shows."""
    rows = run.workflows
    refused = float(np.mean(rows.outcome == Outcome.REJECTED)) if len(rows) else 1.0
    timed_out = float(np.mean(rows.outcome == Outcome.TIMED_OUT)) if len(rows) else 0.0
    counts = counted(scenario, run)
    carried = counts & (rows.outcome <= Outcome.TIMED_OUT)
    latency_s = rows.finished_s[carried] - rows.due_s[carried]
    begin_s = float(rows.due_s[counts].min()) if counts.any() else math.nan
    end_s = float(rows.due_s.max()) if len(rows) else math.nan
    span_s = end_s - begin_s
    if not span_s > 0:
        return Steady(math.nan, math.nan, 0, refused, timed_out, latency_s, ())
    finished_s = np.where(np.isnan(rows.finished_s), run.ended_s, rows.finished_s)
    inside_s = inside(rows.due_s, finished_s, begin_s, end_s)
    parts = _done(scenario, rows, finished_s, inside_s, (begin_s, end_s))
    return Steady(
        throughput=float(parts.sum()) / span_s,
        in_flight=float(inside_s.sum()) / span_s,
        done=round(float(parts.sum())),
        refused=refused,
        timed_out=timed_out,
        latency_s=latency_s,
        busy=busy_in(scenario, run, begin_s, end_s),
    )


def _done(
    scenario: Scenario, rows: WorkflowColumns, finished_s: Floats, inside_s: Floats, span: tuple[float, float]
) -> Floats:
    """How much of each workflow that succeeded counts for the steady part, in [0, 1]."""
    done = rows.outcome == Outcome.SUCCEEDED
    if is_open(scenario.load):
        return np.asarray(((finished_s > span[0]) & (finished_s <= span[1]))[done].astype(np.float64))
    latencies_s = (finished_s - rows.due_s)[done]
    parts = np.zeros(len(latencies_s))
    np.divide(inside_s[done], latencies_s, out=parts, where=latencies_s > 0)
    return parts
