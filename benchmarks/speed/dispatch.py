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
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import find_spec
from typing import Literal

from benchmarks.speed.rows import Row

Target = Callable[[object], Awaitable[None]]

WORKFLOWS = 100_000
IN_FLIGHT = 50
ROUNDS = 9


def dispatch_rows() -> Iterator[Row]:
    """Rounds of ours and of the bare peer in turn; Locust's rounds in between, where it is installed."""
    ours, bounded, bare, locust, waiting, bare_waiting, fast = [], [], [], [], [], [], []
    for _ in range(ROUNDS):
        ours.append(_ours_us(timeout_s=None))
        bare.append(_bare_us(_nothing))
        bounded.append(_ours_us(timeout_s=60.0))
        waiting.append(_ours_us(timeout_s=None, target=_a_turn))
        bare_waiting.append(_bare_us(_a_turn))
        if find_spec("uvloop") is not None:
            fast.append(_ours_us(timeout_s=None, loop="uvloop"))
        figure = _locust_us()
        if figure is not None:
            locust.append(figure)
    what = f"dispatch, no-op target, {IN_FLIGHT} in flight"
    yield Row(what, "us", ours, "bare create_task + Semaphore", bare, 1.5)
    yield Row(f"{what}, with a timeout each", "us", bounded, "bare create_task + Semaphore", bare, 1.5)
    waits = f"dispatch, a target that waits one turn, {IN_FLIGHT} in flight"
    yield Row(waits, "us", waiting, "bare create_task + Semaphore", bare_waiting, 1.5)
    if locust:
        yield Row(what, "us", ours, "Locust", locust, 0.5)
    if locust and fast:
        yield Row(f"{what}, --loop uvloop", "us", fast, "Locust", locust, 0.35)


async def _nothing(_workflow: object) -> None:
    return None


async def _a_turn(_workflow: object) -> None:
    await asyncio.sleep(0)


def _ours_us(
    timeout_s: float | None, target: Target = _nothing, loop: Literal["asyncio", "uvloop"] = "asyncio"
) -> float:
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
    clock, recorder = Clock("wall", loop=loop), Recorder()

    async def main() -> None:
        clock.begin()
        await Dispatcher(planned, target, clock, recorder).drive()

    began = time.perf_counter()
    clock.loop.run_until_complete(main())
    spent = time.perf_counter() - began
    clock.loop.close()
    if recorder.outcome.count(0) != WORKFLOWS:
        raise RuntimeError("not every workflow succeeded")
    return spent / WORKFLOWS * 1e6


def _bare_us(target: Target) -> float:
    async def main() -> None:
        room = asyncio.Semaphore(IN_FLIGHT)
        tasks: set[asyncio.Task[None]] = set()

        async def one(number: int) -> None:
            try:
                await target(number)
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
