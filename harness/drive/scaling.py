"""Pools that change while the run goes on: agents that come and go, and queues whose capacity follows.

Each policy looks at its pool at whole multiples of its interval from the begin of the run. Its look (`Rank.TICK`)
comes after all work and all timeouts of that instant and before who comes in it; of several looks at one instant the
one that was set first comes first, which at the begin is the order of the pools, size before queue.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.drive.clock import Clock, Rank
from harness.drive.pools import AgentPool
from harness.scenario.model import AdaptiveQueue, Autoscaling, DynamicPool


class Ticker:
    """Calls `look(now_s)` at k * every_s, k from 1, until it is stopped."""

    def __init__(self, clock: Clock, every_s: float, look: Callable[[float], object]) -> None:
        self._clock = clock
        self._every_s = every_s
        self._look = look
        self._number = 1
        self._stopped = False

    def begin(self) -> None:
        """The run begins."""
        self._clock.call_at(self._number * self._every_s, Rank.TICK, self._fire)

    def stop(self) -> None:
        """The run is over."""
        self._stopped = True

    def _fire(self) -> None:
        if self._stopped:
            return
        now_s = self._clock.now()
        # on a clock that does not jump, looks that came too late are left out
        self._number = max(self._number + 1, math.floor(now_s / self._every_s) + 1)
        self.begin()
        self._look(now_s)


class Agents:
    """Lets agents of one pool start and leave. `starting` ones come `delay_s` after they were asked for."""

    def __init__(self, pool: AgentPool, clock: Clock, delay_s: float) -> None:
        self.pool = pool
        self.starting = 0
        self.stopped = False
        self._clock = clock
        self._delay_s = delay_s

    @property
    def staying(self) -> int:
        """How many there are and are not about to leave."""
        return self.pool.size - self.pool.leaving

    def grow(self, by: int, now_s: float) -> None:
        """So many more are wanted: those that were to leave stay, the rest start."""
        kept = min(by, self.pool.leaving)
        self.pool.leaving -= kept
        if by > kept:
            self.starting += by - kept
            self._clock.call_at(now_s + self._delay_s, Rank.WORK, self._come, by - kept)

    def shrink(self, by: int, now_s: float) -> None:
        """So many are too many: idle ones leave now, busy ones when they are given back."""
        gone = min(by, self.pool.size - self.pool.busy)
        self.pool.leaving += by - gone
        if gone > 0:
            self.pool.resize(self.pool.size - gone, now_s)

    def _come(self, count: int) -> None:
        if not self.stopped:
            self.starting -= count
            self.pool.resize(self.pool.size + count, self._clock.now())


class DemandFollower:
    """See `scenario.policies.DynamicPool`."""

    def __init__(self, agents: Agents, declared: DynamicPool) -> None:
        self._agents = agents
        self._declared = declared
        self._calm_since_s = 0.0
        self._peak = 0

    def look(self, now_s: float) -> None:
        """Compare what is wanted with what is there."""
        agents, declared = self._agents, self._declared
        wanted = math.ceil(agents.pool.load / declared.target_utilization)
        wanted = max(declared.min, min(declared.max, wanted))
        there = agents.staying
        if wanted >= there:
            self._calm_since_s, self._peak = now_s, 0
            if wanted > there + agents.starting:
                agents.grow(wanted - there - agents.starting, now_s)
            return
        self._peak = max(self._peak, wanted)
        if now_s - self._calm_since_s >= declared.down_after_s:
            agents.shrink(there - self._peak, now_s)
            self._calm_since_s, self._peak = now_s, 0


class Scaler:
    """See `scenario.policies.Autoscaling`."""

    def __init__(self, agents: Agents, declared: Autoscaling) -> None:
        self._agents = agents
        self._declared = declared
        self._quiet_until_s = 0.0

    def look(self, now_s: float) -> None:
        """Read the metric, and take a step where it says so."""
        if now_s < self._quiet_until_s:
            return
        agents, declared = self._agents, self._declared
        metric, there = self._metric(now_s), agents.staying
        if metric > declared.up_above:
            by = min(declared.step, declared.max - there - agents.starting)
            change = agents.grow
        elif metric < declared.down_below:
            by = min(declared.step, there - declared.min)
            change = agents.shrink
        else:
            return
        if by > 0:
            change(by, now_s)
            self._quiet_until_s = now_s + declared.cooldown_s

    def _metric(self, now_s: float) -> float:
        pool = self._agents.pool
        if self._declared.metric == "utilization":
            return pool.busy / pool.size if pool.size > 0 else 0.0
        if self._declared.metric == "queue_depth":
            return float(len(pool.waiters))
        return now_s - pool.since_s[pool.waiters[0]] if pool.waiters and pool.since_s is not None else 0.0


class QueueAdapter:
    """See `scenario.policies.AdaptiveQueue`."""

    def __init__(self, pool: AgentPool, declared: AdaptiveQueue) -> None:
        self._pool = pool
        self._declared = declared
        self._grants = 0

    def look(self, now_s: float) -> None:
        """Set the capacity by what was granted since the last look."""
        pool, declared = self._pool, self._declared
        grants = pool.grants - self._grants
        self._grants = pool.grants
        if not grants:
            return
        capacity = math.floor(declared.target_wait_s * grants / declared.every_s)
        capacity = max(declared.min, min(declared.max, capacity))
        if capacity != pool.capacity:
            pool.capacity = capacity
            pool.note(now_s)
            if pool.blocks is not None:
                pool.blocks.look()


class Scaling:
    """All that changes the pools of one run."""

    def __init__(self, pools: tuple[AgentPool, ...], clock: Clock) -> None:
        self._tickers: list[Ticker] = []
        self._agents: list[Agents] = []
        for pool in pools:
            self._add_size(pool, clock)
            adaptive = pool.declared.adaptive_queue
            if adaptive is not None:
                self._tickers.append(Ticker(clock, adaptive.every_s, QueueAdapter(pool, adaptive).look))

    def _add_size(self, pool: AgentPool, clock: Clock) -> None:
        declared = pool.declared.dynamic or pool.declared.scaling
        if declared is None:
            return
        agents = Agents(pool, clock, declared.start_delay_s)
        follower = DemandFollower(agents, declared) if isinstance(declared, DynamicPool) else Scaler(agents, declared)
        self._agents.append(agents)
        self._tickers.append(Ticker(clock, declared.every_s, follower.look))

    def begin(self) -> None:
        """The run begins: its time is 0."""
        for ticker in self._tickers:
            ticker.begin()

    def stop(self) -> None:
        """The run is over: change nothing more."""
        for ticker in self._tickers:
            ticker.stop()
        for agents in self._agents:
            agents.stopped = True
