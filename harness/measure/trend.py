"""Robust slope: how much something grows per step of something else, whatever a few wild samples say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.measure.record import Floats
from harness.measure.summary import Estimate

FEWEST_POINTS = 6
_MOST_POINTS = 400
_Z = 1.959963984540054


def theil_sen(groups: Sequence[tuple[Floats, Floats]], of: str) -> Estimate:
    """Median of the slopes between all pairs of points of one group, over all groups; 95 % interval after Sen.

    A group is (x, y), both of shape (k,); pairs of equal x have no slope. The interval takes the slopes at the ranks
    that Kendall's statistic leaves (P. K. Sen, JASA 63, 1968, pp. 1379-1389; variances of the groups added as in
    R. M. Hirsch et al., Water Resources Research 18, 1982, pp. 107-121). `of` names the points, for the doubt where
    there are too few. Groups of more than 400 points are thinned evenly.
    """
    thinned = [_thinned(x, y) for x, y in groups if len(np.unique(x)) >= FEWEST_POINTS]
    if not thinned:
        most = max((len(np.unique(x)) for x, _ in groups), default=0)
        return Estimate(None, doubt=f"{most} {of}; {FEWEST_POINTS} are needed for a slope")
    slopes = np.sort(np.concatenate([_slopes(x, y) for x, y in thinned]))
    variance = sum(len(x) * (len(x) - 1) * (2 * len(x) + 5) / 18 for x, _ in thinned)
    reach = _Z * math.sqrt(variance)
    low = math.floor((len(slopes) - reach) / 2)
    high = math.ceil((len(slopes) + reach) / 2)
    if low < 1 or high >= len(slopes):
        return Estimate(float(np.median(slopes)), doubt=f"too few {of} for an interval")
    return Estimate(float(np.median(slopes)), float(slopes[low - 1]), float(slopes[high]))


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= _MOST_POINTS:
        return x, y
    kept = np.linspace(0, len(x) - 1, _MOST_POINTS).round().astype(np.int64)
    return x[kept], y[kept]


def _slopes(x: Floats, y: Floats) -> Floats:
    first, second = np.triu_indices(len(x), k=1)
    run, rise = x[second] - x[first], y[second] - y[first]
    return np.asarray(rise[run != 0] / run[run != 0])
