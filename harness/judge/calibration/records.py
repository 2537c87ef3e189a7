"""What calibration is handed and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.measure.record import Run
from harness.measure.service_times import ServiceTimes
from harness.measure.summary import Estimate
from harness.scenario.model import Distribution, Scenario

Simulate = Callable[[Scenario, int], Run]
"""Runs a scenario on the built-in target in virtual time with a seed."""
Verdict = Literal["held", "broken", "cannot_tell"]


@dataclass(frozen=True, slots=True)
class PoolSeen:
    """A pool that the target showed: `size` agents, at most `max_depth` waiting, `max_utilization` of them busy."""

    name: str
    size: int
    max_depth: float | None
    max_utilization: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured run: where it comes from, what was declared, what was seen.

    `figures` holds `latency_p50`, `latency_p95`, `latency_p99` (seconds) and `throughput` (per second). `builtin` says
    that the built-in orchestrator was the target: it enforces what is declared.
    """

    name: str
    target: str
    clock: str
    digest: str
    seeds: tuple[int, ...]
    timestamp: str
    scenario: Scenario
    times: ServiceTimes
    pools: tuple[PoolSeen, ...]
    figures: Mapping[str, Estimate]
    builtin: bool
    late_s: float | None = None
    """Median lag of the generator, from due to started; None where it is not known."""
    run_id: str = ""
    """Of the report: which run it was."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kind of distribution that was tried: its AICc (smaller is better) and its Kolmogorov-Smirnov distance."""

    kind: str
    aicc: float
    ks: float


@dataclass(frozen=True, slots=True)
class Fit:
    """The distribution of one part (`wait`, `burn`) of one step, from `count` durations.

    `ks` is the largest difference between its distribution function and that of the sample, `ks_p` the probability of
    one at least as large if it were true; for fitted parameters that is on the kind side.
    """

    type: str
    step: str
    part: str
    distribution: Distribution
    kind: str
    count: int
    ks: float
    ks_p: float
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class FailureShare:
    """The share of a step's attempts (of a type's workflows, where `step` is empty) that failed, with its interval."""

    type: str
    step: str
    failed: int
    attempts: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class Limit:
    """How many the target works on at once: `size` (None: no limit was seen up to `seen_up_to` in flight).

    `found_by` is `declared` (built-in target), `shown` (gauges), `fitted` (several loads) or `none`.
    """

    size: int | None
    queue: int | None
    found_by: Literal["declared", "shown", "fitted", "none"]
    seen_up_to: float


@dataclass(frozen=True, slots=True)
class Model:
    """The scenario that stands for the target, and how it was come by."""

    scenario: Scenario
    fits: tuple[Fit, ...]
    failures: tuple[FailureShare, ...]
    limit: Limit
    cpu_per_workflow_s: float | None
    doubts: tuple[str, ...]
    spread: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """How far below and above each figure of the run that it was fitted to the truth may lie, as shares."""


@dataclass(frozen=True, slots=True)
class PredictedFigure:
    """One figure of one run, measured and predicted, each with its interval; `error` is predicted / measured - 1."""

    metric: str
    measured: Estimate
    predicted: Estimate
    error: float | None
    verdict: Verdict
    judged: bool


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of the load of one measured run."""

    source: Measured
    figures: tuple[PredictedFigure, ...]
    beyond: bool
    """More in flight than any run that the model was made from."""
