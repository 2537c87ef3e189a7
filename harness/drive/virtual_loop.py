"""An asyncio event loop whose clock jumps: when nothing is ready, time moves to the next timer at once.

It runs unmodified asyncio code. One timer fires at a time and everything it set off runs to quiescence before the next
one, so a run is a sequence of events in a fixed order: by time, then by rank, then in the order in which the timers
were set. Work that goes on outside the loop (`outside.py`) holds the jump back: the loop then waits for it really.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from asyncio import events, futures
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from itertools import repeat
from typing import Any, NoReturn, TypeVarTuple

from harness.drive.deadlocks import deadlock_text
from harness.drive.handles import Soon, new_timer
from harness.drive.outside import THREADS
from harness.drive.outside_work import JOB_GRACE_S, Held
from harness.drive.sleepers import Sleepers
from harness.drive.watched_loop import WatchedLoop
from harness.errors import ClockError

_Args = TypeVarTuple("_Args")

_SHORTEST_POLL_S = 0.0005
_LONGEST_POLL_S = 0.05
_STRANGER_GRACE_S = 1.0
_POLL_EVERY = 64
_SWEEP_AT = 64
_WAKE = futures._set_result_unless_cancelled  # type: ignore[attr-defined]  # what asyncio.sleep hands to its timer
_LOG = logging.getLogger("asyncio")

WATCHER = 4
"""From this rank on, a timer watches the run (its limit, its samples) and is not work that could wake anybody."""


class VirtualLoop(WatchedLoop):
    """The jumping loop. `time()` starts at 0 and is in virtual seconds.

    `real_limit_s` bounds the real time for which virtual time may stand still, `grace_s` the real time for which one
    piece of outside work may hold it; past either, `ClockError` is raised from the call that runs the loop, as it is
    for a deadlock (nothing ready, no timer, no work outside).
    """

    def __init__(self, real_limit_s: float = 60.0, grace_s: float = JOB_GRACE_S) -> None:
        self._now = 0.0  # asyncio's constructors read time() in debug mode
        super().__init__()
        self._timers: list[tuple[float, int, int, Any]] = []
        self._sleepers = Sleepers(self, self._outside.jobs)
        self._serial = 0
        self._sweep_at = _SWEEP_AT
        self._still = (-1.0, 0.0)
        self._real_limit_s = real_limit_s
        self._grace_s = min(grace_s, real_limit_s)
        # asyncio's is a method around the same call
        self.create_future = functools.partial(asyncio.Future, loop=self)  # type: ignore[method-assign]  # as said
        self.call_soon = self._made_call_soon()  # type: ignore[method-assign,assignment]  # a closure finds all it needs sooner

    def set_debug(self, enabled: bool) -> None:
        """As asyncio's."""
        super().set_debug(enabled)
        # every future asks when it is made: to call bool() takes a third of the time of a method
        self.get_debug = (lambda: True) if enabled else bool  # type: ignore[method-assign]  # as said

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    @property
    def timers_set(self) -> int:
        """How many timers were set so far: as long as it grows, the loop comes round."""
        return self._serial

    def sleep_here(self, seconds: float) -> None:
        """What `time.sleep` is in this loop's time: on its own thread nothing else goes on meanwhile."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if threading.get_ident() == self._outside.threads.loop_thread:
            self._pass(seconds)
        else:
            self._sleepers.sleep(seconds)

    def wake_sleepers(self) -> None:
        """Let threads that sleep in this loop's time go on, because it is not driven any more."""
        self._sleepers.wake_all()

    def _pass(self, seconds: float) -> None:
        self._now += seconds

    # ------------------------------------------------------------------------------------------------------- callbacks

    def _made_call_soon(self) -> Callable[..., events.Handle]:
        loop, append, checked = self, self._ready.append, super().call_soon

        def call_soon(
            callback: Callable[[*_Args], object], *args: *_Args, context: Context | None = None
        ) -> events.Handle:
            """As asyncio's."""
            if loop._debug or loop._closed:
                return checked(callback, *args, context=context)
            handle = Soon()
            handle._context = copy_context() if context is None else context
            handle._loop = loop
            handle._callback = callback
            handle._args = args
            handle._cancelled = False
            append(handle)
            return handle

        return call_soon

    def create_task(
        self, coro: Any, *, name: Any = None, context: Context | None = None, **given: Any
    ) -> asyncio.Task[Any]:
        """As asyncio's; what came with later Pythons is handed on."""
        if given or self._debug or self._closed or self.get_task_factory() is not None:
            return super().create_task(coro, name=name, context=context, **given)
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*_Args], object], *args: *_Args, context: Context | None = None
    ) -> events.TimerHandle:
        """As asyncio's, in virtual time."""
        now = self.time()
        when = now + delay if delay > 0 else now
        if self._debug or self._closed:
            return self.call_ranked(when, 0, callback, *args, context=context)
        handle = new_timer(when, callback, args, self, context)
        self._serial += 1
        heappush(self._timers, (when, 0, self._serial, handle))
        return handle

    def call_at(
        self, when: float, callback: Callable[[*_Args], object], *args: *_Args, context: Context | None = None
    ) -> events.TimerHandle:
        """As asyncio's, in virtual time."""
        return self.call_ranked(when, 0, callback, *args, context=context)

    def call_ranked(
        self, when: float, rank: int, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> events.TimerHandle:
        """Call at virtual time `when`, after every timer of the same time with a lower rank."""
        if self._debug or self._closed:
            handle = self._debugged_timer(when, callback, args, context)
        else:
            handle = new_timer(when, callback, args, self, context)
        self._serial += 1
        heappush(self._timers, (when, rank, self._serial, handle))
        return handle

    def _debugged_timer(
        self, when: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> events.TimerHandle:
        self._check_closed()
        self._check_thread()
        self._check_callback(callback, "call_at")
        handle = events.TimerHandle(when, callback, args, self, context)
        handle._scheduled = True  # type: ignore[attr-defined]  # asyncio's own slot; or cancelling it would not be reported to this loop
        return handle

    def resolver(self, origin: float) -> Callable[[float, int, asyncio.Future[None]], None]:
        """What gives a future the result None at a time since `origin`, unless it is done by then.

        It sets a timer that is no callback.
        """
        loop, timers = self, self._timers

        def resolve_at(when_s: float, rank: int, future: asyncio.Future[None]) -> None:
            loop._serial += 1
            heappush(timers, (when_s + origin, rank, loop._serial, future))

        return resolve_at

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        """Nothing to do: what was cancelled is passed over, and swept now and then."""

    def _sweep(self) -> None:
        """Forget timers that will never fire, once they may be half of all."""
        if len(self._timers) > self._sweep_at:
            self._timers[:] = [timer for timer in self._timers if not _is_dead(timer[3])]
            heapify(self._timers)
            self._sweep_at = max(_SWEEP_AT, 2 * len(self._timers))

    # -------------------------------------------------------------------------------------------------------- the loop

    # long: the hottest lines of every virtual run; a call for each of its parts would cost a quarter more
    def _run_once(self) -> None:  # noqa: PLR0912, PLR0915 - as said
        """What `run_forever` calls over and over: run what is ready to quiescence, fire one timer, and so on."""
        ready, timers, outside = self._ready, self._timers, self._outside
        threads, jobs, popleft = THREADS, outside.jobs.pending, ready.popleft
        future, watcher = asyncio.Future, WATCHER
        while True:
            self._poll(0)  # for signals, whose handlers are called when the loop reads its own pipe
            self._refuse_standstill()
            self._sweep()
            for _ in repeat(None, _POLL_EVERY):
                if self._debug:
                    self._run_debugged(ready)
                else:
                    left = len(ready)
                    while left:
                        left -= 1
                        handle = popleft()
                        if handle._cancelled:
                            continue
                        try:
                            # what Handle._run does, one call less deep
                            args = handle._args
                            if len(args) == 1:
                                handle._context.run(handle._callback, args[0])
                            else:
                                handle._context.run(handle._callback, *args)
                        except (SystemExit, KeyboardInterrupt):
                            raise
                        except BaseException as error:
                            self._report(handle, error)
                if self._stopping:
                    return
                if ready:
                    continue
                if jobs or outside.descriptors or self._heard or len(threads) > 1:
                    self._hold()
                    if ready:
                        continue
                if not timers:
                    self._wait_for_strangers()
                    continue
                when, rank, serial, timer = heappop(timers)
                if rank >= watcher and not self._work_is_timed():
                    heappush(timers, (when, rank, serial, timer))
                    self._wait_for_strangers()
                elif type(timer) is future:
                    if not timer.done():
                        if when > self._now:  # noqa: PLR1730 - max() is a call
                            self._now = when
                        timer.set_result(None)
                elif not timer._cancelled:
                    if when > self._now:  # noqa: PLR1730 - as above
                        self._now = when
                    timer._scheduled = False
                    if timer._callback is _WAKE and not self._debug:
                        # asyncio.sleep's timer runs no code of the target's: it needs neither its context nor a turn
                        _WAKE(*timer._args)
                    else:
                        ready.append(timer)

    def _report(self, handle: events.Handle, error: BaseException) -> None:
        self.call_exception_handler(
            {"message": f"Exception in callback {handle!r}", "exception": error, "handle": handle}
        )

    def _run_debugged(self, ready: deque[Any]) -> None:
        """As `_run_batch`; logs each callback that is slow, in real seconds: virtual ones it never takes."""
        for _ in repeat(None, len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            began_s = time.monotonic()
            handle._run()
            took_s = time.monotonic() - began_s
            if took_s >= self.slow_callback_duration:
                _LOG.warning("Executing %r took %.3f seconds", handle, took_s)

    def _work_is_timed(self) -> bool:
        return any(rank < WATCHER and not _is_dead(timer) for _, rank, _, timer in self._timers)

    # --------------------------------------------------------------------------------------------- waiting in real time

    def _hold(self) -> None:
        """Wait in real time while anything is under way outside; returns at once when something is ready."""
        self._poll(0)
        pause_s, since = _SHORTEST_POLL_S, time.monotonic()
        while not self._ready:
            held = self._outside.under_way(self._selector, self._own)
            if self._outside.broken:
                self._refuse(self._outside.broken)
            if not held:
                self._outside.peers.jumps += 1
                return
            self._refuse_overdue(held, since)
            self._poll(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_POLL_S)

    def _wait_for_strangers(self) -> None:
        """Nothing is ready or timed: give whoever the loop does not know of a chance, then raise."""
        until = time.monotonic() + _STRANGER_GRACE_S
        while self._outside.possible() and time.monotonic() < until:
            self._poll(_LONGEST_POLL_S)
            if self._ready:
                return
        self._refuse(deadlock_text(self))

    def _refuse_overdue(self, held: list[Held], since: float) -> None:
        overdue = self._outside.overdue(held, since, self._grace_s)
        if overdue:
            named = "; ".join(work.describe() for work in overdue[:5])
            self._refuse(
                f"virtual time has stood still at {self.time():.6g} s for {self._grace_s:g} s of real time, the grace "
                f"of one piece of outside work, because of {len(overdue)}: {named}. What waits in real time cannot be "
                "jumped over. Run it with --clock hybrid or wall"
            )
        self._refuse_standstill()

    def _refuse_standstill(self) -> None:
        at_s, since = self._still
        real_s = time.monotonic()
        if at_s != self._now:
            self._still = self._now, real_s
        elif real_s - since > self._real_limit_s:
            self._refuse(
                f"virtual time has stood still at {self.time():.6g} s for {real_s - since:.0f} s of real time; either "
                "jobs follow each other in real time (time.sleep in threads), or a task polls without waiting "
                "(sleep(0) in a loop). Run it with --clock wall"
            )

    def _refuse(self, why: str) -> NoReturn:
        # the loop is still to be wound up, which must not fail for the same reason
        self._outside.forget()
        self._still = (-1.0, 0.0)
        raise ClockError(why)


def _is_dead(timer: Any) -> bool:
    """Whether a timer's time may pass without anything happening."""
    return bool(timer.done() if isinstance(timer, asyncio.Future) else timer.cancelled())


def resolve(future: asyncio.Future[None]) -> None:
    """Give a future that is not done the result None."""
    if not future.done():
        future.set_result(None)
