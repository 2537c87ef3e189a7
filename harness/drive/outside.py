"""All that goes on outside one virtual loop, and for how long the clock may be held by it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from harness.drive.conversations import Conversations
from harness.drive.outside_threads import Threads
from harness.drive.outside_work import Held, Jobs

if TYPE_CHECKING:
    import selectors

THREADS: dict[int, threading.Thread] = threading._active  # type: ignore[attr-defined]  # active_count() takes a lock

_LEAST_HOLD_S = 0.5
"""A clock held for less is not refused: the work may have waited for the loop, not the loop for the work."""


class Outside:
    """What holds the clock of one loop; made with the loop, on its thread."""

    def __init__(self) -> None:
        self.jobs = Jobs()
        self._pending = self.jobs.pending
        self.threads = Threads()
        self.peers = Conversations()
        self.descriptors = 0
        """How many descriptors are registered besides the loop's own."""

    def possible(self) -> bool:
        """Whether there is anything at all to ask about; cheap, asked before every jump."""
        # a child process is watched by a thread or a descriptor
        return len(THREADS) > 1 or self.descriptors > 0 or bool(self._pending)

    def under_way(self, registered: selectors.BaseSelector, own: frozenset[int]) -> list[Held]:
        """All that is going on at this moment."""
        held: list[Held] = [*self.jobs.under_way(), *self.threads.under_way()]
        if self.descriptors or self.peers.has_children:
            held += self.peers.under_way(registered, own)
        return held

    def overdue(self, held: list[Held], since: float, grace_s: float) -> list[Held]:
        """What has gone on for longer than `grace_s` while the clock was held, which it has been since `since`.

        A thread that never called back to the loop is left behind instead, with a doubt.
        """
        now = time.monotonic()
        if now - since < min(_LEAST_HOLD_S, grace_s):
            return []
        late = [work for work in held if now - work.since > grace_s]
        for stranger in self.threads.strangers(late):
            self.threads.leave_behind(stranger, grace_s)
            late.remove(stranger)
        return late

    @property
    def broken(self) -> str | None:
        """What happened outside that shows that the clock was wrong."""
        return self.threads.broken or self.peers.broken

    def forget(self) -> None:
        """Wait no longer for anything that is going on now."""
        self.jobs.forget()
        self.threads.forget()
        self.peers.forget()
        self.threads.broken = self.peers.broken = None
