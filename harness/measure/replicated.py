"""Percentiles of all replications together, with intervals that hold where workflows of one run are not independent.

Where nothing speaks against independence, the interval is that of `percentiles`. Where neighbours are alike, or the
replications differ by more than chance explains, it rests

- with several replications on how they differ: Student's interval on the logarithm of the percentile, its standard
  error by the jackknife that leaves out one replication at a time (J. Shao and C. F. J. Wu, Annals of Statistics 17,
  1989, pp. 1176-1197: a quantile needs groups left out, not single values). It is never narrower than the interval of
  independent values;
- with one replication on the number of independent values that it is worth (`alike`): order statistics of so many.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from harness.measure.alike import alike, differing
from harness.measure.estimates import student_quantile
from harness.measure.percentiles import interval_ranks, nearest_rank, percentile, samples_needed
from harness.measure.record import Floats, Ints
from harness.measure.summary import Estimate

_FIRM = 5
"""Fewer replications than this hardly show how they differ."""
_FAR_BELOW = 5.0
"""So many workflows that count as one are worth a doubt where there is one replication."""
_LOOKED_AT = (0.5, 0.95, 0.99)
"""Levels at which a whole curve is looked at for workflows that are like their neighbours, ascending."""
_AMPLE = 2
"""Several replications that are worth less than this multiple of what a bound needs carry a doubt."""


def percentiles_of_runs(runs: Sequence[Floats], pooled: Floats, shares: Sequence[float]) -> tuple[Estimate, ...]:
    """The percentiles at `shares`; `runs` are latencies in the order of the workflows, `pooled` are all, ascending."""
    sample = _Sample(tuple(run for run in runs if len(run)), pooled)
    return tuple(_judged(sample, q, sample.alike_at) for q in shares)


def curve_of_runs(runs: Sequence[Floats], pooled: Floats, levels: Sequence[float]) -> tuple[Estimate, ...]:
    """The same at many `levels`, each in (0, 1), for the price of a few: at 0.5, 0.95 and 0.99 no different.

    How alike neighbours are is looked at there only; between two of them a level takes the larger factor.
    """
    sample = _Sample(tuple(run for run in runs if len(run)), pooled)
    return tuple(_judged(sample, q, functools.partial(sample.alike_around, q)) for q in levels)


def _judged(sample: _Sample, q: float, alike_at: Callable[[float], float]) -> Estimate:
    seen = percentile(sample.pooled, q)
    if len(sample.pooled) < 2:
        return seen
    factor = alike_at(_value(seen))
    return _of_one(sample, q, seen, factor) if len(sample.runs) == 1 else _of_several(sample, q, seen, factor)


class _Sample:
    """All latencies, with what costs a walk over them done once and only if asked for."""

    def __init__(self, runs: tuple[Floats, ...], pooled: Floats) -> None:
        self.runs = runs
        self.pooled = pooled
        self._factors: dict[float, float] = {}

    @functools.cached_property
    def places(self) -> list[Ints]:
        """For each run the places of its values among all, ascending from 0."""
        ends = np.cumsum([len(run) for run in self.runs])
        order = np.argsort(np.concatenate(self.runs), kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return [np.sort(part) for part in np.split(place, ends[:-1])]

    @functools.cached_property
    def before(self) -> list[Ints]:
        """For each run how many values of other runs stand before each of its own."""
        return [places - np.arange(len(places)) for places in self.places]

    def alike_at(self, value: float) -> float:
        """Workflows that count as one at `value`; a tail has few crossings to tell it by, the median has many."""
        factor = self._alike(value)
        return max(factor, self._alike(self._quantile(0.5))) if factor > 1 else factor

    def alike_around(self, q: float, value: float) -> float:
        """The larger of the factors at the two of `_LOOKED_AT` between which `q` lies; `value` is that of `q`."""
        if q in _LOOKED_AT:
            return self.alike_at(value)
        below, above = [at for at in _LOOKED_AT if at < q], [at for at in _LOOKED_AT if at > q]
        return max(self.alike_at(self._quantile(at)) for at in (*below[-1:], *above[:1]))

    def _quantile(self, q: float) -> float:
        return float(self.pooled[nearest_rank(len(self.pooled), q) - 1])

    def _alike(self, value: float) -> float:
        if value not in self._factors:
            self._factors[value] = alike(self.runs, value)
        return self._factors[value]


def _of_one(sample: _Sample, q: float, seen: Estimate, factor: float) -> Estimate:
    count = len(sample.pooled)
    if factor <= 1:
        return seen
    worth = max(1, round(count / factor))
    low, high = _around(_value(seen), *_order_statistics(sample.pooled, worth, q))
    far_below = worth * _FAR_BELOW <= count or (high is None and seen.high is not None)
    said = _said(count, worth, high is not None) if far_below else None
    return Estimate(seen.value, low, high, _joined(seen.doubt, said))


def _order_statistics(pooled: Floats, worth: int, q: float) -> tuple[float | None, float | None]:
    """The interval of the percentile from `pooled`, which is worth `worth` independent values.

    The l-th of `worth` values lies below a point where a share of l / `worth` of all does; the u-th above it where a
    share of (u - 1) / `worth` does not reach it.
    """
    count = len(pooled)
    low, high = interval_ranks(worth, q)
    least = None if low is None else max(1, math.floor(low * count / worth))
    most = None if high is None else min(count, math.ceil((high - 1) * count / worth) + 1)
    return None if least is None else float(pooled[least - 1]), None if most is None else float(pooled[most - 1])


def _around(value: float, low: float | None, high: float | None) -> tuple[float | None, float | None]:
    """The interval, with the value in it: far out in a tail, that of few values may leave out what was seen."""
    return None if low is None else min(low, value), None if high is None else max(high, value)


def _said(count: int, worth: int, bounded: bool) -> str:
    unbounded = "" if bounded else ", too few for an upper bound"
    return f"latencies of neighbours are alike: {count} workflows count as about {worth}{unbounded}"


def _of_several(sample: _Sample, q: float, seen: Estimate, alike_at_value: float) -> Estimate:
    value, runs, pooled = _value(seen), sample.runs, sample.pooled
    factor = max(alike_at_value, differing(runs, value))
    if factor <= 1:
        return seen
    worth, needed = max(1, round(len(pooled) / factor)), samples_needed(q)
    few = f"rests on how {len(runs)} replications differ; {_FIRM} or more show it better"
    bounds = [(seen.low, seen.high), _order_statistics(pooled, worth, q), _jackknife(sample, q, value)]
    low, high = _widest(bounds)
    scarce = worth < _AMPLE * needed <= _AMPLE * len(pooled)
    return Estimate(
        value,
        low,
        high,
        _joined(
            seen.doubt,
            few if len(runs) < _FIRM else None,
            _said(len(pooled), worth, high is not None) if scarce else None,
        ),
    )


def _widest(bounds: Sequence[tuple[float | None, float | None]]) -> tuple[float | None, float | None]:
    """What encloses all intervals; None on a side where one of them is open."""
    lows, highs = zip(*bounds, strict=True)
    return None if None in lows else min(lows), None if None in highs else max(highs)


def _jackknife(sample: _Sample, q: float, value: float) -> tuple[float, float]:
    """Student's interval of the percentile, from its values without one run at a time."""
    without = [_without(before, sample.pooled, q) for before in sample.before]
    logarithmic = value > 0 and min(without) > 0
    scaled = [math.log(one) for one in without] if logarithmic else without
    count = len(scaled)
    centre = math.fsum(scaled) / count
    error = math.sqrt((count - 1) / count * math.fsum((one - centre) ** 2 for one in scaled))
    half = student_quantile(count - 1) * error
    if not logarithmic:
        return value - half, value + half
    return value * math.exp(-half), value * math.exp(min(half, 700.0 - max(0.0, math.log(value))))


def _without(before: Ints, pooled: Floats, q: float) -> float:
    """The percentile of all values but those of the run that has `before` of the others before each of its own."""
    rank = nearest_rank(len(pooled) - len(before), q) - 1
    return float(pooled[rank + int(np.searchsorted(before, rank, side="right"))])


def _value(seen: Estimate) -> float:
    return math.nan if seen.value is None else seen.value


def _joined(*doubts: str | None) -> str | None:
    return "; ".join(doubt for doubt in doubts if doubt) or None
