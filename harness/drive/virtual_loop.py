"""An asyncio event loop whose clock jumps: when nothing is ready, time moves to the next timer at once.

It runs unmodified asyncio code. One timer fires at a time and everything it set off runs to quiescence before the next
one, so a run is a sequence of events in a fixed order: by time, then by rank, then in the order in which the timers
were set. Work that goes on outside the loop (a job in an executor, a registered descriptor) holds the jump back: the
loop then waits for it in real time.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import selectors
import time
from asyncio import events
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVarTuple

from harness.errors import ClockError

_Args = TypeVarTuple("_Args")

_IDLE_POLL_S = 0.05
_THREAD_GRACE_S = 1.0
_CHECK_EVERY = 4096
_SWEEP_AT = 64
_ASYNCIO = os.path.dirname(asyncio.__file__)

WATCHER = 3
"""From this rank on, a timer watches the run (its limit, its samples) and is not work that could wake anybody."""


class Timer(events.TimerHandle):
    """asyncio's own handle; only typed further."""

    __slots__ = ()

    if TYPE_CHECKING:
        _scheduled: bool


class VirtualLoop(asyncio.SelectorEventLoop):
    """The jumping loop. `time()` starts at 0 and is in virtual seconds.

    `real_limit_s` bounds the real time for which virtual time may stand still; past it, `ClockError` is raised from
    the call that runs the loop, as it is for a deadlock (nothing ready, no timer, no work outside).
    """

    if TYPE_CHECKING:  # asyncio's own attributes, which typeshed does not list
        _ready: deque[events.Handle]
        _selector: selectors.BaseSelector
        _stopping: bool

        def _process_events(self, event_list: list[Any]) -> None: ...

    def __init__(self, real_limit_s: float = 60.0) -> None:
        # asyncio.BaseEventLoop.__init__ reads time() for its slow-callback bookkeeping in debug mode
        self._now = 0.0
        super().__init__()
        self._timers: list[tuple[float, int, int, Timer]] = []
        self._serial = 0
        self._cancelled = 0
        self._jobs = 0
        self._real_limit_s = real_limit_s
        self._own_descriptors = len(self._selector.get_map())

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Args], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> events.TimerHandle:
        """As asyncio's, in virtual time."""
        return self.call_ranked(self._now + delay if delay > 0 else self._now, 0, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Args], object],
        *args: *_Args,
        context: Context | None = None,
    ) -> events.TimerHandle:
        """As asyncio's, in virtual time."""
        return self.call_ranked(when, 0, callback, *args, context=context)

    def call_ranked(
        self, when: float, rank: int, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> events.TimerHandle:
        """Call at virtual time `when`, after every timer of the same time with a lower rank."""
        handle = Timer(when, callback, args, self, context)
        handle._scheduled = True  # or cancelling it would not be reported to this loop
        self._serial += 1
        heapq.heappush(self._timers, (when, rank, self._serial, handle))
        return handle

    def _timer_handle_cancelled(self, _handle: events.TimerHandle) -> None:
        self._cancelled += 1
        if self._cancelled > _SWEEP_AT and self._cancelled * 2 > len(self._timers):
            self._timers = [timer for timer in self._timers if not timer[3].cancelled()]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def run_in_executor(  # type: ignore[override]  # typeshed spells the same signature with a TypeVarTuple
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """As asyncio's; time does not jump before the job is done."""
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _future: asyncio.Future[Any]) -> None:
        self._jobs -= 1

    def _run_once(self) -> None:
        """One turn of `run_forever`: run what is ready to quiescence, then fire one timer."""
        ready = self._ready
        self._poll(0)
        turns = 0
        still_since = time.monotonic()
        while ready:
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._run()
            if self._stopping:
                return
            turns += 1
            if turns % _CHECK_EVERY == 0:
                self._poll(0)
                self._refuse_standstill(still_since)
        self._advance(still_since)

    def _advance(self, still_since: float) -> None:
        while self._outside():
            self._poll(_IDLE_POLL_S)
            if self._ready:
                return
            self._refuse_standstill(still_since)
        self._poll(0)
        if self._ready:
            return
        if not self._fire_next():
            self._wait_for_threads()

    def _fire_next(self) -> bool:
        """Make the next timer ready and time its time; False where only watchers of the run are left."""
        while self._timers:
            when, rank, _, handle = self._timers[0]
            if not handle.cancelled() and rank >= WATCHER and not self._work_is_timed():
                return False
            heapq.heappop(self._timers)
            handle._scheduled = False
            if handle.cancelled():
                self._cancelled -= 1
                continue
            self._now = max(self._now, when)
            self._ready.append(handle)
            return True
        return False

    def _work_is_timed(self) -> bool:
        return any(rank < WATCHER and not handle.cancelled() for _, rank, _, handle in self._timers)

    def _wait_for_threads(self) -> None:
        """Nothing is ready or timed: give a thread that the loop does not know of its chance, then raise."""
        until = time.monotonic() + _THREAD_GRACE_S
        while time.monotonic() < until:
            self._poll(_IDLE_POLL_S)
            if self._ready:
                return
        raise ClockError(_deadlock_text(self))

    def _outside(self) -> bool:
        """Whether work is going on that only real time can finish."""
        descriptors = len(self._selector.get_map())
        return self._jobs > 0 or (not self._timers and descriptors > self._own_descriptors)

    def _poll(self, timeout_s: float) -> None:
        ready_descriptors = self._selector.select(timeout_s)
        if ready_descriptors:
            self._process_events(ready_descriptors)

    def _refuse_standstill(self, since: float) -> None:
        stood_s = time.monotonic() - since
        if stood_s > self._real_limit_s:
            raise ClockError(
                f"virtual time has stood still at {self._now:.6g} s for {stood_s:.0f} s of real time: "
                f"{self._jobs} executor job(s) pending; either a job waits in real time (time.sleep in a thread), "
                "or a task polls without waiting (sleep(0) in a loop). Run it with --clock wall"
            )


def _deadlock_text(loop: asyncio.AbstractEventLoop) -> str:
    """What every waiting task waits for: its name and the line where it stands."""
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    lines = [f"  {task.get_name()} waits at {_own_line(task)}" for task in tasks]
    shown = "\n".join(lines[:20])
    more = f"\n  and {len(lines) - 20} more" if len(lines) > 20 else ""
    return f"deadlock at virtual time {loop.time():.6g} s: nothing is ready and no timer is set\n{shown}{more}"


def _own_line(task: asyncio.Task[Any]) -> str:
    """The innermost line of the coroutines that a task is made of, asyncio's own left out."""
    where = "a place that cannot be seen"
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None and not frame.f_code.co_filename.startswith(_ASYNCIO):
            where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return where
