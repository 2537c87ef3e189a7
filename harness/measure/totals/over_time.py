"""What totals can tell of a long run over time: its windows hold latencies and successes, its gauges hold the pools."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.measure.cut import Cut
from harness.measure.histogram import Histogram
from harness.measure.latency_curve import LEVELS, LatencyCurve, curve
from harness.measure.over_time import LatencyOverTime, OverTime
from harness.measure.percentiles import nearest_rank
from harness.measure.pools_over_time import gauged_over_time
from harness.measure.record import Floats, Ints
from harness.measure.totals.quantiles import quantiles_of_windows
from harness.measure.totals.record import Totals
from harness.measure.totals.summarised import shell_of
from harness.measure.totals.windows import MOST
from harness.scenario.model import Scenario


def totals_over_time(scenario: Scenario, totals: Totals) -> OverTime | None:
    """A long run in the windows that were kept of it, the last of which may reach beyond its end; None without time.

    When workflows came and how those that did not succeed ended is in no window. Latencies are within 0.1 %.
    """
    if not totals.ended_s > 0 or not totals.offered:
        return None
    width_s = totals.windows.width_s
    # what was done at the very end may lie in the window that begins there
    count = min(MOST, max(1, totals.windows.used(), math.ceil(totals.ended_s / width_s)))
    cut = Cut.of(width_s * count, count)
    return OverTime(
        seed=totals.seed,
        window_s=width_s,
        windows=count,
        warm_up_until_s=None,
        offered=None,
        outcomes={"succeeded": totals.windows.succeeded[:count]},
        latency=_latency(totals, count),
        in_flight=None,
        pools=gauged_over_time(scenario, shell_of(totals), cut),
        outliers_s=None,
    )


def _latency(totals: Totals, windows: int) -> LatencyOverTime:
    count, histograms = totals.windows.carried_out[:windows], totals.windows.latency[:windows]
    figures = np.full((4, windows), np.nan)
    for k in np.flatnonzero(count).tolist():
        many = int(count[k])
        ranks = (1, nearest_rank(many, 0.5), nearest_rank(many, 0.95), many)
        figures[:, k] = _middles_s(np.searchsorted(np.cumsum(histograms[k]), ranks))
    return LatencyOverTime(count, *np.minimum(figures, totals.latency_max_s))


def _middles_s(buckets: Ints) -> Floats:
    return np.array([Histogram.middle_s(int(bucket)) for bucket in buckets])


def totals_curve(kept: Sequence[Totals]) -> LatencyCurve | None:
    """The quantiles of the latencies of all replications, within 0.1 %; None where there is none."""
    windows = np.concatenate([one.windows.latency[one.windows.carried_out > 0] for one in kept])
    if not len(windows):
        return None
    largest_s = max(one.latency_max_s for one in kept)
    smallest_s = min(Histogram.middle_s(int(np.flatnonzero(windows.sum(axis=0))[0])), largest_s)
    return curve(smallest_s, quantiles_of_windows(windows, LEVELS, largest_s), largest_s)
