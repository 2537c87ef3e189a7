"""Many small tasks over processes of this machine, or over the workers of a Dask cluster. None is lost.

A task is an index; what is done with it is a function that can be pickled. A process that dies costs the task that it
was at, which comes back as a `Lost`, and is replaced; the tasks that it had not begun are done by others.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from harness.distribute.cluster import cluster_at
from harness.drive.clock import real_now_s, sleep_s
from harness.drive.interrupts import StopSignals, asked_to_stop

T = TypeVar("T")
Work = Callable[[int], T]

_AHEAD = 2
"""Tasks that a process has been handed beside the one that it is at: it never waits for the next one."""
_POLL_S = 0.2
_GRACE_S = 5.0
"""After a stop was asked for, a run that is under way may end itself for so long."""
_PER_WORKER = 8
"""Pieces that a cluster's worker gets, about: large enough to be worth the way, small enough to spread."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A task that brought no result, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """What became of the task `index`."""

    index: int
    result: T | Lost


def over_processes(work: Work[T], count: int, processes: int) -> Iterator[Ended[T]]:
    """Do tasks 0 … count - 1 in so many spawned processes; their results as they come, in any order.

    With one process they are done in this one. Ends early where this process was asked to stop (see `StopSignals`):
    what was done until then has been handed over.
    """
    if processes == 1:
        for index in range(count):
            if asked_to_stop():
                return
            yield Ended(index, work(index))
        return
    crew = _Crew(work, deque(range(count)), min(processes, max(1, count)))
    try:
        yield from crew.results()
    finally:
        crew.release()


class _Crew(Generic[T]):
    """The processes and what each is at."""

    def __init__(self, work: Work[T], waiting: deque[int], processes: int) -> None:
        self._work = work
        self._waiting = waiting
        self._hands = [_Hand(work) for _ in range(processes)]
        self._stop_s: float | None = None

    def results(self) -> Iterator[Ended[T]]:
        """Until all is done, or as long as a stop leaves."""
        for _ in range(1 + _AHEAD):  # one each, then the next ones: all begin at once
            for hand in self._hands:
                self._hand_out(hand)
        while any(hand.at for hand in self._hands):
            if self._is_over():
                return
            for line in wait([hand.line for hand in self._hands], timeout=_POLL_S):
                hand = next(one for one in self._hands if one.line is line)
                yield from self._take(hand)

    def _is_over(self) -> bool:
        if asked_to_stop() is None:
            return False
        if self._stop_s is None:
            self._stop_s = real_now_s() + _GRACE_S
            self._waiting.clear()
            for hand in self._hands:
                hand.stop()
        return real_now_s() > self._stop_s

    def _take(self, hand: _Hand) -> Iterator[Ended[T]]:
        try:
            index, result = hand.line.recv()
        except (EOFError, OSError):
            yield from self._bury(hand)
            return
        hand.at.remove(index)
        self._hand_out(hand)
        yield Ended(index, result)

    def _hand_out(self, hand: _Hand) -> None:
        if self._waiting and self._stop_s is None:
            hand.give(self._waiting.popleft())

    def _bury(self, hand: _Hand) -> Iterator[Ended[T]]:
        how, at = hand.how(), list(hand.at)
        hand.release()
        self._hands.remove(hand)
        if not at:
            return
        self._waiting.extendleft(reversed(at[1:]))
        if self._stop_s is None:
            fresh = _Hand(self._work)
            self._hands.append(fresh)
            for _ in range(1 + _AHEAD):
                self._hand_out(fresh)
            yield Ended(at[0], Lost(f"the process that ran it died ({how})"))

    def release(self) -> None:
        """End every process."""
        for hand in self._hands:
            hand.release()


class _Hand:
    """This side of one process."""

    def __init__(self, work: Work[Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.at: deque[int] = deque()

    def give(self, index: int) -> None:
        self.at.append(index)
        with contextlib.suppress(OSError):  # it died: the next look at its line says so
            self.line.send(index)

    def stop(self) -> None:
        """Ask the run that is under way to end."""
        if self.process.is_alive():
            self.process.terminate()

    def how(self) -> str:
        self.process.join(_GRACE_S)
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"exit code {code}"
        return signal.Signals(-code).name

    def release(self) -> None:
        with contextlib.suppress(OSError):
            self.line.send(None)
        self.line.close()
        self.process.join(_POLL_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join(_GRACE_S)


def _serve(work: Work[Any], line: Connection) -> None:
    """One process: tasks come in, results go out, until there are no more or a stop was asked for."""
    with StopSignals() as signals, contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while signals.reason is None:
            if not line.poll(_POLL_S):
                continue
            index = line.recv()
            if index is None:
                return
            line.send((index, work(index)))


# --------------------------------------------------------------------------- a cluster


def over_cluster(work: Work[T], count: int, address: str) -> Iterator[Ended[T]]:
    """Do tasks 0 … count - 1 on the workers of the Dask cluster at `address`; their results as they come.

    Raises as `cluster_at` does. Ends early as `over_processes` does.
    """
    with cluster_at(address) as (client, workers):
        pieces = _pieces(count, len(workers) * _PER_WORKER)
        futures = {client.submit(_carry_out, work, piece, workers=workers, pure=False): piece for piece in pieces}
        try:
            yield from _gathered(futures)
        finally:
            client.cancel(list(futures))


def _gathered(futures: Mapping[Any, Sequence[int]]) -> Iterator[Ended[Any]]:
    pending = dict(futures)
    while pending and asked_to_stop() is None:
        done = [future for future in pending if future.done()]
        for future in done:
            piece = pending.pop(future)
            if future.status == "finished":
                yield from (Ended(*pair) for pair in future.result())
            else:
                why = f"the cluster could not run it: {' '.join(str(future.exception()).split())[:300]}"
                yield from (Ended(index, Lost(why)) for index in piece)
        if not done:
            sleep_s(_POLL_S)


def _pieces(count: int, pieces: int) -> list[range]:
    size = max(1, -(-count // max(1, pieces)))
    return [range(low, min(low + size, count)) for low in range(0, count, size)]


def _carry_out(work: Work[T], piece: Sequence[int]) -> list[tuple[int, T]]:
    return [(index, work(index)) for index in piece]
