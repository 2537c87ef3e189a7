"""What Linux says about a thread of this process under /proc; on other systems, nothing."""

from __future__ import annotations

import contextlib
import math
import threading

_NANO = 1e-9


def thread_turns(native_id: int | None) -> str:
    """How often the thread was given a core, with `R` behind it while it has one or waits for one; empty: unknown."""
    folder = f"/proc/self/task/{native_id}"
    with contextlib.suppress(OSError), open(f"{folder}/schedstat") as given, open(f"{folder}/stat") as stat:
        return given.read().split()[-1] + ("R" if ") R " in stat.read() else "")
    return ""


def waited_for_core_s(native_id: int | None) -> float:
    """Seconds that the thread, ready to run, has waited for a core since it began; NaN: unknown."""
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/self/task/{native_id}/schedstat") as file:
        return int(file.read().split()[1]) * _NANO
    return math.nan


def starved_s() -> float:
    """How long this thread has waited for a core so far; NaN: unknown."""
    return waited_for_core_s(threading.get_native_id())
