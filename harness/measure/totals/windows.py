"""Counts and latencies per stretch of time, in constant memory: when time runs over the last window, pairs are merged.

So an hour has as many windows as a minute, each longer, and every workflow is in exactly one of them: the one in which
it ended. Windows are what a long run has instead of replications: how they differ says how firm its percentiles are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.measure.histogram import BUCKETS, buckets_of
from harness.measure.record import Flags, Floats, Ints

MOST = 32
"""An even number, so that pairs are whole."""
SHORTEST_S = 1.0


@dataclass(slots=True)
class Windows:
    """Window k is [k, k + 1) times `width_s`.

    `succeeded` and `carried_out` count workflows by when they ended, shape (MOST,); `latency` holds the latencies of
    those carried out as histograms (see `histogram`), shape (MOST, BUCKETS).
    """

    width_s: float
    succeeded: Ints
    carried_out: Ints
    latency: Ints

    @classmethod
    def empty(cls) -> Windows:
        """Windows of the shortest width with nothing in them."""
        return cls(SHORTEST_S, _zeros(), _zeros(), np.zeros((MOST, BUCKETS), dtype=np.int64))

    def add(self, finished_s: Floats, latency_s: Floats, succeeded: Flags) -> None:
        """Count workflows that were carried out; all of shape (n,)."""
        if not len(finished_s):
            return
        self._reach(float(finished_s.max()))
        window = np.floor(finished_s / self.width_s).astype(np.int64)
        self.carried_out += np.bincount(window, minlength=MOST)
        self.succeeded += np.bincount(window[succeeded], minlength=MOST)
        np.add.at(self.latency, (window, buckets_of(latency_s)), 1)

    def _reach(self, time_s: float) -> None:
        while time_s >= self.width_s * MOST:
            self.widen()

    def widen(self) -> None:
        """Make each window twice as long."""
        self.width_s *= 2
        for counts in (self.succeeded, self.carried_out, self.latency):
            counts[: MOST // 2] = counts[0::2] + counts[1::2]
            counts[MOST // 2 :] = 0

    def used(self) -> int:
        """Windows up to the last one in which a workflow ended."""
        seen = np.flatnonzero(self.carried_out)
        return int(seen[-1]) + 1 if len(seen) else 0

    def copy(self) -> Windows:
        """An independent copy."""
        return Windows(self.width_s, self.succeeded.copy(), self.carried_out.copy(), self.latency.copy())

    def __add__(self, other: Windows) -> Windows:
        """Both together, as if all had been counted into one: widths are powers of two of the shortest."""
        mine, theirs = self.copy(), other.copy()
        while mine.width_s < theirs.width_s:
            mine.widen()
        while theirs.width_s < mine.width_s:
            theirs.widen()
        mine.succeeded += theirs.succeeded
        mine.carried_out += theirs.carried_out
        mine.latency += theirs.latency
        return mine


def _zeros() -> Ints:
    return np.zeros(MOST, dtype=np.int64)
