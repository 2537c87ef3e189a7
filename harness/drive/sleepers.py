"""Code that calls `time.sleep`, put to sleep in the loop's own time instead of in real time."""

from __future__ import annotations

import asyncio
import threading

from harness.drive.outside_work import Jobs


class Sleepers:
    """The threads that sleep in the time of one loop; a job does not hold the clock while it sleeps."""

    def __init__(self, loop: asyncio.AbstractEventLoop, jobs: Jobs) -> None:
        self._loop = loop
        self._jobs = jobs
        self._asleep: set[threading.Event] = set()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread, which is not the loop's, for `seconds` on the loop's clock."""
        job, over = self._jobs.of_this_thread(), threading.Event()

        def wake() -> None:
            if job is not None:
                self._jobs.pending.add(job)
            over.set()

        def lie_down() -> None:
            # on the loop's thread, so that there is no moment at which neither the job nor the timer is known
            if job is not None:
                self._jobs.pending.discard(job)
            self._loop.call_later(seconds, wake)

        self._asleep.add(over)
        try:
            self._loop.call_soon_threadsafe(lie_down)
            over.wait()
        except RuntimeError:  # the loop is closed: the run has ended without this thread
            return
        finally:
            self._asleep.discard(over)

    def wake_all(self) -> None:
        """Let all go on, because nobody drives the clock any more."""
        for over in list(self._asleep):
            over.set()
