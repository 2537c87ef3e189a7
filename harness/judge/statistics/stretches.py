"""Rounds compared stretch by stretch in time: a disturbance of the host hits some stretches, and is outvoted.

A round's values, in the order they were measured, are cut into as many stretches on one side as on the other. The log
ratio of what the two sides show in the same stretch is taken, and the median over the stretches is the round's. How far
a round's stretches disagree says how much the round knows: it does not depend on the effect, so rounds may be weighed
by it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from harness.judge.statistics.replicates import Floats, quantile_of
from harness.judge.statistics.screening import Screened

_GAUSSIAN = 1.4826
_OF_MEDIAN = 1.2533
"""Standard error of a median over that of a mean, for normal noise: the root of pi / 2."""
_MEDIANS_OF = 20
"""Values in a stretch at least, so that its median is about as sharp as its share of the round."""
_MEDIANS_AT_LEAST = 3
_MEDIANS_AT_MOST = 10
_TAILS_AT_LEAST = 10
_TAILS_WISHED = 20
"""Stretches that a tail is compared in, where the round is long enough for them: fewer are hardly outvoted."""
_TAIL_OF = 20
"""Values in a stretch at least whose extreme is compared, unless the quantile needs fewer."""
_EXTREMES = {0.0: np.minimum, 1.0: np.maximum}
_TAILS_FROM = 0.9
"""Quantiles from here (or from 1 minus this down) are tails."""


class Stretched(NamedTuple):
    """One metric's rounds as their stretches show them, each array of shape (rounds,)."""

    differences: Floats
    """Log ratio of head to base."""
    noise: Floats
    """Standard deviation of each of them, from the disagreement of the round's stretches."""
    stretches: int
    depth: float
    """The quantile whose shift they show, if the values of a round were independent."""


def medians(screened: Screened, scale: str) -> Stretched | None:
    """Stretches' medians, for a metric that is a median; None for others, or where rounds are too short."""
    if quantile_of(screened.metric.statistic) != 0.5 or not _fit(screened, scale):
        return None
    count = min(_shortest(screened) // _MEDIANS_OF, _MEDIANS_AT_MOST)
    if count < _MEDIANS_AT_LEAST:
        return None
    return _compared(screened, count, 0.5, 0.5)


def tails(screened: Screened, scale: str, deeper: int = 1) -> Stretched | None:
    """Stretches' extremes, for a metric that is a high or low quantile; None for others, or where rounds are too short.

    The median over stretches of the largest of m values is the quantile 0.5 ** (1 / m): of 69 values for p99. Where
    that leaves fewer than 20 stretches they are shorter, down to 20 values, and show a quantile less deep. `deeper`
    multiplies their length.
    """
    quantile = quantile_of(screened.metric.statistic)
    if quantile is None or quantile in (0.0, 1.0) or not _fit(screened, scale):
        return None
    extreme = max(quantile, 1 - quantile)
    if extreme < _TAILS_FROM:
        return None
    shortest, full = _shortest(screened), round(np.log(0.5) / np.log(extreme))
    length = min(max(shortest // _TAILS_WISHED, _TAIL_OF), full)
    if deeper > 1 and length == full:
        return None
    count = shortest // (deeper * length)
    if count < (_TAILS_AT_LEAST if deeper == 1 else _MEDIANS_AT_LEAST) or _sorted(screened):
        return None
    return _compared(screened, count, 1.0 if quantile > 0.5 else 0.0, 0.5 ** (count / shortest))


def _fit(screened: Screened, scale: str) -> bool:
    sides = (*screened.base, *screened.head)
    return scale == "log" and len(screened.base) == len(screened.head) and min(min(values) for values in sides) > 0


def _shortest(screened: Screened) -> int:
    return min(len(values) for values in (*screened.base, *screened.head))


def _sorted(screened: Screened) -> bool:
    """Values that were put in order of size: their stretches are no stretches of time."""
    steps = [np.diff(np.asarray(values, dtype=np.float64)) for values in (*screened.base, *screened.head)]
    return all(bool((step >= 0).all()) for step in steps) or all(bool((step <= 0).all()) for step in steps)


def _compared(screened: Screened, count: int, quantile: float, depth: float) -> Stretched:
    ratios = np.array(
        [
            _each(head, count, quantile) - _each(base, count, quantile)
            for base, head in zip(screened.base, screened.head, strict=True)
        ]
    )
    middle = np.median(ratios, axis=1)
    spread = _GAUSSIAN * np.median(np.abs(ratios - middle[:, None]), axis=1)
    return Stretched(middle, spread * _OF_MEDIAN / np.sqrt(count), count, depth)


def _each(values: Sequence[float], count: int, quantile: float) -> Floats:
    """Log of a quantile of each of `count` consecutive stretches of nearly equal length."""
    data = np.log(np.asarray(values, dtype=np.float64))
    if len(data) % count == 0:
        return np.asarray(np.quantile(data.reshape(count, -1), quantile, axis=1))
    if quantile in _EXTREMES:
        return np.asarray(_EXTREMES[quantile].reduceat(data, np.arange(count) * len(data) // count))
    return np.array([np.quantile(part, quantile) for part in np.array_split(data, count)])
