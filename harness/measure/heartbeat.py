"""The pulse of an event loop, taken from another thread: how late it answers, and how many tasks live on it.

A beat is due, is handed to the loop with `call_soon_threadsafe`, and is answered when the loop comes to it. Its lag is
answer minus due. A beat that is still unanswered counts with its age, so that a loop which is blocked shows it while it
is; the next beat is sent once the last one is answered. No clock is read here: the caller passes the time.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable

_COUNT_SHARE = 0.002
"""Share of the loop's time that counting its tasks may take; a loop with very many is counted less often."""


class Heartbeat:
    """Beats one event loop. `beat` and `worst_lag_s` belong to one thread at a time, the answer to the loop's own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float], count_every_s: float) -> None:
        self._loop = loop
        self._count_every_s = count_every_s
        self._now = now
        self._lock = threading.Lock()
        self._outstanding_s: float | None = None
        self._worst_s = math.nan
        self._tasks = math.nan
        self._count_from_s = -math.inf

    def beat(self, due_s: float) -> None:
        """Send a beat that was due at `due_s`, unless the last one is unanswered or the loop does not run."""
        with self._lock:
            if self._outstanding_s is not None or not self._loop.is_running():
                return
            self._outstanding_s = due_s
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:  # the loop was closed meanwhile: nobody will answer
            with self._lock:
                self._outstanding_s = None

    def unanswered_s(self) -> float:
        """For how long the beat that is out has been due; 0 where none is."""
        with self._lock:
            out = self._outstanding_s is not None and self._loop.is_running()
            return self._now() - (self._outstanding_s or 0.0) if out else 0.0

    def worst_lag_s(self) -> float:
        """The largest lag since the last call, of beats answered or still out; NaN where there was no beat."""
        with self._lock:
            worst, self._worst_s = self._worst_s, math.nan
            if not self._loop.is_running():
                self._outstanding_s = None  # the silence of a loop that does not run is not lag
            if self._outstanding_s is not None:
                worst = _larger(worst, self._now() - self._outstanding_s)
            return worst

    def tasks(self) -> float:
        """Live tasks when they were last counted; counted afresh where that is safe (see `_safe_to_count`)."""
        if self._safe_to_count():
            self._count()
        return self._tasks

    def _safe_to_count(self) -> bool:
        """On the loop's own thread, or while it does not run, nothing adds tasks behind the iteration's back."""
        if not self._loop.is_running():
            return True
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def _answer(self) -> None:
        now_s = self._now()
        with self._lock:
            if self._outstanding_s is not None:
                self._worst_s = _larger(self._worst_s, now_s - self._outstanding_s)
                self._outstanding_s = None
        if now_s >= self._count_from_s:
            self._count()
            took_s = self._now() - now_s
            # a little less than the interval between samples, so that each of them finds a new count
            self._count_from_s = now_s + max(0.8 * self._count_every_s, took_s / _COUNT_SHARE)

    def _count(self) -> None:
        try:
            self._tasks = float(len(asyncio.all_tasks(self._loop)))
        except RuntimeError:  # other threads' loops changed the shared set too often: keep the last count
            return


def _larger(one: float, other: float) -> float:
    return other if math.isnan(one) else max(one, other)
