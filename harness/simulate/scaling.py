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


def fire_policy(sim: Sim, world: World, code: int) -> None:
    """The timer of a pool's policy fired."""
    what = code % 3
    index = (code // 3) % _PLACES
    pool = sim.pools[index]
    if what == _SCALE:
        pool.ticks += 1
        set_timer(sim, world, (pool.ticks + 1) * pool.every_s, TICK, POLICY - code)
        if pool.follows == DEMAND:
            follow_demand(sim, world, pool)
        else:
            go_by_metric(sim, world, pool)
    elif what == _ADAPT:
        pool.adapt_ticks += 1
        set_timer(sim, world, (pool.adapt_ticks + 1) * pool.adapt_every_s, TICK, POLICY - code)
        adapt(sim, world, pool)
    else:
        come(sim, world, pool, code // 3 // _PLACES)


def follow_demand(sim: Sim, world: World, pool: Pool) -> None:
    """Target tracking."""
    wanted = int(math.ceil((pool.busy + pool.waiting) / pool.goal))
    wanted = max(pool.least, min(pool.most, wanted))
    there = pool.size - pool.leaving
    if wanted >= there:
        pool.calm_s = world.now
        pool.peak = 0
        if wanted > there + pool.starting:
            grow(sim, world, pool, wanted - there - pool.starting)
    else:
        pool.peak = max(pool.peak, wanted)
        if world.now - pool.calm_s >= pool.patience_s:
            shrink(sim, world, pool, there - pool.peak)
            pool.calm_s = world.now
            pool.peak = 0


def go_by_metric(sim: Sim, world: World, pool: Pool) -> None:
    """Steps on a metric."""
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
            by = min(pool.stride, pool.most - there - pool.starting)
            if by > 0:
                grow(sim, world, pool, by)
                pool.calm_s = world.now + pool.patience_s
        elif metric < pool.down_below:
            by = min(pool.stride, there - pool.least)
            if by > 0:
                shrink(sim, world, pool, by)
                pool.calm_s = world.now + pool.patience_s


def grow(sim: Sim, world: World, pool: Pool, by: int) -> None:
    """So many more agents are wanted: those that were to leave stay, the rest start."""
    kept = min(by, pool.leaving)
    pool.leaving -= kept
    by -= kept
    if by > 0:
        pool.starting += by
        code = 3 * (by * _PLACES + pool.index) + _START
        set_timer(sim, world, world.now + pool.start_delay_s, WORK, POLICY - code)


def shrink(sim: Sim, world: World, pool: Pool, by: int) -> None:
    """So many agents are too many: idle ones leave now, busy ones when they are given back."""
    gone = min(by, pool.size - pool.busy)
    pool.leaving += by - gone
    if gone > 0:
        resize(sim, world, pool, pool.size - gone)


def come(sim: Sim, world: World, pool: Pool, count: int) -> None:
    """Agents that were starting are there: first for those who wait."""
    pool.starting -= count
    resize(sim, world, pool, pool.size + count)
    while pool.busy < pool.size and pool.head >= 0:
        first = sim.jobs[pool.head]
        pool.busy += 1
        pool.grants += 1
        leave_pool(sim, world, pool, first)
        first.granted_s = world.now
        wake(sim, world, first, RESULT)


def resize(sim: Sim, world: World, pool: Pool, size: int) -> None:
    """The pool has another number of agents from now on."""
    pool.present_s += pool.size * (world.now - pool.since_s)
    pool.since_s = world.now
    pool.size = size
    note_change(sim, world, pool)


def note_change(sim: Sim, world: World, pool: Pool) -> None:
    """Write down what the pool is from now on."""
    if not world.streaming:
        write_change(sim, world, pool)


def adapt(sim: Sim, world: World, pool: Pool) -> None:
    """Adaptive queue: as many may wait as are granted in the time that a wait is to take."""
    if pool.grants > 0:
        capacity = int(math.floor(pool.adapt_goal_s * pool.grants / pool.adapt_every_s))
        capacity = max(pool.adapt_least, min(pool.adapt_most, capacity))
        pool.grants = 0
        if capacity != pool.queue:
            over = pool.overflow == BLOCK and pool.waiting > pool.queue
            pool.queue = capacity
            note_change(sim, world, pool)
            if pool.overflow == BLOCK:
                if over and pool.waiting <= capacity:
                    ease(world)
                elif not over and pool.waiting > capacity:
                    world.blocked += 1
