"""A pool seen only through the gauges its target shows: figures over samples, each holding until the next one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.measure.record import Floats, Run
from harness.measure.timeline import InFlight


@dataclass(frozen=True, slots=True)
class PoolSamples:
    """Samples of one run; all arrays of shape (k,), k at least 1, None where the target has no such gauge."""

    t_s: Floats
    held_s: Floats
    depth: Floats | None
    busy: Floats | None
    size: Floats | None

    @property
    def rate_hz(self) -> float:
        """Samples per second, 0 for a single one."""
        span = float(self.t_s[-1] - self.t_s[0])
        return (len(self.t_s) - 1) / span if span > 0 else 0.0

    @property
    def last_size(self) -> int | None:
        """The pool's size as last shown."""
        if self.size is None or np.isnan(self.size).all():
            return None
        return int(self.size[~np.isnan(self.size)][-1])

    def max_utilization(self) -> float | None:
        """Largest share of agents busy."""
        return _largest(self._utilization())

    def avg_utilization(self) -> float | None:
        """Time-weighted mean share of agents busy."""
        return self._weighted(self._utilization())

    def saturated_s(self) -> float | None:
        """Seconds with all agents busy."""
        shares = self._utilization()
        return None if shares is None else float(self.held_s[shares >= 1].sum())

    def max_depth(self) -> float | None:
        """Largest queue depth."""
        return _largest(self.depth)

    def avg_depth(self) -> float | None:
        """Time-weighted mean queue depth."""
        return self._weighted(self.depth)

    def fewest_waiting(self, flights: InFlight) -> float | None:
        """The smallest number of workflows in flight at a sample that shows a waiter; None where none does."""
        if self.depth is None:
            return None
        at = self.t_s[self.depth > 0]
        came = np.searchsorted(flights.started_s, at, side="right")
        left = np.searchsorted(flights.finished_s, at, side="right")
        return float((came - left).min()) if len(at) else None

    def _utilization(self) -> Floats | None:
        if self.busy is None or self.size is None:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.size > 0, self.busy / self.size, np.nan)

    def _weighted(self, values: Floats | None) -> float | None:
        if values is None:
            return None
        seen = ~np.isnan(values)
        time = float(self.held_s[seen].sum())
        return float((values[seen] * self.held_s[seen]).sum()) / time if time > 0 else None


def pool_samples(run: Run) -> PoolSamples | None:
    """What the gauges of `run` show of its pool; None where they show nothing of one.

    `queue_depth` is taken for the queue, `waiters` where it is missing.
    """
    values = run.gauges.values
    depth = values.get("queue_depth", values.get("waiters"))
    busy, size = values.get("agents_busy"), values.get("pool_size")
    if not len(run.gauges.t_s) or (depth is None and busy is None):
        return None
    times = run.gauges.t_s
    held = np.diff(np.append(times, max(run.ended_s, float(times[-1]))))
    return PoolSamples(times, held, depth, busy, size)


def _largest(values: Floats | None) -> float | None:
    return None if values is None or np.isnan(values).all() else float(np.nanmax(values))
