"""`MultiAgentLoadMetrics`: what the replications of one scenario amount to, with the doubt each figure carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.measure.little import LittlesLaw
    from harness.measure.signals import SignalMetrics
    from harness.measure.uses import Uses


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval. `low`/`high` are the bounds of the 95 % confidence interval (None: not to be had).

    `value` is None where the figure is not observable; `doubt` then says why, and otherwise why to be careful (None:
    no reason).
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class LatencyMetrics:
    """Latency (finished - due, seconds) of the workflows that succeeded, failed or timed out, pooled over replications.

    `lag` (due, and not yet started), `admission_wait` (held back by the load's own cap, by a queue that blocks, or
    until the workflow's memory was free), `queue_wait`, `service`, `backoff` and `overhead` (what is left: the
    orchestrator's own time) are the mean parts of it per workflow, in seconds; they sum to `mean`. On a target that
    shows no pools, only the first two are observable. `connection_wait` and `rate_limit_wait` are parts of `service`:
    what an attempt with its agent waited for a connection or a token (None: the scenario has none).
    """

    samples: int
    p50: Estimate
    p95: Estimate
    p99: Estimate
    mean: Estimate
    max: Estimate
    lag: Estimate
    queue_wait: Estimate
    service: Estimate
    backoff: Estimate
    admission_wait: Estimate = Estimate(None, doubt="not observable where no rows are kept")
    overhead: Estimate = Estimate(None, doubt="not observable where no rows are kept")
    connection_wait: Estimate | None = None
    rate_limit_wait: Estimate | None = None


@dataclass(frozen=True, slots=True)
class GeneratorMetrics:
    """How well the load generator kept to its schedule: lag in seconds, planned and achieved rate per second."""

    lag_p50: Estimate
    lag_p99: Estimate
    lag_max: Estimate
    planned: Estimate
    achieved: Estimate


@dataclass(frozen=True, slots=True)
class WarmUpMetrics:
    """What was kept out of the figures: in words, how many workflows, and how they ended."""

    text: str
    offered: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ThroughputMetrics:
    """Workflows that succeeded, per second. `mean` over the steady part; `max`, `min` over windows of `window_s` in it.

    `excluded` says in words what ramp-up and drain were left out (empty: nothing was).
    """

    mean: Estimate
    max: Estimate
    min: Estimate
    window_s: float
    excluded: str


@dataclass(frozen=True, slots=True)
class PoolMetrics:
    """One pool: `kind` is agents, connections, rate_limit or memory.

    Shares in [0, 1]; `max_depth`, `drops`, `overcommit`, `overflow`, `exhausted_at` are counts.

    `overcommit` counts grants beyond the pool's size and `overflow` requests queued beyond its capacity: both must be
    0. `exhausted_at` is the smallest demand on this pool (agents busy and all who wait) at which one had to wait
    for an agent or was rejected, itself counted: `size` + 1 in a pool that lets nobody wait while an agent is idle.
    None with a doubt: never. Workflows in flight that are elsewhere (in a backoff, at another pool) are not in it.
    Where the size changes, `size` and `queue` are those of the start, and all else is judged against what there was at
    the instant. `agent_seconds` is the size integrated over the run, the mean over runs (None: not known).
    Of a rate limit `size` is its burst, utilisation the share of its tokens that were taken, and it is saturated while
    it has none; of memory `size` is in bytes, and it is saturated while somebody waits for it.
    """

    name: str
    size: int | None
    queue: int | None
    max_utilization: Estimate
    avg_utilization: Estimate
    saturated_s: Estimate
    max_depth: Estimate
    avg_depth: Estimate
    max_wait_s: Estimate
    drops: Estimate
    overcommit: Estimate
    overflow: Estimate
    exhausted_at: Estimate
    agent_seconds: Estimate | None = None
    kind: str = "agents"


@dataclass(frozen=True, slots=True)
class ResourceMetrics:
    """The machine's side. `modelled`: figures of a virtual clock's model (declared holds, modelled cores).

    Bytes, shares of the whole machine, seconds, counts. `loop_lag_p99_s` is over samples, of the largest lag in each:
    of fewer than 100 samples it is the maximum. `memory_peaks_b` and `cpu_peaks` have one entry per batch (per
    replication where the load has no batches).
    """

    modelled: bool
    memory_peak_b: Estimate
    memory_start_b: Estimate
    memory_over_start_b: Estimate
    memory_unreturned_b: Estimate
    memory_batch_spread_b: Estimate
    memory_slope_b_per_100: Estimate
    uss_peak_b: Estimate
    cpu_mean: Estimate
    cpu_max: Estimate
    fds_max: Estimate
    threads_max: Estimate
    tasks_max: Estimate
    loop_lag_p99_s: Estimate
    loop_lag_max_s: Estimate
    gc_collections: Estimate
    gc_pause_s: Estimate
    memory_peaks_b: tuple[float, ...]
    cpu_peaks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MeasuredFigures:
    """What a target measured itself, under `name` (its unit last): percentiles of `samples` observations."""

    name: str
    samples: int
    p50: Estimate
    p95: Estimate
    p99: Estimate
    mean: Estimate
    max: Estimate


@dataclass(frozen=True, slots=True)
class ReplicationMetrics:
    """The headline figures of one replication (one seed): one honest sample each for asv and pytest-benchmark.

    None where the figure is not observable. `seconds_per_workflow` is makespan / succeeded.
    """

    seed: int
    offered: int
    succeeded: int
    makespan_s: float
    latency_p50_s: float | None
    latency_p95_s: float | None
    latency_p99_s: float | None
    seconds_per_workflow: float | None
    error_rate: float
    rejection_rate: float
    memory_over_start_b: float | None
    driver_cpu_per_workflow_s: float | None


@dataclass(frozen=True, slots=True)
class MultiAgentLoadMetrics:
    """The summary of all replications of one scenario on one target and clock.

    `outcomes` maps each outcome's name (lower case) to its count and sums to `offered`; `errors` maps an error kind to
    its count. `concurrent_workflows` is the largest number in flight. `doubts` holds every reason for care, in words.
    `signals` has the figures behind the signals (None: they were not looked at), `uses` those of every resource, and
    `little` Little's law on the runs (None: it needs rows).
    """

    scenario: str
    offered: int
    outcomes: Mapping[str, int]
    errors: Mapping[str, int]
    success_rate: Estimate
    error_rate: Estimate
    rejection_rate: Estimate
    concurrent_workflows: int
    makespan: Estimate
    attempts_per_workflow: Estimate
    latency: LatencyMetrics
    throughput: ThroughputMetrics
    pools: tuple[PoolMetrics, ...]
    resources: ResourceMetrics
    replications: tuple[ReplicationMetrics, ...]
    doubts: tuple[str, ...]
    measured: tuple[MeasuredFigures, ...] = ()
    generator: GeneratorMetrics | None = None
    warm_up: WarmUpMetrics | None = None
    signals: SignalMetrics | None = None
    uses: Uses | None = None
    little: LittlesLaw | None = None
