"""From a scenario's tables of policies, whose shape the schema has accepted, to records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.errors import UnitError
from harness.scenario.policies import (
    AdaptiveQueue,
    Autoscaling,
    Cache,
    CircuitBreaker,
    ConnectionPool,
    DynamicPool,
    MemoryAdmission,
    RateLimit,
    Replicas,
    RetryBudget,
)
from harness.scenario.reading import Reading, Table, distribution
from harness.units import parse_duration, parse_rate, parse_share, parse_size

_SCALING_LIMITS: Mapping[str, Callable[[object], float]] = {"utilization": parse_share, "queue_wait": parse_duration}


def policies_of(where: str, table: Table, reading: Reading) -> dict[str, Any]:
    """The fields of a `Scenario` that are policies of their own, of those that `table` declares."""
    fields: dict[str, Any] = {}
    if "breaker" in table:
        fields["breaker"] = _breaker(f"{where}.breaker", table["breaker"], reading)
    if "memory" in table:
        limit_b = reading.quantity(parse_size, f"{where}.memory.limit", table["memory"]["limit"])
        fields["memory"] = MemoryAdmission(int(limit_b))
    limits, connections = table.get("rate_limits", {}), table.get("connections", {})
    fields["rate_limits"] = tuple(_limit(f"{where}.rate_limits", name, limits[name], reading) for name in limits)
    fields["connections"] = tuple(
        ConnectionPool(
            name, int(of["size"]), reading.duration_or_none(f"{where}.connections.{name}", of, "wait_timeout")
        )
        for name, of in connections.items()
    )
    return fields


def pool_policies(where: str, table: Table, reading: Reading) -> dict[str, Any]:
    """The fields of a `Pool` that are policies, of those that its `table` declares."""
    makers = {"dynamic": _dynamic, "scaling": _scaling, "adaptive_queue": _adaptive_queue, "replicas": _replicas}
    return {key: make(f"{where}.{key}", table[key], reading) for key, make in makers.items() if key in table}


def build_budget(where: str, table: Table, reading: Reading) -> RetryBudget:
    """The budget of a `[….retry.budget]` table."""
    share = reading.quantity(parse_share, f"{where}.share", table["share"])
    return RetryBudget(share, float(table.get("reserve", RetryBudget(share).reserve)))


def build_cache(where: str, table: Table, reading: Reading) -> Cache:
    """The cache of a step."""
    hit_ratio = reading.quantity(parse_share, f"{where}.hit_ratio", table["hit_ratio"])
    return Cache(hit_ratio, distribution(f"{where}.wait", table.get("wait", "0 s"), reading))


def _breaker(where: str, table: Table, reading: Reading) -> CircuitBreaker:
    failure_rate = reading.quantity(parse_share, f"{where}.failure_rate", table["failure_rate"])
    default = CircuitBreaker(failure_rate)
    return CircuitBreaker(
        failure_rate,
        window=int(table.get("window", default.window)),
        open_s=reading.duration(where, table, "open", default.open_s),
        probes=int(table.get("probes", default.probes)),
    )


def _limit(where: str, name: str, table: Table, reading: Reading) -> RateLimit:
    rate_per_s = reading.quantity(parse_rate, f"{where}.{name}.rate", table["rate"])
    default = RateLimit(name, rate_per_s)
    burst, on_limit = int(table.get("burst", default.burst)), table.get("on_limit", default.on_limit)
    return RateLimit(name, rate_per_s, burst, on_limit)


def _dynamic(where: str, table: Table, reading: Reading) -> DynamicPool:
    default = DynamicPool(int(table["min"]), int(table["max"]))
    goal = default.target_utilization
    if "target_utilization" in table:
        goal = reading.quantity(parse_share, f"{where}.target_utilization", table["target_utilization"])
    return DynamicPool(
        min=default.min,
        max=default.max,
        target_utilization=goal,
        every_s=reading.duration(where, table, "every", default.every_s),
        start_delay_s=reading.duration(where, table, "start_delay"),
        down_after_s=reading.duration(where, table, "down_after"),
    )


def _scaling(where: str, table: Table, reading: Reading) -> Autoscaling:
    metric = table["metric"]
    up_above, down_below = (
        _limit_of(f"{where}.{key}", metric, table[key], reading) for key in ("up_above", "down_below")
    )
    default = Autoscaling(metric, up_above, down_below, int(table["min"]), int(table["max"]))
    return Autoscaling(
        metric,
        up_above,
        down_below,
        default.min,
        default.max,
        step=int(table.get("step", default.step)),
        every_s=reading.duration(where, table, "every", default.every_s),
        start_delay_s=reading.duration(where, table, "start_delay"),
        cooldown_s=reading.duration(where, table, "cooldown"),
    )


def _limit_of(where: str, metric: str, value: object, reading: Reading) -> float:
    """A limit in its metric's base unit. A depth is a bare number, the others are texts with their unit."""
    if metric in _SCALING_LIMITS:
        return reading.quantity(_SCALING_LIMITS[metric], where, value)
    return float(reading.quantity(_whole, where, value))


def _whole(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise UnitError(repr(value), "a whole number without a unit, such as 20")


def _adaptive_queue(where: str, table: Table, reading: Reading) -> AdaptiveQueue:
    target_wait_s = reading.duration(where, table, "target_wait")
    default = AdaptiveQueue(target_wait_s, int(table["min"]), int(table["max"]))
    return AdaptiveQueue(
        target_wait_s, default.min, default.max, every_s=reading.duration(where, table, "every", default.every_s)
    )


def _replicas(_where: str, table: Table, _reading: Reading) -> Replicas:
    count = int(table["count"])
    return Replicas(count, table.get("balancing", Replicas(count).balancing))
