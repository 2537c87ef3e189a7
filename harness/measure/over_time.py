"""One run over time, in windows of equal length: what came, how it ended, how long it took, what was in flight.

Counts are by instant: offered when due, ended when over (a workflow without an end: with the run). Latencies are those
that the percentiles are made of, in the window in which their workflow ended. No extreme is lost: the smallest and the
largest of each window are true, and the slowest workflows are kept one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.measure.cut import Cut, Level, Marks
from harness.measure.latency import carried_out
from harness.measure.percentiles import nearest_rank
from harness.measure.pools_over_time import PoolOverTime, pools_over_time
from harness.measure.record import Floats, Ints, Outcome, Run
from harness.measure.timeline import in_flight
from harness.measure.warm_up import counted, counted_from_s
from harness.scenario.model import Scenario

FEWEST_WINDOWS = 50
MOST_WINDOWS = 100
_PER_WINDOW = 10
"""Workflows in a window on average, from which more windows are cut."""
MOST_OUTLIERS = 100


@dataclass(frozen=True, slots=True)
class LatencyOverTime:
    """Seconds per window, shape (w,) each; NaN where `count` is 0."""

    count: Ints
    min: Floats
    p50: Floats
    p95: Floats
    max: Floats


@dataclass(frozen=True, slots=True)
class OverTime:
    """One replication. `outcomes` are by the name of the outcome, shape (w,); None: not observable without rows.

    `outliers_s` are the slowest workflows, finished and latency, in the order in which they finished, shape (2, k).
    """

    seed: int
    window_s: float
    windows: int
    warm_up_until_s: float | None
    offered: Ints | None
    outcomes: dict[str, Ints]
    latency: LatencyOverTime
    in_flight: Level | None
    pools: tuple[PoolOverTime, ...]
    outliers_s: Floats | None


def over_time(scenario: Scenario, run: Run) -> OverTime | None:
    """`run` over time, its warm-up included; None where it took no time or offered nothing."""
    rows = run.workflows
    if not run.ended_s > 0 or not len(rows):
        return None
    cut = Cut.of(run.ended_s, min(MOST_WINDOWS, max(FEWEST_WINDOWS, len(rows) // _PER_WINDOW)))
    ended = cut.window_of(np.where(np.isnan(rows.finished_s), run.ended_s, rows.finished_s))
    by_outcome = np.bincount(len(Outcome) * ended + rows.outcome, minlength=len(Outcome) * len(cut))
    of_outcome = by_outcome.reshape(len(cut), len(Outcome))
    warm_up = bool(scenario.warm_up_s or scenario.warm_up_workflows)
    chosen = carried_out(run) & counted(scenario, run) if warm_up else carried_out(run)
    chosen_s = rows.finished_s[chosen] - rows.due_s[chosen]
    return OverTime(
        seed=run.seed,
        window_s=run.ended_s / len(cut),
        windows=len(cut),
        warm_up_until_s=counted_from_s(scenario, run) if warm_up else None,
        offered=cut.count(rows.due_s),
        outcomes={outcome.name.lower(): of_outcome[:, outcome] for outcome in Outcome},
        latency=_latency(ended[chosen], chosen_s, len(cut)),
        in_flight=_in_flight(run, cut),
        pools=pools_over_time(scenario, run, cut),
        outliers_s=_slowest(rows.finished_s[chosen], chosen_s),
    )


def _latency(window: Ints, latency_s: Floats, windows: int) -> LatencyOverTime:
    count = np.bincount(window, minlength=windows)
    # a stable sort of small numbers counts them: windows one after the other, at the cost of one walk
    parts = np.split(latency_s[np.argsort(window.astype(np.uint8), kind="stable")], np.cumsum(count)[:-1])
    figures = np.full((4, windows), np.nan)
    for k in np.flatnonzero(count).tolist():
        ordered = np.sort(parts[k])
        ranks = (1, nearest_rank(len(ordered), 0.5), nearest_rank(len(ordered), 0.95), len(ordered))
        figures[:, k] = ordered[np.array(ranks) - 1]
    return LatencyOverTime(count, *figures)


def _in_flight(run: Run, cut: Cut) -> Level:
    flights = in_flight(run.workflows)
    started = ~np.isnan(run.workflows.started_s)
    finished = np.where(np.isnan(run.workflows.finished_s), run.ended_s, run.workflows.finished_s)
    marks = Marks(flights.started_s, flights.at_starts())
    return cut.held(run.workflows.started_s[started], finished[started], marks)


def _slowest(finished_s: Floats, latency_s: Floats) -> Floats:
    """The slowest, at most `MOST_OUTLIERS`; of equal ones the first to come. In the order of time."""
    rows = np.arange(len(latency_s))
    if len(rows) > MOST_OUTLIERS:
        least = np.partition(latency_s, len(rows) - MOST_OUTLIERS)[len(rows) - MOST_OUTLIERS]
        rows = np.flatnonzero(latency_s >= least)
        rows = rows[np.lexsort((rows, -latency_s[rows]))][:MOST_OUTLIERS]
    rows = rows[np.lexsort((rows, finished_s[rows]))]
    return np.array([finished_s[rows], latency_s[rows]])
