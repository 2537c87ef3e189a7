"""What steps consume besides time: cores to burn on and memory to hold. Real on the wall clock, modelled otherwise."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import deque
from typing import Protocol

from harness.drive.clock import Clock, Rank, burn_thread_cpu
from harness.drive.threads import DaemonThreads
from harness.measure.record import NEVER, Outcome

# looked up once: a member of an enumeration is found by a call
_CANCELLED = int(Outcome.CANCELLED)
_WORK = int(Rank.WORK)
_PAGE_B = 4096
_BLOCK = bytes(64 * 1024)  # hashing more than 2,047 bytes at once lets go of the interpreter lock


class Burn:
    """One piece of CPU work on its way: when it asked for a core, got one and gave it back (run's clock).

    `ended` is an `Outcome`: until its attempt says otherwise, it was cancelled.
    """

    __slots__ = ("busy", "depth", "done", "ended", "granted_s", "released_s", "requested_s")

    def __init__(self, done: asyncio.Future[None], requested_s: float) -> None:
        self.done = done
        self.requested_s = requested_s
        self.granted_s = requested_s
        self.released_s = NEVER
        self.depth = 0
        self.busy = 0
        self.ended = _CANCELLED


class Machine(Protocol):
    """Cores and memory."""

    cores: int

    def burn(self, seconds: float) -> Burn:
        """Start burning `seconds` of CPU time on one core; `done` resolves when it is over."""

    def finish(self, burn: Burn) -> None:
        """Whoever waited for the burn has seen that it is over."""

    def give_up(self, burn: Burn) -> None:
        """Nobody waits for this burn any more."""

    def hold(self, size_b: int) -> object:
        """Take `size_b` bytes; they are held as long as the result is."""

    def close(self) -> None:
        """Let go of the threads."""


class RealMachine:
    """Burns in `cores` threads and fills real memory."""

    def __init__(self, clock: Clock, cores: int) -> None:
        self.cores = cores
        self._clock = clock
        self._threads = DaemonThreads(cores, "burn")
        self._outstanding = 0

    def burn(self, seconds: float) -> Burn:
        """See `Machine`; the thread writes when it began and ended."""
        burn = Burn(self._clock.loop.create_future(), self._clock.now())
        self._outstanding += 1
        burn.depth = max(0, self._outstanding - self.cores)
        burn.busy = min(self._outstanding, self.cores)
        job = self._clock.loop.run_in_executor(self._threads, self._burn_here, burn, seconds)
        job.add_done_callback(lambda _: self._let_know(burn))
        return burn

    def _burn_here(self, burn: Burn, seconds: float) -> None:
        burn.granted_s = self._clock.now()
        if not burn.done.cancelled():
            burn_thread_cpu(seconds, lambda: hashlib.sha256(_BLOCK).digest())
        burn.released_s = self._clock.now()

    def _let_know(self, burn: Burn) -> None:
        self._outstanding -= 1
        if not burn.done.done():
            burn.done.set_result(None)

    def finish(self, burn: Burn) -> None:
        """The thread has written when that was."""

    def give_up(self, burn: Burn) -> None:
        """A burn that has begun cannot be taken off its thread; one that has not is skipped there."""
        burn.done.cancel()

    def hold(self, size_b: int) -> object:
        """See `Machine`; every page is written to, or the system would not really give it."""
        memory = bytearray(size_b)
        memory[::_PAGE_B] = b"\1" * len(range(0, size_b, _PAGE_B))
        return memory

    def close(self) -> None:
        """See `Machine`."""
        self._threads.shutdown(wait=False)


class ModelledMachine:
    """`cores` modelled cores, first in first out; memory is only accounted for (from the attempts, afterwards)."""

    def __init__(self, clock: Clock, cores: int) -> None:
        self.cores = cores
        self._clock = clock
        self._new_future = clock.loop.create_future
        self._busy = 0
        self._waiting: deque[tuple[Burn, float]] = deque()

    def burn(self, seconds: float) -> Burn:
        """See `Machine`."""
        burn = Burn(self._new_future(), self._clock.now())
        if self._busy < self.cores:
            self._busy += 1
            self._start(burn, seconds, burn.requested_s)
        else:
            burn.granted_s = NEVER
            self._waiting.append((burn, seconds))
            burn.depth = len(self._waiting)
        return burn

    def _start(self, burn: Burn, seconds: float, now_s: float) -> None:
        burn.granted_s = now_s
        burn.busy = self._busy
        self._clock.resolve_at(now_s + seconds, _WORK, burn.done)

    def finish(self, burn: Burn) -> None:
        """Give the core to the next."""
        burn.released_s = self._clock.now()
        if self._waiting:
            following, seconds = self._waiting.popleft()
            self._start(following, seconds, burn.released_s)
        else:
            self._busy -= 1

    def give_up(self, burn: Burn) -> None:
        """Take the burn out of the queue, or off its core at once."""
        burn.done.cancel()
        if math.isnan(burn.granted_s):
            self._waiting = deque(entry for entry in self._waiting if entry[0] is not burn)
            return
        self.finish(burn)

    def hold(self, size_b: int) -> object:  # noqa: ARG002 - accounted for from the attempts
        """See `Machine`."""
        return None

    def close(self) -> None:
        """Nothing to let go of."""


def machine_for(clock: Clock, cores: int) -> Machine:
    """The machine that goes with a clock."""
    return ModelledMachine(clock, cores) if clock.virtual else RealMachine(clock, cores)
