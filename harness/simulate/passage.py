"""A job's passage through its program: request an agent, serve, burn, check, end the attempt, perhaps try again.

`resume` is one turn of a workflow's task: it runs until the job has to wait for something. Each phase is a small
function that returns the next phase. The readable definition is `drive/orchestrator.py`; an equal instant is an equal
order here and there.
"""

from __future__ import annotations

import math

from harness.measure.record import Outcome
from harness.plan.draws import Purpose
from harness.simulate.admission import ask_for_memory, discharge
from harness.simulate.detours import connect, go_on, knock, let_go, part, take, taken, wait
from harness.simulate.endings import end_workflow, note_attempt, note_burn
from harness.simulate.gates import look_up, tell_breaker
from harness.simulate.phases import (
    BURN,
    CHECK,
    CONNECT,
    END,
    KNOCK,
    OVER,
    PART,
    REQUEST,
    SERVE,
    SUSPENDED,
    TAKE,
    TAKEN,
    WAIT,
)
from harness.simulate.primitives import chance, drawn_s
from harness.simulate.queues import join, leave, set_out, wake
from harness.simulate.records import (
    BACKING_OFF,
    BLOCK,
    BURNING,
    DEADLINE,
    DROP_OLDEST,
    DROPPED,
    EXPIRED,
    NEW,
    QUEUED,
    RESULT,
    WAITING,
    WORK,
    Job,
    Pool,
    Sim,
    World,
)
from harness.simulate.scaling import resize
from harness.simulate.timers import bound_workflow, leave_pool, queue_up, set_timer, work_until

# plain numbers: what is compiled knows no enumerations
_SUCCEEDED = int(Outcome.SUCCEEDED)
_FAILED = int(Outcome.FAILED)
_TIMED_OUT = int(Outcome.TIMED_OUT)
_REJECTED = int(Outcome.REJECTED)
_CANCELLED = int(Outcome.CANCELLED)
_WAIT = int(Purpose.WAIT)
_BURN = int(Purpose.BURN)
_FAIL = int(Purpose.FAIL)
_JITTER = int(Purpose.JITTER)


# long: a line or two for each phase
def resume(sim: Sim, world: World, job: Job) -> None:  # noqa: PLR0912 - one branch for each phase
    """Let a job that was woken run until it waits again."""
    phase = learn(sim, world, job)
    while phase != SUSPENDED:
        if world.policies and phase == KNOCK:
            phase = knock(sim, world, job)
        if phase == REQUEST:
            phase = request(sim, world, job)
        if phase == SERVE:
            phase = serve(sim, world, job)
        if world.policies:
            if phase == CONNECT:
                phase = connect(sim, world, job)
            if phase == TAKE:
                phase = take(sim, world, job)
            if phase == TAKEN:
                phase = taken(sim, world, job)
            if phase == WAIT:
                phase = wait(sim, world, job)
            if phase == PART:
                phase = part(sim, world, job)
        if phase == BURN:
            phase = burn(sim, world, job)
        if phase == CHECK:
            phase = check(sim, world, job)
        if phase == END:
            phase = end_attempt(sim, world, job)
        if phase == OVER:
            if world.policies and world.memory >= 0:
                discharge(sim, world, job)
            end_workflow(sim, world, job, job.ended, job.error)
            phase = SUSPENDED


def learn(sim: Sim, world: World, job: Job) -> int:  # noqa: PLR0911 - one for each thing it may learn
    """What a job does first with what woke it."""
    job.timer = -1
    job.expiry = -1
    state = job.state
    if state == BURNING:
        return end_burn(sim, world, job)
    if state == NEW:
        return start(sim, world, job)
    if job.news == RESULT:
        if state == WAITING:
            return PART if world.policies else BURN
        if state == QUEUED:
            job.busy = sim.pools[sim.extras[job.slot].pool if world.policies else sim.steps[job.step].pool].busy
            return SERVE
        if world.policies and state != BACKING_OFF:
            return go_on(sim, world, job)
        job.attempt += 1
        return KNOCK if world.policies else REQUEST
    if world.policies:
        return let_go(sim, world, job)
    return give_in(sim, world, job)


def give_in(sim: Sim, world: World, job: Job) -> int:
    """A job that waited in vain ends its attempt; one that was backing off has none."""
    job.ended = _CANCELLED
    job.error = -1
    if job.state == BACKING_OFF:
        return OVER
    if job.news == EXPIRED:
        job.ended = _TIMED_OUT
        if job.state == QUEUED:
            job.error = world.cores + sim.steps[job.step].pool
        else:
            job.error = world.step_timeouts + job.step
    return END


def start(sim: Sim, world: World, job: Job) -> int:
    """The first turn of a workflow."""
    job.started_s = world.now
    set_out(sim, world, job)
    bound_workflow(sim, world, job)
    if world.policies and world.memory >= 0:
        there = ask_for_memory(sim, world, job)
        if there == 0:
            return SUSPENDED
        if there < 0:
            job.ended = _REJECTED
            job.error = world.memory_limit
            return OVER
    return KNOCK if world.policies else REQUEST


# long: one branch for each thing that a full queue may do
def request(sim: Sim, world: World, job: Job) -> int:
    """Ask the step's pool for an agent."""
    index = sim.extras[job.slot].pool if world.policies else sim.steps[job.step].pool
    pool = sim.pools[index]
    job.requested_s = world.now
    if pool.busy < pool.size:
        pool.busy += 1
        if world.policies:
            pool.grants += 1
        job.granted_s = world.now
        job.depth = 0
        job.busy = pool.busy
        return SERVE
    job.granted_s = math.nan
    if pool.waiting >= pool.queue:
        if world.policies and pool.overflow == DROP_OLDEST and pool.head >= 0:
            oldest = sim.jobs[pool.head]
            leave(sim, pool, oldest)
            wake(sim, world, oldest, DROPPED)
        elif world.policies and pool.overflow == BLOCK:
            pass
        else:
            job.depth = pool.waiting
            job.busy = pool.busy
            job.ended = _REJECTED
            job.error = index
            return END
    queue_up(sim, world, index, pool, job)
    job.depth = pool.waiting
    if world.policies and pool.overflow == BLOCK and job.depth > pool.queue:
        job.depth = pool.queue
    job.busy = 0
    job.state = QUEUED
    return SUSPENDED


def serve(sim: Sim, world: World, job: Job) -> int:
    """Wait for the step's model or tool."""
    step = sim.steps[job.step]
    wait_s = step.wait_s
    if step.wait_table >= 0:
        wait_s = drawn_s(sim, world, job, step.wait_table, _WAIT)
    # both draws at once: they do not depend on each other, and a processor makes them side by side
    job.burn_s = step.burn_s
    if step.burn_table >= 0:
        job.burn_s = drawn_s(sim, world, job, step.burn_table, _BURN)
    if world.policies:
        look_up(sim, world, job, wait_s)
        return CONNECT
    if wait_s <= 0.0:
        return BURN
    job.state = WAITING
    work_until(sim, world, job, world.now + wait_s, step.timeout_s)
    return SUSPENDED


def burn(sim: Sim, world: World, job: Job) -> int:
    """Burn the step's CPU time on a core, or queue for one."""
    if job.burn_s <= 0.0:
        return CHECK
    cores = sim.pools[world.cores]
    job.state = BURNING
    job.burn_requested_s = world.now
    job.burn_released_s = math.nan
    job.burn_depth = 0
    if cores.busy < cores.size:
        cores.busy += 1
        start_burn(sim, world, cores, job)
        return SUSPENDED
    job.burn_granted_s = math.nan
    job.burn_busy = 0
    join(sim, cores, job)
    job.burn_depth = cores.waiting
    timeout_s = sim.steps[job.step].timeout_s
    if timeout_s < math.inf:
        job.expiry = set_timer(sim, world, job.granted_s + timeout_s, DEADLINE, job.slot)
    return SUSPENDED


def start_burn(sim: Sim, world: World, cores: Pool, job: Job) -> None:
    """Begin to burn on a core that was taken for the job."""
    job.burn_granted_s = world.now
    job.burn_busy = cores.busy
    work_until(sim, world, job, world.now + job.burn_s, sim.steps[job.step].timeout_s)


def pass_core_on(sim: Sim, world: World) -> None:
    """A core is free: the first burn in the queue gets it."""
    cores = sim.pools[world.cores]
    if cores.head < 0:
        cores.busy -= 1
    else:
        first = sim.jobs[cores.head]
        leave(sim, cores, first)
        start_burn(sim, world, cores, first)


def end_burn(sim: Sim, world: World, job: Job) -> int:
    """A burn is over, or its job was woken before that and gives it up."""
    if job.news == RESULT:
        note_burn(sim, world, job, _SUCCEEDED)
        return CHECK
    if math.isnan(job.burn_granted_s):
        leave(sim, sim.pools[world.cores], job)
    else:
        job.burn_released_s = world.now
        pass_core_on(sim, world)
    give_in(sim, world, job)
    note_burn(sim, world, job, job.ended)
    return END


def check(sim: Sim, world: World, job: Job) -> int:
    """The attempt has done all its work: has it failed?"""
    step = sim.steps[job.step]
    job.ended = _SUCCEEDED
    job.error = -1
    if step.fail > 0.0 and not (world.policies and sim.extras[job.slot].hit):
        luck = chance(sim, world, job, _FAIL)
        if luck < step.fail:
            job.ended = _FAILED
            job.error = world.step_failures + job.step
    return END


def end_attempt(sim: Sim, world: World, job: Job) -> int:
    """Give the agent back, write the attempt down, and go on: next step, next attempt, or the end."""
    released_s = math.nan
    if job.granted_s == job.granted_s:
        released_s = world.now
        release(sim, world, sim.pools[sim.extras[job.slot].pool if world.policies else sim.steps[job.step].pool])
    elif world.policies and job.news == DROPPED:
        released_s = world.now
    note_attempt(sim, world, job, released_s)
    if world.policies and world.breaks:
        tell_breaker(world, sim.steps[job.step], sim.extras[job.slot], job.ended)
    if job.ended == _SUCCEEDED and job.step < job.last:
        job.step += 1
        job.place += 1
        job.attempt = 1
        return KNOCK if world.policies else REQUEST
    if job.attempt < world.max_attempts and (world.retried >> job.ended) & 1:
        if world.policies and world.budgeted:
            if world.budget < 1.0:
                return OVER
            world.budget -= 1.0
        back_off(sim, world, job)
        return SUSPENDED
    return OVER


def release(sim: Sim, world: World, pool: Pool) -> None:
    """Give one agent back: straight to the first waiter, if there is one."""
    if world.policies and pool.leaving > 0:
        pool.leaving -= 1
        pool.busy -= 1
        resize(sim, world, pool, pool.size - 1)
    elif pool.head < 0:
        pool.busy -= 1
    else:
        first = sim.jobs[pool.head]
        leave_pool(sim, world, pool, first)
        if world.policies:
            pool.grants += 1
        first.granted_s = world.now
        wake(sim, world, first, RESULT)


def back_off(sim: Sim, world: World, job: Job) -> None:
    """Wait before the next attempt; the formula is that of `plan.program.backoff_s`, addition by addition."""
    wait_s = world.base_s
    for _ in range(job.attempt - 1):
        wait_s *= world.factor
        if wait_s >= world.cap_s:
            break
    wait_s = min(wait_s, world.cap_s)
    if world.jitter:
        luck = chance(sim, world, job, _JITTER)
        wait_s *= luck
    job.state = BACKING_OFF
    if wait_s > 0.0:
        job.timer = set_timer(sim, world, world.now + wait_s, WORK, job.slot)
    else:
        wake(sim, world, job, RESULT)
