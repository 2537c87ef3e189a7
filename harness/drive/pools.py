"""Agents and connections: bounded places with a first-in-first-out queue, and what a full queue does.

`AgentPool` is what every scenario has; replicas, overflow and changes of size are declared. A place given back goes
straight to the first waiter.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from harness.drive.backpressure import Backpressure
from harness.measure.record import NEVER, Outcome, Recorder
from harness.plan.places import PlannedPool
from harness.plan.program import two_choices
from harness.scenario.model import ConnectionPool, Pool

Waiter = asyncio.Future[float]


class WaitTimeout(Exception):  # noqa: N818 - private signal between a timer and the waiter it gives up
    """A waiter was not served within its pool's wait timeout."""


class StepTimeout(Exception):  # noqa: N818 - private signal between a timer and the attempt it ends
    """An attempt did not end within its step's timeout."""


class Dropped(Exception):  # noqa: N818 - private signal between a request and the waiter whose place it takes
    """A waiter was turned away for the sake of one that came later."""


class ConnectionTimeout(Exception):  # noqa: N818 - as `WaitTimeout`
    """No connection came within the wait timeout of its pool."""


class Stay:
    """A stay somewhere else than at a pool of agents, as it will be recorded."""

    __slots__ = ("busy", "depth", "ended", "granted_s", "released_s", "requested_s")

    def __init__(self, requested_s: float) -> None:
        self.requested_s = requested_s
        self.granted_s = NEVER
        self.released_s = NEVER
        self.depth = 0
        self.busy = 0
        self.ended = int(Outcome.CANCELLED)


def was_granted(waiter: asyncio.Future[float]) -> bool:
    """Whether a waiter whose task is being cancelled has got what it waited for."""
    return waiter.done() and not waiter.cancelled() and waiter.exception() is None


class AgentPool:
    """`size` agents and a first-in-first-out queue; an agent given back goes straight to the first waiter.

    `capacity` is that of its queue (None: unbounded), `leaving` of its busy agents will go when they are given back,
    `grants` counts all grants. `since_s` holds when each waiter came, where a policy asks for that.
    """

    __slots__ = (
        "_recorder",
        "_told",
        "blocks",
        "busy",
        "capacity",
        "declared",
        "drops",
        "grants",
        "index",
        "leaving",
        "name",
        "replica",
        "since_s",
        "size",
        "waiters",
    )

    def __init__(
        self, place: PlannedPool, declared: Pool, index: int, recorder: Recorder, backpressure: Backpressure
    ) -> None:
        self.declared = declared
        self.name = place.name
        self.replica = place.replica
        self.index = index
        self.size = declared.size
        self.capacity = declared.queue
        self.busy = 0
        self.leaving = 0
        self.grants = 0
        self.waiters: deque[Waiter] = deque()
        self.since_s: dict[Waiter, float] | None = None
        if declared.scaling is not None and declared.scaling.metric == "queue_wait":
            self.since_s = {}
        self.drops = declared.overflow == "drop_oldest"
        self.blocks = backpressure if declared.overflow == "block" else None
        if self.blocks is not None:
            self.blocks.pools.append(self)
        self._told = self.since_s is not None or self.blocks is not None
        """Whether a policy is told of waiters that leave the queue."""
        self._recorder = recorder

    @property
    def load(self) -> int:
        """How many have an agent or wait for one."""
        return self.busy + len(self.waiters)

    def is_full(self) -> bool:
        """Whether a request now is one too many, and nobody else can be turned away instead."""
        if self.capacity is None or len(self.waiters) < self.capacity or self.blocks is not None:
            return False
        return not (self.drops and self._drop_oldest())

    def _drop_oldest(self) -> bool:
        waiter = self.next_waiter()
        if waiter is not None:
            waiter.set_exception(Dropped())
        return waiter is not None

    def join(self, waiter: Waiter, now_s: float) -> int:
        """Wait in the queue from `now_s` on; returns its depth. Who waits outside a queue that blocks is not in it."""
        self.waiters.append(waiter)
        if self.since_s is not None:
            self.since_s[waiter] = now_s
        depth = len(self.waiters)
        return depth if self.blocks is None or self.capacity is None else min(depth, self.capacity)

    def next_waiter(self) -> Waiter | None:
        """Take the first waiter out of the queue."""
        while self.waiters:
            waiter = self.waiters.popleft()
            if self._told:
                self._gone(waiter)
            if not waiter.done():  # a waiter that was cancelled at this very instant has not left the queue yet
                return waiter
        return None

    def leave(self, waiter: Waiter) -> None:
        """A waiter gives up."""
        self.waiters.remove(waiter)
        if self._told:
            self._gone(waiter)

    def _gone(self, waiter: Waiter) -> None:
        if self.since_s is not None:
            del self.since_s[waiter]
        if self.blocks is not None:
            self.blocks.look()

    def release(self, now_s: float) -> None:
        """Give one agent back at `now_s`."""
        if self.leaving:
            self.leaving -= 1
            self.busy -= 1
            self.resize(self.size - 1, now_s)
            return
        if self.waiters and (waiter := self.next_waiter()) is not None:
            self.grants += 1
            waiter.set_result(now_s)
        else:
            self.busy -= 1

    def resize(self, size: int, now_s: float) -> None:
        """From `now_s` on there are so many agents; those who wait get what is new."""
        self.size = size
        self.note(now_s)
        while self.busy < self.size and (waiter := self.next_waiter()) is not None:
            self.busy += 1
            self.grants += 1
            waiter.set_result(now_s)

    def note(self, now_s: float) -> None:
        """Write down what the pool is from `now_s` on."""
        self._recorder.resize(self.index, now_s, self.size, self.capacity)


class Connections:
    """`size` connections and a first-in-first-out queue for them."""

    __slots__ = ("busy", "name", "size", "wait_timeout_s", "waiters")

    def __init__(self, declared: ConnectionPool) -> None:
        self.name = declared.name
        self.size = declared.size
        self.wait_timeout_s = declared.wait_timeout_s
        self.busy = 0
        self.waiters: deque[Waiter] = deque()

    def release(self, now_s: float) -> None:
        """Give one connection back at `now_s`: to the first waiter."""
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():
                waiter.set_result(now_s)
                return
        self.busy -= 1


class Balancer:
    """Chooses one of the replicas of a pool for each attempt; see `scenario.policies.Replicas`."""

    def __init__(self, pools: Sequence[AgentPool], rule: str) -> None:
        self._pools = pools
        self._rule = rule
        self._turn = 0

    def choose(self, key: int, step: int, attempt: int) -> int:
        """Index, among all places, of the pool that this attempt is to ask."""
        pools = self._pools
        if len(pools) == 1:
            return pools[0].index
        if self._rule == "least_loaded":
            return min(pools, key=lambda pool: pool.load).index
        if self._rule == "two_choices":
            one, other = (pools[k] for k in two_choices(key, step, attempt, len(pools)))
            return (other if other.load < one.load else one).index
        chosen = pools[self._turn]
        self._turn = (self._turn + 1) % len(pools)
        return chosen.index


def balancers_of(pools: Sequence[AgentPool]) -> dict[int, Balancer]:
    """What chooses among replicas, by the index of the first of them."""
    found: dict[int, Balancer] = {}
    for pool in pools:
        replicas = pool.declared.replicas
        if replicas is not None and pool.replica == 0:
            found[pool.index] = Balancer(pools[pool.index : pool.index + replicas.count], replicas.balancing)
    return found
