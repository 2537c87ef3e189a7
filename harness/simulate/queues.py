"""The kernel's lists of jobs, linked through the jobs: nothing is allocated, and leaving costs no more than joining."""

from __future__ import annotations

from harness.simulate.records import Job, Pool, Sim, World


def wake(sim: Sim, world: World, job: Job, news: int) -> None:
    """Put a job at the end of the ready queue with what it will learn."""
    job.news = news
    job.next_ready = -1
    if world.ready_tail < 0:
        world.ready_head = job.slot
    else:
        sim.jobs[world.ready_tail].next_ready = job.slot
    world.ready_tail = job.slot


def next_ready(sim: Sim, world: World) -> int:
    """Take the first job off the ready queue, which is not empty, and return its slot."""
    slot = world.ready_head
    world.ready_head = sim.jobs[slot].next_ready
    if world.ready_head < 0:
        world.ready_tail = -1
    return slot


def join(sim: Sim, pool: Pool, job: Job) -> None:
    """Wait at the end of a pool's queue."""
    job.behind = -1
    job.ahead = pool.tail
    if pool.tail < 0:
        pool.head = job.slot
    else:
        sim.jobs[pool.tail].behind = job.slot
    pool.tail = job.slot
    pool.waiting += 1
    if pool.waiting > pool.deepest:  # noqa: PLR1730 - without a call
        pool.deepest = pool.waiting


def leave(sim: Sim, pool: Pool, job: Job) -> None:
    """Leave a pool's queue, from wherever the job stands in it."""
    if job.ahead < 0:
        pool.head = job.behind
    else:
        sim.jobs[job.ahead].behind = job.behind
    if job.behind < 0:
        pool.tail = job.ahead
    else:
        sim.jobs[job.behind].ahead = job.ahead
    pool.waiting -= 1


def set_out(sim: Sim, world: World, job: Job) -> None:
    """Become the youngest of the workflows in flight."""
    job.younger = -1
    job.older = world.youngest
    if world.youngest < 0:
        world.oldest = job.slot
    else:
        sim.jobs[world.youngest].younger = job.slot
    world.youngest = job.slot


def come_home(sim: Sim, world: World, job: Job) -> None:
    """Leave the workflows in flight."""
    if job.older < 0:
        world.oldest = job.younger
    else:
        sim.jobs[job.older].younger = job.younger
    if job.younger < 0:
        world.youngest = job.older
    else:
        sim.jobs[job.younger].older = job.older
