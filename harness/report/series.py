"""Many values made few, honestly: series thinned with their extremes kept, latencies counted into log-linear bins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from harness.measure.histogram import Histogram
from harness.measure.record import Floats

MOST_POINTS = 200
STEPS_PER_OCTAVE = 32
"""Bins per doubling of the latency: a bin is at most 1/32 (3.1 %) of its lower bound wide."""
SHORTEST_S = 1e-9


def thin(t_s: Floats, values: Floats, most: int = MOST_POINTS) -> dict[str, Any]:
    """At most `most` (at least 4) of the observed points of one series, both of shape (k,), in order of time.

    The first and the last point stay; what lies between is cut into equal stretches of points, each of which gives
    its smallest and its largest value. So no peak is lost, and nothing is averaged. `samples` says how many there were.
    """
    seen = np.flatnonzero(np.isfinite(values) & np.isfinite(t_s))
    kept = seen
    if len(seen) > most:
        stretches = np.array_split(seen[1:-1], (most - 2) // 2)
        extremes = [part[pick(values[part])] for part in stretches for pick in (np.argmin, np.argmax)]
        kept = np.unique(np.array([seen[0], *extremes, seen[-1]]))
    return {"samples": len(seen), "t_s": t_s[kept].tolist(), "values": values[kept].tolist()}


def log_linear(latencies_s: Floats) -> list[dict[str, float | int]]:
    """Counts per bin of latencies in seconds, ascending, empty bins left out; low <= latency < high in each.

    Each doubling of the latency is cut into `STEPS_PER_OCTAVE` equal bins (G. Tene's HdrHistogram has the same
    layout); what is shorter than a nanosecond goes into one bin that starts at 0.
    """
    mantissa, exponent = np.frexp(np.maximum(latencies_s, SHORTEST_S))
    step = np.floor((mantissa - 0.5) * 2 * STEPS_PER_OCTAVE).astype(np.int64)
    codes, counts = np.unique(exponent.astype(np.int64) * STEPS_PER_OCTAVE + step, return_counts=True)
    first = _code(SHORTEST_S)
    return [
        {"low_s": 0.0 if code == first else _bound(code), "high_s": _bound(code + 1), "count": count}
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    ]


def coarser(histogram: Histogram) -> list[dict[str, float | int]]:
    """The bins of `log_linear` from a histogram whose buckets are a whole fraction of them, and so exact."""
    used = np.flatnonzero(histogram.counts)
    bins: dict[int, int] = {}
    for bucket, count in zip(used.tolist(), histogram.counts[used].tolist(), strict=True):
        code = max(_code(SHORTEST_S), _code(histogram.middle_s(bucket) or SHORTEST_S))
        bins[code] = bins.get(code, 0) + count
    return [
        {"low_s": 0.0 if code == _code(SHORTEST_S) else _bound(code), "high_s": _bound(code + 1), "count": count}
        for code, count in sorted(bins.items())
    ]


def _code(latency_s: float) -> int:
    mantissa, exponent = math.frexp(latency_s)
    return exponent * STEPS_PER_OCTAVE + math.floor((mantissa - 0.5) * 2 * STEPS_PER_OCTAVE)


def _bound(code: int) -> float:
    """The lower bound of bin `code`, exactly (a small integer times a power of two)."""
    exponent, step = divmod(code, STEPS_PER_OCTAVE)
    return math.ldexp((STEPS_PER_OCTAVE + step) / (2 * STEPS_PER_OCTAVE), exponent)
