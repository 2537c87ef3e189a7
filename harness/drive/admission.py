"""Workflows wait for the memory that they declare, first in, first out."""

from __future__ import annotations

import asyncio
from collections import deque

from harness.scenario.model import MemoryAdmission


class Admission:
    """See `scenario.policies.MemoryAdmission`. The head of the queue is never passed by one that asks for less."""

    def __init__(self, declared: MemoryAdmission) -> None:
        self.limit_b = declared.limit_b
        self.used_b = 0
        self.waiters: deque[tuple[asyncio.Future[float], int]] = deque()

    def has_room(self, need_b: int) -> bool:
        """Whether a workflow that comes now is let in at once."""
        return not self.waiters and self.used_b + need_b <= self.limit_b

    def admit(self, now_s: float) -> None:
        """Let in those who are first in the queue, as long as they fit."""
        while self.waiters:
            waiter, need_b = self.waiters[0]
            if not waiter.done():
                if self.used_b + need_b > self.limit_b:
                    return
                self.used_b += need_b
                waiter.set_result(now_s)
            self.waiters.popleft()

    def release(self, need_b: int, now_s: float) -> None:
        """A workflow that was let in has ended."""
        self.used_b -= need_b
        self.admit(now_s)
