"""Break into a run from outside its event loop: Ctrl-C, SIGTERM, and an alarm for a target that blocks the loop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

STOP_SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class LoopBlockedError(KeyboardInterrupt):
    """Raised on the main thread when the loop has not come round in time.

    A KeyboardInterrupt, because that is what asyncio lets through every task and out of the loop.
    """


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
        self._asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            return self
        if self._take_stop_signals:
            for number in STOP_SIGNALS:
                self._before[number] = signal.signal(number, self._on_stop)
        if hasattr(signal, "SIGALRM") and signal.getitimer(signal.ITIMER_REAL)[0] == 0:
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._on_alarm)
            self.rearm(self._limit_s)
        return self

    def rearm(self, limit_s: float) -> None:
        """Break in after `limit_s` real seconds from now instead."""
        if signal.SIGALRM in self._before:
            signal.setitimer(signal.ITIMER_REAL, limit_s)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self._stop(STOP_SIGNALS[signal.Signals(number)])

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        if self._came_round():
            self.rearm(self._limit_s)
            return
        raise LoopBlockedError

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if signal.SIGALRM in self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
