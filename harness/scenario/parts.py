"""The records a scenario is made of: workflow types, pools, retry, load laws, baseline lines.

They are plain: what may stand in them is said in `checks.py`, which a `Scenario` asks when it is built.
All durations are seconds, all sizes bytes, all rates per second, all shares in [0, 1].
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.scenario.distributions import Constant, Distribution
from harness.scenario.policies import (
    AdaptiveQueue,
    Autoscaling,
    Cache,
    DynamicPool,
    Replicas,
    RetryBudget,
)

# --------------------------------------------------------------------------- what a workflow does


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a workflow: take an agent from `pool`, then hold, wait, burn, perhaps fail, and give the agent back.

    `wait` is time spent on a model or a tool; `burn` is CPU time on one core; `hold_b` bytes are held from grant to
    release; `fail` is the probability that the attempt fails at its end; `timeout_s` bounds one attempt from the
    grant of its agent to its end. `cache` may answer instead of the model or tool; `connections` and `rate_limit` name
    what the wait needs besides the agent.
    """

    name: str
    pool: str = "agents"
    wait: Distribution = Constant(0.0)
    burn: Distribution = Constant(0.0)
    hold_b: int = 0
    fail: float = 0.0
    timeout_s: float | None = None
    cache: Cache | None = None
    connections: str | None = None
    rate_limit: str | None = None


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
    meets `overflow`: `reject` turns it away (`queue_full:NAME`), `drop_oldest` turns away the first waiter in its stead
    (`queue_dropped:NAME`), `block` lets it wait outside the queue for a place and holds an open load back for as long
    as anyone waits so (backpressure to the source). A waiter that is not served within `wait_timeout_s` gives up. At
    most one of `dynamic` and `scaling` may be given; `replicas` excludes both and `adaptive_queue`.
    """

    name: str
    size: int
    queue: int | None = None
    overflow: Literal["reject", "drop_oldest", "block"] = "reject"
    wait_timeout_s: float | None = None
    dynamic: DynamicPool | None = None
    scaling: Autoscaling | None = None
    adaptive_queue: AdaptiveQueue | None = None
    replicas: Replicas | None = None


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
    budget: RetryBudget | None = None


RETRYABLE = ("failed", "timed_out", "rejected")

# --------------------------------------------------------------------------- when it starts


Spacing = Literal["even", "poisson"]
"""How the arrivals of a rate that changes are laid out: evenly, or as a Poisson process of that rate."""


@dataclass(frozen=True, slots=True)
class ClosedLoad:
    """`in_flight` workflows at any time; each that ends is replaced after a time to `think`, drawn per workflow.

    Ends after `workflows` or after `duration_s` (exactly one of them is given).
    """

    in_flight: int
    workflows: int | None = None
    duration_s: float | None = None
    think: Distribution = Constant(0.0)
    law: Literal["closed"] = "closed"


@dataclass(frozen=True, slots=True)
class ClosedRampLoad:
    """A closed load whose number in flight goes from `from_in_flight` to `to_in_flight` over `duration_s`, one by one.

    The k-th change is at k / (number of changes) of the duration. One too many in flight ends its workflow and is not
    replaced.
    """

    from_in_flight: int
    to_in_flight: int
    duration_s: float
    think: Distribution = Constant(0.0)
    law: Literal["closed_ramp"] = "closed_ramp"


@dataclass(frozen=True, slots=True)
class BurstLoad:
    """Bursts of `sizes[k]` workflows, all of one burst due at the same instant.

    Burst k is due at k * `every_s`; with `every_s` None it is due `pause_s` after burst k-1 has drained (batches).
    `collect` runs the garbage collector between batches; it needs `every_s` None, `max_in_flight` needs `every_s`.
    """

    sizes: tuple[int, ...]
    every_s: float | None = None
    pause_s: float = 0.0
    collect: bool = False
    max_in_flight: int | None = None
    law: Literal["burst"] = "burst"


@dataclass(frozen=True, slots=True)
class RateLoad:
    """Open load at `rate_per_s`: evenly spaced (`constant`) or with exponential gaps (`poisson`).

    Ends after `workflows` or after `duration_s` (exactly one of them is given). `max_in_flight`, here and in the other
    open loads, is a cap on the harness's own side: what is due beyond it waits, and its latency counts that wait.
    """

    rate_per_s: float
    law: Literal["constant", "poisson"]
    workflows: int | None = None
    duration_s: float | None = None
    max_in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class RampLoad:
    """Open load whose rate goes linearly from `from_per_s` to `to_per_s` over `duration_s`."""

    from_per_s: float
    to_per_s: float
    duration_s: float
    spacing: Spacing = "even"
    max_in_flight: int | None = None
    law: Literal["ramp"] = "ramp"


@dataclass(frozen=True, slots=True)
class RateStep:
    """`rate_per_s` for `duration_s`; a rate of 0 is a pause."""

    rate_per_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class StepsLoad:
    """Open load whose rate holds for a while and then jumps: one `RateStep` after the other."""

    steps: tuple[RateStep, ...]
    spacing: Spacing = "even"
    max_in_flight: int | None = None
    law: Literal["steps"] = "steps"


@dataclass(frozen=True, slots=True)
class SpikesLoad:
    """Open load at `rate_per_s`, and at `spike_per_s` for the last `length_s` of every `period_s`."""

    rate_per_s: float
    spike_per_s: float
    length_s: float
    period_s: float
    duration_s: float
    spacing: Spacing = "even"
    max_in_flight: int | None = None
    law: Literal["spikes"] = "spikes"


@dataclass(frozen=True, slots=True)
class TraceFile:
    """Where a trace was read from, and how; it says nothing about what is in it, and has no part in the digest."""

    path: str
    time_column: str | None = None
    type_column: str | None = None
    time_unit: str = "s"


@dataclass(frozen=True, slots=True)
class TraceLoad:
    """Open load at recorded times: `due` holds them as packed native doubles, seconds from the start, ascending.

    `rate_factor` 2 replays twice as fast; what comes at or after `duration_s` (of the replay) is left out. `kinds`
    holds, as packed native uint16, the index into `type_names` of each workflow's type; empty: types are dealt from
    the mix.
    `file` is where it was read from (None: it was written out).
    """

    due: bytes
    kinds: bytes = b""
    type_names: tuple[str, ...] = ()
    rate_factor: float = 1.0
    duration_s: float | None = None
    max_in_flight: int | None = None
    file: TraceFile | None = None
    law: Literal["trace"] = "trace"


Phase = ClosedLoad | ClosedRampLoad | BurstLoad | RateLoad | RampLoad | StepsLoad | SpikesLoad | TraceLoad


@dataclass(frozen=True, slots=True)
class PhasedLoad:
    """One load after another, each for its own length: all of them open, or all of them closed."""

    phases: tuple[Phase, ...]
    max_in_flight: int | None = None
    law: Literal["phases"] = "phases"


Load = Phase | PhasedLoad


def is_open(load: Load) -> bool:
    """Whether every due time of `load` is known before it runs."""
    if isinstance(load, PhasedLoad):
        return all(map(is_open, load.phases))
    return not isinstance(load, ClosedLoad | ClosedRampLoad) and not (
        isinstance(load, BurstLoad) and load.every_s is None
    )


def length_s(load: Load) -> float | None:
    """After how many seconds nothing of `load` comes any more; None where that shows only as it runs.

    Of bursts, the last one's share of time is counted in; a trace is as long as its `duration_s` or its last time.
    """
    match load:
        case PhasedLoad(phases):
            lengths = [length_s(phase) for phase in phases]
            return None if None in lengths else math.fsum(length for length in lengths if length is not None)
        case StepsLoad(steps):
            return math.fsum(step.duration_s for step in steps)
        case BurstLoad(sizes, every_s):
            return None if every_s is None else len(sizes) * every_s
        case TraceLoad(due, duration_s=duration_s):
            return duration_s if duration_s is not None else packed_times(due)[-1] / load.rate_factor
        case RateLoad(rate_per_s, workflows=int(workflows)):
            return workflows / rate_per_s if load.law == "constant" else None
        case _:
            return load.duration_s


def packed_times(due: bytes) -> array[float]:
    """The times of a trace, seconds."""
    times = array("d")
    times.frombytes(due)
    return times


# --------------------------------------------------------------------------- what must hold


@dataclass(frozen=True, slots=True)
class BaselineLine:
    """One line of the baseline: `metric` `op` `limit`, the limit in the metric's base unit.

    Base units: s, B, a share, per second, a count, a ratio. `op` is one of `< <= > >= =`, or `recorded`: the metric
    must be there, any value holds. `text` is what the user wrote.
    """

    metric: str
    op: Literal["<", "<=", ">", ">=", "=", "recorded"]
    limit: float
    text: str


# metric -> the kind of quantity its limit is written in
BASELINE_METRICS: Mapping[str, Literal["share", "duration", "size", "rate", "count", "ratio"]] = {
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
    "loop_lag_max": "duration",
    "loop_blocked_max": "duration",
    "tasks_max": "count",
    "tasks_at_rest": "count",
    "fds_max": "count",
    "fds_at_rest": "count",
    "threads_max": "count",
    "threads_at_rest": "count",
    "children_at_rest": "count",
    "executor_queue_max": "count",
    "executor_queued_share": "share",
    "memory_slope": "size",
    "memory_blocks_slope": "count",
    "gc_pause_max": "duration",
    "gc_share": "share",
    "attempts_per_workflow": "ratio",
    "attempts_per_step": "ratio",
    "retry_synchrony": "share",
    "pool_wait_share": "share",
    "connections_max": "count",
    "slots_at_rest": "count",
    "over_limit": "count",
    "queue_oldest": "duration",
    "backlog_growth": "ratio",
}
