"""Threads that are no executor's, and may call `call_soon_threadsafe` when they are done: which of them are at work?

Such a thread says nothing to the loop before it is done (a database driver's own worker, say), so it is looked at: it
is at rest while it waits for somebody to wake it, and at work otherwise. docs/clocks.md says what that cannot see.
"""

from __future__ import annotations

import asyncio
import functools
import linecache
import re
import sys
import threading
import time
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import Any

from harness.drive.kernel import thread_turns
from harness.drive.places import frame_place
from harness.drive.threads import Worker

_GAP_S = 5e-5
"""Long enough for the interpreter lock to change hands, so that a thread that was just woken shows it."""
_GAP_WITHOUT_KERNEL_S = 2e-3
_OWN_NAMES = frozenset({"resource-monitor"})
_RESTS_IN = re.compile(
    r"/(threading|queue|selectors|socketserver|subprocess|asyncio/unix_events)\.py$|/concurrent/futures/"
)
_RESTING_CALL = re.compile(r"\b(get|wait|wait_for|acquire|join|select|poll|accept)\s*\([^()]*\)?$")
_LOOP = asyncio.BaseEventLoop.run_forever.__code__


class ThreadAtWork:
    """A thread that was seen at work; see `Held`."""

    __slots__ = ("ident", "name", "since")

    def __init__(self, thread: threading.Thread) -> None:
        self.name = thread.name
        self.ident = thread.ident
        self.since = time.monotonic()

    def describe(self) -> str:
        """See `Held`."""
        frame = sys._current_frames().get(self.ident or 0)
        return f"thread {self.name!r}" + (f", now at {frame_place(frame)}" if frame is not None else "")


class Threads:
    """The threads that one loop may hear from. Made on the loop's own thread.

    Those that were there before the loop are watched from the first time that they call back to it.
    """

    def __init__(self) -> None:
        self._before = set(threading.enumerate())
        self._messengers: set[int] = set()
        self.loop_thread = threading.get_ident()
        self._left_behind: set[int] = set()
        self._at_work: dict[threading.Thread, ThreadAtWork] = {}
        self.doubts: list[str] = []
        self.broken: str | None = None
        """What a thread did that shows that the clock was wrong."""

    def heard_from(self, ident: int) -> None:
        """Thread `ident` has called back to the loop; called on that thread."""
        if ident == self.loop_thread:
            return
        if ident not in self._messengers:
            self._messengers.add(ident)
            # the thread itself: a number is used again once its thread has ended
            caller = threading.current_thread()
            name = caller.name if caller in self._before else None
            if name is not None and name not in _OWN_NAMES:
                self.doubts.append(
                    f"thread {name!r} is older than the run and called back to it: the clock waits for it from then "
                    "on, and may have jumped past what it did before"
                )
        if ident in self._left_behind:
            self.broken = f"thread {ident} called back although the clock no longer waited for it (see the doubts)"

    def under_way(self) -> list[ThreadAtWork]:
        """The watched threads that are at work. Lets go of the interpreter lock for a moment if there are any."""
        watched = [thread for thread in threading.enumerate() if self._is_watched(thread)]
        busy = _busy(watched) if watched else []
        self._at_work = {thread: self._at_work.get(thread) or ThreadAtWork(thread) for thread in busy}
        return list(self._at_work.values())

    def strangers(self, held: Iterable[object]) -> list[ThreadAtWork]:
        """Those of `held` that are threads which have never called back to the loop."""
        return [one for one in held if isinstance(one, ThreadAtWork) and one.ident not in self._messengers]

    def leave_behind(self, held: ThreadAtWork, grace_s: float) -> None:
        """Wait no longer for a thread that never called back: it may well have nothing to do with the run."""
        self._left_behind.add(held.ident or 0)
        self.doubts.append(
            f"the clock waited {grace_s:g} s for {held.describe()}, which has not called back so far; "
            "it no longer waits for it"
        )

    def forget(self) -> None:
        """Wait no longer for any thread that is at work now."""
        self._left_behind.update(held.ident or 0 for held in self._at_work.values())

    def _is_watched(self, thread: threading.Thread) -> bool:
        if thread is threading.current_thread() or isinstance(thread, Worker) or thread.name in _OWN_NAMES:
            return False
        if thread.ident in self._left_behind:
            return False
        return thread not in self._before or thread.ident in self._messengers


def _busy(threads: list[threading.Thread]) -> list[threading.Thread]:
    """Those that are not at rest, looked at twice, with time for any of them to run in between."""
    first = {thread: _sign(thread, sys._current_frames()) for thread in threads}
    time.sleep(_GAP_S if thread_turns(threads[0].native_id) else _GAP_WITHOUT_KERNEL_S)
    frames = sys._current_frames()
    return [thread for thread in threads if _sign(thread, frames) != first[thread] or not _rests(thread, frames)]


_Sign = tuple[int, int, str]


def _sign(thread: threading.Thread, frames: dict[int, FrameType]) -> _Sign | None:
    """What changes when a thread runs: its innermost frame, the instruction there, how often it was given a core."""
    frame = frames.get(thread.ident or 0)
    if frame is None:
        return None
    return id(frame), frame.f_lasti, thread_turns(thread.native_id)


def _rests(thread: threading.Thread, frames: dict[int, FrameType]) -> bool:
    frame = frames.get(thread.ident or 0)
    if frame is None:  # it has not run a line yet, or it has just ended
        return not thread.is_alive()
    if isinstance(thread, threading.Timer) or thread_turns(thread.native_id).endswith("R"):
        return False
    loop: Any = _loop_within(frame)  # typeshed does not list what it has to do
    if loop is not None:
        return not (loop._ready or loop._scheduled)
    return bool(_RESTS_IN.search(frame.f_code.co_filename)) or _waits_at(frame.f_code, frame.f_lasti)


def _loop_within(frame: FrameType | None) -> asyncio.BaseEventLoop | None:
    """The event loop that a thread runs, if it runs one."""
    while frame is not None:
        if frame.f_code is _LOOP:
            found: asyncio.BaseEventLoop = frame.f_locals["self"]
            return found
        frame = frame.f_back
    return None


@functools.cache
def _waits_at(code: CodeType, instruction: int) -> bool:
    """Whether the call at an instruction is one that waits to be woken, by the text of its source."""
    positions = next((at for k, at in enumerate(code.co_positions()) if k == instruction // 2), None)
    if positions is None or positions[0] is None or positions[1] != positions[0]:
        return False
    line = linecache.getline(code.co_filename, positions[0]).encode()
    return bool(_RESTING_CALL.search(line[positions[2] : positions[3]].decode(errors="replace")))
