"""What is left of attempts and workflows when they end: rows of a `Run`, or, while streaming, sums and a histogram."""

from __future__ import annotations

from harness.measure.histogram import bucket_of
from harness.measure.record import Outcome
from harness.simulate.primitives import write_attempt, write_burn, write_line, write_memory, write_token, write_workflow
from harness.simulate.queues import come_home
from harness.simulate.records import Job, Pool, Sim, World
from harness.simulate.sources import make_room

_SUCCEEDED = int(Outcome.SUCCEEDED)
_TIMED_OUT = int(Outcome.TIMED_OUT)
_CANCELLED = int(Outcome.CANCELLED)


def note_attempt(sim: Sim, world: World, job: Job, released_s: float) -> None:
    """An attempt at a step has ended."""
    index = sim.extras[job.slot].pool if world.policies else sim.steps[job.step].pool
    if world.streaming:
        note_stay(sim.pools[index], job.requested_s, job.granted_s, released_s)
    else:
        write_attempt(sim, world, job, index, released_s)


def note_burn(sim: Sim, world: World, job: Job, ended: int) -> None:
    """A burn has ended."""
    if world.streaming:
        note_stay(sim.pools[world.cores], job.burn_requested_s, job.burn_granted_s, job.burn_released_s)
    else:
        write_burn(sim, world, job, ended)


def note_line(sim: Sim, world: World, job: Job, index: int, released_s: float) -> None:
    """The present attempt's stay at a connection pool has ended."""
    if world.streaming:
        extra = sim.extras[job.slot]
        note_stay(sim.pools[index], extra.line_requested_s, extra.line_granted_s, released_s)
    else:
        write_line(sim, world, job, index, released_s)


def note_token(sim: Sim, world: World, job: Job) -> None:
    """The present attempt's token was had, refused, or given up."""
    index = sim.steps[job.step].rate_limit
    if world.streaming:
        extra = sim.extras[job.slot]
        note_stay(sim.pools[index], extra.token_requested_s, extra.token_granted_s, extra.token_granted_s)
    else:
        write_token(sim, world, job, index)


def note_memory(sim: Sim, world: World, job: Job, released_s: float, ended: int) -> None:
    """A workflow has left the memory, or its queue."""
    if world.streaming:
        extra = sim.extras[job.slot]
        if ended == _SUCCEEDED:
            memory = sim.pools[world.memory]
            memory.busy_s += (released_s - extra.memory_granted_s) * extra.need_b
            memory.waited_s += extra.memory_granted_s - extra.memory_requested_s
    else:
        write_memory(sim, world, job, released_s, ended)


def note_stay(pool: Pool, requested_s: float, granted_s: float, released_s: float) -> None:
    """Streaming: add one stay at a pool to its sums."""
    if granted_s == granted_s:  # noqa: PLR0124 - not NaN, without a call
        pool.busy_s += released_s - granted_s
        pool.waited_s += granted_s - requested_s


def end_workflow(sim: Sim, world: World, job: Job, outcome: int, error: int) -> None:
    """A workflow has ended: write it down, free its slot, and let the source know."""
    if outcome == _CANCELLED:
        error = world.run_timeout
        if job.overdue:
            outcome = _TIMED_OUT
            error = world.workflow_timeout
    if world.streaming:
        sim.outcomes[outcome] += 1
        sim.errors[error] += 1
        if outcome <= _TIMED_OUT:
            bucket = bucket_of(world.now - job.due_s)
            sim.buckets[bucket] += 1
    else:
        write_workflow(sim, world, job, outcome, error)
    if not job.overdue:
        come_home(sim, world, job)
    job.next_ready = world.free
    world.free = job.slot
    world.in_flight -= 1
    make_room(sim, world, job)
    job.number = -1
