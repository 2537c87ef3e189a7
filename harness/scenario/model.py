"""What is run: immutable records. A `Scenario` that was built is valid; an invalid one raises `DeclarationError`.

All durations are seconds, all sizes bytes, all rates per second, all shares in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.errors import DeclarationError, Mistake
from harness.scenario.checks import (
    LONGEST_S,
    baseline_mistakes,
    between,
    count,
    distribution_mistakes,
    pool_mistakes,
    reference_mistakes,
    retry_mistakes,
    type_mistakes,
)
from harness.scenario.checks_load import load_mistakes, trace_type_mistakes, warm_up_mistakes
from harness.scenario.checks_policies import (
    breaker_mistakes,
    budget_mistakes,
    memory_mistakes,
    pool_policy_mistakes,
    resource_mistakes,
    step_policy_mistakes,
)
from harness.scenario.digest import digest_of
from harness.scenario.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Uniform,
)
from harness.scenario.parts import (
    BASELINE_METRICS,
    RETRYABLE,
    BaselineLine,
    BurstLoad,
    ClosedLoad,
    ClosedRampLoad,
    Load,
    Phase,
    PhasedLoad,
    Pool,
    RampLoad,
    RateLoad,
    RateStep,
    Retry,
    Spacing,
    SpikesLoad,
    Step,
    StepsLoad,
    TraceFile,
    TraceLoad,
    WorkflowType,
    is_open,
    length_s,
    packed_times,
)
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

__all__ = [
    "BASELINE_METRICS",
    "RETRYABLE",
    "AdaptiveQueue",
    "Autoscaling",
    "BaselineLine",
    "BurstLoad",
    "Cache",
    "CircuitBreaker",
    "ClosedLoad",
    "ClosedRampLoad",
    "ConnectionPool",
    "Constant",
    "Distribution",
    "DynamicPool",
    "Empirical",
    "Exponential",
    "Gamma",
    "Load",
    "Lognormal",
    "MemoryAdmission",
    "Phase",
    "PhasedLoad",
    "Pool",
    "RampLoad",
    "RateLimit",
    "RateLoad",
    "RateStep",
    "Replicas",
    "Retry",
    "RetryBudget",
    "Scenario",
    "Spacing",
    "SpikesLoad",
    "Step",
    "StepsLoad",
    "TraceFile",
    "TraceLoad",
    "Uniform",
    "WorkflowType",
    "distribution_mistakes",
    "is_open",
    "length_s",
    "packed_times",
    "scenario_mistakes",
    "step_policy_mistakes",
    "type_mistakes",
]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load scenario. `types` holds every workflow type the mix names; `mix` pairs a type's name with its weight.

    `timeout_s` bounds one workflow from its start; `run_timeout_s` bounds the whole run. `cores` is the number of
    modelled cores on a virtual clock and the number of threads that burn CPU on the wall clock. What is due before
    `warm_up_s`, or comes among the first `warm_up_workflows`, is carried out and counted, but kept out of the figures.
    """

    name: str
    load: Load
    types: tuple[WorkflowType, ...]
    mix: tuple[tuple[str, float], ...]
    pools: tuple[Pool, ...]
    retry: Retry = field(default_factory=Retry)
    timeout_s: float | None = None
    run_timeout_s: float = 120.0
    cores: int = 2
    breaker: CircuitBreaker | None = None
    rate_limits: tuple[RateLimit, ...] = ()
    connections: tuple[ConnectionPool, ...] = ()
    memory: MemoryAdmission | None = None
    warm_up_s: float = 0.0
    warm_up_workflows: int = 0
    baseline: tuple[BaselineLine, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        mistakes = tuple(scenario_mistakes(self))
        if mistakes:
            raise DeclarationError("scenario", mistakes)

    @property
    def digest(self) -> str:
        """A hash of all that changes the outcome, which descriptions and baselines do not; 16 hexadecimal digits."""
        return digest_of(self, leave_out=("description", "baseline", "file"))

    def pool_index(self, name: str) -> int:
        """Index of the pool `name` in `pools`; raises `KeyError` where there is none."""
        for index, pool in enumerate(self.pools):
            if pool.name == name:
                return index
        raise KeyError(name)


def scenario_mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """Every mistake in `scenario`, each with its path below its own table; of its workflow types, from the top."""
    yield from load_mistakes(scenario.load)
    for pool in scenario.pools:
        yield from pool_mistakes(pool)
        yield from pool_policy_mistakes(pool)
    for kind in scenario.types:
        yield from type_mistakes(kind)
        yield from step_policy_mistakes(kind)
    yield from retry_mistakes(scenario.retry)
    yield from budget_mistakes(scenario.retry)
    yield from breaker_mistakes(scenario.breaker)
    yield from memory_mistakes(scenario.memory)
    yield from reference_mistakes(scenario.name, scenario.types, scenario.mix, scenario.pools)
    yield from resource_mistakes(
        scenario.name, scenario.types, scenario.mix, scenario.connections, scenario.rate_limits
    )
    yield from count("cores", scenario.cores, 1, 1024)
    yield from between("run_timeout", scenario.run_timeout_s, 1e-3, LONGEST_S, "s")
    if scenario.timeout_s is not None:
        yield from between("timeout", scenario.timeout_s, 1e-6, LONGEST_S, "s")
    yield from warm_up_mistakes(scenario.load, scenario.warm_up_s, scenario.warm_up_workflows)
    yield from trace_type_mistakes(scenario.load, scenario.mix)
    yield from baseline_mistakes(scenario.baseline)
