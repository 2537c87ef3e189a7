"""Threads for work that may never end.

`concurrent.futures.ThreadPoolExecutor` joins its threads when the interpreter exits, so one sync target that hangs
would hang the whole command. These threads are daemons, and are started only as far as they are needed.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Job = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Worker(threading.Thread):
    """A thread of `DaemonThreads`: whoever gave it its work waits for the work itself, not for the thread."""


class DaemonThreads(ThreadPoolExecutor):
    """An executor of at most `size` daemon threads, first in first out.

    A ThreadPoolExecutor by name only, because a loop accepts no other as its default.
    """

    def __init__(self, size: int, name: str) -> None:  # the parent's own state is never made
        self._size = size
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._running = 0
        self._pending = 0
        self._lock = threading.Lock()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Queue a call; a thread is added if none is idle and `size` is not reached."""
        future: Future[_T] = Future()
        with self._lock:
            self._pending += 1
            if self._running < min(self._size, self._pending):
                self._running += 1
                Worker(target=self._work, name=f"{self._name}-{self._running}", daemon=True).start()
        self._jobs.put((future, fn, args, kwargs))
        return future

    def load(self) -> tuple[float, float, float]:
        """Jobs that wait for a thread, threads there are, threads there may be; from any thread."""
        return float(self._jobs.qsize()), float(self._running), float(self._size)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, fn, args, kwargs = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:  # it belongs to whoever awaits the future
                    future.set_exception(error)
            del job, future, fn, args, kwargs  # nothing of a finished job is kept alive while the thread idles
            with self._lock:
                self._pending -= 1
        with self._lock:
            self._running -= 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - Executor's signature
        """Let each thread end after its present job; never waits."""
        for _ in range(self._running):
            self._jobs.put(None)


def asyncio_threads() -> DaemonThreads:
    """As many threads as asyncio's default executor has, so that a target meets the limit it meets in production."""
    cores = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    return DaemonThreads(min(32, cores + 4), "asyncio")
