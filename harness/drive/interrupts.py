"""Break into a run from outside its event loop: Ctrl-C, SIGTERM, and an alarm for a target that blocks the loop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_AGAIN_S = 1.0
STOP_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class LoopBlockedError(KeyboardInterrupt):
    """Raised on the main thread when the loop has not come round in time.

    A KeyboardInterrupt, because that is what asyncio lets through every task and out of the loop.
    """


class StopSignals:
    """SIGINT and SIGTERM, taken for as long as it is entered: the first is a request, a second breaks in.

    `reason` is what was asked for ("interrupted", "terminated"; None: nothing). Entered around several runs, it keeps
    a request made between two of them; whatever runs meanwhile, an `Interrupts`, is told at once. So is `announce`, for
    people: between any two steps of the main thread, and therefore it must take no lock and write to no buffer.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self.announce: Callable[[str], None] | None = None
        self._listener: Callable[[str], None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            _entered.append(self)
            self._before = {number: signal.signal(number, self._on_stop) for number in STOP_SIGNALS}
        return self

    def tell(self, listener: Callable[[str], None] | None) -> None:
        """Pass a request on to `listener` from now on, and at once one that was made already."""
        self._listener = listener
        if listener is not None and self.reason is not None:
            listener(self.reason)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        if self.reason is not None:
            raise KeyboardInterrupt
        self.reason = STOP_SIGNALS[signal.Signals(number)]
        if self.announce is not None:
            self.announce(self.reason)
        if self._listener is not None:
            self._listener(self.reason)

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self in _entered:
            _entered.remove(self)


_entered: list[StopSignals] = []
"""Signals belong to the process, so does this; the last one entered takes them."""


def asked_to_stop() -> str | None:
    """What the `StopSignals` around this was asked for, if there is one and it was asked."""
    return _entered[-1].reason if _entered else None


class Interrupts:
    """While entered, SIGINT and SIGTERM call `stop(reason)`; a second one breaks in, as SIGALRM does after `limit_s`.

    Signals are taken only on the main thread, the stop signals only if `take_stop_signals`, and an alarm that somebody
    else has set is left alone. Everything is put back on leaving. `came_round` is asked before SIGALRM breaks in: where
    the loop has gone on since it was last asked, it is given as long again.
    """

    def __init__(
        self,
        limit_s: float,
        stop: Callable[[str], None],
        take_stop_signals: bool,
        came_round: Callable[[], bool] = lambda: False,
    ) -> None:
        self._limit_s = limit_s
        self._came_round = came_round
        self._stop = stop
        self._take_stop_signals = take_stop_signals
        self._own: StopSignals | None = None
        self._signals: StopSignals | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            return self
        if self._take_stop_signals:
            if not _entered:
                self._own = StopSignals().__enter__()
            self._signals = _entered[-1]
            self._signals.tell(self._stop)
        if hasattr(signal, "SIGALRM") and signal.getitimer(signal.ITIMER_REAL)[0] == 0:
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._on_alarm)
            self.rearm(self._limit_s)
        return self

    def rearm(self, limit_s: float) -> None:
        """Break in after `limit_s` real seconds from now instead, and every second after, should that be swallowed."""
        self._limit_s = limit_s
        if signal.SIGALRM in self._before:
            signal.setitimer(signal.ITIMER_REAL, limit_s, _AGAIN_S if limit_s else 0.0)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No alarm meanwhile: work of our own takes its time, and may call what lets no exception through."""
        limit_s = self._limit_s
        self.rearm(0.0)
        try:
            yield
        finally:
            self.rearm(limit_s)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        if self._came_round():
            self.rearm(self._limit_s)
            return
        raise LoopBlockedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if signal.SIGALRM in self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._signals is not None:
            self._signals.tell(None)
        if self._own is not None:
            self._own.__exit__(kind, error, trace)
