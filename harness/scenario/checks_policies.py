"""What may not stand in a scenario's policies. Each check yields every mistake it finds, with its path and its unit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.errors import Mistake
from harness.scenario.checks import LONGEST_S, between, count, distribution_mistakes
from harness.scenario.parts import Pool, Retry, WorkflowType
from harness.scenario.policies import (
    AdaptiveQueue,
    Autoscaling,
    CircuitBreaker,
    ConnectionPool,
    DynamicPool,
    MemoryAdmission,
    RateLimit,
    Replicas,
)

LARGEST_POOL = 10**6
LONGEST_QUEUE = 10**7
SHORTEST_S = 1e-3
"""Nothing is looked at more often than this."""

SCALING_METRICS = ("utilization", "queue_depth", "queue_wait")
BALANCINGS = ("round_robin", "least_loaded", "two_choices")
ON_LIMIT = ("refuse", "wait")


def pool_policy_mistakes(pool: Pool) -> Iterator[Mistake]:
    """Every mistake in a pool's policies, each with its path below the scenario's table."""
    where = f"pools.{pool.name}"
    if pool.overflow == "drop_oldest" and pool.queue == 0:
        yield Mistake(f"{where}.queue", "0, of which there is no oldest to drop", "at least 1 with drop_oldest")
    elif pool.overflow in ("drop_oldest", "block") and pool.queue is None and pool.adaptive_queue is None:
        allowed = "a queue of a given length, which alone can overflow"
        yield Mistake(f"{where}.overflow", f"{pool.overflow!r} with an unbounded queue", allowed)
    if pool.dynamic is not None:
        yield from _dynamic_mistakes(f"{where}.dynamic", pool.dynamic, pool.size)
    if pool.scaling is not None:
        yield from _scaling_mistakes(f"{where}.scaling", pool.scaling, pool.size)
    if pool.adaptive_queue is not None:
        yield from _adaptive_queue_mistakes(f"{where}.adaptive_queue", pool.adaptive_queue, pool.queue)
    if pool.replicas is not None:
        yield from _replicas_mistakes(f"{where}.replicas", pool.replicas)
    excluded = ("scaling",) if pool.replicas is None else ("dynamic", "scaling", "adaptive_queue")
    beside = "replicas" if pool.replicas is not None else "dynamic"
    for name in excluded:
        if getattr(pool, name) is not None and getattr(pool, beside) is not None:
            yield Mistake(f"{where}.{name}", f"{name} beside {beside}", "one of the two")


def step_policy_mistakes(kind: WorkflowType) -> Iterator[Mistake]:
    """Every mistake in the caches of a type's steps, each with its path from the top of the file."""
    for k, step in enumerate(kind.steps):
        where = f"workflow.{kind.name}.steps[{k}].cache"
        if step.cache is not None:
            yield from between(f"{where}.hit_ratio", step.cache.hit_ratio, 0, 1)
            yield from distribution_mistakes(f"{where}.wait", step.cache.wait)


def budget_mistakes(retry: Retry) -> Iterator[Mistake]:
    """Every mistake in a budget of retries, each with its path below the scenario's table."""
    if retry.budget is not None:
        yield from between("retry.budget.share", retry.budget.share, 0, 1)
        yield from between("retry.budget.reserve", retry.budget.reserve, 0, 10**6)


def breaker_mistakes(breaker: CircuitBreaker | None) -> Iterator[Mistake]:
    """Every mistake in a circuit breaker, each with its path below the scenario's table."""
    if breaker is not None:
        yield from _share_above_zero("breaker.failure_rate", breaker.failure_rate)
        yield from count("breaker.window", breaker.window, 1, 60)
        yield from between("breaker.open", breaker.open_s, 1e-6, LONGEST_S, "s")
        yield from count("breaker.probes", breaker.probes, 1, 1000)


def memory_mistakes(memory: MemoryAdmission | None) -> Iterator[Mistake]:
    """Every mistake in the memory that workflows are admitted to; one that asks for more than all is rejected later."""
    if memory is not None:
        yield from count("memory.limit", memory.limit_b, 1, 2**50, "B")


def resource_mistakes(
    name: str,
    types: Sequence[WorkflowType],
    mix: Sequence[tuple[str, float]],
    connections: Sequence[ConnectionPool],
    limits: Sequence[RateLimit],
) -> Iterator[Mistake]:
    """Every mistake in connection pools and rate limits, and what does not fit between them and the steps."""
    for one in connections:
        yield from count(f"connections.{one.name}.size", one.size, 1, LARGEST_POOL)
        if one.wait_timeout_s is not None:
            yield from between(f"connections.{one.name}.wait_timeout", one.wait_timeout_s, 1e-6, LONGEST_S, "s")
    for limit in limits:
        yield from between(f"rate_limits.{limit.name}.rate", limit.rate_per_s, 1e-6, 1e9, "/s")
        yield from count(f"rate_limits.{limit.name}.burst", limit.burst, 1, LARGEST_POOL)
        yield from _one_of(f"rate_limits.{limit.name}.on_limit", limit.on_limit, ON_LIMIT)
    mixed = {kind for kind, weight in mix if weight > 0}
    lines, tokens = [one.name for one in connections], [limit.name for limit in limits]
    for what, table, key, names in (
        ("connection pool", "connections", "connections", lines),
        ("rate limit", "rate_limits", "rate_limit", tokens),
    ):
        used = [(kind, k, getattr(step, key)) for kind in types for k, step in enumerate(kind.steps)]
        yield from _unknown(f"a {what} of scenario {name} ({', '.join(names) or 'it has none'})", key, used, names)
        wanted = {one for kind, _, one in used if kind.name in mixed and one is not None}
        yield from _unused(what, table, names, wanted)


def _unknown(
    allowed: str, key: str, used: Sequence[tuple[WorkflowType, int, str | None]], names: Sequence[str]
) -> Iterator[Mistake]:
    for kind, k, one in used:
        if one is not None and one not in names:
            yield Mistake(f"workflow.{kind.name}.steps[{k}].{key}", repr(one), allowed)


def _unused(what: str, table: str, names: Sequence[str], wanted: set[str]) -> Iterator[Mistake]:
    for one in dict.fromkeys(names):
        if names.count(one) > 1:
            yield Mistake(f"{table}.{one}", f"two {what}s of this name", f"one {what} of each name")
        # where a step names an unknown one, this may be what it meant
        if wanted <= set(names) and one not in wanted:
            yield Mistake(f"{table}.{one}", "no step of the mix that uses it", f"a {what} that some step uses")


def _dynamic_mistakes(where: str, of: DynamicPool, size: int) -> Iterator[Mistake]:
    yield from _bounds_mistakes(where, of.min, of.max, size)
    yield from _share_above_zero(f"{where}.target_utilization", of.target_utilization)
    yield from between(f"{where}.every", of.every_s, SHORTEST_S, LONGEST_S, "s")
    yield from between(f"{where}.start_delay", of.start_delay_s, 0, LONGEST_S, "s")
    yield from between(f"{where}.down_after", of.down_after_s, 0, LONGEST_S, "s")


def _scaling_mistakes(where: str, of: Autoscaling, size: int) -> Iterator[Mistake]:
    yield from _one_of(f"{where}.metric", of.metric, SCALING_METRICS)
    most = 1.0 if of.metric == "utilization" else 1e9
    yield from between(f"{where}.up_above", of.up_above, 0, most)
    if of.metric == "queue_depth" and of.up_above != math.floor(of.up_above):
        yield Mistake(f"{where}.up_above", repr(of.up_above), "a whole number")
    if of.metric == "queue_depth" and of.down_below != math.floor(of.down_below):
        yield Mistake(f"{where}.down_below", repr(of.down_below), "a whole number")
    yield from between(f"{where}.down_below", of.down_below, 0, of.up_above)
    yield from _bounds_mistakes(where, of.min, of.max, size)
    yield from count(f"{where}.step", of.step, 1, LARGEST_POOL)
    yield from between(f"{where}.every", of.every_s, SHORTEST_S, LONGEST_S, "s")
    yield from between(f"{where}.start_delay", of.start_delay_s, 0, LONGEST_S, "s")
    yield from between(f"{where}.cooldown", of.cooldown_s, 0, LONGEST_S, "s")


def _bounds_mistakes(where: str, low: int, high: int, size: int) -> Iterator[Mistake]:
    """What keeps 1 <= low <= size <= high."""
    yield from count(f"{where}.min", low, 1, size)
    yield from count(f"{where}.max", high, size, LARGEST_POOL)


def _adaptive_queue_mistakes(where: str, of: AdaptiveQueue, queue: int | None) -> Iterator[Mistake]:
    yield from between(f"{where}.target_wait", of.target_wait_s, 1e-6, LONGEST_S, "s")
    yield from count(f"{where}.min", of.min, 0, LONGEST_QUEUE if queue is None else queue)
    yield from count(f"{where}.max", of.max, of.min if queue is None else queue, LONGEST_QUEUE)
    yield from between(f"{where}.every", of.every_s, SHORTEST_S, LONGEST_S, "s")


def _replicas_mistakes(where: str, of: Replicas) -> Iterator[Mistake]:
    yield from count(f"{where}.count", of.count, 1, 1000)
    yield from _one_of(f"{where}.balancing", of.balancing, BALANCINGS)


def _share_above_zero(where: str, value: float) -> Iterator[Mistake]:
    if not 0 < value <= 1:
        yield Mistake(where, f"{value:g}", "a share above 0 % and at most 100 %")


def _one_of(where: str, found: str, allowed: Sequence[str]) -> Iterator[Mistake]:
    if found not in allowed:
        yield Mistake(where, repr(found), f"one of {', '.join(allowed)}")
