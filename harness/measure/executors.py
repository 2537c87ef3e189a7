"""Thread pools behind async code: how many jobs queue for a thread, in the pool where that is worst.

`asyncio.to_thread` and every `run_in_executor(None, …)` share the loop's default executor. Python keeps a private table
of all `ThreadPoolExecutor` workers and their queues; where it is there, pools that a target made itself show as well.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from concurrent.futures import thread as pools
from typing import Any

FIGURES = ("executor_queue", "executor_threads", "executor_limit")
"""What `executor_figures` returns: jobs that wait, threads there are, and threads there may be; all counts."""
_UNSEEN = (math.nan, math.nan, math.nan)


def executor_figures(loop: asyncio.AbstractEventLoop | None) -> dict[str, float]:
    """The pool with the longest queue; NaN where none is seen. From any thread."""
    worst = max(_loads(loop), key=lambda load: load[0], default=_UNSEEN)
    return dict(zip(FIGURES, worst, strict=True))


def _loads(loop: asyncio.AbstractEventLoop | None) -> Iterator[tuple[float, float, float]]:
    """(queue, threads, limit) of the loop's default executor and of every pool that Python knows."""
    default: Any = getattr(loop, "_default_executor", None)
    load = getattr(default, "load", None)
    if load is not None:
        yield load()
    limits = {} if default is None or load is not None else {id(_queue(default)): float(default._max_workers)}
    try:
        queues = list(getattr(pools, "_threads_queues", {}).values())
    except RuntimeError:  # a thread began meanwhile; the next look is a tenth of a second away
        return
    for queue in {id(queue): queue for queue in queues}.values():
        threads = sum(one is queue for one in queues)
        yield float(queue.qsize()), float(threads), limits.get(id(queue), math.nan)


def _queue(executor: Any) -> object:
    return getattr(executor, "_work_queue", None)
