"""What the report says of policies, against a slow count over the rows of the run, instant by instant."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import harness
from harness.measure.agents import agent_attempts
from harness.measure.metrics import summarise
from harness.measure.pools import pool_metrics
from harness.scenario.model import (
    Autoscaling,
    CircuitBreaker,
    ConnectionPool,
    DynamicPool,
    MemoryAdmission,
    Pool,
    RateLimit,
    Replicas,
)
from harness.simulate.simulator import AgentLoadSimulator
from tests.policies.systems import system

seeds = pytest.mark.parametrize("seed", range(4))


def figures(of):
    run = AgentLoadSimulator(of.scenario).run(of.seed)
    return run, {pool.name: pool for pool in pool_metrics(of.scenario, [run], [agent_attempts(of.scenario, run)], True)}


def spans(run, pool, sizes):
    """(seconds, busy, size) between all instants at which anything at the pool changes."""
    rows = run.attempts
    stays = [
        (granted, run.ended_s if math.isnan(released) else released)
        for at, granted, released in zip(rows.pool, rows.granted_s, rows.released_s, strict=True)
        if at == pool and not math.isnan(granted)
    ]
    times = sorted({0.0, run.ended_s, *itertools.chain(*stays), *(at for at, _ in sizes)})
    for begin, end in itertools.pairwise(times):
        middle = (begin + end) / 2
        busy = sum(granted <= middle < released for granted, released in stays)
        yield end - begin, busy, [size for at, size in sizes if at <= middle][-1]


@seeds
@pytest.mark.parametrize(
    "policy",
    [
        {"dynamic": DynamicPool(2, 9, 0.6, every_s=1.03, start_delay_s=0.7)},
        {"scaling": Autoscaling("queue_depth", 2.0, 1.0, 1, 9, every_s=0.53)},
    ],
)
def test_a_pool_that_changes_is_judged_by_what_it_was(seed, policy):
    of = system(seed, 200, gap_s=0.35, wait_s=1.1, pools=(Pool("agents", 3, 5, **policy),))
    run, pools = figures(of)
    changes = run.pool_changes
    sizes = [(0.0, 3), *zip(changes.t_s.tolist(), changes.size.tolist(), strict=True)]
    slow = list(spans(run, 0, sizes))
    found = pools["agents"]
    assert len({size for _, size in sizes}) > 2
    assert found.agent_seconds.value == pytest.approx(sum(length * size for length, _, size in slow))
    assert found.avg_utilization.value == pytest.approx(
        sum(length * busy for length, busy, _ in slow) / sum(length * size for length, _, size in slow)
    )
    assert found.saturated_s.value == pytest.approx(sum(length for length, busy, size in slow if busy >= size))
    assert found.max_utilization.value == pytest.approx(max(busy / size for length, busy, size in slow if length > 0))
    assert (found.overcommit.value, found.overflow.value) == (0, 0)
    assert found.exhausted_at.value >= min(size for _, size in sizes) + 1


@seeds
def test_connections_and_their_waits_lie_within_service(seed):
    lines = ConnectionPool("db", 2, 0.9)
    of = system(seed, 200, gap_s=0.5, wait_s=0.9, connections=(lines,), step={"connections": "db"})
    run, pools = figures(of)
    slow, found = list(spans(run, 1, [(0.0, 2)])), pools["db"]
    assert (found.kind, found.size, found.queue) == ("connections", 2, None)
    assert found.saturated_s.value == pytest.approx(sum(length for length, busy, _ in slow if busy == 2))
    assert found.avg_utilization.value == pytest.approx(
        sum(length * busy for length, busy, _ in slow) / (2 * run.ended_s)
    )
    latency = summarise(of.scenario, [run]).latency
    assert 0 < latency.connection_wait.value < latency.service.value
    assert latency.rate_limit_wait is None
    parts = (latency.lag, latency.admission_wait, latency.queue_wait, latency.service, latency.backoff)
    assert sum(part.value for part in parts) == pytest.approx(latency.mean.value)


@seeds
@pytest.mark.parametrize("waits", [True, False])
def test_tokens(seed, waits):
    limit = RateLimit("models", 3.0, 4, "wait" if waits else "refuse")
    of = system(seed, 200, gap_s=0.3, wait_s=0.7, rate_limits=(limit,), step={"rate_limit": "models"})
    run, pools = figures(of)
    found = pools["models"]
    taken = np.sort(run.attempts.granted_s[run.attempts.pool == 1])
    taken = taken[~np.isnan(taken)]
    # the level of the bucket, drawn on a grid of times
    step_s = 1e-3
    level, empty_s, k = 4.0, 0.0, 0
    for at in np.arange(0, run.ended_s, step_s):
        level = min(4.0, level + 3.0 * step_s)
        while k < len(taken) and taken[k] <= at:
            level, k = level - 1, k + 1
        empty_s += step_s * (level < 1 - 2 * 3.0 * step_s)
    assert found.saturated_s.value == pytest.approx(empty_s, rel=0.03, abs=0.1)
    assert found.avg_utilization.value == pytest.approx(len(taken) / (4 + 3.0 * run.ended_s))
    assert found.overcommit.value == 0
    refused = sum("rate_limited" in run.error_kinds[error] for error in run.workflows.error if error >= 0)
    assert (found.drops.value, refused > 0) == (float(refused), not waits)


@seeds
def test_memory_is_waited_for_before_the_first_step(seed):
    of = system(seed, 200, gap_s=0.45, wait_s=0.9, memory=MemoryAdmission(450), pools=(Pool("agents", 3),))
    run, pools = figures(of)
    found, latency = pools["memory"], summarise(of.scenario, [run]).latency
    rows = np.flatnonzero(run.attempts.pool == 1)
    asked = np.array([of.jobs[k].hold_b for k in run.attempts.workflow[rows]])
    held = (asked * (run.attempts.released_s - run.attempts.granted_s)[rows]).sum()
    assert found.avg_utilization.value == pytest.approx(held / (450 * run.ended_s))
    assert 0 < found.max_utilization.value <= 1
    wait = (run.attempts.granted_s - run.attempts.requested_s)[rows]
    assert latency.admission_wait.value == pytest.approx(wait.mean())
    parts = (latency.lag, latency.admission_wait, latency.queue_wait, latency.service, latency.backoff)
    assert sum(part.value for part in parts) == pytest.approx(latency.mean.value)


def test_what_a_breaker_refuses_never_asked_the_pool():
    of = system(1, 300, gap_s=0.3, wait_s=0.7, fail=0.5, breaker=CircuitBreaker(0.5, 2, 50.0))
    run, pools = figures(of)
    refused = sum("breaker_open" in run.error_kinds[error] for error in run.workflows.error if error >= 0)
    assert refused > 20
    assert pools["agents"].drops.value == 0


def test_one_that_is_dropped_has_waited():
    of = system(1, 300, gap_s=0.2, wait_s=0.9, pools=(Pool("agents", 4, 3, "drop_oldest"),))
    run, pools = figures(of)
    dropped = (run.workflows.outcome == 3).sum()
    assert pools["agents"].drops.value == dropped > 10
    spent = run.workflows.finished_s - run.workflows.started_s
    assert pools["agents"].max_wait_s.value >= spent[run.workflows.outcome == 3].max() > 0
    assert pools["agents"].exhausted_at.value == 5


def test_replicas_wait_as_long_as_their_pool_says():
    pool = Pool("agents", 1, wait_timeout_s=0.4, replicas=Replicas(2, "least_loaded"))
    of = system(1, 200, gap_s=0.4, wait_s=0.9, pools=(pool,))
    _, pools = figures(of)
    assert list(pools) == ["agents[0]", "agents[1]"]
    assert max(one.max_wait_s.value for one in pools.values()) == pytest.approx(0.4)


def test_another_target_is_told_that_it_has_its_own_policies():
    async def flow(_workflow):
        return None

    of = system(1, 5, gap_s=0.2, wait_s=0.9, breaker=CircuitBreaker(0.5), pools=(Pool("agents", 4, 3, "block"),))
    (doubt,) = [
        doubt
        for doubt in summarise(of.scenario, [harness.run(of.scenario, target=flow, clock="virtual")]).doubts
        if doubt.startswith("policies")
    ]
    assert doubt.startswith("policies (pools.agents.overflow = block, breaker): ")
    built_in = summarise(of.scenario, [harness.run(of.scenario, clock="virtual")])
    assert not any(doubt.startswith("policies") for doubt in built_in.doubts)
