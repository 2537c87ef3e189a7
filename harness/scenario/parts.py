"""The records a scenario is made of: distributions, workflow types, pools, retry, load laws, baseline lines.

They are plain: what may stand in them is said in `checks.py`, which a `Scenario` asks when it is built.
All durations are seconds, all sizes bytes, all rates per second, all shares in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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
