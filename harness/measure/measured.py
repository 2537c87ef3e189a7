"""What a target measured itself (time to a first byte, waits for a connection): percentiles over all replications."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.measure import estimates
from harness.measure.record import Run
from harness.measure.replicated import percentiles_of_runs
from harness.measure.summary import Estimate, MeasuredFigures

_NONE = "no observation"


def measured_figures(runs: Sequence[Run]) -> tuple[MeasuredFigures, ...]:
    """One entry per name that some run has observations of, by name."""
    names = sorted({name for run in runs for name, values in run.measured.items() if len(values)})
    return tuple(_figures(name, runs) for name in names)


def _figures(name: str, runs: Sequence[Run]) -> MeasuredFigures:
    seen = [run.measured.get(name, np.empty(0)) for run in runs]
    pooled = np.sort(np.concatenate(seen))
    p50, p95, p99 = percentiles_of_runs(seen, pooled, (0.50, 0.95, 0.99))
    average = estimates.mean((float(values.mean()) if len(values) else None for values in seen), _NONE)
    return MeasuredFigures(name, len(pooled), p50, p95, p99, average, Estimate(float(pooled[-1])))
