"""Pools that change while the run goes on: agents that come and go, and queues whose capacity follows.

The readable definition is `drive/scaling.py`.
"""

from __future__ import annotations

import math

from harness.simulate.primitives import write_change
from harness.simulate.queues import wake
from harness.simulate.records import (
    BLOCK,
    DEMAND,
    POLICY,
    QUEUE_DEPTH,
    RESULT,
    TICK,
    UTILIZATION,
    WORK,
    Pool,
    Sim,
    World,
)
from harness.simulate.timers import ease, leave_pool, set_timer

_SCALE, _ADAPT, _START = range(3)
_PLACES = 2**20
"""A policy's timer is numbered POLICY - (3 * (agents * _PLACES + pool) + what), `agents` being those that come."""


def begin_ticks(sim: Sim, world: World) -> None:
    """The run begins: set the first ticks."""
    world.ticking = 1
    for index in range(world.cores):
        pool = sim.pools[index]
        if pool.every_s > 0.0:
            set_timer(sim, world, pool.every_s, TICK, POLICY - (3 * index + _SCALE))
        if pool.adapt_every_s > 0.0:
            set_timer(sim, world, pool.adapt_every_s, TICK, POLICY - (3 * index + _ADAPT))


# long: every change of a pool ends alike, and what is written once is compiled once
def fire_policy(sim: Sim, world: World, code: int) -> None:
    """The timer of a pool's policy fired."""
    what = code % 3
    pool = sim.pools[(code // 3) % _PLACES]
    size = pool.size
    queue = pool.queue
    if what == _START:
        size += code // 3 // _PLACES
        pool.starting -= size - pool.size
    elif what == _ADAPT:
        pool.adapt_ticks += 1
        set_timer(sim, world, (pool.adapt_ticks + 1) * pool.adapt_every_s, TICK, POLICY - code)
        queue = adapted(pool)
    else:
        pool.ticks += 1
        set_timer(sim, world, (pool.ticks + 1) * pool.every_s, TICK, POLICY - code)
        if pool.follows == DEMAND:  # noqa: SIM108 - the kernel's calls stand alone
            by = by_demand(world, pool)
        else:
            by = by_metric(sim, world, pool)
        if by > 0:
            grow(sim, world, pool, by)
        elif by < 0:
            gone = min(-by, pool.size - pool.busy)
            pool.leaving += -by - gone
            size -= gone
    if size != pool.size or queue != pool.queue:
        over = pool.waiting > pool.queue
        pool.queue = queue
        resize(sim, world, pool, size)
        if pool.overflow == BLOCK:
            if over and pool.waiting <= queue:
                ease(world)
            elif not over and pool.waiting > queue:
                world.blocked += 1
        while pool.busy < pool.size and pool.head >= 0:
            first = sim.jobs[pool.head]
            pool.busy += 1
            pool.grants += 1
            leave_pool(sim, world, pool, first)
            first.granted_s = world.now
            wake(sim, world, first, RESULT)


def by_demand(world: World, pool: Pool) -> int:
    """Target tracking: how many more agents are wanted, or fewer."""
    wanted = math.ceil((pool.busy + pool.waiting) / pool.goal)
    wanted = max(pool.least, min(pool.most, wanted))
    there = pool.size - pool.leaving
    by = 0
    if wanted >= there:
        pool.calm_s = world.now
        pool.peak = 0
        by = max(0, wanted - there - pool.starting)
    else:
        pool.peak = max(pool.peak, wanted)
        if world.now - pool.calm_s >= pool.patience_s:
            by = pool.peak - there
            pool.calm_s = world.now
            pool.peak = 0
    return by


def by_metric(sim: Sim, world: World, pool: Pool) -> int:
    """Steps on a metric: how many more agents are wanted, or fewer."""
    by = 0
    if world.now >= pool.calm_s:
        metric = 0.0
        if pool.follows == UTILIZATION:
            if pool.size > 0:
                metric = pool.busy / pool.size
        elif pool.follows == QUEUE_DEPTH:
            metric = float(pool.waiting)
        elif pool.head >= 0:
            metric = world.now - sim.jobs[pool.head].requested_s
        there = pool.size - pool.leaving
        if metric > pool.up_above:
            by = max(0, min(pool.stride, pool.most - there - pool.starting))
        elif metric < pool.down_below:
            by = -max(0, min(pool.stride, there - pool.least))
        if by != 0:
            pool.calm_s = world.now + pool.patience_s
    return by


def adapted(pool: Pool) -> int:
    """Adaptive queue: as many may wait as are granted in the time that a wait is to take."""
    capacity = pool.queue
    if pool.grants > 0:
        capacity = math.floor(pool.adapt_goal_s * pool.grants / pool.adapt_every_s)
        capacity = max(pool.adapt_least, min(pool.adapt_most, capacity))
        pool.grants = 0
    return capacity


def grow(sim: Sim, world: World, pool: Pool, by: int) -> None:
    """So many more agents are wanted: those that were to leave stay, the rest start."""
    kept = min(by, pool.leaving)
    pool.leaving -= kept
    by -= kept
    if by > 0:
        pool.starting += by
        code = 3 * (by * _PLACES + pool.index) + _START
        set_timer(sim, world, world.now + pool.start_delay_s, WORK, POLICY - code)


def resize(sim: Sim, world: World, pool: Pool, size: int) -> None:
    """The pool has this number of agents from now on; what it is then is written down."""
    pool.present_s += pool.size * (world.now - pool.since_s)
    pool.since_s = world.now
    pool.size = size
    if not world.streaming:
        write_change(sim, world, pool)
