"""The places of a run at which something is granted, in the one order that all of its columns know them by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.scenario.model import Pool, Scenario

PoolKind = Literal["agents", "cores", "connections", "rate_limit", "memory"]

CORES = "cores"
MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class PlannedPool:
    """One place: `size` is agents, connections, tokens (the burst), bytes or cores; a `queue` of None is unbounded.

    `declared` is its index among the scenario's pools, connection pools or rate limits (0 for memory and cores), and
    `replica` which of a replicated pool it is.
    """

    name: str
    kind: PoolKind
    size: int
    queue: int | None = None
    declared: int = 0
    replica: int = 0


def pools_of(scenario: Scenario, *, cores: bool = False) -> tuple[PlannedPool, ...]:
    """Every place, in order: pools of agents (a replicated one in place of itself), connections, limits, memory, cores.

    `cores` says whether the modelled or real cores are a place: where some step burns CPU.
    """
    places = [place for index, pool in enumerate(scenario.pools) for place in _agents(index, pool)]
    places += [PlannedPool(one.name, "connections", one.size, None, k) for k, one in enumerate(scenario.connections)]
    places += [
        PlannedPool(one.name, "rate_limit", one.burst, None if one.on_limit == "wait" else 0, k)
        for k, one in enumerate(scenario.rate_limits)
    ]
    if scenario.memory is not None:
        places.append(PlannedPool(MEMORY, "memory", scenario.memory.limit_b))
    if cores:
        places.append(PlannedPool(CORES, "cores", scenario.cores))
    return tuple(places)


def _agents(index: int, pool: Pool) -> list[PlannedPool]:
    if pool.replicas is None:
        return [PlannedPool(pool.name, "agents", pool.size, pool.queue, index)]
    return [
        PlannedPool(f"{pool.name}[{k}]", "agents", pool.size, pool.queue, index, k) for k in range(pool.replicas.count)
    ]


def first_replica(places: tuple[PlannedPool, ...], declared: int) -> int:
    """Index in `places` of the pool that the scenario declares as number `declared`; of replicas, of the first."""
    return next(k for k, place in enumerate(places) if place.kind == "agents" and place.declared == declared)


def place_named(places: tuple[PlannedPool, ...], kind: PoolKind, name: str) -> int:
    """Index in `places` of what is of this kind and has this name."""
    return next(k for k, place in enumerate(places) if place.kind == kind and place.name == name)
