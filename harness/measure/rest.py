"""What a target still holds when its work is done: looked at before the first workflow and after the last one ended.

A count at rest is told from the count before: what a target keeps on purpose (a connection pool it opened at its
start, worker tasks) is there both times.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from dataclasses import dataclass

REST_S = 1.0
"""How long after the last workflow ended a target may take to come to rest, in seconds on the run's clock."""
SLOT_GAUGES = ("agents_busy", "connections_in_use", "slots_held")
"""Gauges that show what is held now: at rest each must be what it was before the first workflow."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Counts before the first workflow and at rest. Names: `tasks`, `fds`, `threads`, `blocks`, and slot gauges.

    What could not be seen is in neither mapping. `after_s` is how long after the last workflow ended the second look
    was taken (seconds on the run's clock). `orphans` counts child processes that were begun during the run and are
    alive after the target's `stop()` (None: not observable). `kinds` says of the tasks left what they run, with counts.
    """

    before: Mapping[str, float]
    after: Mapping[str, float]
    after_s: float
    orphans: int | None = None
    kinds: Mapping[str, int] | None = None

    def left(self, name: str) -> float | None:
        """How much more is held at rest than before; None where that was not seen both times, never below 0."""
        if name not in self.before or name not in self.after:
            return None
        return max(0.0, self.after[name] - self.before[name])


def live_tasks(loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[object]]:
    """Tasks of `loop` that have not ended; asked on its own thread."""
    return asyncio.all_tasks(loop)


def kinds_of(tasks: set[asyncio.Task[object]]) -> dict[str, int]:
    """What `tasks` run, by the name of the coroutine function, the most frequent first."""
    counts: dict[str, int] = {}
    for task in tasks:
        name = str(getattr(task.get_coro(), "__qualname__", "a task"))
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def collect() -> None:
    """Let go of what is only kept by cycles, so that it is not taken for a leak."""
    gc.collect()
