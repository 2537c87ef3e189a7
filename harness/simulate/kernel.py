"""The discrete-event kernel: the fast twin of the built-in orchestrator on the virtual loop.

One timer fires at a time, and everything it sets off runs to quiescence before the next: offers first, then ready jobs,
first come first served. Between any two of these steps the whole state is in the records, so `run` can come back for
room or input and be called again. This source runs as it is, and compiled (`compiled.py`).
"""

from __future__ import annotations

from harness.simulate.passage import pass_core_on, resume
from harness.simulate.primitives import next_s, pop
from harness.simulate.queues import come_home, leave, next_ready, wake
from harness.simulate.records import (
    ADMITTING,
    BURNING,
    CANCELLED,
    CHANGE,
    CONNECTING,
    DEADLINE,
    DONE,
    EXPIRED,
    NEEDS_EVENTS,
    NEEDS_INPUT,
    NEEDS_JOBS,
    NEEDS_ROWS,
    OPEN,
    POLICY,
    POOL,
    QUEUED,
    RESULT,
    SOURCE,
    SWEEP,
    Job,
    Sim,
    World,
)
from harness.simulate.scaling import begin_ticks, fire_policy
from harness.simulate.sources import arrive, arrive_open, change_number, offer_next
from harness.simulate.timers import LAST_WORK, expire_waiter, leave_pool, set_timer


# long: what is asked at every turn is asked here, in the order in which it is cheapest
def run(sim: Sim) -> int:
    """Run until the load has ended (`DONE`) or until something is needed; then it may be called again."""
    world = sim.worlds[0]
    if world.policies and not world.ticking:
        begin_ticks(sim, world)
    while True:
        if world.events >= world.event_room:
            need = NEEDS_EVENTS
            break
        if world.rows >= world.row_room:
            need = NEEDS_ROWS
            break
        if world.offering > 0:
            if world.free < 0:
                need = NEEDS_JOBS
                break
            if world.offered == world.known and not (world.law == OPEN and world.offered == world.total):
                need = NEEDS_INPUT
                break
            offer_next(sim, world)
            continue
        if world.ready_head >= 0:
            slot = next_ready(sim, world)
        elif world.in_flight == 0 and (world.exhausted or world.stopping):
            need = DONE
            break
        else:
            slot = fire(sim, world)
        if slot >= 0:
            resume(sim, world, sim.jobs[slot])
    return need


def fire(sim: Sim, world: World) -> int:
    """Let the next timer fire, and return the slot of the job whose turn it is then, or -1.

    Nothing else is ready when a timer fires, so a job that it wakes need not queue for its turn.
    """
    work_s = next_s(sim, world)
    if work_s > world.limit_s and world.due_s > world.limit_s:
        stop(sim, world)
        return -1
    if world.due_s < work_s:
        arrive_open(world)
        return -1
    when_s, order, target = pop(sim, world)
    world.now = when_s
    world.fired += 1
    if target < 0:
        fire_other(sim, world, target, order)
        return -1
    job = sim.jobs[target]
    if order != job.timer and order != job.expiry:  # noqa: PLR1714 - compiled, it is quicker so
        return -1
    if order > LAST_WORK:
        job.news = EXPIRED
    else:
        job.news = RESULT
        if job.state == BURNING:
            job.burn_released_s = when_s
            pass_core_on(sim, world)
    return target


def fire_other(sim: Sim, world: World, target: int, order: int) -> None:
    """The timer of the source, the sweep or a pool fired."""
    if target == SOURCE:
        arrive(sim, world)
    elif target == SWEEP:
        sweep(sim, world)
    elif target == CHANGE:
        change_number(sim, world)
    elif world.policies and target <= POLICY:
        fire_policy(sim, world, POLICY - target)
    else:
        expire_waiter(sim, world, POOL - target, order)


def sweep(sim: Sim, world: World) -> None:
    """Cancel every workflow past its timeout, and come back when the oldest one left reaches its own.

    Workflows have one timeout and start in order, so the oldest is always the first to run out of time.
    """
    while world.oldest >= 0:
        job = sim.jobs[world.oldest]
        deadline_s = job.started_s + world.timeout_s
        if deadline_s > world.now:
            set_timer(sim, world, deadline_s, DEADLINE, SWEEP)
            break
        job.overdue = 1
        come_home(sim, world, job)
        cancel(sim, world, job)
    else:
        world.sweeping = 0


def cancel(sim: Sim, world: World, job: Job) -> None:
    """Wake a waiting job with its cancellation.

    It leaves an agent's queue at once, but a core's only when it runs: until then a core may still be given to it,
    and it will give it back.
    """
    if job.state == QUEUED:
        pool = sim.pools[sim.extras[job.slot].pool if world.policies else sim.steps[job.step].pool]
        leave_pool(sim, world, pool, job)
    elif world.policies and job.state == CONNECTING:
        leave(sim, sim.pools[sim.steps[job.step].connection], job)
    elif world.policies and job.state == ADMITTING:
        leave(sim, sim.pools[world.memory], job)
    wake(sim, world, job, CANCELLED)


def stop(sim: Sim, world: World) -> None:
    """The run's time is up: cancel what is in flight, in the order in which it started."""
    world.now = world.limit_s
    world.stopping = 1
    world.offering = 0
    slot = world.oldest
    while slot >= 0:
        job = sim.jobs[slot]
        slot = job.younger
        cancel(sim, world, job)
