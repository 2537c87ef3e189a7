"""Where each baseline metric stands in the summary: one table from its name to what was observed of it.

A figure that could not have been seen comes out as not observed, never as a zero: rejections on a target that shows
no queue, a latency where no workflow finished, any rate where none was offered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from harness.measure.metrics import Estimate, MultiAgentLoadMetrics, PoolMetrics
from harness.measure.signals import SignalMetrics
from harness.scenario.model import Scenario

UNSEEN = "not observable on this target"


@dataclass(frozen=True, slots=True)
class Observed:
    """What one metric came out as, in the metric's base unit.

    `note` qualifies it ("modelled", "pool reviewers"; empty: nothing to add). `above` is given where the figure was
    not reached and so lies above that value (a censored observation). `each` holds (seed, value) of every replication
    where the line must hold in each of them rather than over all.
    """

    estimate: Estimate
    note: str = ""
    above: float | None = None
    each: tuple[tuple[int, float], ...] = ()


_Extract = Callable[[Scenario, MultiAgentLoadMetrics], Observed]
_Pick = Callable[[MultiAgentLoadMetrics], Estimate]
_PickInPool = Callable[[PoolMetrics], Estimate]


@dataclass(frozen=True, slots=True)
class Metric:
    """How one baseline metric is called in a sentence, and how it is read from the summary."""

    label: str
    extract: _Extract


def finite(value: float | None) -> float | None:
    """`value`, or None where it is not a finite number."""
    return value if value is not None and math.isfinite(value) else None


def _rate(pick: _Pick) -> _Extract:
    """A figure over all workflows offered; where none was, there is nothing to judge."""

    def extract(_scenario: Scenario, metrics: MultiAgentLoadMetrics) -> Observed:
        return Observed(pick(metrics) if metrics.offered else Estimate(None, doubt="no workflow was offered"))

    return extract


def _latency(
    pick: _Pick,
) -> _Extract:
    """A figure over the workflows that finished; where none did, a latency of 0 would be made up."""

    def extract(_scenario: Scenario, metrics: MultiAgentLoadMetrics) -> Observed:
        return Observed(pick(metrics) if metrics.latency.samples else Estimate(None, doubt="no workflow finished"))

    return extract


def _resource(
    pick: _Pick,
) -> _Extract:
    """A figure of the machine, or of its model on a virtual clock, which the reason then says."""

    def extract(_scenario: Scenario, metrics: MultiAgentLoadMetrics) -> Observed:
        estimate = pick(metrics)
        return Observed(estimate, "modelled" if metrics.resources.modelled and estimate.value is not None else "")

    return extract


def _signal(pick: Callable[[SignalMetrics], Estimate]) -> _Extract:
    """A figure behind a signal; not observable where the summary was made without them."""

    def extract(_scenario: Scenario, metrics: MultiAgentLoadMetrics) -> Observed:
        seen = metrics.signals
        return Observed(Estimate(None, doubt=UNSEEN) if seen is None else pick(seen))

    return extract


def _largest(pick: _PickInPool) -> _Extract:
    """A pool's figure, in the pool where it is largest."""

    def extract(scenario: Scenario, metrics: MultiAgentLoadMetrics) -> Observed:
        return _extreme(agent_pools(scenario, metrics), pick, max)

    return extract


def _exhausted_at(scenario: Scenario, metrics: MultiAgentLoadMetrics) -> Observed:
    """Where the first of the pools gave out; if none did though watched, it lies above what they were asked for."""
    pools = agent_pools(scenario, metrics)
    observed = _extreme(pools, lambda pool: pool.exhausted_at, min)
    watched = bool(pools) and all(pool.max_utilization.value is not None for pool in pools)
    if observed.estimate.value is None and watched:
        return Observed(observed.estimate, observed.note, above=_least_demand(pools, metrics.concurrent_workflows))
    return observed


def _least_demand(pools: tuple[PoolMetrics, ...], in_flight: int) -> int:
    """Busy agents at the peak of the pool that was asked for fewest: the point lies above, no more is known."""
    peaks = (round(pool.size * (pool.max_utilization.value or 0)) for pool in pools if pool.size is not None)
    return min((in_flight, *peaks))


def _extreme(
    pools: tuple[PoolMetrics, ...],
    pick: _PickInPool,
    choose: Callable[[Iterable[float]], float],
) -> Observed:
    seen = [(value, pool) for pool in pools if (value := finite(pick(pool).value)) is not None]
    if not seen:
        return Observed(pick(pools[0]) if pools else Estimate(None, doubt=UNSEEN))
    worst = choose(value for value, _ in seen)
    pool = next(pool for value, pool in seen if value == worst)
    return Observed(pick(pool), f"pool {pool.name}" if len(pools) > 1 else "")


def rejections_seen(scenario: Scenario, metrics: MultiAgentLoadMetrics) -> bool:
    """Whether a rejection would have been seen: some pool shows its drops, or a workflow was in fact rejected.

    On a target that shows neither, a count of no rejections says nothing about its queue.
    """
    shown = any(pool.drops.value is not None for pool in agent_pools(scenario, metrics))
    return shown or metrics.outcomes.get("rejected", 0) > 0


def _rejection(pick: _Pick) -> _Extract:
    """A figure over rejected workflows, where rejections can be seen."""

    def extract(scenario: Scenario, metrics: MultiAgentLoadMetrics) -> Observed:
        if metrics.offered and not rejections_seen(scenario, metrics):
            return Observed(Estimate(None, doubt=UNSEEN))
        return _rate(pick)(scenario, metrics)

    return extract


def _rejected(scenario: Scenario, metrics: MultiAgentLoadMetrics) -> Observed:
    """The count in each replication: a scenario declares the count of one run, however often it is repeated."""
    total = _rejection(lambda m: Estimate(float(m.outcomes.get("rejected", 0))))(scenario, metrics)
    if total.estimate.value is None or len(metrics.replications) < 2:
        return total
    each = tuple((r.seed, float(round(r.rejection_rate * r.offered))) for r in metrics.replications)
    return Observed(Estimate(each[0][1]), each=each)


def agent_pools(_scenario: Scenario, metrics: MultiAgentLoadMetrics) -> tuple[PoolMetrics, ...]:
    """The pools of agents."""
    return tuple(pool for pool in metrics.pools if pool.kind == "agents")


METRICS: Mapping[str, Metric] = {
    "success_rate": Metric("success rate", _rate(lambda m: m.success_rate)),
    "error_rate": Metric("error rate", _rate(lambda m: m.error_rate)),
    "rejection_rate": Metric("rejection rate", _rejection(lambda m: m.rejection_rate)),
    "latency_p50": Metric("latency p50", _latency(lambda m: m.latency.p50)),
    "latency_p95": Metric("latency p95", _latency(lambda m: m.latency.p95)),
    "latency_p99": Metric("latency p99", _latency(lambda m: m.latency.p99)),
    "latency_max": Metric("latency max", _latency(lambda m: m.latency.max)),
    "makespan": Metric("makespan", _rate(lambda m: m.makespan)),
    "throughput_mean": Metric("mean throughput", _rate(lambda m: m.throughput.mean)),
    "memory_peak": Metric("memory peak", _resource(lambda m: m.resources.memory_peak_b)),
    "memory_over_start": Metric("memory over its start", _resource(lambda m: m.resources.memory_over_start_b)),
    "memory_batch_spread": Metric(
        "spread of the batches' memory peaks", _resource(lambda m: m.resources.memory_batch_spread_b)
    ),
    "memory_unreturned": Metric("memory not given back", _resource(lambda m: m.resources.memory_unreturned_b)),
    "cpu_mean": Metric("mean CPU", _resource(lambda m: m.resources.cpu_mean)),
    "cpu_max": Metric("peak CPU", _resource(lambda m: m.resources.cpu_max)),
    "queue_depth_max": Metric("deepest queue", _largest(lambda pool: pool.max_depth)),
    "queue_overflow": Metric("requests queued beyond capacity", _largest(lambda pool: pool.overflow)),
    "pool_overcommit": Metric("grants beyond the pool's size", _largest(lambda pool: pool.overcommit)),
    "pool_utilization_max": Metric("peak pool utilisation", _largest(lambda pool: pool.max_utilization)),
    "pool_exhausted_at": Metric("agent pool's exhaustion point (in flight)", _exhausted_at),
    "rejected": Metric("rejected workflows", _rejected),
    "loop_lag_p99": Metric("event-loop lag p99", _resource(lambda m: m.resources.loop_lag_p99_s)),
    "loop_lag_max": Metric("largest event-loop lag", _resource(lambda m: m.resources.loop_lag_max_s)),
    "loop_blocked_max": Metric("longest hold of the event loop", _signal(lambda s: s.loop_blocked_max_s)),
    "tasks_max": Metric("most live tasks", _resource(lambda m: m.resources.tasks_max)),
    "tasks_at_rest": Metric("tasks left at rest", _signal(lambda s: s.tasks_at_rest)),
    "fds_max": Metric("most open descriptors", _resource(lambda m: m.resources.fds_max)),
    "fds_at_rest": Metric("descriptors left at rest", _signal(lambda s: s.fds_at_rest)),
    "threads_max": Metric("most threads", _resource(lambda m: m.resources.threads_max)),
    "threads_at_rest": Metric("threads left at rest", _signal(lambda s: s.threads_at_rest)),
    "children_at_rest": Metric("child processes left", _signal(lambda s: s.children_at_rest)),
    "executor_queue_max": Metric("longest queue for a thread", _signal(lambda s: s.executor_queue_max)),
    "executor_queued_share": Metric("time with jobs queued for a thread", _signal(lambda s: s.executor_queued_share)),
    "memory_slope": Metric(
        "growth of memory per 100 workflows", _resource(lambda m: m.resources.memory_slope_b_per_100)
    ),
    "memory_blocks_slope": Metric(
        "growth of Python's heap per 100 workflows", _signal(lambda s: s.memory_blocks_per_100)
    ),
    "gc_pause_max": Metric("longest garbage collection", _signal(lambda s: s.gc_pause_max_s)),
    "gc_share": Metric("CPU time spent in garbage collections", _signal(lambda s: s.gc_share)),
    "attempts_per_workflow": Metric("attempts per workflow", _rate(lambda m: m.attempts_per_workflow)),
    "attempts_per_step": Metric("attempts per step", _signal(lambda s: s.attempts_per_step)),
    "retry_synchrony": Metric("retries in the same instant", _signal(lambda s: s.retry_synchrony)),
    "pool_wait_share": Metric("time spent waiting for a pool", _signal(lambda s: s.pool_wait_share)),
    "connections_max": Metric("most connections in use", _signal(lambda s: s.connections_max)),
    "slots_at_rest": Metric("slots held at rest", _signal(lambda s: s.slots_at_rest)),
    "over_limit": Metric("use beyond the limit", _signal(lambda s: s.over_limit)),
    "queue_oldest": Metric("greatest age in a queue", _signal(lambda s: s.queue_oldest_s)),
    "backlog_growth": Metric("growth of age per second of load", _signal(lambda s: s.backlog_growth)),
}
"""Metric -> its name in a sentence and its place in the summary; the keys are exactly those of `BASELINE_METRICS`."""
