"""Samples of many figures over time, in bounded memory: the newest as they were taken, older ones ever more thinned.

Whenever the log is full, neighbours are merged into one row. So an hour costs no more than a minute, no peak is lost,
and what happened last is the most detailed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from harness.measure.record import Floats

MOST_ROWS = 8192
"""Fourteen minutes at ten samples a second are kept whole."""
_MEANS = ("cpu_cores", "cpu_share")
"""Shares of a stretch of time; all other figures are levels, of which the larger is kept, or counts that only rise."""


class SampleLog:
    """Rows of figures by name, each with its time; at most `most` of them."""

    def __init__(self, most: int = MOST_ROWS) -> None:
        self._most = most
        self._times: list[tuple[float, ...]] = []
        self._rows: list[dict[str, float]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, times: tuple[float, ...], row: dict[str, float]) -> None:
        """Keep one more row; `times` are its time on every clock that matters, the last one increasing."""
        self._times.append(times)
        self._rows.append(row)
        if len(self._rows) >= self._most:
            self._halve()

    def _halve(self) -> None:
        """Merge every two neighbours; the first row and the last one stay as they are."""
        first, last = (self._times[0], self._rows[0]), (self._times[-1], self._rows[-1])
        before = [first[0], *self._times[:-1]]
        pairs = range(1, len(self._rows) - 2, 2)
        rows = [self._merged(k, before[k][-1]) for k in pairs]
        single = (len(self._rows) - 2) % 2
        times = [self._times[k + 1] for k in pairs]
        if single:
            rows.append(self._rows[-2])
            times.append(self._times[-2])
        self._times = [first[0], *times, last[0]]
        self._rows = [first[1], *rows, last[1]]

    def _merged(self, k: int, since: float) -> dict[str, float]:
        one, two = self._rows[k], self._rows[k + 1]
        middle, end = self._times[k][-1], self._times[k + 1][-1]
        share = (middle - since) / (end - since) if end > since else 0.5
        return {name: _both(name, one.get(name, math.nan), two.get(name, math.nan), share) for name in one | two}

    def last(self) -> dict[str, float]:
        """The newest row, or an empty one; from any thread."""
        rows = self._rows
        return dict(rows[-1]) if rows else {}

    def times(self, clock: int = 0) -> Floats:
        """The rows' times on one of the clocks, shape (k,)."""
        return np.array([times[clock] for times in self._times], dtype=np.float64)

    def names(self) -> list[str]:
        """Every figure that any row has, sorted."""
        return sorted({name for row in self._rows for name in row})

    def columns(self, names: Iterable[str]) -> dict[str, Floats]:
        """Figures by name, shape (k,) each; NaN where a row lacks one."""
        return {name: np.array([row.get(name, math.nan) for row in self._rows], dtype=np.float64) for name in names}


def _both(name: str, one: float, two: float, share: float) -> float:
    if math.isnan(one) or math.isnan(two):
        return two if math.isnan(one) else one
    return share * one + (1 - share) * two if name in _MEANS else max(one, two)
