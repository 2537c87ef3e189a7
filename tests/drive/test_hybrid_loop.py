"""The hybrid clock: what the loop takes, plus what it really waits for, plus what it skips."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from typing import Any

import numpy as np
import pytest

from harness.drive.hybrid_loop import HybridLoop
from harness.drive.target import Workflow
from harness.execute import run
from harness.scenario.model import BurstLoad, Constant, Pool, Scenario, Step, WorkflowType
from tests.drive.small import drive, errors, outcomes

LOOSE_S = 0.02
"""What the CPU time of a piece of work may differ by on a busy machine."""

LATE_S = 0.8
"""How much later than it is due a thread, a process or a loop may be woken on a busy machine."""


def burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        hashlib.sha256(b"x" * 1000).digest()


def latencies(done: Any) -> Any:
    return done.workflows.finished_s - done.workflows.due_s


def at_least(found_s: Any, true_s: list[float]) -> bool:
    """Whether all that really waits took as long as it does, and no longer than a busy machine explains.

    A little sooner is no fault: what goes on outside while the loop's thread is kept from its core is not counted.
    """
    late_s = found_s - np.array(true_s)
    return bool(((late_s > -0.06) & (late_s < LATE_S)).all())


# ------------------------------------------------------------------------------------------------- what time is made of


def test_waits_are_skipped_and_counted() -> None:
    async def waits(_workflow: Workflow) -> None:
        await asyncio.sleep(100)

    done = drive(waits, clock="hybrid", workflows=5, run_timeout_s=1000)
    assert outcomes(done) == {"succeeded": 5}
    assert latencies(done) == pytest.approx(100, abs=LOOSE_S)
    assert (latencies(done) >= 100).all()
    assert done.real_s < 50


def test_the_loops_own_work_counts_and_delays_others() -> None:
    async def works(_workflow: Workflow) -> None:
        await asyncio.sleep(1)
        burn(0.05)

    done = drive(works, clock="hybrid", workflows=4)
    # they all wake at one second, and work one after the other
    assert np.sort(latencies(done)) == pytest.approx([1.05, 1.10, 1.15, 1.20], abs=LOOSE_S)


def test_the_virtual_clock_counts_none_of_it() -> None:
    async def works(_workflow: Workflow) -> None:
        await asyncio.sleep(1)
        burn(0.01)

    assert latencies(drive(works, clock="virtual", workflows=4)).tolist() == [1.0] * 4


def test_a_loop_that_is_blocked_shows_although_it_burns_nothing() -> None:
    async def blocks(_workflow: Workflow) -> None:
        time.sleep(0.1)

    done = drive(blocks, clock="hybrid", workflows=2)
    assert at_least(np.sort(latencies(done)), [0.1, 0.2])


def test_jobs_count_in_real_time_and_timers_beside_them_fire_in_it() -> None:
    async def both(workflow: Workflow) -> None:
        if workflow.number == 0:
            await asyncio.to_thread(time.sleep, 0.6)
        else:
            await asyncio.sleep(0.1)

    done = drive(both, clock="hybrid", workflows=2)
    assert at_least(latencies(done), [0.6, 0.1])
    assert latencies(done)[1] < latencies(done)[0], "the timer does not wait for the job"


def test_a_plain_function_is_timed_where_the_virtual_clock_must_refuse() -> None:
    def plain(_workflow: Workflow) -> None:
        time.sleep(0.1)

    hybrid = drive(plain, clock="hybrid", workflows=3)
    assert hybrid.invalid is None
    assert at_least(latencies(hybrid), [0.1] * 3)
    assert drive(plain, clock="virtual", workflows=3).invalid is not None


def test_a_child_process_counts_in_real_time() -> None:
    async def calls(_workflow: Workflow) -> None:
        await asyncio.sleep(10)
        await (await asyncio.create_subprocess_exec("sleep", "0.2")).wait()

    done = drive(calls, clock="hybrid", workflows=1)
    assert at_least(latencies(done), [10.2])


def test_time_is_the_same_from_every_thread() -> None:
    seen: list[tuple[float, float, float]] = []

    async def asks(_workflow: Workflow) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(5)
        before = loop.time()
        there = await asyncio.to_thread(loop.time)
        seen.append((before, there, loop.time()))

    drive(asks, clock="hybrid", workflows=3)
    assert all(before <= there <= after for before, there, after in seen)


def test_time_never_goes_back_and_stands_still_outside_the_run() -> None:
    loop = HybridLoop()
    times = []

    async def look() -> None:
        for number in range(300):
            times.append(loop.time())
            await asyncio.sleep(number % 3)
            if number % 100 == 0:
                await asyncio.to_thread(time.sleep, 0.001)

    loop.run_until_complete(look())
    at_rest = loop.time()
    burn(0.01)
    assert loop.time() == at_rest
    assert times == sorted(times)
    loop.close()


@pytest.mark.parametrize("kind", ["thread", "child"])
def test_real_waits_count_in_full_although_they_are_looked_at_over_and_over(kind: str) -> None:
    async def thread(_workflow: Workflow) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        threading.Thread(target=lambda: (time.sleep(0.4), loop.call_soon_threadsafe(over.set)), daemon=True).start()
        await over.wait()

    async def child(_workflow: Workflow) -> None:
        process = await asyncio.create_subprocess_exec("sleep", "0.4")
        await process.wait()

    done = drive({"thread": thread, "child": child}[kind], clock="hybrid", workflows=1)
    # each look takes as long as it takes; the work outside goes on meanwhile
    assert 0.36 < latencies(done)[0] <= done.real_s


# --------------------------------------------------------------------------------------------- ends, as on other clocks


def test_timeouts_limits_and_deadlocks() -> None:
    async def sleeps_long(_workflow: Workflow) -> None:
        await asyncio.sleep(1000)

    async def never(_workflow: Workflow) -> None:
        await asyncio.Event().wait()

    assert errors(drive(sleeps_long, clock="hybrid", timeout_s=5)) == {"workflow_timeout": 3}
    stopped = drive(sleeps_long, clock="hybrid", run_timeout_s=5)
    assert (stopped.stopped, outcomes(stopped)) == ("run timeout", {"cancelled": 3})
    dead = drive(never, clock="hybrid")
    assert dead.stopped == "clock error"
    assert "deadlock" in dead.doubts[0]


def test_a_spinner_ends_at_the_run_limit() -> None:
    async def spins(_workflow: Workflow) -> None:
        while True:
            await asyncio.sleep(0)

    assert drive(spins, clock="hybrid", workflows=2, run_timeout_s=0.2).stopped == "run timeout"


def test_a_blocked_loop_is_broken_out_of() -> None:
    async def blocks(_workflow: Workflow) -> None:
        threading.Event().wait()

    assert drive(blocks, clock="hybrid", workflows=2, run_timeout_s=0.1).stopped == "run timeout"


# ------------------------------------------------------------------------------------------------ machine, orchestrator


def test_memory_is_measured_and_a_share_of_cpu_is_not() -> None:
    done = drive(lambda _: asyncio.sleep(1), clock="hybrid")
    assert done.resources.values["rss_b"].max() > 1e6
    assert "cpu_share" not in done.resources.values
    assert not done.resources.modelled


def test_the_built_in_orchestrator_really_burns() -> None:
    scenario = Scenario(
        name="burns",
        load=BurstLoad((4,)),
        types=(WorkflowType("simple", (Step("only", wait=Constant(20.0), burn=Constant(0.1)),)),),
        mix=(("simple", 1.0),),
        pools=(Pool("agents", 4),),
        cores=1,
    )
    done = run(scenario, clock="hybrid")
    # one core: the burns follow each other, each as long as its thread took for its CPU time
    assert (np.sort(latencies(done)) >= [20.1, 20.2, 20.3, 20.4]).all()
    assert (latencies(done) < 40).all()  # 0.4 s of burning, on a core that many share
    assert done.driver_cpu_s > 0
