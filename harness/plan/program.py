"""A workflow type as operations. Both engines, the asyncio one in `drive/` and the compiled one, run this one program.

Each step stands for the operations, in this order: ask its breaker, choose a replica of POOL, acquire an agent of it,
hold B bytes, look into the cache, acquire a connection, take a token, wait D, release the connection, burn D on a core,
check for failure, free the bytes, release the agent. An attempt that fails or times out frees and releases at once;
if it is tried again, it waits its backoff without an agent and starts over at the breaker. A hit in the cache waits the
cache's D instead, without connection and token, and is not checked for failure.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.plan.draws import Purpose, QuantileTable, table_of, uniform
from harness.plan.places import PlannedPool, first_replica, place_named, pools_of
from harness.scenario.model import Cache, Retry, Scenario, Step


@dataclass(frozen=True, slots=True)
class StepProgram:
    """One step with its pool as an index and its distributions as tables (or constants, in seconds).

    `pool`, `connection` and `rate_limit` are indices into `pools_of(scenario)`; -1: it needs none. `pool` is the first
    of `replicas` places that follow one another.
    """

    name: str
    pool: int
    wait: QuantileTable | float
    burn: QuantileTable | float
    hold_b: int
    fail: float
    timeout_s: float | None
    replicas: int = 1
    cache_ratio: float = 0.0
    cache_wait: QuantileTable | float = 0.0
    connection: int = -1
    rate_limit: int = -1

    def hits(self, key: int, step: int, attempt: int) -> bool:
        """Whether the attempt finds its answer in the cache."""
        return self.cache_ratio > 0 and uniform(key, step, attempt, Purpose.CACHE) < self.cache_ratio

    def cached_wait_s(self, key: int, step: int, attempt: int) -> float:
        """How long an attempt that hits waits for the cache, in seconds: the draw that its wait would have had."""
        table = self.cache_wait
        return table if isinstance(table, float) else table.at(uniform(key, step, attempt, Purpose.WAIT))

    def wait_s(self, key: int, step: int, attempt: int) -> float:
        """How long attempt `attempt` at this step waits for its model or tool, in seconds."""
        table = self.wait
        return table if isinstance(table, float) else table.at(uniform(key, step, attempt, Purpose.WAIT))

    def burn_s(self, key: int, step: int, attempt: int) -> float:
        """How much CPU time the attempt burns, in seconds."""
        table = self.burn
        return table if isinstance(table, float) else table.at(uniform(key, step, attempt, Purpose.BURN))

    def fails(self, key: int, step: int, attempt: int) -> bool:
        """Whether the attempt fails at its end."""
        return self.fail > 0 and uniform(key, step, attempt, Purpose.FAIL) < self.fail


@dataclass(frozen=True, slots=True)
class Program:
    """A workflow type, compiled against a scenario's pools. `memory_b` is what it asks to be admitted with."""

    name: str
    steps: tuple[StepProgram, ...]
    memory_b: int = 0


def compile_programs(scenario: Scenario) -> tuple[Program, ...]:
    """One program per workflow type, in the order of `scenario.types`."""
    places = pools_of(scenario)
    return tuple(
        Program(
            kind.name,
            tuple(_compile_step(scenario, places, step) for step in kind.steps),
            max((step.hold_b for step in kind.steps), default=0),
        )
        for kind in scenario.types
    )


def _compile_step(scenario: Scenario, places: tuple[PlannedPool, ...], step: Step) -> StepProgram:
    declared = scenario.pool_index(step.pool)
    replicas = scenario.pools[declared].replicas
    cache = Cache(0.0) if step.cache is None else step.cache
    return StepProgram(
        name=step.name,
        pool=first_replica(places, declared),
        wait=table_of(step.wait),
        burn=table_of(step.burn),
        hold_b=step.hold_b,
        fail=step.fail,
        timeout_s=step.timeout_s,
        replicas=1 if replicas is None else replicas.count,
        cache_ratio=cache.hit_ratio,
        cache_wait=table_of(cache.wait),
        connection=-1 if step.connections is None else place_named(places, "connections", step.connections),
        rate_limit=-1 if step.rate_limit is None else place_named(places, "rate_limit", step.rate_limit),
    )


def two_choices(key: int, step: int, attempt: int, count: int) -> tuple[int, int]:
    """Two different ones of `count` (at least 2) replicas, the first drawn first; every ordered pair as likely."""
    pair = int(uniform(key, step, attempt, Purpose.BALANCE) * (count * (count - 1)))
    first, second = divmod(pair, count - 1)
    return first, second + (second >= first)


def burns(programs: tuple[Program, ...]) -> bool:
    """Whether any step burns CPU, so that cores are a resource of the run."""
    return any(not (isinstance(step.burn, float) and step.burn == 0) for p in programs for step in p.steps)


def backoff_s(retry: Retry, key: int, step: int, attempt: int) -> float:
    """Seconds to wait after the failed attempt `attempt` (from 1); see `Retry` for the formula.

    The power is taken by repeated multiplication: `**` may differ in the last place between engines.
    """
    wait = retry.base_s
    for _ in range(attempt - 1):
        wait *= retry.factor
        if wait >= retry.cap_s:
            break
    wait = min(wait, retry.cap_s)
    return wait if retry.jitter == "none" else wait * uniform(key, step, attempt, Purpose.JITTER)
