"""Percentiles of a sample, each with an interval that assumes nothing about the shape of the distribution.

The q-quantile of n values is the smallest value that at least a share q of them does not exceed: the inverse of the
empirical distribution function, also called nearest rank, x[ceil(q n)] of the ordered sample. It is always a value that
occurred; nothing is interpolated.

The interval runs from one order statistic to another. The number of values below the true quantile is binomial(n, q),
so x[l] lies above the quantile with probability P(B <= l - 1) and x[u] below it with probability P(B >= u)
(H. A. David and H. N. Nagaraja, "Order Statistics", 3rd ed., 2003, section 7.1). Both tails are summed exactly. For a
distribution with jumps the interval covers at least as often. It takes the values as independent: workflows that share
a queue are not, so `replicated` widens it where the data say so, and verdicts between commits compare replications
(DESIGN, section 8), never this interval.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from harness.measure.record import Floats
from harness.measure.summary import Estimate

CONFIDENCE = 0.95
_ERROR = 1.0 - CONFIDENCE


def nearest_rank(count: int, q: float) -> int:
    """Rank (from 1) of the q-quantile among `count` ordered values; `count` at least 1, `q` in (0, 1)."""
    # 0.07 * 100 is 7.000000000000001 in binary: the product is rounded before its ceiling is taken
    return min(count, max(1, math.ceil(round(q * count, 9))))


def samples_needed(q: float) -> int:
    """The smallest sample whose maximum is an upper 95 % bound of the q-quantile: the least n with 1 - q**n >= 0.95."""
    count = max(1, math.floor(math.log(_ERROR) / math.log(q)))
    while 1.0 - q**count < CONFIDENCE:
        count += 1
    return count


@functools.lru_cache(maxsize=4096)
def interval_ranks(count: int, q: float) -> tuple[int | None, int | None]:
    """Ranks (from 1) of the order statistics that enclose the q-quantile with at least 95 % confidence.

    Half of the error goes to either side while the sample allows it. Where one side cannot be bounded that tightly, its
    extreme value is taken if that costs no more than the whole error, and the other side gets the rest; where even that
    fails the side is None and the other one becomes a one-sided 95 % bound.
    """
    lowest, tails_below, tails_above = _tails(count, q)
    low = _lower_rank(lowest, tails_below, _ERROR / 2)
    high = _upper_rank(lowest, tails_above, _ERROR / 2)
    if high is None and q**count <= _ERROR:
        return _lower_rank(lowest, tails_below, _ERROR - q**count), count
    if low is None and (1 - q) ** count <= _ERROR:
        return 1, _upper_rank(lowest, tails_above, _ERROR - (1 - q) ** count)
    if high is None:
        return _lower_rank(lowest, tails_below, _ERROR), None
    if low is None:
        return None, _upper_rank(lowest, tails_above, _ERROR)
    return low, high


def _tails(count: int, q: float) -> tuple[int, Floats, Floats]:
    """P(B <= k) and P(B >= k) of a binomial(count, q), for k from the returned lowest k to as many as matter."""
    reach = 12 * math.sqrt(count * q * (1 - q)) + 50  # what lies beyond weighs less than 1e-30
    lowest = max(0, math.floor(count * q - reach))
    highest = min(count, math.ceil(count * q + reach))
    k = np.arange(lowest, highest + 1, dtype=np.float64)
    steps = np.log((count - k[:-1]) / k[1:]) + math.log(q / (1 - q))
    weights = np.concatenate(([0.0], np.cumsum(steps)))
    weights = np.exp(weights - weights.max())
    weights /= weights.sum()
    return lowest, np.cumsum(weights), np.cumsum(weights[::-1])[::-1]


def _lower_rank(lowest: int, tails_below: Floats, error: float) -> int | None:
    """The largest l with P(B <= l - 1) <= error; None where there is none."""
    rank = lowest + int(np.searchsorted(tails_below, error, side="right"))
    return rank or None


def _upper_rank(lowest: int, tails_above: Floats, error: float) -> int | None:
    """The smallest u with P(B >= u) <= error; None where that would be beyond the sample."""
    within = int(np.searchsorted(tails_above[::-1], error, side="right"))
    return lowest + len(tails_above) - within if within else None


def percentile(ordered: Floats, q: float, of: str = "workflow") -> Estimate:
    """The q-quantile of `ordered` (ascending, shape (n,), no NaN) with its interval, and a doubt where n is too small.

    `of` names one member of the sample, for the doubt.
    """
    count = len(ordered)
    if not count:
        return Estimate(None, doubt=f"no {of} was carried out")
    low, high = interval_ranks(count, q)
    return Estimate(
        value=float(ordered[nearest_rank(count, q) - 1]),
        low=None if low is None else float(ordered[low - 1]),
        high=None if high is None else float(ordered[high - 1]),
        doubt=_too_few(count, q, of),
    )


def _too_few(count: int, q: float, of: str) -> str | None:
    needed = samples_needed(q)
    if count >= needed:
        return None
    sample = f"p{100 * q:g} of {count} {of}{'' if count == 1 else 's'}"
    if nearest_rank(count, q) == count:
        return f"{sample} is the maximum; {needed} are needed for a 95 % bound"
    return f"{sample} has no 95 % upper bound; {needed} are needed"
