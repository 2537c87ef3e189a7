"""Clients that go round: one workflow after another, each some steps that take an agent, wait, and burn on a core.

Nothing can fail, expire or be refused here, so a workflow is woken by its one timer or by what it queued for, and by
nothing else; its successor takes its place at the instant at which it ends; and all its durations are drawn when it
begins. What happens at an instant, and in which order, is as in `kernel.py`.

Timers stand in a knockout: a leaf each, and in every node above the earlier one of two (D. E. Knuth, "The Art of
Computer Programming", vol. 3, section 5.4.1). The way from a leaf to the top is as long for every timer and has no
branch that a processor would have to guess. A timer is one number: leaf, client, and whether it ends a burn.

This source is put into one function (`flat.py`) and compiled. Imported only where numba is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.extending import register_jitable

from harness.plan.draws import Purpose
from harness.simulate.arrays import _GOLDEN, _TABLE, mix, uniform_of
from harness.simulate.bulk import count_latencies, read_off
from harness.simulate.records import Key

BLOCK = 256
"""Workflows whose draws are made at a time: few enough for the nearest cache."""

MORE, ENDED, UNDECIDED = range(3)
_SUSPENDED, _REQUEST, _SERVE, _BURN, _END = range(5)
_WAITS, _BURNS = int(Purpose.WAIT), int(Purpose.BURN)
LEAF = 33
"""Where a timer's leaf begins, in bits; below it are the client and whether it ends a burn."""
_CLIENT = 2**32 - 1
NEVER = 0x7FF0000000000000
"""The bits of infinity. Those of times are in the order of the times."""


@dataclass(slots=True)
class Client:
    """One of those in flight, with the times of its present step."""

    slot: int = 0
    part: int = 0
    """Its present step, among the parts."""
    due_s: float = 0.0
    requested_s: float = 0.0
    granted_s: float = 0.0
    burn_requested_s: float = 0.0
    burn_granted_s: float = 0.0


@dataclass(slots=True)
class Part:
    """One step of one client: what its present workflow has drawn for it, its pool, whether it is the last."""

    wait_s: float = 0.0
    burn_s: float = 0.0
    pool: int = 0
    last: int = 0


@dataclass(slots=True)
class Station:
    """A pool, or the cores. Who waits stands in a ring that begins at `ring`, from `head` to before `tail`."""

    size: int = 1
    busy: int = 0
    head: int = 0
    tail: int = 0
    ring: int = 0
    deepest: int = 0
    busy_s: float = 0.0
    waited_s: float = 0.0


@dataclass(slots=True)
class Node:
    """Of the knockout: the earliest timer under it, and when it fires, as the bits of the time."""

    when: int = NEVER
    timer: int = 0


@dataclass(slots=True)
class Round:
    """All else."""

    now: float = 0.0
    limit_s: float = math.inf
    duration_s: float = math.inf
    key: Key = 0
    clients: int = 1
    steps: int = 1
    offered: int = 0
    until: int = 0
    """So many workflows are offered in all; `pause` before the kernel comes back to be called again."""
    pause: int = 0
    drawn: int = 0
    """For so many there are draws."""
    ended: int = 0
    in_flight: int = 0
    timeless: int = 0
    """Workflows that took no time: then others could follow at the same instant for ever, and none does."""
    cores: int = 0
    """Which station they are."""
    mask: int = 0
    """Places of a ring, less one."""
    ready_head: int = 0
    ready_tail: int = 0
    leaves: int = 1
    idle: int = 0
    """How many leaves have no timer, but for `hole`: that of the timer that has fired, until it is given another."""
    hole: int = -1
    serial: int = 0
    fired: int = 0
    when: int = NEVER
    timer: int = 0
    """The next timer, and when it fires."""


# long: what is asked at every turn is asked here
def run(sim: Any) -> int:
    """Run until the load has `ENDED`, or a pause, after which it may be called again, or until order is `UNDECIDED`."""
    world = sim.worlds[0]
    if world.offered == 0:
        begin(sim, world)
    while True:
        if world.ready_head != world.ready_tail:
            woken = sim.ready[world.ready_head & world.mask]
            world.ready_head += 1
            job = sim.clients[woken >> 1]
            phase = _REQUEST if woken & 1 else _SERVE
        elif world.in_flight == 0 or world.timeless > 0 or world.offered >= world.pause:
            need = UNDECIDED if world.timeless > 0 else MORE if world.in_flight > 0 else ENDED
            break
        else:
            timer = fire(sim, world)
            if world.now > world.limit_s:
                need = UNDECIDED
                break
            job = sim.clients[(timer >> 1) & _CLIENT]
            phase = _BURN
            if timer & 1:
                end_burn(sim, world, job)
                phase = _END
        while phase != _SUSPENDED:
            if phase == _BURN:
                phase = burn(sim, world, job)
            if phase == _END:
                phase = end_step(sim, world, job)
            if phase == _REQUEST:
                phase = request(sim, world, job)
            if phase == _SERVE:
                phase = serve(sim, world, job)
    return need


def begin(sim: Any, world: Any) -> None:
    """Every client begins its first workflow."""
    while world.offered < world.clients:
        offer(sim, world, sim.clients[world.offered])


def fire(sim: Any, world: Any) -> int:
    """Let the next timer fire, and return it."""
    if world.hole >= 0:
        sim.idle[world.idle] = world.hole
        world.idle += 1
        climb(sim, world, world.hole, math.inf, world.hole << LEAF)
    world.now = time_of(world.when)
    world.fired += 1
    world.hole = world.timer >> LEAF
    timer: int = world.timer
    return timer


def set_timer(sim: Any, world: Any, when_s: float, aim: int) -> None:
    """Set a timer; it goes into the leaf of the one that has just fired, or into an idle one."""
    leaf = world.hole
    if leaf < 0:
        world.idle -= 1
        leaf = sim.idle[world.idle]
    world.hole = -1
    world.serial += 1
    sim.order[leaf] = world.serial
    climb(sim, world, leaf, when_s, leaf << LEAF | aim)


def climb(sim: Any, world: Any, leaf: int, when_s: float, timer: int) -> None:
    """Put a timer into a leaf, and into every node above it where it is the earliest; of a tie, the first set is."""
    when = bits_of(when_s)
    place = world.leaves + leaf
    sim.nodes[place].when = when
    sim.nodes[place].timer = timer
    while place > 1:
        other = sim.nodes[place ^ 1]
        rival_when, rival = other.when, other.timer
        if rival_when == when:
            if sim.order[rival >> LEAF] < sim.order[timer >> LEAF]:
                timer = rival
        else:
            timer ^= (timer ^ rival) & ((rival_when - when) >> 63)
            when = min(rival_when, when)
        place >>= 1
        sim.nodes[place].when = when
        sim.nodes[place].timer = timer
    world.when = when
    world.timer = timer


def request(sim: Any, world: Any, job: Any) -> int:
    """Ask the step's pool for an agent."""
    pool = sim.stations[sim.parts[job.part].pool]
    job.requested_s = world.now
    if pool.busy < pool.size:
        pool.busy += 1
        job.granted_s = world.now
        return _SERVE
    queue_up(sim, world, pool, job)
    return _SUSPENDED


def queue_up(sim: Any, world: Any, station: Any, job: Any) -> None:
    """Wait at the end of a station's queue."""
    sim.queues[station.ring + (station.tail & world.mask)] = job.slot
    station.tail += 1
    station.deepest = max(station.deepest, station.tail - station.head)


def serve(sim: Any, world: Any, job: Any) -> int:
    """Wait for the step's model or tool."""
    wait_s = sim.parts[job.part].wait_s
    if wait_s <= 0.0:
        return _BURN
    set_timer(sim, world, world.now + wait_s, job.slot << 1)
    return _SUSPENDED


def burn(sim: Any, world: Any, job: Any) -> int:
    """Burn the step's CPU time on a core, or queue for one."""
    if sim.parts[job.part].burn_s <= 0.0:
        return _END
    cores = sim.stations[world.cores]
    job.burn_requested_s = world.now
    if cores.busy < cores.size:
        cores.busy += 1
        start_burn(sim, world, job)
    else:
        queue_up(sim, world, cores, job)
    return _SUSPENDED


def start_burn(sim: Any, world: Any, job: Any) -> None:
    """Begin to burn on a core that was taken for the client."""
    job.burn_granted_s = world.now
    set_timer(sim, world, world.now + sim.parts[job.part].burn_s, job.slot << 1 | 1)


def end_burn(sim: Any, world: Any, job: Any) -> None:
    """A core is free: the first burn in the queue gets it."""
    cores = sim.stations[world.cores]
    if cores.head == cores.tail:
        cores.busy -= 1
    else:
        slot = sim.queues[cores.ring + (cores.head & world.mask)]
        cores.head += 1
        start_burn(sim, world, sim.clients[slot])
    cores.busy_s += world.now - job.burn_granted_s
    cores.waited_s += job.burn_granted_s - job.burn_requested_s


def end_step(sim: Any, world: Any, job: Any) -> int:
    """Give the agent back, to the first waiter if there is one, and go on: next step or next workflow."""
    part = sim.parts[job.part]
    pool = sim.stations[part.pool]
    if pool.head == pool.tail:
        pool.busy -= 1
    else:
        slot = sim.queues[pool.ring + (pool.head & world.mask)]
        pool.head += 1
        sim.clients[slot].granted_s = world.now
        wake(sim, world, slot << 1)
    pool.busy_s += world.now - job.granted_s
    pool.waited_s += job.granted_s - job.requested_s
    if part.last:
        end_workflow(sim, world, job)
        return _SUSPENDED
    job.part += 1
    return _REQUEST


def wake(sim: Any, world: Any, woken: int) -> None:
    """Put a client (twice its slot, and one more where it begins a workflow) at the end of the ready queue."""
    sim.ready[world.ready_tail & world.mask] = woken
    world.ready_tail += 1


def end_workflow(sim: Any, world: Any, job: Any) -> None:
    """A workflow has ended: count its latency, and let the client begin the next."""
    sim.late[world.ended & (BLOCK - 1)] = world.now - job.due_s
    world.ended += 1
    if world.ended & (BLOCK - 1) == 0:
        count_latencies(sim.late, BLOCK, sim.buckets)
    world.in_flight -= 1
    if world.now >= world.duration_s:
        world.until = world.offered
    if world.now == job.due_s:
        world.timeless += 1
    elif world.offered < world.until:
        offer(sim, world, job)


def offer(sim: Any, world: Any, job: Any) -> None:
    """The client's next workflow is due now."""
    if world.offered == world.drawn:
        draw(sim.block, world.key, world.drawn, sim.made_of)
        world.drawn += BLOCK
    column = BLOCK - (world.drawn - world.offered)
    job.due_s = world.now
    job.part = job.slot * world.steps
    for k in range(world.steps):
        sim.parts[job.part + k].wait_s = sim.block[2 * k * BLOCK + column]
        sim.parts[job.part + k].burn_s = sim.block[(2 * k + 1) * BLOCK + column]
    world.offered += 1
    world.in_flight += 1
    wake(sim, world, job.slot << 1 | 1)


@register_jitable(forceinline=True)
def bits_of(when_s: float) -> Any:
    """A time as a number to compare."""
    return np.float64(when_s).view(np.int64)


@register_jitable(forceinline=True)
def time_of(when: int) -> Any:
    """The time again."""
    return np.int64(when).view(np.float64)


@register_jitable
def draw(block: Any, key: Any, first: int, made_of: Any) -> None:
    """Durations of `BLOCK` workflows from `first` on: each step's waits, then its burns, then the next step's.

    `made_of` is room for the workflows' keys, the steps, their tables, and room for `bulk.read_off`.
    """
    keys, steps, _, _ = made_of
    for k in range(BLOCK):
        keys[k] = mix(key + np.uint64(first + k + 1) * _GOLDEN)
    for place in range(len(steps)):
        step = steps[place]
        waits, burns = 2 * place * BLOCK, (2 * place + 1) * BLOCK
        draw_one(block[waits:burns], made_of, place, _WAITS, (step.wait_table, step.wait_s))
        draw_one(block[burns : burns + BLOCK], made_of, place, _BURNS, (step.burn_table, step.burn_s))


@register_jitable
def draw_one(found: Any, made_of: Any, place: int, purpose: int, source: tuple[int, float]) -> None:
    """One step's waits or burns, from a table, or where that is -1, the constant beside it."""
    keys, _, tables, room = made_of
    table, constant_s = source
    if table < 0:
        found[:] = constant_s
        return
    for k in range(BLOCK):
        found[k] = uniform_of(keys[k], place, 1, purpose)
    read_off(found, BLOCK, tables[table * _TABLE : (table + 1) * _TABLE], room)
