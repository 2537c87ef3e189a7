"""Phases of a job's passage that only policies have: breaker and replica, connection, token, and giving them back.

They lie between those of `passage.py`; the readable definitions are `drive/orchestrator.py` and `drive/calls.py`.
"""

from __future__ import annotations

import math

from harness.measure.record import Outcome
from harness.simulate.admission import be_admitted
from harness.simulate.endings import note_token
from harness.simulate.gates import (
    ask_for_line,
    ask_for_token,
    choose,
    earn,
    give_line_back,
    have_line,
    is_refused,
    line_timed_out,
)
from harness.simulate.phases import BURN, END, KNOCK, OVER, PART, REQUEST, SUSPENDED, TAKE, TAKEN, WAIT
from harness.simulate.queues import leave
from harness.simulate.records import (
    ADMITTING,
    BACKING_OFF,
    CONNECTING,
    DROPPED,
    EXPIRED,
    FOR_TOKEN,
    QUEUED,
    WAITING,
    Job,
    Sim,
    World,
)
from harness.simulate.timers import work_until

_SUCCEEDED = int(Outcome.SUCCEEDED)
_FAILED = int(Outcome.FAILED)
_TIMED_OUT = int(Outcome.TIMED_OUT)
_REJECTED = int(Outcome.REJECTED)
_CANCELLED = int(Outcome.CANCELLED)


def go_on(sim: Sim, world: World, job: Job) -> int:
    """What was waited for besides an agent is there."""
    extra = sim.extras[job.slot]
    if job.state == ADMITTING:
        be_admitted(sim, world, extra)
        return KNOCK
    if job.state == CONNECTING:
        have_line(sim.pools[sim.steps[job.step].connection], extra)
        return TAKE
    sim.pools[sim.steps[job.step].rate_limit].waiting -= 1
    extra.token_granted_s = world.now
    extra.token_ended = _SUCCEEDED
    return TAKEN


# long: one branch for each thing that may be waited for
def let_go(sim: Sim, world: World, job: Job) -> int:
    """As `give_in`, of a job that may hold or wait for more than an agent."""
    extra = sim.extras[job.slot]
    job.ended = _CANCELLED
    job.error = -1
    if job.state in (BACKING_OFF, ADMITTING):
        return OVER
    if job.news == DROPPED:
        job.ended = _REJECTED
        job.error = world.drops + extra.pool
    elif job.news == EXPIRED:
        late = 0
        if job.state == CONNECTING:
            leave(sim, sim.pools[sim.steps[job.step].connection], job)
            late = line_timed_out(sim, job, extra)
        job.ended = _TIMED_OUT
        if job.state == QUEUED:
            job.error = world.cores + extra.pool
        elif late:
            job.error = world.line_timeouts + sim.steps[job.step].connection
        else:
            job.error = world.step_timeouts + job.step
    extra.line_ended = job.ended
    if job.state == FOR_TOKEN:
        sim.pools[sim.steps[job.step].rate_limit].waiting -= 1
        extra.token_ended = job.ended
        return TAKEN
    return END if job.state == QUEUED else PART


def knock(sim: Sim, world: World, job: Job) -> int:
    """What comes before an agent is asked for: budget, breaker, and the choice of a replica."""
    step = sim.steps[job.step]
    extra = sim.extras[job.slot]
    extra.connected = 0
    extra.hit = 0
    extra.era = -1
    if job.attempt == 1 and world.budgeted:
        earn(world)
    refused = 0
    if world.breaks:
        refused = is_refused(world, step, extra)
    if refused:
        extra.pool = step.pool
        job.requested_s = world.now
        job.granted_s = math.nan
        job.depth = 0
        job.busy = 0
        job.ended = _REJECTED
        job.error = world.breakers + job.step
        return END
    chosen = choose(sim, world, job)
    extra.pool = chosen
    return REQUEST


def connect(sim: Sim, world: World, job: Job) -> int:
    """Get a connection, where one is needed."""
    extra = sim.extras[job.slot]
    if extra.hit:
        return WAIT
    if sim.steps[job.step].connection >= 0:
        there = ask_for_line(sim, world, job, extra)
        if there == 0:
            return SUSPENDED
    return TAKE


def take(sim: Sim, world: World, job: Job) -> int:
    """Get a token, where one is needed."""
    step = sim.steps[job.step]
    extra = sim.extras[job.slot]
    if step.rate_limit >= 0:
        there = ask_for_token(sim, world, job, extra)
        if there == 0:
            return SUSPENDED
        if there < 0:
            job.ended = _FAILED
            job.error = world.refusals + step.rate_limit
            extra.line_ended = _REJECTED
        return TAKEN
    return WAIT


def taken(sim: Sim, world: World, job: Job) -> int:
    """The token was had, refused, or given up."""
    note_token(sim, world, job)
    return WAIT if sim.extras[job.slot].token_ended == _SUCCEEDED else PART


def wait(sim: Sim, world: World, job: Job) -> int:
    """Wait for the model or tool, or for the cache."""
    extra = sim.extras[job.slot]
    extra.line_ended = _SUCCEEDED
    if extra.model_s <= 0.0:
        return PART
    job.state = WAITING
    work_until(sim, world, job, world.now + extra.model_s, sim.steps[job.step].timeout_s)
    return SUSPENDED


def part(sim: Sim, world: World, job: Job) -> int:
    """The wait is over, or given up: the connection, or the place in its queue, is not needed any more."""
    extra = sim.extras[job.slot]
    if extra.hit == 0 and sim.steps[job.step].connection >= 0:
        give_line_back(sim, world, job, extra)
    return BURN if extra.line_ended == _SUCCEEDED else END
