"""Workflows that wait for the memory that they declare; the readable definition is `drive/admission.py`."""

from __future__ import annotations

import math

from harness.measure.record import Outcome
from harness.simulate.endings import note_memory
from harness.simulate.queues import join, leave, wake
from harness.simulate.records import ADMITTING, RESULT, Extra, Job, Sim, World

_SUCCEEDED = int(Outcome.SUCCEEDED)
_REJECTED = int(Outcome.REJECTED)
_CANCELLED = int(Outcome.CANCELLED)


def ask_for_memory(sim: Sim, world: World, job: Job) -> int:
    """Ask for the workflow's memory: 1 if it is there, 0 if it will come, -1 if it is more than there is."""
    memory = sim.pools[world.memory]
    extra = sim.extras[job.slot]
    need_b = sim.needs[job.kind]
    extra.admitted = 0
    extra.need_b = need_b
    extra.memory_requested_s = world.now
    extra.memory_granted_s = math.nan
    if need_b > memory.size:
        extra.memory_depth = memory.waiting
        extra.memory_busy = memory.busy
        extra.admitted = -1
        return -1
    if memory.head < 0 and memory.busy + need_b <= memory.size:
        memory.busy += need_b
        extra.memory_granted_s = world.now
        extra.memory_depth = 0
        extra.memory_busy = memory.busy
        extra.admitted = 1
        return 1
    join(sim, memory, job)
    extra.memory_depth = memory.waiting
    extra.memory_busy = 0
    job.state = ADMITTING
    return 0


def admit(sim: Sim, world: World) -> None:
    """Let in those who are first in the queue, as long as they fit."""
    memory = sim.pools[world.memory]
    while memory.head >= 0 and memory.busy + sim.extras[memory.head].need_b <= memory.size:
        first = sim.jobs[memory.head]
        leave(sim, memory, first)
        memory.busy += sim.extras[first.slot].need_b
        sim.extras[first.slot].memory_granted_s = world.now
        wake(sim, world, first, RESULT)


def be_admitted(sim: Sim, world: World, extra: Extra) -> None:
    """The memory that was waited for is there."""
    extra.admitted = 1
    extra.memory_busy = sim.pools[world.memory].busy


def discharge(sim: Sim, world: World, job: Job) -> None:
    """A workflow has ended: its memory is free, or its place in the queue."""
    extra = sim.extras[job.slot]
    released_s = math.nan
    ended = _CANCELLED
    if extra.admitted > 0:
        sim.pools[world.memory].busy -= extra.need_b
        released_s = world.now
        ended = _SUCCEEDED
    elif extra.admitted < 0:
        ended = _REJECTED
    admit(sim, world)
    note_memory(sim, world, job, released_s, ended)
