"""What a target measured itself, of a run that keeps no rows: a histogram, a sum and the largest, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.measure import estimates
from harness.measure.histogram import BUCKETS, Histogram
from harness.measure.percentiles import interval_ranks, nearest_rank
from harness.measure.record import Floats, Ints
from harness.measure.summary import Estimate, MeasuredFigures


@dataclass(frozen=True, slots=True)
class MeasuredTotals:
    """All observations of one name; `counts` has shape (BUCKETS,)."""

    counts: Ints
    total: float
    largest: float

    @classmethod
    def of(cls, values: Floats) -> MeasuredTotals:
        """The totals of an array of observations."""
        return cls(Histogram.of(values).counts, float(values.sum()), float(values.max(initial=0.0)))

    def __add__(self, other: MeasuredTotals) -> MeasuredTotals:
        """Both together, as if one had counted all."""
        return MeasuredTotals(self.counts + other.counts, self.total + other.total, max(self.largest, other.largest))


NOTHING = MeasuredTotals(np.zeros(BUCKETS, dtype=np.int64), 0.0, 0.0)


def together(parts: Sequence[Mapping[str, MeasuredTotals]]) -> dict[str, MeasuredTotals]:
    """The totals of several runs, or parts of one, by name."""
    names = sorted({name for part in parts for name in part})
    return {name: sum((part[name] for part in parts if name in part), NOTHING) for name in names}


def figures_of(parts: Sequence[Mapping[str, MeasuredTotals]]) -> tuple[MeasuredFigures, ...]:
    """Figures over all replications: percentiles within 0.1 %, with intervals for independent observations."""
    return tuple(_figures(name, whole, parts) for name, whole in together(parts).items() if whole.counts.any())


def _figures(name: str, whole: MeasuredTotals, parts: Sequence[Mapping[str, MeasuredTotals]]) -> MeasuredFigures:
    below = np.cumsum(whole.counts)
    count = int(below[-1])

    def at(rank: int | None) -> float | None:
        return None if rank is None else Histogram.middle_s(int(np.searchsorted(below, rank)))

    def percentile(q: float) -> Estimate:
        low, high = interval_ranks(count, q)
        return Estimate(at(nearest_rank(count, q)), at(low), at(high))

    means = [part[name].total / part[name].counts.sum() for part in parts if name in part]
    average = estimates.mean((float(one) for one in means), "no observation")
    p50, p95, p99 = (percentile(q) for q in (0.50, 0.95, 0.99))
    return MeasuredFigures(name, count, p50, p95, p99, average, Estimate(whole.largest))
