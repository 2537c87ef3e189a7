"""Policies written back as the tables they could have come from; what is as its default is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.scenario.distributions import Constant
from harness.scenario.model import Pool, Scenario
from harness.scenario.policies import (
    AdaptiveQueue,
    Autoscaling,
    Cache,
    CircuitBreaker,
    DynamicPool,
    RateLimit,
    Replicas,
    RetryBudget,
)
from harness.scenario.written import distribution, duration, rate, share, size

Document = dict[str, Any]


def policy_tables(scenario: Scenario) -> Document:
    """The tables of `scenario` that are policies of their own."""
    tables: Document = {}
    if scenario.breaker is not None:
        tables["breaker"] = _breaker(scenario.breaker)
    if scenario.rate_limits:
        tables["rate_limits"] = {limit.name: _limit(limit) for limit in scenario.rate_limits}
    if scenario.connections:
        tables["connections"] = {
            one.name: {"size": one.size}
            | ({} if one.wait_timeout_s is None else {"wait_timeout": duration(one.wait_timeout_s)})
            for one in scenario.connections
        }
    if scenario.memory is not None:
        tables["memory"] = {"limit": size(scenario.memory.limit_b)}
    return tables


def pool_tables(pool: Pool) -> Document:
    """The tables of a pool's policies."""
    tables: Document = {}
    if pool.dynamic is not None:
        tables["dynamic"] = _dynamic(pool.dynamic)
    if pool.scaling is not None:
        tables["scaling"] = _scaling(pool.scaling)
    if pool.adaptive_queue is not None:
        tables["adaptive_queue"] = _adaptive_queue(pool.adaptive_queue)
    if pool.replicas is not None:
        tables["replicas"] = _replicas(pool.replicas)
    return tables


def budget_table(budget: RetryBudget) -> Document:
    """The table of a budget of retries."""
    return {"share": share(budget.share), "reserve": budget.reserve}


def cache_table(cache: Cache) -> Document:
    """The table of a step's cache."""
    wait = {} if cache.wait == Constant(0.0) else {"wait": distribution(cache.wait)}
    return {"hit_ratio": share(cache.hit_ratio), **wait}


def _breaker(breaker: CircuitBreaker) -> Document:
    return {
        "failure_rate": share(breaker.failure_rate),
        "window": breaker.window,
        "open": duration(breaker.open_s),
        "probes": breaker.probes,
    }


def _limit(limit: RateLimit) -> Document:
    return {"rate": rate(limit.rate_per_s), "burst": limit.burst, "on_limit": limit.on_limit}


def _dynamic(of: DynamicPool) -> Document:
    return {
        "min": of.min,
        "max": of.max,
        "target_utilization": share(of.target_utilization),
        "every": duration(of.every_s),
        "start_delay": duration(of.start_delay_s),
        "down_after": duration(of.down_after_s),
    }


_SCALING_LIMITS: dict[str, Callable[[float], str | int]] = {
    "utilization": share,
    "queue_depth": int,
    "queue_wait": duration,
}


def _scaling(of: Autoscaling) -> Document:
    written = _SCALING_LIMITS[of.metric]
    return {
        "metric": of.metric,
        "up_above": written(of.up_above),
        "down_below": written(of.down_below),
        "min": of.min,
        "max": of.max,
        "step": of.step,
        "every": duration(of.every_s),
        "start_delay": duration(of.start_delay_s),
        "cooldown": duration(of.cooldown_s),
    }


def _adaptive_queue(of: AdaptiveQueue) -> Document:
    return {"target_wait": duration(of.target_wait_s), "min": of.min, "max": of.max, "every": duration(of.every_s)}


def _replicas(of: Replicas) -> Document:
    return {"count": of.count, "balancing": of.balancing}
