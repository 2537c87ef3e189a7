"""What a scenario declares as policies, as the kernel's records hold it."""

from __future__ import annotations

import math

from harness.plan.places import PlannedPool, pools_of
from harness.scenario.model import Autoscaling, DynamicPool, Scenario
from harness.scenario.model import Pool as DeclaredPool
from harness.simulate.records import (
    BLOCK,
    DEMAND,
    DROP_OLDEST,
    LEAST_LOADED,
    QUEUE_DEPTH,
    QUEUE_WAIT,
    REJECT,
    ROUND_ROBIN,
    TWO_CHOICES,
    UNBOUNDED,
    UTILIZATION,
    Pool,
    World,
)

_OVERFLOW = {"reject": REJECT, "drop_oldest": DROP_OLDEST, "block": BLOCK}
_BALANCING = {"round_robin": ROUND_ROBIN, "least_loaded": LEAST_LOADED, "two_choices": TWO_CHOICES}
_METRICS = {"utilization": UTILIZATION, "queue_depth": QUEUE_DEPTH, "queue_wait": QUEUE_WAIT}


def declares_policies(scenario: Scenario) -> bool:
    """Whether anything is declared that only the kernel with policies knows."""
    steps = [step for kind in scenario.types for step in kind.steps]
    return (
        scenario.breaker is not None
        or scenario.memory is not None
        or scenario.retry.budget is not None
        or any(step.cache is not None or step.connections or step.rate_limit for step in steps)
        or any(_has_policies(pool) for pool in scenario.pools)
        or len(pools_of(scenario)) > len(scenario.pools)
    )


def _has_policies(pool: DeclaredPool) -> bool:
    policies = (pool.dynamic, pool.scaling, pool.adaptive_queue, pool.replicas)
    return pool.overflow != "reject" or any(policy is not None for policy in policies)


def bound_policies(world: World, scenario: Scenario, places: tuple[PlannedPool, ...]) -> None:
    """What holds for the whole run."""
    world.blocks = int(any(pool.overflow == "block" for pool in scenario.pools))
    if scenario.memory is not None:
        world.memory = len(places) - 1
    budget, breaker = scenario.retry.budget, scenario.breaker
    if budget is not None:
        world.budgeted = 1
        world.budget = world.budget_reserve = budget.reserve
        world.budget_share = budget.share
    if breaker is not None:
        world.breaks = 1
        world.breaker_rate = breaker.failure_rate
        world.breaker_window = breaker.window
        world.breaker_open_s = breaker.open_s
        world.breaker_probes = breaker.probes


def balancing_of(pool: DeclaredPool) -> int:
    """How one of the pool's replicas is chosen."""
    return ROUND_ROBIN if pool.replicas is None else _BALANCING[pool.replicas.balancing]


def agents_pool(declared: DeclaredPool) -> Pool:
    """A pool of agents."""
    pool = Pool(
        size=declared.size,
        queue=UNBOUNDED if declared.queue is None else declared.queue,
        wait_timeout_s=math.inf if declared.wait_timeout_s is None else declared.wait_timeout_s,
        overflow=_OVERFLOW[declared.overflow],
    )
    if declared.dynamic is not None:
        _follow_demand(pool, declared.dynamic)
    if declared.scaling is not None:
        _go_by_metric(pool, declared.scaling)
    if declared.adaptive_queue is not None:
        adaptive = declared.adaptive_queue
        pool.adapt_every_s, pool.adapt_goal_s = adaptive.every_s, adaptive.target_wait_s
        pool.adapt_least, pool.adapt_most = adaptive.min, adaptive.max
    return pool


def _follow_demand(pool: Pool, dynamic: DynamicPool) -> None:
    pool.follows = DEMAND
    pool.least, pool.most, pool.every_s = dynamic.min, dynamic.max, dynamic.every_s
    pool.goal = dynamic.target_utilization
    pool.start_delay_s, pool.patience_s = dynamic.start_delay_s, dynamic.down_after_s


def _go_by_metric(pool: Pool, scaling: Autoscaling) -> None:
    pool.follows = _METRICS[scaling.metric]
    pool.least, pool.most, pool.every_s = scaling.min, scaling.max, scaling.every_s
    pool.up_above, pool.down_below, pool.stride = scaling.up_above, scaling.down_below, scaling.step
    pool.start_delay_s, pool.patience_s = scaling.start_delay_s, scaling.cooldown_s


def other_place(scenario: Scenario, place: PlannedPool) -> Pool:
    """A connection pool, a rate limit or the memory."""
    pool = Pool(size=place.size)
    if place.kind == "connections":
        timeout_s = scenario.connections[place.declared].wait_timeout_s
        pool.wait_timeout_s = math.inf if timeout_s is None else timeout_s
    elif place.kind == "rate_limit":
        limit = scenario.rate_limits[place.declared]
        pool.token_s = 1.0 / limit.rate_per_s
        pool.slack_s = (limit.burst - 1) / limit.rate_per_s
        pool.refuses = int(limit.on_limit == "refuse")
    return pool
