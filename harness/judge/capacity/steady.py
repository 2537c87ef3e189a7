"""The steady part of one replication: throughput, mean number in flight, latency, and how busy each resource was.

It begins with the first workflow that counts and ends when the last one comes. A workflow that is only partly within
counts for that part of itself. Counting whole ones would be wrong by up to one per place in flight: where workflows of
equal length go nearly in step, which of them fall just inside is no matter of chance. Under an open load whole ones
are counted: beyond the knee its backlog grows, and who still waits at the end has had nothing done.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.measure.agents import agent_attempts, agent_pools, core_attempts
from harness.measure.gauges import pool_samples
from harness.measure.record import CORES, Floats, Outcome, Run, WorkflowColumns
from harness.measure.warm_up import counted
from harness.scenario.model import Scenario, is_open

EVENT_LOOP, MACHINE = "the event loop's thread", "the machine's CPU"
POOL, CPU = "pool", "cpu"


@dataclass(frozen=True, slots=True)
class Busy:
    """How busy a resource was, as a share of all it has; `kind` is `pool` (agents) or `cpu`."""

    name: str
    kind: str
    share: float


@dataclass(frozen=True, slots=True)
class Steady:
    """One replication at one level. Times in seconds, rates per second; NaN where nothing was left to measure.

    `done` workflows succeeded in the steady part; `refused` is the share of all offered that was rejected.
    """

    throughput: float
    in_flight: float
    done: int
    refused: float
    latency_s: Floats
    busy: tuple[Busy, ...]

    @property
    def usable(self) -> bool:
        """Whether throughput and number in flight mean something."""
        return self.done > 1 and math.isfinite(self.throughput) and self.throughput > 0 and self.in_flight > 0


def steady_part(scenario: Scenario, run: Run) -> Steady:
    """What `run`, a steady trial of `scenario`, shows."""
    rows = run.workflows
    refused = float(np.mean(rows.outcome == Outcome.REJECTED)) if len(rows) else 1.0
    counts = counted(scenario, run)
    carried = counts & (rows.outcome <= Outcome.TIMED_OUT)
    latency_s = rows.finished_s[carried] - rows.due_s[carried]
    begin_s = float(rows.due_s[counts].min()) if counts.any() else math.nan
    end_s = float(rows.due_s.max()) if len(rows) else math.nan
    span_s = end_s - begin_s
    if not span_s > 0:
        return Steady(math.nan, math.nan, 0, refused, latency_s, ())
    finished_s = np.where(np.isnan(rows.finished_s), run.ended_s, rows.finished_s)
    inside_s = inside(rows.due_s, finished_s, begin_s, end_s)
    parts = _done(scenario, rows, finished_s, inside_s, (begin_s, end_s))
    return Steady(
        throughput=float(parts.sum()) / span_s,
        in_flight=float(inside_s.sum()) / span_s,
        done=round(float(parts.sum())),
        refused=refused,
        latency_s=latency_s,
        busy=(*_pools(scenario, run, begin_s, end_s), *_cpu(run)),
    )


def _done(
    scenario: Scenario, rows: WorkflowColumns, finished_s: Floats, inside_s: Floats, span: tuple[float, float]
) -> Floats:
    """How much of each workflow that succeeded counts for the steady part, in [0, 1]."""
    done = rows.outcome == Outcome.SUCCEEDED
    if is_open(scenario.load):
        return np.asarray(((finished_s > span[0]) & (finished_s <= span[1]))[done].astype(np.float64))
    latencies_s = (finished_s - rows.due_s)[done]
    parts = np.zeros(len(latencies_s))
    np.divide(inside_s[done], latencies_s, out=parts, where=latencies_s > 0)
    return parts


def inside(from_s: Floats, until_s: Floats, begin_s: float, end_s: float) -> Floats:
    """How long each stretch from `from_s` to `until_s` lasts within [begin_s, end_s]."""
    return np.asarray(np.maximum(np.minimum(until_s, end_s) - np.maximum(from_s, begin_s), 0.0))


def _pools(scenario: Scenario, run: Run, begin_s: float, end_s: float) -> list[Busy]:
    """Agent pools and modelled cores, from attempts where the target reports them, else from its gauges."""
    if len(run.attempts):
        attempts = agent_attempts(scenario, run)
        held = attempts.granted
        return [
            Busy(
                run.pool_names[pool],
                POOL,
                _share(attempts.left_s[mine], attempts.ended_s[mine], begin_s, end_s, run.pool_sizes[pool]),
            )
            for pool in agent_pools(scenario, run)
            for mine in [held & (attempts.columns.pool == pool)]
        ] + _cores(scenario, run, begin_s, end_s)
    samples = pool_samples(run)
    share = None if samples is None else samples.avg_utilization()
    name = scenario.pools[0].name if len(scenario.pools) == 1 else "target"
    return [] if share is None else [Busy(name, POOL, share)]


def _cores(scenario: Scenario, run: Run, begin_s: float, end_s: float) -> list[Busy]:
    rows = core_attempts(scenario, run)
    if not len(rows):
        return []
    until_s = np.where(np.isnan(rows.released_s), run.ended_s, rows.released_s)
    return [Busy(CORES, CPU, _share(rows.granted_s, until_s, begin_s, end_s, run.pool_sizes[-1]))]


def _share(from_s: Floats, until_s: Floats, begin_s: float, end_s: float, size: int) -> float:
    return float(inside(from_s, until_s, begin_s, end_s).sum()) / ((end_s - begin_s) * size)


def _cpu(run: Run) -> list[Busy]:
    """What was really taken of the machine; nothing on a virtual clock, where work costs no time."""
    if run.clock == "virtual":
        return []
    busy = []
    if math.isfinite(run.driver_cpu_s) and run.ended_s > 0:
        busy.append(Busy(EVENT_LOOP, CPU, min(1.0, run.driver_cpu_s / run.ended_s)))
    share = run.resources.values.get("cpu_share")
    if share is not None and not run.resources.modelled and not np.isnan(share).all():
        busy.append(Busy(MACHINE, CPU, float(np.nanmean(share))))
    return busy


def mean_busy(parts: tuple[Steady, ...]) -> Mapping[str, Busy]:
    """Each resource's mean over replications."""
    shares: dict[str, list[Busy]] = {}
    for part in parts:
        for one in part.busy:
            shares.setdefault(one.name, []).append(one)
    return {
        name: Busy(name, seen[0].kind, float(np.mean([one.share for one in seen]))) for name, seen in shares.items()
    }
