"""Timers of the kernel: set, and given what they stand for when they fire. Ties are broken by rank, then by serial."""

from __future__ import annotations

import math

from harness.simulate.primitives import push
from harness.simulate.queues import join, leave, wake
from harness.simulate.records import BLOCK, DEADLINE, EXPIRED, OPEN, POOL, SWEEP, Job, Pool, Sim, World

_RANK_SHIFT = 56

LAST_WORK = 1 << _RANK_SHIFT
"""Orders above this one are of other ranks than `WORK`, the first."""


def next_order(world: World, rank: int) -> int:
    """The place of a timer set now among those of its instant."""
    world.serial += 1
    return (rank << _RANK_SHIFT) | world.serial


def set_timer(sim: Sim, world: World, when_s: float, rank: int, target: int) -> int:
    """Set a timer and return its order."""
    world.serial = serial = world.serial + 1
    order = (rank << _RANK_SHIFT) | serial
    push(sim, world, when_s, order, target)
    return order


def work_until(sim: Sim, world: World, job: Job, end_s: float, timeout_s: float) -> None:
    """Wake the job at `end_s`, or at its attempt's deadline where that comes first (work that ends on it has made it).

    The readable definition sets both timers and cancels one; only the earlier can ever fire.
    """
    deadline_s = job.granted_s + timeout_s
    world.serial = order = world.serial + 1
    if end_s > deadline_s:
        end_s = deadline_s
        order |= DEADLINE << _RANK_SHIFT
    job.timer = order
    push(sim, world, end_s, order, job.slot)


def queue_up(sim: Sim, world: World, index: int, pool: Pool, job: Job) -> None:
    """Join a pool's queue, with a wait timeout where the pool has one.

    Waiters of one pool run out of time in the order of the queue, so one timer for the first is enough; it keeps the
    order it would have had if every waiter had set its own.
    """
    join(sim, pool, job)
    if world.policies and pool.overflow == BLOCK and pool.waiting == pool.queue + 1:
        world.blocked += 1
    if pool.wait_timeout_s < math.inf:
        job.wait_order = next_order(world, DEADLINE)
        if not pool.armed:
            pool.armed = 1
            push(sim, world, job.requested_s + pool.wait_timeout_s, job.wait_order, POOL - index)


def leave_pool(sim: Sim, world: World, pool: Pool, job: Job) -> None:
    """Leave a pool's queue; where it blocks, that may end with this waiter."""
    leave(sim, pool, job)
    if world.policies and pool.overflow == BLOCK and pool.waiting == pool.queue:
        ease(world)


def ease(world: World) -> None:
    """One of the pools that hold the load back does so no more."""
    world.blocked -= 1
    if world.blocked == 0:
        come_back(world)


def come_back(world: World) -> None:
    """An open load that is held back looks again whether it may go on, last of this instant."""
    if world.law == OPEN and world.held and not world.stopping:
        world.due_s = world.now


def expire_waiter(sim: Sim, world: World, index: int, order: int) -> None:
    """The timer of a pool's queue fired: give up the waiter it was set for, if it still waits; set the next one."""
    pool = sim.pools[index]
    if pool.head >= 0 and sim.jobs[pool.head].wait_order == order:
        late = sim.jobs[pool.head]
        leave_pool(sim, world, pool, late)
        wake(sim, world, late, EXPIRED)
    if pool.head < 0:
        pool.armed = 0
    else:
        first = sim.jobs[pool.head]
        push(sim, world, first.requested_s + pool.wait_timeout_s, first.wait_order, POOL - index)


def bound_workflow(sim: Sim, world: World, job: Job) -> None:
    """See that the sweep comes by at the workflow's deadline."""
    if world.timeout_s < math.inf and not world.sweeping:
        world.sweeping = 1
        set_timer(sim, world, job.started_s + world.timeout_s, DEADLINE, SWEEP)
