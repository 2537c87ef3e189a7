"""The clock a run goes by. Drive code asks it for the time and for timers, and knows nothing of the kind of clock."""

from __future__ import annotations

import asyncio
import enum
import functools
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Literal, Protocol, get_args

from harness.drive.hybrid_loop import HybridLoop
from harness.drive.outside_work import JOB_GRACE_S
from harness.drive.threads import asyncio_threads
from harness.drive.virtual_loop import WATCHER, VirtualLoop, resolve
from harness.errors import MissingExtraError, Mistake

ClockName = Literal["wall", "virtual", "hybrid"]
CLOCKS: tuple[str, ...] = get_args(ClockName)
LoopName = Literal["asyncio", "uvloop"]
LOOPS: tuple[str, ...] = get_args(LoopName)


class Rank(enum.IntEnum):
    """Which of several timers due at the same instant fires first (virtual clock)."""

    WORK = 0
    """What goes on inside a workflow: a wait, a burn or a backoff that ends."""
    DEADLINE = 1
    """A timeout: work that ends exactly at its deadline has made it."""
    TICK = 2
    """A policy that looks at its pool now and then: it sees what this instant has done, and not who comes in it."""
    ARRIVAL = 3
    """A workflow that becomes due: it finds the agents released at this instant free."""
    LIMIT = WATCHER
    """The end of the run, and samples: they see all that happened at their instant."""


class Timer(Protocol):
    """What can be called off."""

    def cancel(self) -> None:
        """Do not call after all."""


_SPUN_S = 2e-3
"""Before a workflow is due, this long is spun away: a selector wakes up to 1 ms late, and a busy system later."""


class Alarm:
    """A timer that is never early, and hardly late: it wakes `early_s` before `when_s` and then spins.

    Spinning is asking the loop for its next turn again and again: all else that is ready has its turns, too, and the
    selector is asked without waiting. uvloop's timers, in whole milliseconds, may wake up early.
    """

    __slots__ = ("_call", "_handle", "_loop", "_now", "_when_s")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        when_s: float,
        early_s: float,
        call: Callable[[], object],
    ) -> None:
        self._loop, self._now, self._when_s, self._call = loop, now, when_s, call
        self._handle: asyncio.Handle = loop.call_later(max(0.0, when_s - early_s - now()), self._look)

    def _look(self) -> None:
        if self._now() >= self._when_s:
            self._call()
        else:
            self._handle = self._loop.call_soon(self._look)

    def cancel(self) -> None:
        """See `Timer`."""
        self._handle.cancel()


class Clock:
    """Seconds since `begin()`, and timers, on one event loop.

    `real_limit_s` bounds the real time for which a virtual clock may stand still, `job_grace_s` the real time for which
    one piece of outside work may hold it (docs/clocks.md). The wall clock may run on another `loop`, and be `precise`:
    the last milliseconds before a workflow is due are spun away instead of waited for.
    """

    def __init__(
        self,
        name: ClockName,
        real_limit_s: float = 60.0,
        job_grace_s: float = JOB_GRACE_S,
        loop: LoopName = "asyncio",
        precise: bool = False,
    ) -> None:
        self.name: ClockName = name
        self.loop = _wall_loop(loop) if name == "wall" else _jumping_loop(name, real_limit_s, job_grace_s)
        self._precise = precise
        self._coarse = loop == "uvloop"
        if type(self.loop) is VirtualLoop:
            self.now = self._virtual_now  # type: ignore[method-assign]  # asked often enough to save a call
        self.patches_time = False
        """Whether the target's own calls to `time.sleep` and its like go by this clock, too."""
        # what asyncio's own loop asks, without asking it; the time of uvloop stands still between its turns
        self._time = time.monotonic if name == "wall" else self.loop.time
        self.begin()

    @property
    def virtual(self) -> bool:
        """Whether nothing real counts: neither the CPU time of the target nor the time of its threads."""
        return self.name == "virtual"

    @property
    def jumps(self) -> bool:
        """Whether waiting costs no real time: on the virtual and on the hybrid clock."""
        return isinstance(self.loop, VirtualLoop)

    @property
    def doubts(self) -> list[str]:
        """What a clock that jumps could not know of the work outside its loop."""
        return self.loop.doubts if isinstance(self.loop, VirtualLoop) else []

    @property
    def timers_set(self) -> int:
        """How many timers were set on a clock that jumps; 0 on the wall clock."""
        return self.loop.timers_set if isinstance(self.loop, VirtualLoop) else 0

    def forget_outside(self) -> None:
        """Wait no longer for any work that is going on outside the loop, because the run is to end."""
        if isinstance(self.loop, VirtualLoop):
            self.loop.forget_outside()

    def begin(self, ago_s: float = 0.0) -> None:
        """Make this instant, or the one `ago_s` before it, the run's time 0; called on the loop's own thread."""
        self._origin = self._time() - ago_s
        if isinstance(self.loop, VirtualLoop):
            self.resolve_at = self.loop.resolver(self._origin)  # type: ignore[method-assign,assignment]  # a call less for every wait
        self._real_origin = time.monotonic()
        self._cpu_origin = time.thread_time()

    def now(self) -> float:
        """Seconds since `begin()`; safe to call from any thread."""
        return self._time() - self._origin

    def _virtual_now(self) -> float:
        return self.loop._now - self._origin  # type: ignore[attr-defined,no-any-return]  # only ever set for that loop

    def reader(self) -> Callable[[], float]:
        """`now`, as quick as it can be had; good until `begin()` is called again."""
        if self.name != "wall":
            return self.now
        monotonic, origin = time.monotonic, self._origin
        return lambda: monotonic() - origin

    def call_at(self, when_s: float, rank: int, callback: Callable[..., object], *args: object) -> Timer:
        """Call `callback` at `when_s` on this clock; `rank` (a `Rank`) breaks ties where time is virtual."""
        if isinstance(self.loop, VirtualLoop):
            return self.loop.call_ranked(when_s + self._origin, rank, callback, *args)
        if self._coarse or (self._precise and rank == Rank.ARRIVAL):
            early_s = _SPUN_S if self._precise and rank == Rank.ARRIVAL else 0.0
            return Alarm(self.loop, self.reader(), when_s, early_s, functools.partial(callback, *args))
        return self.loop.call_at(when_s + self._origin, callback, *args)

    def resolve_at(self, when_s: float, rank: int, future: asyncio.Future[None]) -> None:
        """Give `future` the result None at `when_s` on this clock, unless it is done by then."""
        self.call_at(when_s, rank, resolve, future)

    def real_s(self) -> float:
        """Real seconds since `begin()`, whatever the clock."""
        return time.monotonic() - self._real_origin

    def thread_cpu_s(self) -> float:
        """CPU seconds of the calling thread since `begin()` was called on it."""
        return time.thread_time() - self._cpu_origin


def time_of_day_s() -> float:
    """Seconds since the epoch by this machine's clock: the only time that several processes can agree on."""
    return time.time()


def sleep_s(seconds: float) -> None:
    """Let real time pass, where there is no loop to wait on."""
    time.sleep(seconds)


def real_now_s() -> float:
    """Real seconds since an arbitrary instant, for a run that has no loop to ask."""
    return time.monotonic()


def burn_thread_cpu(seconds: float, work: Callable[[], object]) -> None:
    """Call `work` over and over until this thread has used `seconds` of CPU time."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        work()


def check_loop(loop: str, clock: str, precise: bool = False) -> list[Mistake]:
    """What is wrong with a choice of event loop and precision for a clock; raises where uvloop is not installed."""
    mistakes = []
    if loop not in LOOPS:
        mistakes.append(Mistake("--loop", repr(loop), f"one of {', '.join(LOOPS)}"))
    elif loop == "uvloop" and clock != "wall":
        mistakes.append(
            Mistake("--loop", f"uvloop with --clock {clock}", "uvloop with --clock wall: it takes no other")
        )
    elif loop == "uvloop" and sys.platform == "win32":
        mistakes.append(Mistake("--loop", "uvloop on Windows", "asyncio there: uvloop does not exist for Windows"))
    elif loop == "uvloop" and find_spec("uvloop") is None:
        raise MissingExtraError("uvloop", "uvloop", "--loop uvloop")
    if precise and clock != "wall":
        mistakes.append(Mistake("--precise", f"--clock {clock}", "--clock wall: other clocks are exact as they are"))
    return mistakes


def _wall_loop(name: LoopName) -> asyncio.AbstractEventLoop:
    if name == "uvloop":
        import uvloop  # noqa: PLC0415 - an optional extra

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    # what a target hands to asyncio.to_thread may never end, and must not keep the process
    loop.set_default_executor(asyncio_threads())
    return loop


def _jumping_loop(name: ClockName, real_limit_s: float, job_grace_s: float) -> VirtualLoop:
    return (VirtualLoop if name == "virtual" else HybridLoop)(real_limit_s, job_grace_s)
