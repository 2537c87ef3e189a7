"""The latency's distribution function by its quantiles: dense in both tails, each with the interval of a percentile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.measure.latency import in_turn
from harness.measure.record import Run
from harness.measure.replicated import curve_of_runs
from harness.measure.summary import Estimate

_LOWER = (0.001, 0.002, 0.005, 0.01)
_MIDDLE = tuple(k / 100 for k in (*range(2, 90, 2), *range(90, 100)))
_UPPER = (0.995, 0.998, 0.999, 0.9995, 0.9999)
LEVELS = (*_LOWER, *_MIDDLE, *_UPPER)
"""Between the smallest latency (0) and the largest one (1), ascending."""


@dataclass(frozen=True, slots=True)
class LatencyCurve:
    """Quantiles in seconds at `levels`, ascending; the first is the smallest latency, the last one the largest."""

    levels: tuple[float, ...]
    quantiles: tuple[Estimate, ...]


def latency_curve(runs: Sequence[Run]) -> LatencyCurve | None:
    """Of the latencies of all `runs` (without their warm-up) together; None where there is none."""
    came = [in_turn(run) for run in runs]
    pooled = np.sort(np.concatenate([*came, np.empty(0)]))
    if not len(pooled):
        return None
    inner = curve_of_runs(came, pooled, LEVELS)
    return curve(float(pooled[0]), inner, float(pooled[-1]))


def curve(smallest_s: float, inner: Sequence[Estimate], largest_s: float) -> LatencyCurve:
    """The curve from its two ends and the quantiles at `LEVELS`; an end that occurred has no interval."""
    return LatencyCurve((0.0, *LEVELS, 1.0), (Estimate(smallest_s), *inner, Estimate(largest_s)))
