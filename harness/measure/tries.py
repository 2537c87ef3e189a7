"""Attempts that a target reports of itself through `workflow.attempt(step)`: what shows retries from the outside.

The built-in orchestrator needs none of this, it writes `AttemptColumns`. Any other target knows alone what it tries
again; one line where it tries is enough for the retries, two more for what it waited and what it was served.
"""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from harness.measure.record import Flags, Floats, Ints

_MOST = 2**31 - 1
"""Beyond any number of attempts, and within what a packed column takes."""


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

    __slots__ = ("_log", "_row")

    def __init__(self, log: TryLog, row: int) -> None:
        self._log = log
        self._row = row

    def granted(self) -> None:
        """What the attempt waited for (a connection, a slot in a pool) is had: from here on it is served."""
        self._log.grant(self._row)

    def __enter__(self) -> Try:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.end(self._row, failed=kind is not None)


class TryLog:
    """Collects what one replication's workflows report, from any thread. `now` is the run's clock in seconds.

    Packed columns, about 50 bytes an attempt and no object of its own: what is kept here must not look like a leak of
    the target's.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._steps: dict[str, int] = {}
        self._workflow, self._step, self._number = array("q"), array("i"), array("i")
        self._begun_s, self._granted_s, self._ended_s = array("d"), array("d"), array("d")
        self._failed = bytearray()

    def begin(self, workflow: int, step: str, number: int | None) -> Try:
        """Open the row of an attempt; `number` counts from 1 (None: one more than were begun at this step)."""
        if not isinstance(step, str):
            raise TypeError(f"workflow.attempt: step: expected a text, found {step!r:.60}")
        if number is not None and (not isinstance(number, int) or not 1 <= number <= _MOST):
            raise ValueError(f"workflow.attempt: number: expected a whole number from 1, found {number!r:.60}")
        with self._lock:
            row = len(self._failed)
            self._workflow.append(workflow)
            self._step.append(self._steps.setdefault(step, len(self._steps)))
            self._number.append(number or 0)
            self._begun_s.append(self._now())
            self._granted_s.append(math.nan)
            self._ended_s.append(math.nan)
            self._failed.append(0)
        return Try(self, row)

    def grant(self, row: int) -> None:
        """The attempt of `row` has what it waited for; only the first time counts."""
        with self._lock:
            if math.isnan(self._granted_s[row]):
                self._granted_s[row] = self._now()

    def end(self, row: int, *, failed: bool) -> None:
        """The attempt of `row` is over."""
        with self._lock:
            self._ended_s[row] = self._now()
            self._failed[row] = failed

    def columns(self) -> TryColumns | None:
        """All that was reported so far; None where nothing was."""
        with self._lock:
            whole = [np.array(one, dtype=np.int64) for one in (self._workflow, self._step, self._number)]
            begun, granted, ended = (
                np.array(one, dtype=np.float64) for one in (self._begun_s, self._granted_s, self._ended_s)
            )
            failed, steps = np.array(self._failed, dtype=np.bool_), tuple(self._steps)
        if not len(failed):
            return None
        return TryColumns(steps, whole[0], whole[1], _numbered(*whole), begun, granted, ended, failed)

    def __repr__(self) -> str:
        return "TryLog()"

    def __reduce__(self) -> tuple[Callable[[], TryLog], tuple[()]]:
        return _unheard, ()  # a workflow may be handed to another process; what is tried there is not heard of here


def _numbered(workflow: Ints, step: Ints, number: Ints) -> Ints:
    """`number`, with the attempts that have none (0) counted in the order of their rows within workflow and step."""
    order = np.lexsort((step, workflow))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(workflow[order]) != 0) | (np.diff(step[order]) != 0)
    place = np.arange(len(order))
    counted = np.empty(len(order), dtype=np.int64)
    counted[order] = place - np.maximum.accumulate(np.where(first, place, 0)) + 1
    return np.where(number > 0, number, counted)


class _Unheard(TryLog):
    """Where nobody listens: a workflow made by hand, or one that was handed to another process."""

    def begin(self, workflow: int, step: str, number: int | None) -> Try:  # noqa: ARG002 - nothing is kept
        """An attempt that leaves no trace."""
        return Try(self, 0)

    def grant(self, row: int) -> None:
        """Nothing to note it in."""

    def end(self, row: int, *, failed: bool) -> None:
        """Nothing to note it in."""


NOBODY: TryLog = _Unheard(lambda: math.nan)
"""Hears nothing and keeps nothing."""


def _unheard() -> TryLog:
    return NOBODY
