"""Looking at the columns of a run that goes on, from another thread, without a lock and without stopping it.

What makes this sound is the interpreter's own lock: a slice or a copy of a list is one step of it. Only one thread
records, a row gets all its columns before it counts as offered, and it is in flight until its end is recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from math import isnan
from typing import Any

import numpy as np

from harness.measure.histogram import BUCKETS, buckets_of
from harness.measure.record import Outcome, Recorder
from harness.measure.totals.folding import TotalsRecorder
from harness.measure.watch import MOST_SAMPLES, Looker, Seen, spread

Figures = Callable[[], Mapping[str, float]]

_MOST_AWAITED = 4096
"""Of more workflows whose end is awaited, every other one is let go of, and the rest count twice."""
_STALE = 1.02
"""Totals that have grown by less are not summed anew."""


def looker_at(
    recorder: Recorder, flying: Callable[[], Iterable[int]], now: Callable[[], float], figures: Figures
) -> Looker:
    """What looks at `recorder`: `flying` gives the rows in flight, `now` the run's clock, `figures` the target's own.

    All of them are called on the looking thread.
    """
    if isinstance(recorder, TotalsRecorder):
        return TotalsLooker(recorder, flying, now, figures)
    return RowsLooker(recorder, flying, now, figures)


class RowsLooker:
    """Looks at a recorder that keeps every row. Errors are counted, all of them; latencies are sampled by row.

    Which rows are in the sample is decided when they are new, whatever becomes of them: a sample of those that have
    ended would be one of the quick ones.
    """

    def __init__(
        self, recorder: Recorder, flying: Callable[[], Iterable[int]], now: Callable[[], float], figures: Figures
    ) -> None:
        self._recorder = recorder
        self._flying = flying
        self._now = now
        self._figures = figures
        self._seen = 0
        self._in_flight: set[int] = set()
        self._awaited: list[int] = []
        self._weights: list[int] = []
        self._errors: Counter[int] = Counter()
        self._latency = np.zeros(BUCKETS, dtype=np.int64)

    def look(self) -> Seen:
        """See `Looker`. The newest row is left for the next look: it may not be in flight yet."""
        recorder, first = self._recorder, self._seen
        until = max(first, recorder.offered - 1)
        flying = set(self._flying())
        self._count_errors(first, until, flying)
        self._sample(first, until)
        self._take_ended(flying)
        self._seen, self._in_flight = until, {row for row in flying if row < until}
        offered = recorder.offered
        kinds = list(recorder.error_kinds)
        return Seen(
            now_s=self._now(),
            offered=offered,
            ended=max(0, offered - len(flying)),
            in_flight=len(flying),
            errors={kinds[code]: count for code, count in self._errors.items() if count > 0},
            latency=self._latency,
            gauges=self._figures(),
        )

    def _count_errors(self, first: int, until: int, flying: set[int]) -> None:
        codes = self._recorder.error
        new = codes[first:until]
        found = Counter(codes[row] for row in self._in_flight - flying)
        if new.count(-1) < len(new):
            found.update(new)
            found.subtract(new[row - first] for row in flying if first <= row < until)
        del found[-1]
        self._errors += found

    def _sample(self, first: int, until: int) -> None:
        stride = 1 + (until - first) // MOST_SAMPLES
        rows = spread(first, until, stride).tolist()
        self._awaited += rows
        self._weights += [stride] * len(rows)
        if len(self._awaited) > _MOST_AWAITED:
            self._awaited, self._weights = self._awaited[::2], [2 * weight for weight in self._weights[::2]]

    def _take_ended(self, flying: set[int]) -> None:
        recorder = self._recorder
        ended = [place for place, row in enumerate(self._awaited) if row not in flying]
        rows = [self._awaited[place] for place in ended]
        carried = [place for place, row in zip(ended, rows, strict=True) if recorder.outcome[row] <= Outcome.TIMED_OUT]
        took = [recorder.finished[row] - recorder.due[row] for row in (self._awaited[place] for place in carried)]
        np.add.at(self._latency, buckets_of(np.array(took)), [self._weights[place] for place in carried])
        gone = set(ended)
        self._weights = [weight for place, weight in enumerate(self._weights) if place not in gone]
        self._awaited = [row for place, row in enumerate(self._awaited) if place not in gone]


class TotalsLooker:
    """Looks at a recorder that keeps totals. What was folded just now may be missing for one look."""

    def __init__(
        self, recorder: TotalsRecorder, flying: Callable[[], Iterable[int]], now: Callable[[], float], figures: Figures
    ) -> None:
        self._recorder = recorder
        self._flying = flying
        self._now = now
        self._figures = figures
        self._summed = 0
        self._folded = np.zeros(BUCKETS, dtype=np.int64)

    def look(self) -> Seen:
        """See `Looker`."""
        recorder = self._recorder
        in_flight = len(set(self._flying()))
        errors = Counter(recorder.errors.copy())
        latency = self._latency_of_folded() + self._add_open(errors)
        offered = recorder.offered
        return Seen(
            now_s=self._now(),
            offered=offered,
            ended=max(0, offered - in_flight),
            in_flight=in_flight,
            errors=errors,
            latency=latency,
            gauges=self._figures(),
        )

    def _latency_of_folded(self) -> Any:
        windows = self._recorder.windows
        count = int(windows.carried_out.sum())
        if count > _STALE * self._summed:
            self._summed, self._folded = count, windows.latency[: windows.used()].sum(axis=0)
        return self._folded

    def _add_open(self, errors: Counter[str]) -> Any:
        """The latencies of what has ended and is not folded yet; its errors are added to `errors`."""
        columns: Any = self._recorder
        due, finished = columns.due.copy(), columns.finished.copy()
        outcomes, codes = columns.outcome.copy(), columns.error.copy()
        kinds = list(columns.error_kinds)
        took = []
        for row, finished_s in finished.items():
            if not isnan(finished_s) and row in due:
                if codes.get(row, -1) >= 0:
                    errors[kinds[codes[row]]] += 1
                if outcomes.get(row, Outcome.CANCELLED) <= Outcome.TIMED_OUT:
                    took.append(finished_s - due[row])
        return np.bincount(buckets_of(np.array(took, dtype=np.float64)), minlength=BUCKETS)
