"""Offer workflows in the rhythm of their load; the readable definition is `drive/sources.py`.

A source says how many workflows are due now (`world.offering`); the kernel's loop offers them one by one, before
anything else happens at that instant.
"""

from __future__ import annotations

import math

from harness.simulate.primitives import bring_luck, think_s
from harness.simulate.queues import wake
from harness.simulate.records import ARRIVAL, BURSTS, CHANGE, CLOSED, NEW, OPEN, RESULT, SOURCE, Job, Sim, World
from harness.simulate.timers import come_back, set_timer


def arrive(sim: Sim, world: World) -> None:
    """The source's timer fired."""
    if world.law == CLOSED:
        gone = leaves(world)
        if not gone:
            ask_for_one(world)
    else:
        offer_burst(sim, world)


def arrive_open(world: World) -> None:
    """The next workflow of an open load is due; last of its instant, its timer needs no place among the others."""
    world.now = world.due_s
    world.fired += 1
    world.due_s = math.inf
    world.offering = 1
    if world.policies:
        world.held = 0


def ask_for_one(world: World) -> None:
    """Closed load: one more workflow is due now, unless the load is over."""
    if world.exhausted or world.stopping:
        return
    if world.now >= world.duration_s:
        world.exhausted = 1
        return
    world.left -= 1
    if world.left <= 0:
        world.exhausted = 1
    world.offering += 1


def leaves(world: World) -> int:
    """Closed load: whether one of those in flight is too many; it is gone then."""
    if world.exhausted or world.stopping or world.present <= world.wanted:
        return 0
    world.present -= 1
    return 1


def change_number(sim: Sim, world: World) -> None:
    """Closed load: the number in flight changes now."""
    if world.exhausted or world.stopping:
        return
    world.wanted = sim.sizes[world.change]
    world.change += 1
    while world.present < world.wanted and not world.exhausted:
        world.present += 1
        ask_for_one(world)
    if world.change < world.changes:
        set_timer(sim, world, sim.change_s[world.change], ARRIVAL, CHANGE)


def offer_burst(sim: Sim, world: World) -> None:
    """Drained bursts: the next burst is due now."""
    world.burst_left = sim.sizes[world.burst]
    world.offering = world.burst_left
    world.burst += 1
    if world.burst == world.bursts:
        world.exhausted = 1


def make_room(sim: Sim, world: World, job: Job) -> None:
    """A workflow has ended."""
    if world.law == OPEN:
        if world.policies and world.blocks:
            come_back(world)
        elif world.held and not world.stopping:
            world.held = 0
            world.offering = 1
    elif world.exhausted or world.stopping:
        world.burst_left -= 1
    elif world.law == BURSTS:
        world.burst_left -= 1
        if world.burst_left == 0:
            set_timer(sim, world, world.now + world.pause_s, ARRIVAL, SOURCE)
    else:
        gone = leaves(world)
        if gone:
            return
        pause_s = world.think_s
        if world.think_table >= 0:
            pause_s = think_s(sim, world, job)
        if pause_s > 0.0:
            set_timer(sim, world, world.now + pause_s, ARRIVAL, SOURCE)
        else:
            ask_for_one(world)


def offer_next(sim: Sim, world: World) -> None:
    """Offer the next workflow of the plan, if it is due: an open load knows when, others have just asked for it."""
    place = world.offered - world.base
    if world.law == OPEN:
        if world.offered == world.total:
            world.exhausted = 1
            world.offering = 0
        elif sim.due[place] <= world.now and (world.in_flight >= world.cap or (world.policies and world.blocked > 0)):
            world.held = 1
            world.offering = 0
        elif sim.due[place] <= world.now:
            offer(sim, world, sim.due[place], sim.batch[place])
            if world.offered < world.known:
                look_ahead(sim, world, place + 1)
        else:
            look_ahead(sim, world, place)
    else:
        if world.change < world.changes and world.offered == 0:
            set_timer(sim, world, sim.change_s[0], ARRIVAL, CHANGE)
        offer(sim, world, world.now, world.burst - 1 if world.law == BURSTS else 0)
        world.offering -= 1


def look_ahead(sim: Sim, world: World, place: int) -> None:
    """Open load: wait for the next workflow, unless it is due at this instant, too."""
    if sim.due[place] > world.now:
        world.due_s = sim.due[place]
        world.offering = 0


def offer(sim: Sim, world: World, due_s: float, batch: int) -> None:
    """Put the next workflow of the plan into a free slot and make it ready."""
    job = sim.jobs[world.free]
    world.free = job.next_ready
    job.number = world.offered
    job.kind = sim.kinds[world.offered - world.base]
    job.batch = batch
    job.due_s = due_s
    job.place = 0
    job.step = sim.firsts[job.kind]
    job.last = sim.firsts[job.kind + 1] - 1
    job.attempt = 1
    job.state = NEW
    job.overdue = 0
    bring_luck(sim, world, job)
    world.offered += 1
    world.in_flight += 1
    if world.in_flight > world.most_in_flight:  # noqa: PLR1730 - without a call
        world.most_in_flight = world.in_flight
    wake(sim, world, job, RESULT)
