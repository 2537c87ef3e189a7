"""A pool seen only through the gauges its target shows: figures over samples, each holding until the next one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.measure.record import Floats, Run


@dataclass(frozen=True, slots=True)
class PoolSamples:
    """Samples of one run; all arrays of shape (k,), k at least 1, None where the target has no such gauge.

    What no pool can show (a negative number, infinity) is NaN in them, and `impossible` counts it.
    """

    t_s: Floats
    held_s: Floats
    depth: Floats | None
    busy: Floats | None
    size: Floats | None
    impossible: int = 0

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

    def wait_share(self) -> float | None:
        """Part of the time at the pool that is spent waiting for it: depth / (depth + busy), by Little's law."""
        depth, busy = self.avg_depth(), self._weighted(self.busy)
        return None if depth is None or busy is None or depth + busy <= 0 else depth / (depth + busy)

    def max_busy(self) -> float | None:
        """Most that were busy at once."""
        return _largest(self.busy)

    def over_limit(self) -> float | None:
        """By how much the busy ones exceeded the size at most; 0 where they never did."""
        if self.busy is None or self.size is None:
            return None
        most = _largest(self.busy - self.size)
        return None if most is None else max(0.0, most)

    def full_share(self) -> float | None:
        """Share of the time at which all are busy."""
        shares = self._utilization()
        if shares is None or np.isnan(shares).all():
            return None
        return self._weighted(np.where(np.isnan(shares), np.nan, shares >= 1))

    def demand_with_waiters(self) -> float | None:
        """The smallest number of busy agents and waiters at a sample that shows a waiter; None where none does."""
        if self.depth is None or self.busy is None:
            return None
        return _smallest((self.busy + self.depth)[self.depth > 0])

    def shows_waiters(self) -> bool:
        """Whether some sample shows a waiter."""
        return self.depth is not None and bool((self.depth > 0).any())

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
    shown = run.gauges.values
    if not len(run.gauges.t_s) or not {"queue_depth", "waiters", "agents_busy"} & shown.keys():
        return None
    depth, depth_lost = _possible(shown.get("queue_depth", shown.get("waiters")))
    busy, busy_lost = _possible(shown.get("agents_busy"))
    size, size_lost = _possible(shown.get("pool_size"))
    times = run.gauges.t_s
    held = np.diff(np.append(times, max(run.ended_s, float(times[-1]))))
    return PoolSamples(times, held, depth, busy, size, depth_lost + busy_lost + size_lost)


def connection_samples(run: Run) -> PoolSamples | None:
    """The same of the target's connections (`connections_in_use`, `connections_max`, `connections_waiting`)."""
    shown = run.gauges.values
    if not len(run.gauges.t_s) or "connections_in_use" not in shown:
        return None
    waiting = shown.get("connections_waiting", shown.get("connection_waiters"))
    named = (waiting, shown["connections_in_use"], shown.get("connections_max"))
    (depth, _), (busy, _), (size, _) = map(_possible, named)
    times = run.gauges.t_s
    held = np.diff(np.append(times, max(run.ended_s, float(times[-1]))))
    return PoolSamples(times, held, depth, busy, size)


def sampling_doubt(samples: int, rate_hz: float) -> str:
    """How `samples` in a run, taken at `rate_hz`, may mislead about a peak."""
    if samples < 2:
        return "one sample only: a peak before or after it is not seen"
    return f"sampled at {rate_hz:.2g} Hz: a peak between samples is not seen"


def _possible(values: Floats | None) -> tuple[Floats | None, int]:
    """`values` with NaN for what cannot be a count, and how many such there were."""
    if values is None:
        return None, 0
    impossible = np.isinf(values) | (values < 0)
    return np.where(impossible, np.nan, values), int(np.count_nonzero(impossible))


def _smallest(values: Floats) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmin(values))


def _largest(values: Floats | None) -> float | None:
    return None if values is None or np.isnan(values).all() else float(np.nanmax(values))
