"""Arithmetic on intervals of time: how many are open, for how long, and since when. No loop per interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.measure.record import Floats, Ints, WorkflowColumns


def ascending(values: Floats) -> Floats:
    """`values` in ascending order; the array itself where it is so already (rows come in the order of their end)."""
    return values if (values[1:] >= values[:-1]).all() else np.sort(values)


def seconds_at_or_above(opened_s: Floats, closed_s: Floats, level: int) -> float:
    """Seconds in which at least `level` (from 1) of the intervals [opened, closed) are open; both of shape (m,).

    Between the k-th and the next closing, k intervals have closed; `level` are open as soon as k + `level` have opened.
    """
    count = len(opened_s) - level
    if count < 0:
        return 0.0
    opened, closed = ascending(opened_s), ascending(closed_s)
    since = opened[level - 1 :].copy()
    np.maximum(since[1:], closed[:count], out=since[1:])
    return float(np.maximum(closed[: count + 1] - since, 0.0).sum())


def open_seconds_until(opened_s: Floats, closed_s: Floats, edges_s: Floats) -> Floats:
    """Seconds spent in open intervals, summed over intervals, up to each of `edges_s` (shape (e,), ascending)."""
    return _elapsed(ascending(opened_s), edges_s) - _elapsed(ascending(closed_s), edges_s)


def _elapsed(ordered_s: Floats, edges_s: Floats) -> Floats:
    passed = np.searchsorted(ordered_s, edges_s, side="right")
    sums = np.concatenate(([0.0], np.cumsum(ordered_s)))
    return np.asarray(edges_s * passed - sums[passed])


@dataclass(frozen=True, slots=True)
class InFlight:
    """Who is in flight when: started, and not yet finished. Built by `in_flight`; arrays are ordered for searching.

    At equal times what finishes leaves before what starts comes, and workflows start by their index. One that ends at
    the very instant of its start (rejected at once, or with nothing to do) has left when the next index starts.
    """

    started_s: Floats
    finished_s: Floats
    instant_s: Floats
    instants_before: Ints

    def largest(self) -> int:
        """The largest number in flight, which is reached at a start."""
        return int(self.at_starts().max(initial=0))

    def at_starts(self) -> Ints:
        """The number in flight right after each start, that one included; of the shape of `started_s`."""
        left = np.searchsorted(self.finished_s, self.started_s, side="right")
        if len(self.instant_s):
            left = left - _equal(self.instant_s, self.started_s) + self._came_and_went()
        return np.asarray(np.arange(1, len(self.started_s) + 1) - left)

    def _came_and_went(self) -> Ints:
        """Those before each that started and ended at the instant of its start."""
        first = np.searchsorted(self.started_s, self.started_s, side="left")
        return np.asarray(self.instants_before[:-1] - self.instants_before[first])


def in_flight(workflows: WorkflowColumns) -> InFlight:
    """The flights of one run; a workflow that never started is not in it, one that never finished stays in flight."""
    started, finished = workflows.started_s, workflows.finished_s
    flown = np.flatnonzero(~np.isnan(started))
    order = flown[np.argsort(started[flown], kind="stable")]
    instant = started[order] == finished[order]
    return InFlight(
        started_s=started[order],
        finished_s=np.sort(finished[order]),  # NaN sorts last: it has not finished by any time
        instant_s=started[order][instant],
        instants_before=np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(instant))),
    )


def _equal(ordered_s: Floats, times_s: Floats) -> Ints:
    """How many of `ordered_s` are equal to each of `times_s`."""
    return np.asarray(
        np.searchsorted(ordered_s, times_s, side="right") - np.searchsorted(ordered_s, times_s, side="left")
    )
