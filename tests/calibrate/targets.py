"""Targets whose laws are planted: what calibration has to find. Their luck is the workflow's own."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from statistics import NormalDist

from harness import Failed, Workflow


def lognormal_s(workflow: Workflow, n: int, median_s: float = 0.2, sigma: float = 0.5) -> float:
    return round(median_s * math.exp(sigma * NormalDist().inv_cdf(max(workflow.luck(n), 1e-9))), 6)


async def free(workflow: Workflow) -> None:
    """No limit; fails now and then."""
    await asyncio.sleep(lognormal_s(workflow, 0))
    if workflow.luck(1) < 0.05:
        raise Failed("planted")


class Capped:
    """At most 30 at once, which nothing shows."""

    size = 30

    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(self.size)

    async def run(self, workflow: Workflow) -> None:
        async with self.slots:
            await asyncio.sleep(lognormal_s(workflow, 0))


class Desk:
    """Six agents that show themselves; each workflow asks for one as often as its type has steps."""

    size = 6
    steps = 3

    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(self.size)
        self.busy = self.waiting = 0

    def gauges(self) -> Mapping[str, float]:
        return {"agents_busy": self.busy, "pool_size": self.size, "queue_depth": self.waiting}

    async def run(self, workflow: Workflow) -> None:
        for step in range(self.steps if workflow.type == "long" else 1):
            self.waiting += 1
            async with self.slots:
                self.waiting -= 1
                self.busy += 1
                await asyncio.sleep(lognormal_s(workflow, step, 0.06, 0.6))
                self.busy -= 1


async def told(workflow: Workflow) -> None:
    """Two steps that it tells of, the second of which fails at times; nothing beside them."""
    with workflow.attempt("plan"):
        await asyncio.sleep(lognormal_s(workflow, 0, 0.1, 0.3))
    with workflow.attempt("write"):
        await asyncio.sleep(lognormal_s(workflow, 1, 0.3, 0.4))
        if workflow.luck(2) < 0.1:
            raise Failed("planted")


async def at_once(workflow: Workflow) -> None:
    """Two steps that it tells of, at the same time: they do not follow one another."""

    async def one(name: str, n: int) -> None:
        with workflow.attempt(name):
            await asyncio.sleep(lognormal_s(workflow, n))

    await asyncio.gather(one("left", 0), one("right", 1))
