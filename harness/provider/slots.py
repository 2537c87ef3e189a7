"""At most so many requests are served at once; the others wait, first come, first served, or are turned away."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from harness.provider.declaration import Capacity


class Slots:
    """The slots of one provider. A slot that is handed on never is free in between: nobody can jump the queue."""

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self.busy = 0
        self.peak_busy = 0
        self.peak_waiting = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)

    async def take(self) -> bool:
        """Wait for a slot; False at once where the queue is full. A slot that was taken has to be given back."""
        most = self.capacity.concurrent
        if most is None or self.busy < most:
            self._hold()
            return True
        if self.capacity.queue is not None and self.waiting >= self.capacity.queue:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self.peak_waiting = max(self.peak_waiting, self.waiting)
        try:
            await future
        except asyncio.CancelledError:
            if future.cancelled():
                with contextlib.suppress(ValueError):  # a slot that came free since has taken it off the queue
                    self._waiting.remove(future)
            else:
                self.give_back()  # it was handed over in the very moment that its taker left
            raise
        return True

    def give_back(self) -> None:
        """Hand the slot to the first who waits, or free it."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return
        self.busy -= 1

    def _hold(self) -> None:
        self.busy += 1
        self.peak_busy = max(self.peak_busy, self.busy)
