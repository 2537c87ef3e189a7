"""How many the target works on at once: what it declares, what its gauges show, or what several loads give away.

With N in flight and a service time S, throughput is min(N, C) / S where no more than C are worked on (Little's law). A
run below C looks the same whatever C is. So a limit is looked for only where a model without one, made from the run
with the least in flight, gives too short a latency for a run with more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from harness.judge.calibration.modelling import scenario_of_load
from harness.judge.calibration.records import Limit, Measured, Model, Simulate
from harness.judge.calibration.sampling import figures_of

_LONGER = 1.1
"""Measured median latency over that of a model without a limit, from which on one is looked for."""
_FIGURES = ("latency_p50", "throughput")
_TRIED = 0.1
"""How far from the first estimate limits are tried, as a share."""


def limit_of_one(source: Measured, seen_up_to: float) -> Limit:
    """What one run shows of a limit by itself."""
    if source.builtin:
        return Limit(source.scenario.pools[0].size, source.scenario.pools[0].queue, "declared", seen_up_to)
    if not source.pools:
        return Limit(None, None, "none", seen_up_to)
    shown = min(source.pools, key=lambda pool: pool.size)
    return Limit(shown.size, _queue(source, shown.size), "shown", seen_up_to)


def _queue(source: Measured, size: int) -> int | None:
    """The queue that was declared for a pool of the size that is shown; or the deepest seen, where some were turned
    away."""
    for pool in source.scenario.pools:
        if pool.size == size and pool.queue is not None:
            return pool.queue
    depths = [pool.max_depth for pool in source.pools if pool.max_depth is not None]
    turned_away = any(one.outcomes["rejected"] for one in source.times.types)
    return int(max(depths)) if turned_away and depths else None


def limit_of_several(ordered: Sequence[Measured], made: Callable[[Limit], Model], simulate: Simulate) -> Limit:
    """The limit that the runs give away together, in ascending order of how many were in flight."""
    base, seen_up_to = ordered[0], ordered[-1].times.in_flight
    free = made(Limit(None, None, "none", seen_up_to))
    held_back = [one for one in ordered[1:] if _longer(one, free, simulate)]
    if not held_back:
        return Limit(None, None, "none", seen_up_to)
    first = _first_estimate(base, held_back)
    tried = [Limit(size, None, "fitted", seen_up_to) for size in _around(first)]
    return min(tried, key=lambda limit: _distance(held_back, made(limit), simulate))


def _longer(one: Measured, model: Model, simulate: Simulate) -> bool:
    seen, told = one.figures["latency_p50"].value, _simulated(one, model, simulate)["latency_p50"]
    return seen is not None and seen > _LONGER * told


def _first_estimate(base: Measured, held_back: Sequence[Measured]) -> float:
    """C = X S: throughput where it no longer rises, and the mean service time where nothing waits."""
    service_s = sum(_mean_s(base, k) for k in range(len(base.times.types)))
    most = max(one.figures["throughput"].value or 0.0 for one in held_back)
    return max(1.0, most * service_s)


def _mean_s(base: Measured, k: int) -> float:
    """The part of type `k` in the mean service time of all workflows."""
    one = base.times.types[k]
    levels, quantiles = base.times.levels, one.service.quantiles_s
    area = sum((q + p) / 2 * (b - a) for q, p, a, b in zip(quantiles, quantiles[1:], levels, levels[1:], strict=False))
    return area * one.service.count / max(1, sum(kind.service.count for kind in base.times.types))


def _around(first: float) -> Iterator[int]:
    low, high = math.floor(first * (1 - _TRIED)), math.ceil(first * (1 + _TRIED))
    step = max(1, (high - low) // 8)
    yield from range(max(1, low), max(1, high) + 1, step)


def _distance(held_back: Sequence[Measured], model: Model, simulate: Simulate) -> float:
    total = 0.0
    for one in held_back:
        told = _simulated(one, model, simulate)
        for name in _FIGURES:
            seen = one.figures[name].value
            if seen and told[name] > 0:
                total += math.log(told[name] / seen) ** 2
    return total


def _simulated(one: Measured, model: Model, simulate: Simulate) -> dict[str, float]:
    return figures_of(scenario_of_load(model.scenario, one.scenario), simulate)
