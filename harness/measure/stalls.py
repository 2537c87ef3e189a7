"""Where an event loop is held up: the stack of its thread while it does not answer, taken from another thread.

A loop is late for two reasons: many callbacks are ready, or one does not give way. They are told apart by identity: as
long as one beat is unanswered, each callback that is ready runs at most once, so a callback that is seen at two looks
has not given way between them. How long it held the loop is the time between the first and the last such look: never
too much, and too little by the time to the first look. What the thread merely waited for a core, and what
was spent collecting garbage, is taken off.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from types import CodeType, FrameType

SHORTEST_S = 0.05
"""Shorter holds are not kept."""
_DEEPEST = 8
_MOST_STACKS = 20
_OURS = str(PurePath(__file__).parents[1])


@dataclass(frozen=True, slots=True)
class Stall:
    """One callback, or one step of a task, that held the loop: the longest of those with the same functions.

    `held_s` is at least how long, `at_s` when it was last seen (run's clock), `times` how often such a one was seen.
    `stack` has the innermost call first: `fetch (flow.py:12)`.
    """

    held_s: float
    at_s: float
    times: int
    stack: tuple[str, ...]


@dataclass(slots=True)
class _Hold:
    """One callback being watched: `key` tells its outermost frame from others, `last` is what the last look saw."""

    key: tuple[int, CodeType]
    first_s: float
    excused_s: float
    last_s: float
    last_at_s: float = 0.0
    last_places: tuple[str, ...] = ()
    place: tuple[CodeType, ...] = ()
    counted: bool = False


class StallWatch:
    """Watches the thread that `begin` is called on; `look` and `over` belong to one other thread.

    `excused_s` returns for how long that thread could not go on so far (seconds): it was ready to run and waited for a
    core, or garbage was collected, which is a finding of its own.
    """

    def __init__(self, excused_s: Callable[[], float]) -> None:
        self._excused_s = excused_s
        self._thread: int | None = None
        self._floor: FrameType | None = None
        self._hold: _Hold | None = None
        self._found: dict[tuple[CodeType, ...], Stall] = {}

    def begin(self, thread: int, frame: FrameType | None) -> None:
        """`thread` runs the loop; `frame` is the caller's, in a callback of that loop (None: it does not run yet)."""
        self._thread = thread
        below = None
        while frame is not None:
            if frame.f_code.co_flags & inspect.CO_COROUTINE:
                below = frame.f_back
            frame = frame.f_back
        # what runs a loop written in C has no frame of its own: callbacks then stand directly on that of its caller,
        # which lasts as long as the loop; asyncio's lasts for one callback only
        self._floor = None if below is None or _is_handle(below.f_code) else below

    def end(self) -> None:
        """Let go of the thread's frames."""
        self._floor = None
        self.over()

    def look(self, now_s: float, at_s: float) -> None:
        """The loop has not answered: what does it do? `now_s` is real time, `at_s` the run's clock."""
        frame = None if self._thread is None else sys._current_frames().get(self._thread)
        stack = _callback_stack(frame, self._floor)
        if not stack:
            self.over()
            return
        key = (id(stack[-1]), stack[-1].f_code)
        if self._hold is None or self._hold.key != key:
            self.over()
            self._hold = _Hold(key, now_s, self._excused_s(), now_s)
            return
        hold = self._hold
        self._settle(hold)
        hold.last_s, hold.last_at_s, hold.last_places = now_s, at_s, _places(stack)
        # one hold keeps the functions in which it was first seen: what computes is elsewhere at each look
        hold.place = hold.place or tuple(frame.f_code for frame in stack)

    def over(self) -> None:
        """The loop has answered, or waits for something to happen."""
        if self._hold is not None:
            self._settle(self._hold)
        self._hold = None

    def _settle(self, hold: _Hold) -> None:
        """Note how long the hold had lasted at its last look.

        Only now: what a thread waits for a core is told once it has got one, which it may not have had at that look.
        """
        if not hold.place:
            return
        held_s = hold.last_s - hold.first_s - (self._excused_s() - hold.excused_s)
        if held_s >= SHORTEST_S:
            self._keep(hold, held_s)

    def stalls(self) -> tuple[Stall, ...]:
        """The longest of each kind, the longest first."""
        return tuple(sorted(self._found.values(), key=lambda stall: -stall.held_s))

    def _keep(self, hold: _Hold, held_s: float) -> None:
        before = self._found.get(hold.place)
        times = (before.times if before else 0) + (not hold.counted)
        hold.counted = True
        if before is not None and before.held_s >= held_s:
            self._found[hold.place] = Stall(before.held_s, before.at_s, times, before.stack)
        elif before is not None or len(self._found) < _MOST_STACKS:
            self._found[hold.place] = Stall(held_s, hold.last_at_s, times, hold.last_places)


def _callback_stack(frame: FrameType | None, floor: FrameType | None) -> list[FrameType]:
    """The frames of the callback that runs, innermost first; empty where the loop waits or does its own work."""
    stack: list[FrameType] = []
    while frame is not None and frame is not floor:
        code = frame.f_code
        if _is_handle(code):
            return stack
        if code.co_name in _LOOPS_OWN and _is_asyncio(code):
            return []
        stack.append(frame)
        frame = frame.f_back
    return stack if frame is not None else []


_LOOPS_OWN = frozenset({"_run_once", "run_forever", "run_until_complete"})


def _is_handle(code: CodeType) -> bool:
    """Whether this is where asyncio's loop calls a callback."""
    return code.co_name == "_run" and _is_asyncio(code)


def _is_asyncio(code: CodeType) -> bool:
    return PurePath(code.co_filename).parent.name == "asyncio"


def _places(stack: list[FrameType]) -> tuple[str, ...]:
    """The innermost calls in words; what called the target's own code is ours, and of no use to its reader."""
    foreign = [k for k, frame in enumerate(stack) if not frame.f_code.co_filename.startswith(_OURS)]
    shown = stack[: foreign[-1] + 1] if foreign else stack
    return tuple(map(_place, shown[:_DEEPEST]))


def _place(frame: FrameType) -> str:
    path = PurePath(frame.f_code.co_filename)
    return f"{frame.f_code.co_name} ({'/'.join(path.parts[-2:])}:{frame.f_lineno})"
