"""What one run took of the machine, whether it was sampled or modelled; `sampled.py` and `modelled.py` fill it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from harness.measure.record import Floats, Run

NOT_ON_VIRTUAL = "not observable on a virtual clock"
NOT_ON_HYBRID = "not observable on a hybrid clock, which skips most of the time"
NOT_SAMPLED = "not sampled in this run"


@dataclass(frozen=True, slots=True)
class Machine:
    """One run's figures: bytes, shares of the whole machine, seconds, counts; None where not observable.

    `batch_memory_b` and `batch_cpu` map a batch to its peak. `growth` holds workflows done (in hundreds) and the memory
    at that time, shape (k,) each. `peak_is_sampled` says that a memory peak between samples may have been missed.
    """

    missing: str
    modelled: bool = False
    memory_peak_b: float | None = None
    memory_start_b: float | None = None
    memory_end_b: float | None = None
    uss_peak_b: float | None = None
    cpu_mean: float | None = None
    cpu_max: float | None = None
    fds_max: float | None = None
    threads_max: float | None = None
    tasks_max: float | None = None
    loop_lag_p99_s: float | None = None
    loop_lag_max_s: float | None = None
    gc_collections: float | None = None
    gc_pause_s: float | None = None
    peak_is_sampled: bool = False
    rate_hz: float = 0.0
    batch_memory_b: Mapping[int, float] = field(default_factory=dict)
    batch_cpu: Mapping[int, float] = field(default_factory=dict)
    growth: tuple[Floats, Floats] | None = None

    @property
    def memory_over_start_b(self) -> float | None:
        """Peak minus start."""
        return _difference(self.memory_peak_b, self.memory_start_b)

    @property
    def memory_unreturned_b(self) -> float | None:
        """End minus start; below zero where more was given back than taken."""
        return _difference(self.memory_end_b, self.memory_start_b)

    @property
    def memory_batch_spread_b(self) -> float | None:
        """Largest minus smallest batch peak; None for fewer than two batches."""
        peaks = self.batch_memory_b.values()
        return max(peaks) - min(peaks) if len(peaks) > 1 else None


def batch_windows(run: Run) -> dict[int, tuple[float, float]]:
    """Batch -> (due of its first workflow, finish of its last one); the run's end where one never finished."""
    workflows = run.workflows
    if not len(workflows):
        return {}
    finished = np.where(np.isnan(workflows.finished_s), run.ended_s, workflows.finished_s)
    count = int(workflows.batch.max()) + 1
    begins, ends = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(begins, workflows.batch, workflows.due_s)
    np.maximum.at(ends, workflows.batch, finished)
    return {k: (float(begins[k]), float(ends[k])) for k in range(count) if begins[k] <= ends[k]}


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
