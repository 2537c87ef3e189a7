"""What one workflow costs the dispatcher: no-op target, 50 in flight, full recording, beside asyncio and Locust.

The bare peer is what a user would write: a semaphore of 50, `create_task` once it is acquired, nothing recorded.
Locust runs 50 users with a no-op task that fires its request event, so that it records too, in a process of its own
(it patches the standard library).
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.speed.rows import Row

WORKFLOWS = 100_000
IN_FLIGHT = 50
ROUNDS = 9


def dispatch_rows() -> Iterator[Row]:
    """Rounds of ours and of the bare peer in turn; Locust's rounds in between, where it is installed."""
    ours, bounded, bare, locust = [], [], [], []
    for _ in range(ROUNDS):
        ours.append(_ours_us(timeout_s=None))
        bare.append(_bare_us())
        bounded.append(_ours_us(timeout_s=60.0))
        figure = _locust_us()
        if figure is not None:
            locust.append(figure)
    what = f"dispatch, no-op target, {IN_FLIGHT} in flight"
    yield Row(what, "us", ours, "bare create_task + Semaphore", bare, 1.5)
    yield Row(f"{what}, with a timeout each", "us", bounded, "bare create_task + Semaphore", bare, 1.5)
    if locust:
        yield Row(what, "us", ours, "Locust", locust, 1.0)
    yield Row(what, "us", ours, bar=5.0, note="the goal; Locust was measured at 7.3 when it was set")


async def _nothing(_workflow: object) -> None:
    return None


def _ours_us(timeout_s: float | None) -> float:
    from harness.drive.clock import Clock
    from harness.drive.dispatcher import Dispatcher
    from harness.measure.record import Recorder
    from harness.plan.arrivals import plan
    from harness.scenario.model import ClosedLoad, Pool, Scenario, Step, WorkflowType

    scenario = Scenario(
        name="dispatch",
        load=ClosedLoad(IN_FLIGHT, workflows=WORKFLOWS),
        types=(WorkflowType("simple", (Step("s"),)),),
        mix=(("simple", 1.0),),
        pools=(Pool("agents", 1),),
        timeout_s=timeout_s,
    )
    planned = plan(scenario, 0)
    clock, recorder = Clock("wall"), Recorder()

    async def main() -> None:
        clock.begin()
        await Dispatcher(planned, _nothing, clock, recorder).drive()

    began = time.perf_counter()
    clock.loop.run_until_complete(main())
    spent = time.perf_counter() - began
    clock.loop.close()
    if recorder.outcome.count(0) != WORKFLOWS:
        raise RuntimeError("not every workflow succeeded")
    return spent / WORKFLOWS * 1e6


def _bare_us() -> float:
    async def main() -> None:
        room = asyncio.Semaphore(IN_FLIGHT)
        tasks: set[asyncio.Task[None]] = set()

        async def one(number: int) -> None:
            try:
                await _nothing(number)
            finally:
                room.release()

        for number in range(WORKFLOWS):
            await room.acquire()
            task = asyncio.create_task(one(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    began = time.perf_counter()
    asyncio.run(main())
    return (time.perf_counter() - began) / WORKFLOWS * 1e6


def _locust_us() -> float | None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.locust_peer", str(IN_FLIGHT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        if "No module named 'locust'" in done.stderr:
            return None
        raise RuntimeError(done.stderr)
    return float(json.loads(done.stdout)["us_per_iteration"])
