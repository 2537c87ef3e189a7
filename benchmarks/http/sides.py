"""One side in a process of its own: so many requests, 50 in flight; prints its CPU time per request as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

REQUESTS = 5000
WARM_UP = 500
IN_FLIGHT = 50


def harness_side(url: str) -> float:
    """`harness.run` on an HTTP target: due times, outcomes, ids, first bytes, waits, gauges, resources."""
    from harness.execute import run
    from harness.scenario.http import HttpTarget
    from harness.scenario.model import ClosedLoad, Pool, Scenario, Step, WorkflowType

    def scenario(workflows: int) -> Scenario:
        return Scenario(
            name="requests",
            load=ClosedLoad(IN_FLIGHT, workflows=workflows),
            types=(WorkflowType("simple", (Step("work"),)),),
            mix=(("simple", 1.0),),
            pools=(Pool("agents", 1),),
            timeout_s=60.0,
        )

    run(scenario(WARM_UP), target=HttpTarget(url))
    begun_s = time.process_time()
    done = run(scenario(REQUESTS), target=HttpTarget(url))
    spent_s = time.process_time() - begun_s
    if (done.workflows.outcome != 0).any():
        raise RuntimeError("not every request succeeded")
    return spent_s


async def _driven(send: Callable[[int], Awaitable[None]]) -> float:
    async def worker(numbers: range) -> None:
        for number in numbers:
            await send(number)

    for count in (WARM_UP, REQUESTS):
        begun_s = time.process_time()
        await asyncio.gather(*(worker(range(k, count, IN_FLIGHT)) for k in range(IN_FLIGHT)))
    return time.process_time() - begun_s


async def aiohttp_side(url: str) -> float:
    """The client that the harness is built on, and nothing around it."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as client:

        async def send(number: int) -> None:
            async with client.post(url, json={"id": number}, headers={"x-workflow-id": str(number)}) as response:
                json.loads(await response.read())

        return await _driven(send)


async def httpx_side(url: str) -> float:
    """The other maintained client."""
    import httpx

    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    async with httpx.AsyncClient(limits=limits) as client:

        async def send(number: int) -> None:
            response = await client.post(url, json={"id": number}, headers={"x-workflow-id": str(number)})
            response.json()

        return await _driven(send)


def main(side: str, url: str) -> None:
    """Print what `side` takes."""
    if side == "harness":
        spent_s = harness_side(url)
    else:
        spent_s = asyncio.run({"aiohttp": aiohttp_side, "httpx": httpx_side}[side](url))
    sys.stdout.write(json.dumps({"cpu_us": spent_s / REQUESTS * 1e6}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
