"""Systems whose knee is known: limits of sizes that are on no search grid, and contention with a known optimum."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any

from harness.execute import run_all
from harness.judge.capacity.load import Length
from harness.judge.capacity.record import Capacity
from harness.judge.capacity.result import find_capacity
from harness.judge.capacity.search import Effort, search_of
from harness.scenario.load import find_scenario, load_scenarios
from harness.scenario.model import (
    ConnectionPool,
    Exponential,
    MemoryAdmission,
    Pool,
    RateLimit,
    Retry,
    Scenario,
    Step,
    WorkflowType,
)

LIMITS = (37, 64, 75, 110)
OTHERS = (("connections", 37), ("rate_limit", 64), ("memory", 75), ("cpu", 110))
OPTIMUM = 70
SEEDS_APART = 1000
"""Searches of different seeds share no replication."""


def pool_of(size: int) -> Scenario:
    """Simple workflows (one model call, lognormal, with retries) on a pool of `size` agents, its queue unbounded."""
    scenario = find_scenario(load_scenarios(None), "test_agent_pool_exhaustion")
    return dataclasses.replace(scenario, pools=(Pool("agents", size),))


def limited(cause: str, knee: int) -> Scenario:
    """Workflows of one step, of 200 ms on average, with agents for all: `cause` is used up by `knee` in flight.

    `connections`: so many; `rate_limit`: the tokens that so many take; `memory`: what so many declare; `cpu`: four
    cores, and a part of the step on them that keeps four busy at so many in flight.
    """
    scenario, mean_s = pool_of(8192), 0.2
    asks, burn_s = {"connections": "db", "rate_limit": "models"}.get(cause), 4 * mean_s / knee
    step = Step("ask", wait=Exponential(mean_s))
    given: dict[str, Any] = {}
    if cause == "connections":
        step, given = dataclasses.replace(step, connections=asks), {"connections": (ConnectionPool("db", knee),)}
    if cause == "rate_limit":
        step = dataclasses.replace(step, rate_limit=asks)
        given = {"rate_limits": (RateLimit("models", knee / mean_s, 1, "wait"),)}
    if cause == "memory":
        step, given = dataclasses.replace(step, hold_b=2**20), {"memory": MemoryAdmission(knee * 2**20)}
    if cause == "cpu":
        step = dataclasses.replace(step, wait=Exponential(mean_s - burn_s), burn=Exponential(burn_s))
        given = {"cores": 4}
    kinds = (WorkflowType("ask", (step,)),)
    return dataclasses.replace(scenario, types=kinds, mix=(("ask", 1.0),), retry=Retry(), **given)


class Contended:
    """Each workflow in flight slows the others: S = S1 (1 + sigma (n - 1) + kappa n (n - 1)) with n at its start.

    Nothing of it is shown. Held at N in flight it does N / S(N), the Universal Scalability Law, with its top at
    `optimum`; `noise` is the half width of a uniform factor on S, drawn from the workflow's own luck.
    """

    def __init__(self, sigma: float, optimum: float = OPTIMUM, s1_s: float = 0.2, noise: float = 0.0) -> None:
        self._sigma, self._kappa = sigma, (1 - sigma) / optimum**2
        self._s1_s, self._noise = s1_s, noise
        self._in_flight = 0

    async def run(self, workflow: Any) -> None:
        """One workflow."""
        self._in_flight += 1
        n = self._in_flight
        luck = 1 + self._noise * (2 * _share(workflow.id) - 1)
        try:
            await asyncio.sleep(luck * self._s1_s * (1 + self._sigma * (n - 1) + self._kappa * n * (n - 1)))
        finally:
            self._in_flight -= 1


def _share(text: str) -> float:
    """A number in [0, 1) from a workflow's id, the same in every run (FNV-1a, and a last multiplication to mix)."""
    mixed = 0x811C9DC5
    for byte in text.encode():
        mixed = (mixed ^ byte) * 0x01000193 % 2**32
    return mixed * 0x9E3779B1 % 2**32 / 2**32


class Hidden(Contended):
    """A pool of one's own that shows nothing: agents are a semaphore."""

    def __init__(self, size: int, s1_s: float = 0.2, noise: float = 0.3) -> None:
        super().__init__(0.0, 1e9, s1_s, noise)
        self._size = size

    async def start(self) -> None:
        """A semaphore belongs to the loop that it was waited for on, and each run has its own."""
        self._agents = asyncio.Semaphore(self._size)

    async def run(self, workflow: Any) -> None:
        """One workflow."""
        async with self._agents:
            await super().run(workflow)


def search(scenario: Scenario, seed: int, replications: int, how: Mapping[str, Any] | None = None) -> Capacity:
    """The capacity of `scenario` on the virtual clock, with what `harness capacity` takes there."""
    run = partial(run_all, clock="virtual", **(how or {}))
    effort = Effort(replications, replications, seed=seed * SEEDS_APART, length=Length(least=0 if how else 600))
    return find_capacity(search_of(scenario, run, last=1024, effort=effort))
