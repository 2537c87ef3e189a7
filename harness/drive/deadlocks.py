"""Who waits where: the text of a deadlock, from the coroutines of the tasks that are left."""

from __future__ import annotations

import asyncio
import linecache
from types import CodeType
from typing import Any

from harness.drive.places import is_targets, place

_MOST_TASKS = 20
_MOST_LINES = 6


def deadlock_text(loop: asyncio.AbstractEventLoop) -> str:
    """What every waiting task waits for: its name and the target's lines of its stack, innermost last."""
    stacks = {task.get_name(): _stack(task) for task in asyncio.all_tasks(loop)}
    of_target = {name: lines for name, lines in stacks.items() if lines}
    shown = [f"  {name} waits at{_joined(lines)}" for name, lines in sorted((of_target or stacks).items())]
    more = f"\n  and {len(shown) - _MOST_TASKS} more" if len(shown) > _MOST_TASKS else ""
    listed = "\n".join(shown[:_MOST_TASKS])
    return f"deadlock at virtual time {loop.time():.6g} s: nothing is ready and no timer is set\n{listed}{more}"


def _joined(lines: list[str]) -> str:
    if not lines:
        return " a place that cannot be seen"
    left_out = ["…"] if len(lines) > _MOST_LINES else []
    return "".join(f"\n    {line}" for line in left_out + lines[-_MOST_LINES:])


def _stack(task: asyncio.Task[Any]) -> list[str]:
    """The lines of the target that a task stands in, outermost first."""
    lines = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = next(
            (found for name in ("cr_frame", "gi_frame", "ag_frame") if (found := getattr(awaited, name, None))), None
        )
        if frame is not None and is_targets(frame.f_code.co_filename):
            lines.append(_shown(frame.f_code, frame.f_lineno))
        awaited = next((inner for name in _INNER if (inner := getattr(awaited, name, None)) is not None), None)
    return lines


_INNER = ("cr_await", "gi_yieldfrom", "ag_await")


def _shown(code: CodeType, line: int) -> str:
    text = linecache.getline(code.co_filename, line).strip()
    return place(code.co_filename, line, code.co_qualname) + (f": {text}" if text else "")
