"""`summarise`: from the runs of one scenario to `MultiAgentLoadMetrics`, each defined where it is computed."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from harness.measure import estimates
from harness.measure.agents import AgentAttempts, agent_attempts
from harness.measure.footprint import resource_metrics
from harness.measure.generator import generator_metrics
from harness.measure.latency import NOT_ON_TARGET, latencies, latency_metrics
from harness.measure.little import littles_law
from harness.measure.machine import Machine
from harness.measure.measured import measured_figures
from harness.measure.modelled import modelled_machine
from harness.measure.percentiles import nearest_rank
from harness.measure.pools import pool_metrics
from harness.measure.record import Floats, Ints, Outcome, Run
from harness.measure.sampled import sampled_machine
from harness.measure.signals import signal_metrics
from harness.measure.summary import (
    Estimate,
    LatencyMetrics,
    MultiAgentLoadMetrics,
    PoolMetrics,
    ReplicationMetrics,
    ResourceMetrics,
    ThroughputMetrics,
)
from harness.measure.throughput import throughput_metrics
from harness.measure.timeline import in_flight
from harness.measure.uses_all import uses_of
from harness.measure.warm_up import counted_part, warm_up_metrics
from harness.scenario.in_force import policies_in_force
from harness.scenario.model import Scenario

__all__ = [
    "Estimate",
    "LatencyMetrics",
    "MultiAgentLoadMetrics",
    "PoolMetrics",
    "ReplicationMetrics",
    "ResourceMetrics",
    "ThroughputMetrics",
    "summarise",
]

BUILT_IN = "builtin"
ERRORS = (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.CANCELLED)


# long: one line for each field of the record
def summarise(scenario: Scenario, runs: Sequence[Run]) -> MultiAgentLoadMetrics:
    """What `runs`, replications of `scenario` on one target and clock, amount to.

    Counts are summed over runs and shares taken of the sums; percentiles are those of all runs' latencies together;
    means are means of the runs' means; peaks are the largest; the makespan (start of the run until the last workflow
    ended) is the median. Raises `AssertionError` where a run's own columns contradict each other: offered is the sum of
    the outcomes, and what was carried out has an end.
    """
    _counted(runs)
    whole, runs = runs, [counted_part(scenario, run) for run in runs]
    counts = _counted(runs)
    offered = int(counts.sum())
    attempts = [agent_attempts(scenario, run) for run in whole]
    observable = any(len(run.attempts) for run in whole)
    machines = [_machine(scenario, *three) for three in zip(whole, runs, attempts, strict=True)]
    ordered = [latencies(run) for run in runs]
    inside = attempts if all(map(operator.is_, whole, runs)) else [agent_attempts(scenario, run) for run in runs]
    metrics = MultiAgentLoadMetrics(
        scenario=scenario.name,
        offered=offered,
        outcomes={outcome.name.lower(): int(counts[outcome]) for outcome in Outcome},
        errors=_errors(runs),
        success_rate=estimates.share(int(counts[Outcome.SUCCEEDED]), offered),
        error_rate=estimates.share(sum(int(counts[outcome]) for outcome in ERRORS), offered),
        rejection_rate=estimates.share(int(counts[Outcome.REJECTED]), offered),
        concurrent_workflows=max((in_flight(run.workflows).largest() for run in whole), default=0),
        makespan=estimates.median((run.ended_s for run in runs), "no run"),
        attempts_per_workflow=_attempts_per_workflow(runs, inside, observable),
        latency=latency_metrics(scenario, runs, ordered, inside, observable),
        throughput=throughput_metrics(scenario, whole),
        pools=pool_metrics(scenario, whole, attempts, observable),
        resources=resource_metrics(scenario.load, machines),
        replications=tuple(map(_replication, runs, ordered, machines)),
        doubts=(),
    )
    # the signals and what a target measured say themselves what could not be seen of them
    doubts, signals = all_doubts(runs, metrics, observable), signal_metrics(scenario, whole, attempts)
    doubts = (*policy_doubts(scenario, whole), *doubts)
    warm_up = warm_up_metrics(scenario, whole)
    if warm_up is not None:
        doubts = (f"{warm_up.text} ({warm_up.offered} workflows) are warm-up and kept out of the figures", *doubts)
    return dataclasses.replace(
        metrics,
        doubts=doubts,
        signals=signals,
        uses=uses_of(scenario, whole),
        little=littles_law(whole),
        measured=measured_figures(runs),
        generator=generator_metrics(runs),
        warm_up=warm_up,
    )


def _counted(runs: Sequence[Run]) -> Ints:
    """Workflows per outcome, shape (5,), checked against what each run offered."""
    total = np.zeros(len(Outcome), dtype=np.int64)
    for run in runs:
        outcome = run.workflows.outcome
        counts = np.bincount(outcome[(outcome >= 0) & (outcome < len(Outcome))], minlength=len(Outcome))
        if int(counts.sum()) != len(run.workflows):
            raise AssertionError(
                f"seed {run.seed}: {len(run.workflows)} workflows were offered, but {counts.sum()} have an outcome: "
                + ", ".join(f"{counts[kind]} {kind.name.lower()}" for kind in Outcome)
            )
        endless = int((np.isnan(run.workflows.finished_s) & (outcome <= Outcome.TIMED_OUT)).sum())
        if endless:
            raise AssertionError(f"seed {run.seed}: {endless} workflows were carried out but have no finishing time")
        total += counts
    return total


def _errors(runs: Sequence[Run]) -> dict[str, int]:
    """Workflows per error kind, the most frequent first."""
    errors: dict[str, int] = {}
    for run in runs:
        kinds = run.workflows.error
        counts = np.bincount(kinds[kinds >= 0], minlength=len(run.error_kinds))
        for kind, count in zip(run.error_kinds, counts, strict=True):
            if count:
                errors[kind] = errors.get(kind, 0) + int(count)
    return dict(sorted(errors.items(), key=lambda item: (-item[1], item[0])))


def _attempts_per_workflow(runs: Sequence[Run], attempts: Sequence[AgentAttempts], observable: bool) -> Estimate:
    """Attempts at steps per workflow that started; a workflow of three steps without retries makes three."""
    if not observable and all(run.tries is None for run in runs):
        return Estimate(None, doubt=NOT_ON_TARGET)
    started = [int((~np.isnan(run.workflows.started_s)).sum()) for run in runs]
    made = [len(of) if run.tries is None else len(run.tries) for run, of in zip(runs, attempts, strict=True)]
    pairs = zip(made, started, strict=True)
    return estimates.mean((of / count if count else None for of, count in pairs), "no workflow started")


def _machine(scenario: Scenario, whole: Run, run: Run, attempts: AgentAttempts) -> Machine:
    if whole.resources.modelled and len(whole.attempts):
        return modelled_machine(scenario, whole, attempts)
    return sampled_machine(run)


def _replication(run: Run, ordered: Floats, machine: Machine) -> ReplicationMetrics:
    counts = np.bincount(run.workflows.outcome, minlength=len(Outcome))
    offered, succeeded = len(run.workflows), int(counts[Outcome.SUCCEEDED])
    return ReplicationMetrics(
        seed=run.seed,
        offered=offered,
        succeeded=succeeded,
        makespan_s=run.ended_s,
        latency_p50_s=_quantile(ordered, 0.50),
        latency_p95_s=_quantile(ordered, 0.95),
        latency_p99_s=_quantile(ordered, 0.99),
        seconds_per_workflow=run.ended_s / succeeded if succeeded else None,
        error_rate=sum(int(counts[outcome]) for outcome in ERRORS) / offered if offered else 0.0,
        rejection_rate=int(counts[Outcome.REJECTED]) / offered if offered else 0.0,
        memory_over_start_b=machine.memory_over_start_b,
        driver_cpu_per_workflow_s=None if math.isnan(run.driver_cpu_s) or not offered else run.driver_cpu_s / offered,
    )


def _quantile(ordered: Floats, q: float) -> float | None:
    return float(ordered[nearest_rank(len(ordered), q) - 1]) if len(ordered) else None


def policy_doubts(scenario: Scenario, runs: Sequence[Run]) -> tuple[str, ...]:
    """Policies that were declared and had no part in `runs`: they are the built-in orchestrator's, nobody else's."""
    policies = policies_in_force(scenario)
    if not policies or all(run.target == BUILT_IN for run in runs):
        return ()
    return (f"policies ({', '.join(policies)}): they are those of the built-in target, this one has its own",)


def all_doubts(runs: Sequence[Run], metrics: MultiAgentLoadMetrics, observable: bool) -> tuple[str, ...]:
    """Every reason for care, once: of the runs, of what is not seen, and of the figures (one reason, one line).

    A figure without a value carries its reason itself.
    """
    doubts = [doubt for run in runs for doubt in run.doubts]
    doubts += [f"seed {run.seed} ended early: {run.stopped}" for run in runs if run.stopped is not None]
    left_out = metrics.outcomes["rejected"] + metrics.outcomes["cancelled"]
    if left_out:
        doubts.append(f"latency: {left_out} of {metrics.offered} workflows were rejected or cancelled and have none")
    if metrics.offered and not observable:
        sampled = any(pool.max_depth.value is not None for pool in metrics.pools)
        doubts.append(f"queue wait{'' if sampled else ', queue and pool'}: {NOT_ON_TARGET}")
    grouped: dict[str, list[str]] = {}
    for name, doubt in _figure_doubts("", metrics):
        grouped.setdefault(doubt, []).append(name)
    doubts += [f"{', '.join(names)}: {doubt}" for doubt, names in grouped.items()]
    return tuple(dict.fromkeys(doubts))


def _figure_doubts(path: str, record: Any) -> Iterator[tuple[str, str]]:
    """(path, doubt) of each `Estimate` below `record` that has a value and a doubt; a pool is named in the path."""
    if isinstance(record, Estimate):
        if record.value is not None and record.doubt is not None:
            yield path, record.doubt
    elif isinstance(record, tuple):
        for item in record:
            yield from _figure_doubts(f"{path}.{getattr(item, 'name', '')}", item)
    elif dataclasses.is_dataclass(record):
        for field in dataclasses.fields(record):
            yield from _figure_doubts(f"{path}.{field.name}".lstrip("."), getattr(record, field.name))
