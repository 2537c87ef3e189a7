"""`Totals`: what is kept of a run too long to keep its rows. Totals of the parts of one load are merged by adding."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.measure.histogram import Histogram
from harness.measure.record import NEVER, Ints, Run, Series, Share
from harness.measure.totals.measured import MeasuredTotals, together
from harness.measure.totals.together import doubts_together, series_together
from harness.measure.totals.windows import Windows


@dataclass(frozen=True, slots=True)
class Totals:
    """One replication without its rows. All times are seconds on the run's clock.

    `outcomes` has shape (5,), by `Outcome`; `errors` counts workflows by error kind. `windows` holds the latencies
    (finished - due) of all that was carried out (succeeded, failed or timed out), `lag` how late those were started.
    `most_in_flight` is exact in one process, and the sum of each one's largest, so an upper bound, where there were
    several. The other fields are those of a `Run`.
    """

    scenario: str
    digest: str
    target: str
    clock: str
    seed: int
    offered: int
    outcomes: Ints
    errors: Mapping[str, int]
    windows: Windows
    latency_sum_s: float
    latency_max_s: float
    lag: Histogram
    lag_sum_s: float
    most_in_flight: int
    resources: Series
    gauges: Series
    ended_s: float
    stopped: str | None = None
    driver_cpu_s: float = NEVER
    real_s: float = NEVER
    doubts: tuple[str, ...] = ()
    invalid: str | None = None
    shares: tuple[Share, ...] = ()
    measured: Mapping[str, MeasuredTotals] = field(default_factory=dict)

    @property
    def carried_out(self) -> int:
        """Workflows that have a latency."""
        return int(self.windows.carried_out.sum())

    def latency(self) -> Histogram:
        """The latencies of all windows together."""
        return Histogram(self.windows.latency.sum(axis=0))


BESIDE = (
    "scenario",
    "digest",
    "target",
    "clock",
    "seed",
    "resources",
    "gauges",
    "ended_s",
    "stopped",
    "driver_cpu_s",
    "real_s",
    "doubts",
    "invalid",
    "shares",
)
"""What totals and a run have in common: all that is beside the workflows."""


def merged(parts: Sequence[Totals]) -> Totals:
    """The totals of one load that was driven in parts at the same time; at least one part."""
    windows = parts[0].windows
    errors: Counter[str] = Counter()
    for part in parts:
        errors.update(part.errors)
    for part in parts[1:]:
        windows = windows + part.windows
    return dataclasses.replace(
        parts[0],
        offered=sum(part.offered for part in parts),
        outcomes=np.sum([part.outcomes for part in parts], axis=0),
        errors=dict(errors),
        windows=windows,
        latency_sum_s=sum(part.latency_sum_s for part in parts),
        latency_max_s=max(part.latency_max_s for part in parts),
        lag=Histogram(np.sum([part.lag.counts for part in parts], axis=0)),
        lag_sum_s=sum(part.lag_sum_s for part in parts),
        most_in_flight=sum(part.most_in_flight for part in parts),
        measured=together([part.measured for part in parts]),
        **beside(parts),
    )


def beside(parts: Sequence[Totals] | Sequence[Run]) -> dict[str, Any]:
    """What the parts of a run share of all that is beside its workflows, as fields of either record."""
    return {
        "resources": series_together([part.resources for part in parts]),
        "gauges": series_together([part.gauges for part in parts]),
        "ended_s": max(part.ended_s for part in parts),
        "stopped": next((part.stopped for part in parts if part.stopped), None),
        "driver_cpu_s": sum(part.driver_cpu_s for part in parts),
        "real_s": max(part.real_s for part in parts),
        "doubts": doubts_together([part.doubts for part in parts]),
        "invalid": "; ".join(dict.fromkeys(part.invalid for part in parts if part.invalid)) or None,
    }
