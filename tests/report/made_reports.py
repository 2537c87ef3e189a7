"""Reports made by hand: every figure is written down here, so that a golden file changes only when rendering does."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np

from harness.judge.baseline import judge_baseline
from harness.measure.little import LittlesLaw
from harness.measure.metrics import (
    Estimate,
    LatencyMetrics,
    MultiAgentLoadMetrics,
    PoolMetrics,
    ReplicationMetrics,
    ResourceMetrics,
    ThroughputMetrics,
)
from harness.measure.record import Recorder, Run, Series, empty_series
from harness.measure.uses import ResourceUse, Uses
from harness.report.document import Report, build_report
from harness.scenario.model import BaselineLine, ClosedLoad, Pool, Scenario, Step, WorkflowType

Record = TypeVar("Record")
UNSEEN = Estimate(None, doubt="not observable on this target")
WHEN = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
RUN_ID = "0123456789abcdef0123456789abcdef"
MACHINE = {
    "platform": "Linux-6.1",
    "architecture": "x86_64",
    "processor": None,
    "cpu_count": 2,
    "cpu_usable": 2,
    "memory_total_b": 8 * 2**30,
    "python": "3.11.2",
    "python_implementation": "CPython",
    "versions": {"numpy": "2.3.0", "langgraph": None},
}
BASELINE = (
    BaselineLine("success_rate", ">=", 0.8, ">= 80 %"),
    BaselineLine("latency_p95", "<", 5.0, "< 5 s"),
    BaselineLine("memory_peak", "<", 512e6, "< 512 MB"),
    BaselineLine("pool_exhausted_at", "recorded", 0.0, "recorded"),
)


def filled(record: type[Record], **given: Any) -> Record:
    """A record of estimates with those given, every other one not observable."""
    fields = dataclasses.fields(record)  # type: ignore[arg-type]
    return record(**{**{field.name: UNSEEN for field in fields if field.type == "Estimate"}, **given})


def seen(value: float, **more: Any) -> Estimate:
    """An estimate that was observed."""
    return Estimate(value, **more)


def make_scenario(name: str = "test_steady", **changes: Any) -> Scenario:
    """Ten workflows in flight, one step each, on four agents."""
    kind = WorkflowType("simple", (Step("ask"),))
    given: dict[str, Any] = {
        "load": ClosedLoad(10, workflows=40),
        "types": (kind,),
        "mix": (("simple", 1.0),),
        "pools": (Pool("agents", 4, queue=20),),
        "baseline": BASELINE,
        "description": "Ten at a time.",
    }
    return Scenario(name=name, **{**given, **changes})


def make_pool(name: str = "agents", **changes: Any) -> PoolMetrics:
    """A pool of four that was full once."""
    given: dict[str, Any] = {
        "max_utilization": seen(1.0),
        "avg_utilization": seen(0.75),
        "max_depth": seen(6.0),
        "avg_depth": seen(1.25),
        "drops": seen(0.0),
        "overcommit": seen(0.0),
        "overflow": seen(0.0),
        "exhausted_at": seen(5.0),
    }
    return filled(PoolMetrics, name=name, size=4, queue=20, **{**given, **changes})


def make_latency(**changes: Any) -> LatencyMetrics:
    """Forty samples, the p99 in doubt."""
    given: dict[str, Any] = {
        "samples": 40,
        "p50": seen(0.5, low=0.4, high=0.6),
        "p95": seen(3.1, low=2.5, high=4.0),
        "p99": seen(4.2, low=3.5, doubt="p99 of 40 workflows is the maximum; 299 are needed for a 95 % bound"),
        "mean": seen(0.9),
        "max": seen(4.2),
        "lag": seen(0.0),
    }
    return filled(LatencyMetrics, **{**given, **changes})


def make_resources(**changes: Any) -> ResourceMetrics:
    """300 MiB, and a quarter of the machine, modelled."""
    given: dict[str, Any] = {
        "modelled": True,
        "memory_peak_b": seen(300 * 2**20),
        "cpu_mean": seen(0.25),
        "cpu_max": seen(0.5),
        "memory_peaks_b": (300.0 * 2**20,),
        "cpu_peaks": (0.5,),
    }
    return filled(ResourceMetrics, **{**given, **changes})


def make_replication(seed: int = 1, **changes: Any) -> ReplicationMetrics:
    """A replication of forty workflows."""
    given: dict[str, Any] = {
        "offered": 40,
        "succeeded": 38,
        "makespan_s": 10.0,
        "latency_p50_s": 0.5,
        "latency_p95_s": 3.1,
        "latency_p99_s": 4.2,
        "seconds_per_workflow": 10 / 38,
        "error_rate": 0.05,
        "rejection_rate": 0.0,
        "memory_over_start_b": None,
        "driver_cpu_per_workflow_s": 1.5e-5,
    }
    return ReplicationMetrics(seed=seed, **{**given, **changes})


USED = ResourceUse(
    "agents",
    "agents",
    size=4.0,
    queue=20,
    utilisation=0.96,
    working=0.96,
    saturated=0.94,
    contended=0.9,
    of_mean=0.7,
    of_p95=0.81,
    refused=0.0,
    gave_up=0.0,
)


def make_metrics(**changes: Any) -> MultiAgentLoadMetrics:
    """40 offered, 38 succeeded, one failed, one timed out."""
    given: dict[str, Any] = {
        "scenario": "test_steady",
        "offered": 40,
        "outcomes": {"succeeded": 38, "failed": 1, "timed_out": 1, "rejected": 0, "cancelled": 0},
        "errors": {"timeout": 1, "ValueError": 1},
        "success_rate": seen(0.95, low=0.83, high=0.99),
        "error_rate": seen(0.05, low=0.01, high=0.17),
        "rejection_rate": seen(0.0, low=0.0, high=0.09),
        "concurrent_workflows": 10,
        "makespan": seen(10.0),
        "attempts_per_workflow": seen(1.025),
        "latency": make_latency(),
        "throughput": ThroughputMetrics(seen(4.0), seen(6.0), seen(2.0), 1.0, "the first 1 s and the last 2 s"),
        "pools": (make_pool(),),
        "resources": make_resources(),
        "replications": (make_replication(),),
        "doubts": ("latency.p99: p99 of 40 workflows is the maximum; 299 are needed for a 95 % bound",),
        "uses": Uses((USED,), rows=True, carried_out=40),
        "little": LittlesLaw(5.0, 4.0, 1.0, residual=0.2, edges=0.2, left=0.0),
    }
    return MultiAgentLoadMetrics(**{**given, **changes})


def make_latencies(latency: LatencyMetrics) -> list[float]:
    """Forty latencies, ascending, with the percentiles that `latency` says they have."""
    p50, p95, largest = (one.value for one in (latency.p50, latency.p95, latency.max))
    if p50 is None or p95 is None or largest is None:
        return [0.25 + index / 64 for index in range(40)]
    return np.interp(np.arange(1, 41), [1, 20, 38, 39, 40], [p50 / 2, p50, p95, largest, largest]).tolist()


def make_run(
    scenario: Scenario, clock: str = "virtual", *, latency: LatencyMetrics | None = None, **changes: Any
) -> Run:
    """The columns of forty workflows, a tenth of a second apart; 38 succeed, one fails, one times out."""
    recorder = Recorder()
    for index, latency_s in enumerate(make_latencies(latency or make_latency())):
        recorder.offer(0.0625 * index, 0, 0)
        recorder.started[index] = 0.0625 * index
        recorder.end(index, 0.0625 * index + latency_s, {7: 1, 9: 2}.get(index, 0), None)
    given: dict[str, Any] = {
        "scenario": scenario.name,
        "digest": "0011223344556677",  # not the scenario's own: golden files outlive changes of the declaration
        "target": "builtin",
        "clock": clock,
        "seed": 1,
        "type_names": ("simple",),
        "pool_names": ("agents",),
        "pool_sizes": (4,),
        "pool_queues": (20,),
        "error_kinds": (),
        "workflows": recorder.workflow_columns(),
        "attempts": recorder.attempt_columns(),
        "resources": empty_series(modelled=True),
        "gauges": Series(np.arange(4.0), {"queue_depth": np.array([0.0, 6.0, 2.0, 0.0])}),
        "ended_s": max(10.0, *recorder.finished),
        "driver_cpu_s": 6e-4,
        "real_s": 0.01,
    }
    return Run(**{**given, **changes})


def make_report(
    name: str = "test_steady",
    *,
    scenario: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    run: dict[str, Any] | None = None,
    **changes: Any,
) -> Report:
    """A whole report; each argument changes what its maker makes, the rest goes to `build_report`."""
    declared = make_scenario(name, **(scenario or {}))
    measured = make_metrics(scenario=name, **(metrics or {}))
    given: dict[str, Any] = {
        "harness_version": "0.1.0",
        "commit": {"id": "0" * 40, "dirty": False},
        "machine": MACHINE,
        "timestamp": WHEN,
        "run_id": RUN_ID,
    }
    runs = [make_run(declared, latency=measured.latency, **(run or {}))]
    return build_report(declared, runs, measured, judge_baseline(declared, measured), **{**given, **changes})


def make_suite() -> list[Report]:
    """Four reports, one of each verdict: held, broken, cannot tell, invalid."""
    slow = make_latency(p95=seen(6.0, low=4.5, high=7.5), p99=seen(8.0), max=seen(8.0))
    unseen = Uses(
        (), rows=False, carried_out=40, unseen=("its agent pools and queues are not seen (the target shows no gauges)",)
    )
    machine = make_resources(modelled=False, memory_peak_b=UNSEEN)
    no_pools = {"pools": (), "resources": machine, "uses": unseen, "little": None}
    return [
        make_report("test_steady"),
        make_report("test_too_slow", metrics={"latency": slow}),
        make_report("test_unseen", metrics=no_pools),
        make_report("test_cut_short", run={"stopped": "run timeout"}),
    ]
