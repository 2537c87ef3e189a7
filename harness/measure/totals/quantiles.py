"""Percentiles of a long run, from one histogram per window of time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.measure.estimates import student_quantile
from harness.measure.histogram import Histogram
from harness.measure.percentiles import interval_ranks, nearest_rank, samples_needed
from harness.measure.record import Floats, Ints
from harness.measure.summary import Estimate

FEWEST = 8
"""Fewer windows than this do not show how they differ."""


def quantile_of_windows(windows: Ints, q: float, largest_s: float = math.inf) -> Estimate:
    """The q-quantile of all that the histograms `windows`, shape (k, BUCKETS), hold; at least one value.

    Workflows that follow one another are alike, so order statistics alone give an interval that is too narrow. Where
    there are enough windows it is widened to Student's interval on the logarithm of the percentile, its standard error
    by the jackknife that leaves out one window at a time (J. Shao and C. F. J. Wu, Annals of Statistics 17, 1989,
    pp. 1176-1197); where there are not, a doubt says that neighbours were taken as independent.
    Nothing is said to be above `largest_s`, the largest value where that is known: the middle of its bucket may be.
    """
    return quantiles_of_windows(windows, (q,), largest_s)[0]


def quantiles_of_windows(windows: Ints, levels: Sequence[float], largest_s: float = math.inf) -> tuple[Estimate, ...]:
    """The same at many levels, each in (0, 1); the histograms are walked once."""
    cumulated = np.cumsum(windows.sum(axis=0))
    without = _without_each(windows, cumulated) if len(windows) >= FEWEST else []
    return tuple(_at_most(_quantile(cumulated, without, q), largest_s) for q in levels)


def _at_most(seen: Estimate, largest_s: float) -> Estimate:
    value, low, high = (None if one is None else min(one, largest_s) for one in (seen.value, seen.low, seen.high))
    return Estimate(value, low, high, seen.doubt)


def _quantile(cumulated: Ints, without: Sequence[Ints], q: float) -> Estimate:
    """From what all windows hold, and what they hold without each one (none: too few to tell how they differ)."""
    count = int(cumulated[-1])
    value = _at(cumulated, nearest_rank(count, q))
    low, high = (None if rank is None else _at(cumulated, rank) for rank in interval_ranks(count, q))
    needed = samples_needed(q)
    doubts = [] if count >= needed else [f"p{100 * q:g} of {count} workflows; {needed} are needed for a 95 % bound"]
    if not without:
        doubts.append("the interval takes workflows that follow one another as independent: the run is short")
    else:
        least, most = _jackknife(without, q, value)
        low, high = None if low is None else min(low, least), None if high is None else max(high, most)
    return Estimate(value, low, high, "; ".join(doubts) or None)


def _jackknife(without_each: Sequence[Ints], q: float, value: float) -> tuple[float, float]:
    """Student's interval of the percentile; weights a window by what it holds, as the pooled percentile does."""
    without = np.array([_at(rest, nearest_rank(int(rest[-1]), q)) for rest in without_each])
    if not (without > 0).all() or value <= 0:
        return value, value
    scaled: Floats = np.log(without)
    count = len(scaled)
    error = math.sqrt((count - 1) / count * float(((scaled - scaled.mean()) ** 2).sum()))
    half = student_quantile(count - 1) * error
    return value * math.exp(-half), value * math.exp(half)


def _without_each(windows: Ints, cumulated: Ints) -> list[Ints]:
    return [rest for window in windows if (rest := cumulated - np.cumsum(window))[-1]]


def _at(cumulated: Ints, rank: int) -> float:
    """The middle of the bucket that holds the value of this rank (from 1)."""
    return Histogram.middle_s(int(np.searchsorted(cumulated, rank)))
