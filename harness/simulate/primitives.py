"""What the two forms of the kernel do differently: the calendar of timers, the draws, and where results are written.

These are the interpreted bodies, made of what CPython is quick at (heapq, flat rows, draws made in bulk by numpy). The
compiled ones, over arrays, are in `compiled.py`, under the same names.
"""

from __future__ import annotations

import math
from heapq import heappop, heappush

from harness.plan.draws import Purpose, uniform, workflow_key
from harness.simulate.records import UNBOUNDED, Job, Pool, Sim, World

_FAIL = int(Purpose.FAIL)
_CACHE = int(Purpose.CACHE)


def push(sim: Sim, world: World, when_s: float, order: int, target: int) -> None:  # noqa: ARG001 - compiled, the world counts the events
    """Put a timer into the calendar; timers of one instant fire by ascending `order`."""
    heappush(sim.calendar, (when_s, order, target))


def next_s(sim: Sim, world: World) -> float:  # noqa: ARG001 - as above
    """When the next timer fires; infinity where there is none."""
    return sim.calendar[0][0] if sim.calendar else math.inf


def pop(sim: Sim, world: World) -> tuple[float, int, int]:  # noqa: ARG001 - as above
    """Take the next timer off the calendar: when, order, target; at infinity where there is none."""
    return heappop(sim.calendar) if sim.calendar else (math.inf, 0, 0)


def bring_luck(sim: Sim, world: World, job: Job) -> None:
    """Give a job that is being offered what its draws are made of."""
    job.luck = sim.luck
    if sim.luck is None:
        job.key = workflow_key(world.seed, job.number)
    else:
        job.luck_at = (job.number - world.base) * sim.luck.width


def drawn_s(sim: Sim, world: World, job: Job, table: int, purpose: int) -> float:
    """A duration drawn from a table for the job's present attempt, in seconds."""
    if job.luck is not None and job.attempt == 1:
        early: float = job.luck.draws[purpose][job.luck_at + job.place]
        return early
    luck = chance(sim, world, job, purpose)
    late: float = sim.tables[table].at(luck)
    return late


def chance(sim: Sim, world: World, job: Job, purpose: int) -> float:  # noqa: ARG001 - one signature for all draws
    """A uniform draw on [0, 1) for the job's present attempt."""
    if job.luck is not None:
        if job.attempt == 1 and (purpose == _FAIL or purpose == _CACHE):  # noqa: PLR1714, SIM109 - compiled or folded, it is quicker so
            early: float = job.luck.draws[purpose][job.luck_at + job.place]
            return early
        job.key = workflow_key(world.seed, job.number)
    return uniform(job.key, job.place, job.attempt, purpose)


def at_s(sim: Sim, world: World, table: int, luck: float) -> float:  # noqa: ARG001 - as above
    """The duration that a table has at `luck`, in seconds."""
    found: float = sim.tables[table].at(luck)
    return found


def think_s(sim: Sim, world: World, job: Job) -> float:
    """How long after the end of a workflow the next one of a closed load is due, where that is drawn from a table."""
    drawn: float = sim.tables[world.think_table].at(uniform(workflow_key(world.seed, job.number), 0, 0, Purpose.THINK))
    return drawn


def write_attempt(sim: Sim, world: World, job: Job, pool: int, released_s: float) -> None:  # noqa: ARG001 - compiled, the world counts the rows
    """Append the job's attempt to the rows of `AttemptColumns`."""
    sim.rows.extend(
        (
            job.number,
            job.place,
            job.attempt,
            pool,
            job.requested_s,
            job.granted_s,
            released_s,
            job.depth,
            job.busy,
            job.ended,
            job.error,
        )
    )


def write_burn(sim: Sim, world: World, job: Job, ended: int) -> None:
    """Append the job's stay at the cores to the rows of `AttemptColumns`."""
    sim.rows.extend(
        (
            job.number,
            job.place,
            job.attempt,
            world.cores,
            job.burn_requested_s,
            job.burn_granted_s,
            job.burn_released_s,
            job.burn_depth,
            job.burn_busy,
            ended,
            -1,
        )
    )


def write_line(sim: Sim, world: World, job: Job, index: int, released_s: float) -> None:  # noqa: ARG001 - as above
    """Append the attempt's stay at a connection pool to the rows of `AttemptColumns`."""
    extra = sim.extras[job.slot]
    sim.rows.extend(
        (
            job.number,
            job.place,
            job.attempt,
            index,
            extra.line_requested_s,
            extra.line_granted_s,
            released_s,
            extra.line_depth,
            extra.line_busy,
            extra.line_ended,
            -1,
        )
    )


def write_token(sim: Sim, world: World, job: Job, index: int) -> None:  # noqa: ARG001 - as above
    """Append what became of the attempt's request for a token to the rows of `AttemptColumns`."""
    extra = sim.extras[job.slot]
    sim.rows.extend(
        (
            job.number,
            job.place,
            job.attempt,
            index,
            extra.token_requested_s,
            extra.token_granted_s,
            extra.token_granted_s,
            extra.token_depth,
            0,
            extra.token_ended,
            -1,
        )
    )


def write_memory(sim: Sim, world: World, job: Job, released_s: float, ended: int) -> None:
    """Append the workflow's stay at the memory to the rows of `AttemptColumns`."""
    extra = sim.extras[job.slot]
    sim.rows.extend(
        (
            job.number,
            0,
            0,
            world.memory,
            extra.memory_requested_s,
            extra.memory_granted_s,
            released_s,
            extra.memory_depth,
            extra.memory_busy,
            ended,
            -1,
        )
    )


def write_change(sim: Sim, world: World, pool: Pool) -> None:
    """Append a row that is no attempt (its workflow is -1): what a pool is from now on; see `results.parted`."""
    queue = -1 if pool.queue == UNBOUNDED else pool.queue
    sim.rows.extend((-1, 0, 0, pool.index, world.now, math.nan, math.nan, queue, pool.size, 0, -1))


def write_workflow(sim: Sim, world: World, job: Job, outcome: int, error: int) -> None:
    """Write the job's row of `WorkflowColumns`."""
    held_s = job.started_s - job.due_s  # virtual time is never late: only a cap comes between
    sim.flows.extend((job.number, job.due_s, job.started_s, world.now, outcome, job.kind, error, job.batch, held_s))
