"""What is run: immutable records. A record that was built is valid; building an invalid one raises `DeclarationError`.

All durations are seconds, all sizes bytes, all rates per second, all shares in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.errors import DeclarationError, Mistake
from harness.scenario.digest import digest_of

# --------------------------------------------------------------------------- how long something takes


@dataclass(frozen=True, slots=True)
class Constant:
    """Always `value_s`."""

    value_s: float


@dataclass(frozen=True, slots=True)
class Uniform:
    """Uniform on [low_s, high_s]."""

    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True)
class Exponential:
    """Exponential with mean `mean_s`."""

    mean_s: float


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Lognormal with median `median_s`; `sigma` is the standard deviation of the logarithm (no unit)."""

    median_s: float
    sigma: float


@dataclass(frozen=True, slots=True)
class Gamma:
    """Gamma with mean `mean_s` and shape `shape` (no unit); shape 1 is the exponential."""

    mean_s: float
    shape: float


@dataclass(frozen=True, slots=True)
class Empirical:
    """Piecewise linear between `quantiles_s`: evenly spaced quantiles from the minimum to the maximum, ascending."""

    quantiles_s: tuple[float, ...]


Distribution = Constant | Uniform | Exponential | Lognormal | Gamma | Empirical

# --------------------------------------------------------------------------- what a workflow does


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a workflow: take an agent from `pool`, then hold, wait, burn, perhaps fail, and give the agent back.

    `wait` is time spent on a model or a tool; `burn` is CPU time on one core; `hold_b` bytes are held from grant to
    release; `fail` is the probability that the attempt fails at its end; `timeout_s` bounds one attempt from the
    grant of its agent to its end.
    """

    name: str
    pool: str = "agents"
    wait: Distribution = Constant(0.0)
    burn: Distribution = Constant(0.0)
    hold_b: int = 0
    fail: float = 0.0
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class WorkflowType:
    """A named sequence of steps."""

    name: str
    steps: tuple[Step, ...]
    description: str = ""


# --------------------------------------------------------------------------- what it does it with


@dataclass(frozen=True, slots=True)
class Pool:
    """A bounded pool of agents with a first-in-first-out wait queue.

    `size` agents; at most `queue` waiters (None: unbounded); a request that finds every agent busy and the queue full
    meets `overflow`. A waiter that is not served within `wait_timeout_s` gives up.
    """

    name: str
    size: int
    queue: int | None = None
    overflow: Literal["reject"] = "reject"
    wait_timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Retry of a step's attempt: exponential backoff with full jitter.

    After failed attempt k (from 1) the wait is min(cap_s, base_s * factor**(k-1)), times a uniform draw on [0, 1) with
    jitter "full" (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015). `on` lists the endings
    that are tried again.
    """

    max_attempts: int = 1
    base_s: float = 0.1
    factor: float = 2.0
    cap_s: float = 10.0
    jitter: Literal["full", "none"] = "full"
    on: tuple[str, ...] = ("failed", "timed_out")


RETRYABLE = ("failed", "timed_out", "rejected")

# --------------------------------------------------------------------------- when it starts


@dataclass(frozen=True, slots=True)
class ClosedLoad:
    """`in_flight` workflows at any time; each that ends is replaced after `think_s`.

    Ends after `workflows` or after `duration_s` (exactly one of them is given).
    """

    in_flight: int
    workflows: int | None = None
    duration_s: float | None = None
    think_s: float = 0.0
    law: Literal["closed"] = "closed"


@dataclass(frozen=True, slots=True)
class BurstLoad:
    """Bursts of `sizes[k]` workflows, all of one burst due at the same instant.

    Burst k is due at k * `every_s`; with `every_s` None it is due `pause_s` after burst k-1 has drained (batches).
    `collect` runs the garbage collector between batches; it needs `every_s` None.
    """

    sizes: tuple[int, ...]
    every_s: float | None = None
    pause_s: float = 0.0
    collect: bool = False
    law: Literal["burst"] = "burst"


@dataclass(frozen=True, slots=True)
class RateLoad:
    """Open load at `rate_per_s`: evenly spaced (`constant`) or with exponential gaps (`poisson`).

    Ends after `workflows` or after `duration_s` (exactly one of them is given).
    """

    rate_per_s: float
    law: Literal["constant", "poisson"]
    workflows: int | None = None
    duration_s: float | None = None


Load = ClosedLoad | BurstLoad | RateLoad

# --------------------------------------------------------------------------- what must hold


@dataclass(frozen=True, slots=True)
class BaselineLine:
    """One line of the baseline: `metric` `op` `limit`, the limit in the metric's base unit.

    Base units: s, B, a share, per second, a count. `op` is one of `< <= > >= =`, or `recorded`: the metric must be
    there, any value holds. `text` is what the user wrote.
    """

    metric: str
    op: Literal["<", "<=", ">", ">=", "=", "recorded"]
    limit: float
    text: str


# metric -> the kind of quantity its limit is written in
BASELINE_METRICS: Mapping[str, Literal["share", "duration", "size", "rate", "count"]] = {
    "success_rate": "share",
    "error_rate": "share",
    "rejection_rate": "share",
    "latency_p50": "duration",
    "latency_p95": "duration",
    "latency_p99": "duration",
    "latency_max": "duration",
    "makespan": "duration",
    "throughput_mean": "rate",
    "memory_peak": "size",
    "memory_over_start": "size",
    "memory_batch_spread": "size",
    "memory_unreturned": "size",
    "cpu_mean": "share",
    "cpu_max": "share",
    "queue_depth_max": "count",
    "queue_overflow": "count",
    "pool_overcommit": "count",
    "pool_utilization_max": "share",
    "pool_exhausted_at": "count",
    "rejected": "count",
    "loop_lag_p99": "duration",
}

# --------------------------------------------------------------------------- the whole


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load scenario. `types` holds every workflow type the mix names; `mix` pairs a type's name with its weight.

    `timeout_s` bounds one workflow from its start; `run_timeout_s` bounds the whole run. `cores` is the number of
    modelled cores on a virtual clock and the number of threads that burn CPU on the wall clock. `digest` is a hash of
    all that changes the outcome (not of descriptions or baselines).
    """

    name: str
    load: Load
    types: tuple[WorkflowType, ...]
    mix: tuple[tuple[str, float], ...]
    pools: tuple[Pool, ...]
    retry: Retry = Retry()
    timeout_s: float | None = None
    run_timeout_s: float = 120.0
    cores: int = 2
    baseline: tuple[BaselineLine, ...] = ()
    description: str = ""
    digest: str = field(default="", init=False, compare=False)

    def __post_init__(self) -> None:
        mistakes = tuple(scenario_mistakes(self))
        if mistakes:
            raise DeclarationError("scenario", mistakes)
        object.__setattr__(self, "digest", digest_of(self, leave_out=("description", "baseline", "digest")))

    def pool_index(self, name: str) -> int:
        """Index of the pool `name` in `pools`; raises `KeyError` where there is none."""
        for index, pool in enumerate(self.pools):
            if pool.name == name:
                return index
        raise KeyError(name)


# --------------------------------------------------------------------------- what may not be built

_LONGEST_S = 30 * 24 * 3600.0
_MOST = 10**9


def scenario_mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """Every mistake in `scenario`, each with its path below the scenario's own table."""
    yield from _load_mistakes(scenario.load)
    for pool in scenario.pools:
        yield from _pool_mistakes(pool)
    for kind in scenario.types:
        yield from type_mistakes(kind)
    yield from _retry_mistakes(scenario.retry)
    yield from _reference_mistakes(scenario)
    yield from _between("cores", scenario.cores, 1, 1024)
    yield from _between("run_timeout", scenario.run_timeout_s, 1e-3, _LONGEST_S, "s")
    if scenario.timeout_s is not None:
        yield from _between("timeout", scenario.timeout_s, 1e-6, _LONGEST_S, "s")
    for line in scenario.baseline:
        if line.metric not in BASELINE_METRICS:
            yield Mistake(f"baseline.{line.metric}", "an unknown metric", f"one of {', '.join(BASELINE_METRICS)}")


def _between(where: str, value: float, low: float, high: float, unit: str = "") -> Iterator[Mistake]:
    if not (low <= value <= high):
        shown = f" {unit}" if unit else ""
        yield Mistake(where, f"{value:g}{shown}", f"at least {low:g}{shown} and at most {high:g}{shown}")


def _load_mistakes(load: Load) -> Iterator[Mistake]:
    if isinstance(load, BurstLoad):
        yield from _burst_mistakes(load)
        return
    if (load.workflows is None) == (load.duration_s is None):
        found = "both" if load.workflows is not None else "neither"
        yield Mistake("load", found, "exactly one of workflows and duration")
    if load.workflows is not None:
        yield from _between("load.workflows", load.workflows, 1, _MOST)
    if load.duration_s is not None:
        yield from _between("load.duration", load.duration_s, 1e-3, _LONGEST_S, "s")
    if isinstance(load, ClosedLoad):
        yield from _between("load.in_flight", load.in_flight, 1, 10**6)
        yield from _between("load.think", load.think_s, 0, _LONGEST_S, "s")
    else:
        yield from _between("load.rate", load.rate_per_s, 1e-6, 1e7, "/s")


def _burst_mistakes(load: BurstLoad) -> Iterator[Mistake]:
    if not load.sizes:
        yield Mistake("load.sizes", "no burst", "at least one size")
    for k, size in enumerate(load.sizes):
        yield from _between(f"load.sizes[{k}]", size, 1, 10**7)
    if load.every_s is not None:
        yield from _between("load.every", load.every_s, 1e-6, _LONGEST_S, "s")
        if load.collect or load.pause_s:
            allowed = "collect and pause only for bursts that wait for a drain (no every)"
            yield Mistake("load.collect", "together with every", allowed)
    yield from _between("load.pause", load.pause_s, 0, _LONGEST_S, "s")


def _pool_mistakes(pool: Pool) -> Iterator[Mistake]:
    where = f"pools.{pool.name}"
    yield from _between(f"{where}.size", pool.size, 1, 10**6)
    if pool.queue is not None:
        yield from _between(f"{where}.queue", pool.queue, 0, 10**7)
    if pool.wait_timeout_s is not None:
        yield from _between(f"{where}.wait_timeout", pool.wait_timeout_s, 1e-6, _LONGEST_S, "s")


def type_mistakes(kind: WorkflowType) -> Iterator[Mistake]:
    """Every mistake in a workflow type, each with its path from the top of the file."""
    if not kind.steps:
        yield Mistake(f"workflow.{kind.name}.steps", "no step", "at least one step")
    for k, step in enumerate(kind.steps):
        where = f"workflow.{kind.name}.steps[{k}]"
        yield from distribution_mistakes(f"{where}.wait", step.wait)
        yield from distribution_mistakes(f"{where}.burn", step.burn)
        yield from _between(f"{where}.hold", step.hold_b, 0, 2**50, "B")
        yield from _between(f"{where}.fail", step.fail, 0, 1)
        if step.timeout_s is not None:
            yield from _between(f"{where}.timeout", step.timeout_s, 1e-6, _LONGEST_S, "s")


def distribution_mistakes(where: str, dist: Distribution) -> Iterator[Mistake]:
    """Every mistake in a distribution that stands at `where`."""
    match dist:
        case Constant(value_s):
            yield from _between(where, value_s, 0, _LONGEST_S, "s")
        case Uniform(low_s, high_s):
            yield from _between(f"{where}.low", low_s, 0, _LONGEST_S, "s")
            yield from _between(f"{where}.high", high_s, low_s, _LONGEST_S, "s")
        case Exponential(mean_s):
            yield from _between(f"{where}.mean", mean_s, 1e-9, _LONGEST_S, "s")
        case Lognormal(median_s, sigma):
            yield from _between(f"{where}.median", median_s, 1e-9, _LONGEST_S, "s")
            yield from _between(f"{where}.sigma", sigma, 1e-6, 5)
        case Gamma(mean_s, shape):
            yield from _between(f"{where}.mean", mean_s, 1e-9, _LONGEST_S, "s")
            yield from _between(f"{where}.shape", shape, 0.01, 1e6)
        case Empirical(quantiles_s):
            yield from _empirical_mistakes(where, quantiles_s)


def _empirical_mistakes(where: str, quantiles_s: tuple[float, ...]) -> Iterator[Mistake]:
    if len(quantiles_s) < 2:
        yield Mistake(f"{where}.quantiles", f"{len(quantiles_s)} values", "at least 2 (the minimum and the maximum)")
    for k, value in enumerate(quantiles_s):
        yield from _between(f"{where}.quantiles[{k}]", value, quantiles_s[k - 1] if k else 0, _LONGEST_S, "s")


def _retry_mistakes(retry: Retry) -> Iterator[Mistake]:
    yield from _between("retry.max_attempts", retry.max_attempts, 1, 1000)
    yield from _between("retry.base", retry.base_s, 0, _LONGEST_S, "s")
    yield from _between("retry.factor", retry.factor, 1, 1000)
    yield from _between("retry.cap", retry.cap_s, retry.base_s, _LONGEST_S, "s")
    for ending in retry.on:
        if ending not in RETRYABLE:
            yield Mistake("retry.on", repr(ending), f"any of {', '.join(RETRYABLE)}")


def _reference_mistakes(scenario: Scenario) -> Iterator[Mistake]:
    known = {kind.name for kind in scenario.types}
    for name, weight in scenario.mix:
        if name not in known:
            yield Mistake(f"mix.{name}", "an unknown workflow type", f"one of {', '.join(sorted(known)) or 'none'}")
        if not (0 <= weight < math.inf):
            yield Mistake(f"mix.{name}", f"{weight:g}", "a weight that is finite and not negative")
    if not sum(weight for _, weight in scenario.mix) > 0:
        yield Mistake("mix", "weights that sum to zero", "at least one weight above zero")
    pools = [pool.name for pool in scenario.pools]
    mixed = {name for name, weight in scenario.mix if weight > 0}
    used: set[str] = set()
    for kind in scenario.types:
        for k, step in enumerate(kind.steps):
            if kind.name in mixed:
                used.add(step.pool)
            if step.pool not in pools:
                where = f"workflow.{kind.name}.steps[{k}].pool"
                yield Mistake(where, repr(step.pool), f"a pool of the scenario ({', '.join(pools) or 'it has none'})")
    for name in pools:
        if name not in used:
            yield Mistake(f"pools.{name}", "no step of the mix that uses it", "a pool that some step uses")
    for name in {name for name in pools if pools.count(name) > 1}:
        yield Mistake(f"pools.{name}", "two pools of this name", "one pool of each name")
