"""What goes on outside an event loop, in real time, and how long a virtual clock waits for it.

A clock that jumps may jump only where nothing is under way that could still wake the loop. Three kinds of work are
known of: jobs in executors (here), threads that call back on their own (`outside_threads`), and peers behind sockets
and pipes (`conversations`). The rules are in docs/clocks.md.
"""

from __future__ import annotations

import concurrent.futures
import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Protocol

from harness.drive.places import thread_place

JOB_GRACE_S = 10.0
"""Real seconds that one piece of outside work may hold a virtual clock, unless the run says otherwise."""

_ELSEWHERE: tuple[type[Any], ...] = tuple(
    # its functions are pickled, as a process pool's are, although it is a ThreadPoolExecutor by name (Python 3.14)
    kind
    for name in ("InterpreterPoolExecutor",)
    if (kind := getattr(concurrent.futures, name, None)) is not None
)


class Held(Protocol):
    """One piece of work that holds the clock."""

    since: float
    """When it began, by `time.monotonic`."""

    def describe(self) -> str:
        """What it is, for an error: its name and, where that can be seen, the line where it stands."""


class Job:
    """A function handed to an executor. Called in place of the function, it notes when and on which thread it runs."""

    __slots__ = ("_function", "since", "thread")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.thread: int | None = None
        self.since = time.monotonic()

    def __call__(self, *args: Any) -> Any:
        self.thread = threading.get_ident()
        self.since = time.monotonic()  # waiting for a thread of the pool is not the job's own fault
        return self._function(*args)

    def describe(self) -> str:
        """See `Held`."""
        where = thread_place(self.thread)
        return f"executor job {function_name(self._function)}" + (f", now at {where}" if where else "")


class Jobs:
    """The executor jobs of one loop that have not ended, whether or not anybody still waits for them."""

    def __init__(self) -> None:
        self.pending: set[Job] = set()

    def submit(self, executor: Executor, function: Callable[..., Any], args: tuple[Any, ...]) -> Started:
        """Hand `function` to `executor`."""
        job = Job(function)
        self.pending.add(job)
        here = isinstance(executor, ThreadPoolExecutor) and not isinstance(executor, _ELSEWHERE)
        try:
            return Started(executor.submit(job if here else function, *args), functools.partial(self._over, job))
        except BaseException:
            self.pending.discard(job)
            raise

    def under_way(self) -> list[Job]:
        """Those that have not ended."""
        return list(self.pending)

    def of_this_thread(self) -> Job | None:
        """The job that the calling thread runs."""
        ident = threading.get_ident()
        return next((job for job in list(self.pending) if job.thread == ident), None)

    def forget(self) -> None:
        """Wait no longer for any of them."""
        self.pending.clear()

    def _over(self, job: Job, _future: Future[Any]) -> None:
        self.pending.discard(job)


class Started:
    """A job on its way: `future`, and `watch()` to be called once the loop itself waits for the future.

    In that order, because callbacks of a future run in the order in which they were added: the loop must have been told
    of the end before the job stops holding the clock.
    """

    __slots__ = ("_over", "future")

    def __init__(self, future: Future[Any], over: Callable[[Future[Any]], None]) -> None:
        self.future = future
        self._over = over

    def watch(self) -> None:
        """Let go of the clock when the job ends."""
        self.future.add_done_callback(self._over)


def function_name(function: Callable[..., Any]) -> str:
    """The name of the function that really does the work: inside partials, `Context.run`, and wrappers."""
    while isinstance(function, functools.partial):
        runs_in_context = getattr(function.func, "__name__", "") == "run" and function.args
        function = function.args[0] if runs_in_context else function.func
    function = getattr(function, "__wrapped__", function)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module else str(name)
