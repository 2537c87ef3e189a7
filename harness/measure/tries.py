"""Attempts that a target reports of itself through `workflow.attempt(step)`: what shows retries from the outside.

The built-in orchestrator needs none of this, it writes `AttemptColumns`. Any other target knows alone what it tries
again; one line where it tries is enough for the retries, two more for what it waited and what it was served.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from harness.measure.record import Flags, Floats, Ints


@dataclass(frozen=True, slots=True)
class TryColumns:
    """One row per reported attempt, in the order in which they began; shape (m,). Times are seconds, NaN: not told.

    `step` indexes `steps`; `number` counts the attempts of one workflow at one step from 1. `granted_s` is when the
    attempt had what it waited for (a connection, a slot), `ended_s` when it was over.
    """

    steps: tuple[str, ...]
    workflow: Ints
    step: Ints
    number: Ints
    begun_s: Floats
    granted_s: Floats
    ended_s: Floats
    failed: Flags

    def __len__(self) -> int:
        return len(self.workflow)


class Try:
    """One reported attempt. Counts from the call of `workflow.attempt`; a `with` block also tells when it ended."""

    __slots__ = ("_now", "_row")

    def __init__(self, now: Callable[[], float], row: list[Any]) -> None:
        self._now = now
        self._row = row

    def granted(self) -> None:
        """What the attempt waited for (a connection, a slot in a pool) is had: from here on it is served."""
        if math.isnan(self._row[4]):
            self._row[4] = self._now()

    def __enter__(self) -> Try:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._row[5] = self._now()
        self._row[6] = kind is not None


def _never() -> float:
    return math.nan


class TryLog:
    """Collects what one replication's workflows report, from any thread. `now` is the run's clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._steps: dict[str, int] = {}
        self._counts: dict[tuple[int, int], int] = {}
        self._rows: list[list[Any]] = []

    def begin(self, workflow: int, step: str, number: int | None) -> Try:
        """Open the row of an attempt; `number` counts from 1 (None: one more than were begun at this step)."""
        if not isinstance(step, str):
            raise TypeError(f"workflow.attempt: step: expected a text, found {step!r:.60}")
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ValueError(f"workflow.attempt: number: expected a whole number from 1, found {number!r:.60}")
        with self._lock:
            index = self._steps.setdefault(step, len(self._steps))
            count = self._counts.get((workflow, index), 0) + 1 if number is None else number
            self._counts[workflow, index] = count
            row = [workflow, index, count, self._now(), math.nan, math.nan, False]
            self._rows.append(row)
        return Try(self._now, row)

    def columns(self) -> TryColumns | None:
        """All that was reported so far; None where nothing was."""
        with self._lock:
            rows, steps = [tuple(row) for row in self._rows], tuple(self._steps)
        if not rows:
            return None
        kinds = (np.int64, np.int64, np.int64, np.float64, np.float64, np.float64, np.bool_)
        columns = zip(*rows, strict=True)
        arrays: list[Any] = [np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)]
        return TryColumns(steps, *arrays)

    def __repr__(self) -> str:
        return "TryLog()"

    def __reduce__(self) -> tuple[Callable[[], TryLog], tuple[()]]:
        return _unheard, ()  # a workflow may be handed to another process; what is tried there is not heard of here


class _Unheard(TryLog):
    """Where nobody listens: a workflow made by hand, or one that was handed to another process."""

    def begin(self, workflow: int, step: str, number: int | None) -> Try:  # noqa: ARG002 - nothing is kept
        """An attempt that leaves no trace."""
        return Try(_never, [0, 0, 0, math.nan, math.nan, math.nan, False])


NOBODY: TryLog = _Unheard(_never)
"""Hears nothing and keeps nothing."""


def _unheard() -> TryLog:
    return NOBODY
