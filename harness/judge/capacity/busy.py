"""How busy each resource was in the steady part of a run: from its rows where it has them, else from its gauges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.measure.capacity_over_time import capacity_of
from harness.measure.gauges import PoolSamples, connection_samples, pool_samples
from harness.measure.known_rows import KnownRows, known_rows
from harness.measure.record import Floats, Run
from harness.measure.uses_rows import amounts, rate_of
from harness.scenario.model import Scenario

BusyKind = Literal["pool", "connections", "rate_limit", "memory", "cpu"]
EVENT_LOOP, MACHINE = "the event loop's thread", "the machine's CPU"
CONNECTIONS = "connections"
"""What the connections are called that gauges show."""
_KINDS: Mapping[str, BusyKind] = {
    "agents": "pool",
    "cores": "cpu",
    "connections": "connections",
    "rate_limit": "rate_limit",
    "memory": "memory",
}


@dataclass(frozen=True, slots=True)
class Busy:
    """How busy a resource was, as a share of all there is of it in that time; replicas of a pool are one.

    `kind` is `pool` (agents), `connections`, `rate_limit` (tokens taken), `memory` (bytes admitted) or `cpu` (modelled
    cores, the event loop's thread, the machine).
    """

    name: str
    kind: BusyKind
    share: float


def busy_in(scenario: Scenario, run: Run, begin_s: float, end_s: float) -> tuple[Busy, ...]:
    """Every resource that `run` shows, from `begin_s` to `end_s`."""
    places = _placed(scenario, run, begin_s, end_s) if len(run.attempts) else _gauged(scenario, run)
    return (*places, *_cpu(run))


def _placed(scenario: Scenario, run: Run, begin_s: float, end_s: float) -> Iterator[Busy]:
    rows = known_rows(scenario, run)
    for index, (kind, name) in enumerate(rows.places):
        share = _taken(scenario, run, rows, index, (begin_s, end_s))
        if share is not None:
            yield Busy(name, _KINDS[kind], share)


def _taken(scenario: Scenario, run: Run, rows: KnownRows, place: int, window: tuple[float, float]) -> float | None:
    """The share of a place that was taken; None where nobody asked it for anything."""
    kind, name = rows.places[place]
    begin_s, end_s = window
    mine = (rows.place == place) & rows.granted
    if kind == "rate_limit":
        tokens = int((mine & (rows.left_s > begin_s) & (rows.left_s <= end_s)).sum())
        return min(1.0, tokens / (rate_of(scenario, name) * (end_s - begin_s)))
    there = capacity_of(run, rows, place, begin_s, end_s)
    if not mine.any() or there <= 0:
        return None
    held_s = inside(rows.left_s[mine], rows.ended_s[mine], begin_s, end_s)
    return float((held_s * amounts(scenario, run, kind, rows.workflow[mine])).sum()) / there


def inside(from_s: Floats, until_s: Floats, begin_s: float, end_s: float) -> Floats:
    """How long each stretch from `from_s` to `until_s` lasts within [begin_s, end_s]."""
    return np.asarray(np.maximum(np.minimum(until_s, end_s) - np.maximum(from_s, begin_s), 0.0))


def _gauged(scenario: Scenario, run: Run) -> Iterator[Busy]:
    name = scenario.pools[0].name if len(scenario.pools) == 1 else "target"
    shown: tuple[tuple[str, BusyKind, PoolSamples | None], ...] = (
        (name, "pool", pool_samples(run)),
        (CONNECTIONS, "connections", connection_samples(run)),
    )
    for called, kind, samples in shown:
        share = None if samples is None else samples.avg_utilization()
        if share is not None:
            yield Busy(called, kind, share)


def _cpu(run: Run) -> Iterator[Busy]:
    """What was really taken of the machine; nothing on a virtual clock, where work costs no time."""
    if run.clock == "virtual":
        return
    if math.isfinite(run.driver_cpu_s) and run.ended_s > 0:
        yield Busy(EVENT_LOOP, "cpu", min(1.0, run.driver_cpu_s / run.ended_s))
    share = run.resources.values.get("cpu_share")
    if share is not None and not run.resources.modelled and not np.isnan(share).all():
        yield Busy(MACHINE, "cpu", float(np.nanmean(share)))


def mean_busy(each: Iterable[tuple[Busy, ...]]) -> tuple[Busy, ...]:
    """Each resource's mean over replications."""
    shares: dict[tuple[BusyKind, str], list[float]] = {}
    for part in each:
        for one in part:
            shares.setdefault((one.kind, one.name), []).append(one.share)
    return tuple(Busy(name, kind, float(np.mean(seen))) for (kind, name), seen in shares.items())
