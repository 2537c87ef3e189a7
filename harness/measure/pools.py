"""Agent pools, from the attempts a target reports: exact at every instant, or over gauge samples where it has none.

Queue depth and busy agents only rise at a request and at a grant, and the columns hold both right after each, so their
maxima miss nothing. Time-weighted means are sums of waits and holds over the length of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.measure import estimates
from harness.measure.agents import AgentAttempts, agent_pools
from harness.measure.gauges import PoolSamples, pool_samples, sampling_doubt
from harness.measure.latency import NOT_ON_TARGET
from harness.measure.places import place_metrics
from harness.measure.record import Flags, Floats, Ints, Outcome, Run
from harness.measure.sizes import Sizes, beyond_size, busy_over_time, sizes_of
from harness.measure.summary import Estimate, PoolMetrics
from harness.measure.timeline import ascending, seconds_at_or_above
from harness.scenario.model import Scenario

_NO_TIME = "the run took no time"
_NO_REQUEST = "no workflow asked this pool"
_NEVER = "never: no workflow waited or was rejected"


@dataclass(frozen=True, slots=True)
class _Pool:
    """One pool in one run; None where the figure does not exist (a run that took no time, a pool never exhausted)."""

    max_utilization: float
    avg_utilization: float | None
    saturated_s: float
    max_depth: float
    avg_depth: float | None
    max_wait_s: float
    drops: float
    overcommit: float
    overflow: float
    exhausted_at: float | None
    agent_seconds: float


def pool_metrics(
    scenario: Scenario, runs: Sequence[Run], attempts: Sequence[AgentAttempts], observable: bool
) -> tuple[PoolMetrics, ...]:
    """Every pool of `runs` but the cores, agents first; `observable` says that the target reported attempts."""
    if observable:
        agents = tuple(_exact(pool, runs, attempts) for pool in agent_pools(scenario, runs[0]))
        return agents + place_metrics(scenario, runs)
    sampled = [samples for run in runs if (samples := pool_samples(run)) is not None]
    if sampled:
        return (_sampled(scenario, sampled),)
    return tuple(_unseen(pool.name) for pool in scenario.pools)


def _exact(pool: int, runs: Sequence[Run], attempts: Sequence[AgentAttempts]) -> PoolMetrics:
    """Pool `pool`: peaks are the largest of all runs, counts their sum, means the mean over runs."""
    seen = [_of_run(run, of, pool) for run, of in zip(runs, attempts, strict=True)]
    return PoolMetrics(
        name=runs[0].pool_names[pool],
        size=runs[0].pool_sizes[pool],
        queue=runs[0].pool_queues[pool],
        max_utilization=estimates.largest((one.max_utilization for one in seen), _NO_REQUEST),
        avg_utilization=estimates.mean((one.avg_utilization for one in seen), _NO_TIME),
        saturated_s=estimates.mean((one.saturated_s for one in seen), _NO_REQUEST),
        max_depth=estimates.largest((one.max_depth for one in seen), _NO_REQUEST),
        avg_depth=estimates.mean((one.avg_depth for one in seen), _NO_TIME),
        max_wait_s=estimates.largest((one.max_wait_s for one in seen), _NO_REQUEST),
        drops=estimates.total((one.drops for one in seen), _NO_REQUEST),
        overcommit=estimates.total((one.overcommit for one in seen), _NO_REQUEST),
        overflow=estimates.total((one.overflow for one in seen), _NO_REQUEST),
        exhausted_at=estimates.smallest((one.exhausted_at for one in seen), _NEVER),
        agent_seconds=estimates.mean((one.agent_seconds for one in seen), _NO_TIME),
    )


@dataclass(frozen=True, slots=True)
class _Requests:
    """The attempts at one pool of one run, shape (m,) each."""

    workflow: Ints
    requested_s: Floats
    left_s: Floats
    ended_s: Floats
    depth: Ints
    busy: Ints
    granted: Flags
    rejected: Flags


def _requests(attempts: AgentAttempts, pool: int) -> _Requests:
    columns = attempts.columns
    asked = ~attempts.by_breaker
    rows: Ints | slice = np.flatnonzero((columns.pool == pool) & asked)
    if attempts.pools == 1 and asked.all():
        rows = slice(None)
    return _Requests(
        workflow=columns.workflow[rows],
        requested_s=columns.requested_s[rows],
        left_s=attempts.left_s[rows],
        ended_s=attempts.ended_s[rows],
        depth=columns.depth[rows],
        busy=columns.busy[rows],
        granted=attempts.granted[rows],
        rejected=columns.ended[rows] == Outcome.REJECTED,
    )


def _of_run(run: Run, attempts: AgentAttempts, pool: int) -> _Pool:
    seen, sizes = _requests(attempts, pool), sizes_of(run, pool)
    wait = seen.left_s - seen.requested_s
    length = run.ended_s
    capacity = sizes.unit_seconds(length)
    largest, saturated_s = _fullness(seen, sizes, length)
    granted, queued = seen.granted, ~seen.rejected | (wait > 0)
    beyond = beyond_size(sizes, seen.busy[granted], seen.left_s[granted], seen.ended_s[granted])
    queue_then = sizes.largest_at(sizes.queue, seen.requested_s[queued])
    return _Pool(
        max_utilization=largest,
        avg_utilization=float((seen.ended_s - seen.left_s).sum()) / capacity if capacity > 0 else None,
        saturated_s=saturated_s,
        max_depth=float(seen.depth.max(initial=0)),
        avg_depth=float(wait.sum()) / length if length > 0 else None,
        max_wait_s=float(wait.max(initial=0.0)),
        drops=float(seen.rejected.sum()),
        overcommit=float((beyond > 0).sum()),
        overflow=float((seen.depth[queued] > queue_then).sum()),
        exhausted_at=_exhausted_at(seen, sizes),
        agent_seconds=capacity,
    )


def _fullness(seen: _Requests, sizes: Sizes, length_s: float) -> tuple[float, float]:
    """The largest share of the agents that was busy, and for how many seconds all of them were."""
    granted = seen.granted
    if not sizes.constant:
        over_time = busy_over_time(sizes, seen.left_s[granted], seen.ended_s[granted], length_s)
        return over_time.largest_share(), over_time.saturated_s()
    size, most = int(sizes.size[0]), int(seen.busy.max(initial=0))
    if most < size:
        return most / size, 0.0  # nothing to sort for: it was never full
    return most / size, seconds_at_or_above(seen.left_s[granted], seen.ended_s[granted], size)


def _exhausted_at(seen: _Requests, sizes: Sizes) -> float | None:
    """The smallest demand on the pool at which one had to wait or was rejected, itself counted; None: never.

    Demand is agents busy and all who wait: those of its workflows that are elsewhere (in a backoff, at another pool)
    do not press on it. A pool that keeps its promise has the demand `size` + 1 then, one that makes its workflows wait
    with agents idle has less. At equal times the order of ends and requests is not in the columns: an agent given back
    at the very instant counts as busy, and no more than the pool ever had.
    """
    turned = np.flatnonzero(seen.rejected | ((seen.depth > 0) & (seen.left_s > seen.requested_s)))
    if not len(turned):
        return None
    at, granted = seen.requested_s[turned], seen.granted
    came = np.searchsorted(ascending(seen.left_s[granted]), at, side="right")
    gone = np.searchsorted(ascending(seen.ended_s[granted]), at, side="left")
    busy = np.minimum(came - gone, np.maximum(sizes.largest_at(sizes.size, at), int(seen.busy.max())))
    # one that was turned away at once is not in the depth it found, one that was dropped from the queue is
    refused = seen.rejected[turned] & (seen.left_s[turned] == at) & (seen.busy[turned] > 0)
    waiting = seen.depth[turned] + refused
    return float((np.where(refused, seen.busy[turned], busy) + waiting).min())


# long: one line for each field of the record
def _sampled(scenario: Scenario, sampled: Sequence[PoolSamples]) -> PoolMetrics:
    """The target's one pool, over the samples of its gauges; what only requests could show is not observable."""
    doubt = _sampled_doubt(sampled)
    unseen = Estimate(None, doubt=NOT_ON_TARGET)

    def peak(figure: Callable[[PoolSamples], float | None]) -> Estimate:
        return estimates.largest(map(figure, sampled), NOT_ON_TARGET, doubt)

    def average(figure: Callable[[PoolSamples], float | None]) -> Estimate:
        return estimates.mean(map(figure, sampled), NOT_ON_TARGET, doubt)

    return PoolMetrics(
        name=scenario.pools[0].name if len(scenario.pools) == 1 else "target",
        size=sampled[-1].last_size,
        queue=None,
        max_utilization=peak(PoolSamples.max_utilization),
        avg_utilization=average(PoolSamples.avg_utilization),
        saturated_s=average(PoolSamples.saturated_s),
        max_depth=peak(PoolSamples.max_depth),
        avg_depth=average(PoolSamples.avg_depth),
        max_wait_s=unseen,
        drops=unseen,
        overcommit=unseen,
        overflow=unseen,
        exhausted_at=_sampled_exhaustion(sampled, doubt),
    )


def _sampled_doubt(sampled: Sequence[PoolSamples]) -> str:
    said = sampling_doubt(min(len(samples.t_s) for samples in sampled), min(samples.rate_hz for samples in sampled))
    impossible = sum(samples.impossible for samples in sampled)
    if not impossible:
        return said
    verb = "values were" if impossible > 1 else "value was"
    return f"{said}; {impossible} {verb} negative or infinite and left out"


def _sampled_exhaustion(sampled: Sequence[PoolSamples], doubt: str) -> Estimate:
    missing = NOT_ON_TARGET
    if any(samples.shows_waiters() for samples in sampled):
        missing = "waiters were seen, but not how many agents were busy then"
    elif any(samples.max_depth() is not None for samples in sampled):
        missing = _NEVER
    return estimates.smallest((samples.demand_with_waiters() for samples in sampled), missing, doubt)


def _unseen(name: str) -> PoolMetrics:
    """A pool that the scenario declares and the target does not show: not even its size is known to be enforced."""
    figures = {field: Estimate(None, doubt=NOT_ON_TARGET) for field in _Pool.__slots__ if field != "agent_seconds"}
    return PoolMetrics(name=name, size=None, queue=None, kind="agents", **figures)
