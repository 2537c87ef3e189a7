"""`TotalsRecorder`: records a run in constant memory. Rows live only as long as their workflows are in flight."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import isnan
from typing import Any, Self

import numpy as np

from harness.measure.histogram import BUCKETS, Histogram, buckets_of
from harness.measure.record import (
    NEVER,
    AttemptColumns,
    Floats,
    Ints,
    Outcome,
    Recorder,
    Run,
    WorkflowColumns,
    no_attempts,
    no_workflows,
)
from harness.measure.totals.measured import MeasuredTotals, together
from harness.measure.totals.record import BESIDE, Totals
from harness.measure.totals.windows import Windows

_FOLD_EVERY = 4096
"""Workflows offered between two foldings: enough that numpy's own cost per call is spread thin."""


class _Rows(dict[int, Any]):
    """A column of which only the rows in flight are kept, by workflow index."""


@dataclass(slots=True)
class TotalsRecorder(Recorder):
    """A `Recorder` whose columns hold the workflows in flight only; what has ended is folded into totals.

    `origin_s` is added to all times: where a run goes on that was cut off, its clock begins anew. Attempts are not
    kept: what they say of queue and pool is not known of such a run.
    """

    origin_s: float = 0.0
    count: int = 0
    outcomes: Ints = field(default_factory=lambda: np.zeros(len(Outcome), dtype=np.int64))
    errors: Counter[str] = field(default_factory=Counter)
    windows: Windows = field(default_factory=Windows.empty)
    lags: Ints = field(default_factory=lambda: np.zeros(BUCKETS, dtype=np.int64))
    lag_sum_s: float = 0.0
    latency_sum_s: float = 0.0
    latency_max_s: float = 0.0
    most_in_flight: int = 0
    kept: dict[str, MeasuredTotals] = field(default_factory=dict)
    """What the target measured itself, up to the last folding."""
    _in_flight: int = 0
    _flying: set[int] = field(default_factory=set)
    """Those in flight whose start has been counted."""

    def __post_init__(self) -> None:
        columns: Any = (_Rows() for _ in range(7))
        nowhere: Any = _Nowhere()
        self.due, self.started, self.finished, self.outcome, self.kind, self.error, self.batch = columns
        self.attempts = nowhere

    @property
    def offered(self) -> int:
        """How many workflows have been offered so far."""
        return self.count

    def offer(self, due_s: float, kind: int, batch: int) -> int:
        """See `Recorder`."""
        index = self.count
        self.count = index + 1
        self.due[index] = due_s
        self.kind[index] = kind
        self.batch[index] = batch
        self.started[index] = self.finished[index] = NEVER
        self.outcome[index] = int(Outcome.CANCELLED)
        self.error[index] = -1
        if self.count % _FOLD_EVERY == 0:
            self.fold()
        return index

    def give_up(self, error: str) -> None:
        """See `Recorder`."""
        for index, finished_s in self.finished.items():  # type: ignore[attr-defined]  # a mapping here, by index
            if isnan(finished_s):
                self.error[index] = self.error_index(error)
        self.fold(all_of_them=True)

    def canonical_errors(self) -> tuple[str, ...]:
        """No row is shown, so none has an error."""
        return ()

    def workflow_columns(self) -> WorkflowColumns:
        """No row is shown."""
        return no_workflows()

    def attempt_columns(self) -> AttemptColumns:
        """No row is shown."""
        return no_attempts()

    def fold(self, all_of_them: bool = False) -> None:
        """Add up what has ended, and forget its rows; at the end of a run, `all_of_them`."""
        seen = {name: MeasuredTotals.of(values) for name, values in self.measured_columns().items()}
        self.kept = together([self.kept, seen])
        self.measured.clear()
        rows: Any = self.finished
        ended = [index for index, finished_s in rows.items() if all_of_them or not isnan(finished_s)]
        if not ended and not all_of_them:
            return
        due, started, finished = (
            np.array([column.pop(index) for index in ended], dtype=np.float64)
            for column in (self.due, self.started, self.finished)
        )
        outcome = np.array([self.outcome.pop(index) for index in ended], dtype=np.int64)
        self._count_errors([self.error.pop(index) for index in ended])
        for column in (self.kind, self.batch):
            for index in ended:
                column.pop(index)
        self.outcomes += np.bincount(outcome, minlength=len(Outcome))
        self._fly(ended, started, finished)
        self._time(due, started, finished, outcome)

    def _count_errors(self, errors: list[int]) -> None:
        kinds = list(self.error_kinds)
        for error, count in Counter(errors).items():
            if error >= 0:
                self.errors[kinds[error]] += count

    def _time(self, due: Floats, started: Floats, finished: Floats, outcome: Ints) -> None:
        carried = (outcome <= Outcome.TIMED_OUT) & ~np.isnan(finished)
        latency = (finished - due)[carried]
        self.windows.add(finished[carried] + self.origin_s, latency, outcome[carried] == Outcome.SUCCEEDED)
        if len(latency):
            self.latency_sum_s += float(latency.sum())
            self.latency_max_s = max(self.latency_max_s, float(latency.max()))
        lag = (started - due)[carried & ~np.isnan(started)]
        self.lag_sum_s += float(lag.sum())
        self.lags += np.bincount(buckets_of(lag), minlength=BUCKETS)

    def _fly(self, ended: list[int], started: Floats, finished: Floats) -> None:
        """The largest number in flight since the last folding: until now every start and every end is known."""
        open_rows: Any = self.started
        new = [index for index, started_s in open_rows.items() if not isnan(started_s) and index not in self._flying]
        fresh = np.array([index not in self._flying for index in ended], dtype=bool) & ~np.isnan(started)
        ends = ~np.isnan(started) & ~np.isnan(finished)
        at_once = fresh & (started == finished)
        starts_s = np.concatenate([started[fresh & ~at_once], np.array([open_rows[index] for index in new])])
        ends_s = finished[ends & ~at_once]
        times = np.concatenate([ends_s, starts_s])
        steps = np.repeat([-1, 1], [len(ends_s), len(starts_s)])
        order = np.lexsort((steps, times))  # at equal times what ends leaves before what starts comes
        levels = np.concatenate([[self._in_flight], self._in_flight + np.cumsum(steps[order])])
        self._in_flight = int(levels[-1])
        # what ends as it starts is in flight beside those that are so at that instant
        beside = levels[np.searchsorted(times[order], started[at_once], side="right")] + 1
        self.most_in_flight = max(self.most_in_flight, int(levels.max()), int(beside.max(initial=0)))
        self._flying.difference_update(ended)
        self._flying.update(new)

    def totals(self, beside: Run) -> Totals:
        """The totals of all that has ended so far; `beside` is the run, which shows no rows, for all the rest."""
        self.fold()
        return Totals(
            **{name: getattr(beside, name) for name in BESIDE},
            offered=self.count,
            outcomes=self.outcomes.copy(),
            errors=dict(sorted(self.errors.items())),
            windows=self.windows.copy(),
            latency_sum_s=self.latency_sum_s,
            latency_max_s=self.latency_max_s,
            lag=Histogram(self.lags.copy()),
            lag_sum_s=self.lag_sum_s,
            most_in_flight=self.most_in_flight,
            measured=dict(self.kept),
        )


class _Nowhere(bytearray):
    """Where attempts go that nobody keeps."""

    def extend(self, _row: object) -> None:
        """Forget it."""

    def __iadd__(self, _row: object) -> Self:
        """Forget it."""
        return self
