"""Backpressure: an open load is held back while more wait for a pool that blocks than its queue holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.drive.pools import AgentPool


class Backpressure:
    """Between the pools that block and the source of the load. Without such pools it holds nothing back."""

    def __init__(self) -> None:
        self.pools: list[AgentPool] = []
        self.on_relief: Callable[[], object] | None = None
        """Called whenever a load that is held back may look again."""

    def holds_back(self) -> bool:
        """Whether nothing is to be offered now."""
        return any(pool.capacity is not None and len(pool.waiters) > pool.capacity for pool in self.pools)

    def look(self) -> None:
        """Somebody has left the queue of a pool that blocks, or its capacity has changed."""
        if self.on_relief is not None and not self.holds_back():
            self.on_relief()
