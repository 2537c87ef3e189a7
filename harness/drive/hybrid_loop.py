"""An event loop whose time is what the loop itself takes, plus what it really waited for, plus what it skipped.

While its thread works, time is the CPU time of that thread: what other processes take of the machine does not show. If
the thread is blocked in a callback (a blocking call, the interpreter lock), that shows too, in real time, but waiting
for a core does not. While work goes on outside, time is real. While nothing does, it jumps to the next timer.
"""

from __future__ import annotations

import asyncio
import math
import resource
import threading
import time
from collections import deque
from collections.abc import Callable
from heapq import heappop
from itertools import repeat
from typing import Any, NamedTuple

from harness.drive.kernel import waited_for_core_s
from harness.drive.outside_threads import ThreadAtWork
from harness.drive.outside_work import JOB_GRACE_S, Held, Job
from harness.drive.virtual_loop import VirtualLoop, resolve

_SOON_S = 0.002
_LATE_S = 0.05
_POLL_EVERY = 64
_BLOCKED_FROM_S = 0.002
"""Shorter gaps between real and CPU time are not looked into: the look would cost more than they do."""


class _Flow(NamedTuple):
    """How time goes on: `base_s` at the moment at which `reads` said `origin_s`."""

    base_s: float
    origin_s: float
    reads: Callable[[], float]


def _nothing() -> float:
    return 0.0


def _times_gave_way() -> int:
    """How often the calling thread gave up its core of its own accord; 0 where the system does not say."""
    which = getattr(resource, "RUSAGE_THREAD", None)
    return 0 if which is None else resource.getrusage(which).ru_nvcsw


class HybridLoop(VirtualLoop):
    """See the module. `time()` starts at 0, is in seconds, and may be asked from any thread.

    `grace_s` is the real time for which a thread that never called back may hold the clock; other work outside is
    waited for as long as it takes, because its time counts. Timers fire as in asyncio: all that are due, at once.
    """

    def __init__(self, real_limit_s: float = 60.0, grace_s: float = JOB_GRACE_S) -> None:
        self._flow = _Flow(0.0, 0.0, _nothing)  # asyncio's constructors read time() in debug mode
        self._works = self._own_cpu_s
        self._loop_thread = 0
        self._native_id = 0
        self._cpu_clock: int | None = None
        self._turns = 0
        self._goes_on = False
        self._seen_s = (0.0, 0.0)
        self._gaps_s = 0.0
        self._waited_s = math.nan
        self._gave_way = 0
        self._aside: Callable[[], object] | None = None
        self._aside_s = math.inf
        self._every_s = math.inf
        super().__init__(real_limit_s, grace_s)

    def time(self) -> float:
        """Seconds since the loop was made; stands still while the loop does not run."""
        base_s, origin_s, reads = self._flow
        if reads is self._works and threading.get_ident() == self._loop_thread:
            return self._account()
        return base_s + (reads() - origin_s)

    # --------------------------------------------------------------------------------------------------- how time goes

    def run_forever(self) -> None:
        """As asyncio's; time begins to go."""
        self._loop_thread, self._native_id = threading.get_ident(), threading.get_native_id()
        if hasattr(time, "pthread_getcpuclockid"):
            self._cpu_clock = time.pthread_getcpuclockid(self._loop_thread)
        self._go_on(self._flow.base_s)
        try:
            super().run_forever()
        finally:
            self._flow = _Flow(self.time(), 0.0, _nothing)

    def _own_cpu_s(self) -> float:
        """CPU time of the loop's thread, for other threads."""
        if self._cpu_clock is not None:
            return time.clock_gettime(self._cpu_clock)
        return self._flow.origin_s  # not to be had from elsewhere on this system: the time when the loop began to work

    def _go_on(self, now_s: float) -> None:
        """It is `now_s`, and the loop works."""
        self._waited_s = waited_for_core_s(self._native_id)
        self._gave_way = _times_gave_way()
        self._gaps_s = 0.0
        self._seen_s = time.monotonic(), time.thread_time()
        self._flow = _Flow(now_s, self._seen_s[1], self._works)

    def _account(self) -> float:
        """The time, for the loop's own thread while it works; what it was blocked for since the last look is added."""
        real_s, cpu_s = time.monotonic(), time.thread_time()
        gap_s = (real_s - self._seen_s[0]) - (cpu_s - self._seen_s[1])
        self._seen_s = real_s, cpu_s
        self._gaps_s += gap_s
        base_s, origin_s, reads = self._flow
        if gap_s > _BLOCKED_FROM_S:
            base_s += self._blocked_s(gap_s)
            self._flow = _Flow(base_s, origin_s, reads)
        return base_s + (cpu_s - origin_s)

    def _blocked_s(self, gap_s: float) -> float:
        """What of the gap between real and CPU time the thread was not merely waiting for a core."""
        before_s, self._waited_s = self._waited_s, waited_for_core_s(self._native_id)
        gave_way, self._gave_way = self._gave_way, _times_gave_way()
        gaps_s, self._gaps_s = self._gaps_s, 0.0
        # a thread that was blocked gave way of its own accord; one that lost its core to a neighbour did not
        if self._gave_way == gave_way or math.isnan(before_s) or math.isnan(self._waited_s):
            return 0.0
        blocked_s = min(gap_s, gaps_s - (self._waited_s - before_s))
        return blocked_s if blocked_s > _BLOCKED_FROM_S / 2 else 0.0

    def _pass(self, seconds: float) -> None:
        base_s, origin_s, reads = self._flow
        self._flow = _Flow(base_s + seconds, origin_s, reads)

    def resolver(self, origin: float) -> Callable[[float, int, asyncio.Future[None]], None]:
        """As the virtual loop's, in the turn of all that is due."""

        def resolve_at(when_s: float, rank: int, future: asyncio.Future[None]) -> None:
            self.call_ranked(when_s + origin, rank, resolve, future)

        return resolve_at

    def aside(self, callback: Callable[[], object], every_s: float) -> None:
        """Call `callback` about every `every_s` real seconds, between turns.

        What it takes does not count, unless something is going on outside meanwhile: that does.
        """
        self._aside, self._every_s = callback, every_s
        self._aside_s = time.monotonic() + every_s

    def _step_aside(self, now_s: float) -> None:
        if self._aside is not None:
            goes_on = self._outside.possible()
            self._flow = _Flow(now_s, time.monotonic(), time.monotonic) if goes_on else _Flow(now_s, 0.0, _nothing)
            self._aside()
            self._aside_s = time.monotonic() + self._every_s
            self._go_on(self.time())

    # -------------------------------------------------------------------------------------------------------- the loop

    def _run_once(self) -> None:
        """One turn, as asyncio's: what is ready and what is due, once."""
        ready = self._ready
        if self._heard or self._outside.descriptors or self._turns % _POLL_EVERY == 0:
            self._poll(0)
            self._sweep()
        self._turns += 1
        now_s = self.time()
        if self._seen_s[0] > self._aside_s:
            self._step_aside(now_s)
            now_s = self.time()
        self._take_due(now_s)
        if not ready and not self._stopping:
            self._idle()
        self._run_batch(ready)

    def _run_batch(self, ready: deque[Any]) -> None:
        """Run what is ready now; what that makes ready waits for the next batch, as in asyncio."""
        if self._debug:
            self._run_debugged(ready)
            return
        for _ in repeat(None, len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            try:
                handle._context.run(handle._callback, *handle._args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self._report(handle, error)

    def _take_due(self, now_s: float) -> None:
        timers, ready = self._timers, self._ready
        while timers and (timers[0][0] <= now_s or timers[0][3]._cancelled):
            handle = heappop(timers)[3]
            if handle._cancelled:
                continue
            handle._scheduled = False
            ready.append(handle)

    def _idle(self) -> None:
        """Nothing is ready: wait for what goes on outside, or skip the time to the next timer."""
        held: list[Held] = []
        if self._heard or self._outside.possible():
            now_s, began_s = self.time(), time.monotonic()
            self._flow = _Flow(now_s, 0.0, _nothing)  # looking around is the harness's work, not the target's
            held = self._held()
            # but what goes on outside goes on meanwhile
            goes_on, self._goes_on = self._goes_on or bool(held), bool(held)
            self._go_on(now_s + (time.monotonic() - began_s if goes_on else 0.0))
        if self._ready:
            return
        if held:
            self._wait(held)
        elif self._work_is_timed():
            self._skip()
        else:
            self._wait_for_strangers()

    def _held(self) -> list[Held]:
        self._poll(0)
        if self._ready:
            return []
        held = self._outside.under_way(self._selector, self._own)
        self._outside.overdue([work for work in held if isinstance(work, ThreadAtWork)], -math.inf, self._grace_s)
        if self._outside.broken:
            self._refuse(self._outside.broken)
        return held

    def _wait(self, held: list[Held]) -> None:
        """Wait in real time, which counts: until something is ready, or the next timer is due."""
        # the end of a job wakes the loop, of other work it must be looked for
        pause_s = _LATE_S if all(isinstance(work, Job) for work in held) else _SOON_S
        now_s = self.time()
        if self._timers:
            pause_s = min(pause_s, max(0.0, self._timers[0][0] - now_s))
        began_s = time.monotonic()
        self._flow = _Flow(now_s, began_s, time.monotonic)
        self._poll(pause_s)
        self._go_on(self.time())

    def _skip(self) -> None:
        """Jump to the next timer; `_take_due` has left none that was cancelled at the head."""
        self._outside.peers.jumps += 1
        base_s, origin_s, reads = self._flow
        skipped_s = max(0.0, self._timers[0][0] - self.time())
        self._flow = _Flow(base_s + skipped_s, origin_s, reads)
        self._take_due(max(self.time(), self._timers[0][0]))
