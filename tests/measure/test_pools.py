"""Pool figures: derived from columns, held against a replay that goes through the same run one event at a time."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measure.metrics import Estimate, PoolMetrics, summarise
from harness.measure.record import Outcome, Run
from harness.scenario.model import BurstLoad, Pool, Scenario, Step
from tests.measure.made_runs import NAN, attempts, run, scenario, series, workflows
from tests.measure.pool_replay import Flight, Replay

OK = Outcome.SUCCEEDED

# quarters of a second, so that equal times are the rule: exact in binary, as are their sums
quarters = st.integers(0, 8).map(lambda k: k / 4)
pools = st.builds(
    Pool,
    name=st.just("agents"),
    size=st.integers(1, 4),
    queue=st.one_of(st.none(), st.integers(0, 4)),
    wait_timeout_s=st.one_of(st.none(), st.sampled_from([0.25, 1.0])),
)
loads = st.lists(st.tuples(quarters, st.lists(quarters, min_size=1, max_size=3)), min_size=1, max_size=25)


def scenario_for(pool: Pool) -> Scenario:
    return scenario(steps=[Step("a"), Step("b"), Step("c")], pools=[pool])


def only_pool(of: Scenario, *runs: Run) -> PoolMetrics:
    (pool,) = summarise(of, runs).pools
    return pool


@settings(max_examples=200, deadline=None)
@given(pool=pools, load=loads, timeout_s=st.one_of(st.none(), st.sampled_from([0.25, 1.0, 2.0])))
def test_pool_figures_are_those_of_a_replay_event_by_event(
    pool: Pool, load: list[tuple[float, list[float]]], timeout_s: float | None
) -> None:
    ordered = sorted(load, key=lambda one: one[0])
    replay = Replay(pool, timeout_s, [Flight(k, due, services) for k, (due, services) in enumerate(ordered)])
    made = replay.play()
    truth, metrics = replay.truth, summarise(scenario_for(pool), [made])
    (seen,) = metrics.pools
    assert seen.max_utilization.value == truth.max_busy / pool.size
    assert seen.max_depth.value == truth.max_depth
    assert seen.drops.value == truth.drops
    assert seen.saturated_s.value == pytest.approx(truth.saturated_s)
    assert seen.max_wait_s.value == pytest.approx(truth.max_wait_s)
    assert (seen.overcommit.value, seen.overflow.value) == (0, 0)
    assert metrics.concurrent_workflows == truth.concurrent
    assert seen.exhausted_at.value == (None if math.isinf(truth.exhausted_at) else truth.exhausted_at)
    if made.ended_s > 0:
        assert seen.avg_utilization.value == pytest.approx(truth.busy_seconds / (made.ended_s * pool.size))
        assert seen.avg_depth.value == pytest.approx(truth.depth_seconds / made.ended_s)
    carried_out = metrics.offered - metrics.outcomes["rejected"]
    if truth.drops == 0:
        assert metrics.latency.queue_wait.value == pytest.approx(truth.waited_s / carried_out)
        assert metrics.latency.service.value == pytest.approx(truth.served_s / carried_out)


def burst(count: int, pool: Pool) -> Run:
    return Replay(pool, None, [Flight(k, 0.0, [1.0]) for k in range(count)]).play()


@pytest.mark.parametrize(
    ("count", "queue", "exhausted_at", "drops"),
    [(74, 50, None, 0), (75, 50, None, 0), (76, 50, 76, 0), (90, 50, 76, 0), (90, 0, 76, 15), (200, 50, 76, 75)],
)
def test_the_exhaustion_point_of_a_burst(count: int, queue: int, exhausted_at: int | None, drops: int) -> None:
    pool = Pool("agents", 75, queue)
    seen = only_pool(scenario(BurstLoad((count,)), pools=[pool]), burst(count, pool))
    assert seen.exhausted_at.value == exhausted_at
    assert seen.drops.value == drops
    assert seen.max_utilization.value == min(count, 75) / 75
    if exhausted_at is None:
        assert seen.exhausted_at.doubt == "never: no workflow waited or was rejected"


def test_the_exhaustion_point_counts_those_at_the_pool_not_all_in_flight() -> None:
    """Two pools: of three in flight one works elsewhere, one holds the only solver, and the third must wait."""
    rows = [
        {"workflow": 0, "pool": 0, "requested_s": 0, "granted_s": 0, "released_s": 9, "busy": 1},
        {"workflow": 1, "pool": 1, "requested_s": 0, "granted_s": 0, "released_s": 5, "busy": 1},
        {"workflow": 2, "pool": 1, "requested_s": 1, "granted_s": 5, "released_s": 6, "busy": 1, "depth": 1},
    ]
    both = (Pool("agents", 1, 5), Pool("solvers", 1, 5))
    of = scenario(steps=[Step("a"), Step("b", pool="solvers")], pools=both)
    made = dataclasses.replace(
        run(workflows([(0, 0, 9, OK), (0, 0, 5, OK), (1, 1, 6, OK)]), attempts(rows)),
        pool_names=("agents", "solvers"),
        pool_sizes=(1, 1),
        pool_queues=(5, 5),
    )
    agents, solvers = summarise(of, [made]).pools
    assert (agents.exhausted_at.value, solvers.exhausted_at.value) == (None, 2)


def test_workflows_in_a_backoff_do_not_press_on_the_pool() -> None:
    """Ten failed at once and are backing off when one must wait for the only agent."""
    failed = [
        {"workflow": k, "requested_s": k, "granted_s": k, "released_s": k + 1, "busy": 1, "ended": Outcome.FAILED}
        for k in range(10)
    ]
    held = {"workflow": 10, "requested_s": 20, "granted_s": 20, "released_s": 30, "busy": 1}
    waited = {"workflow": 11, "requested_s": 21, "granted_s": 30, "released_s": 31, "busy": 1, "depth": 1}
    columns = workflows([(k, k, 90, OK) for k in range(10)] + [(20, 20, 30, OK), (21, 21, 31, OK)])
    seen = only_pool(scenario(), run(columns, attempts([*failed, held, waited]), ended_s=90))
    assert seen.exhausted_at.value == 2


def test_a_pool_that_makes_wait_with_agents_idle_gives_out_below_its_size() -> None:
    rows = [
        {"workflow": 0, "requested_s": 0, "granted_s": 0, "released_s": 5, "busy": 1},
        {"workflow": 1, "requested_s": 1, "granted_s": 5, "released_s": 6, "busy": 1, "depth": 1},
    ]
    pool = Pool("agents", 4, 5)
    columns = workflows([(0, 0, 5, OK), (1, 1, 6, OK)])
    assert only_pool(scenario(pools=[pool]), run(columns, attempts(rows), pool=pool)).exhausted_at.value == 2


def test_the_exhaustion_point_is_never_below_what_the_pool_showed() -> None:
    """Two held the agents when the third asked; that one of them ended at that very instant does not undo it."""
    rows = [
        {"workflow": 0, "requested_s": 0, "granted_s": 0, "released_s": 1, "busy": 1},
        {"workflow": 1, "requested_s": 0, "granted_s": 0, "released_s": 3, "busy": 2},
        {"workflow": 2, "requested_s": 1, "busy": 2, "ended": Outcome.REJECTED},
    ]
    pool = Pool("agents", 2, 0)
    columns = workflows([(0, 0, 1, OK), (0, 0, 3, OK), (1, 1, 1, Outcome.REJECTED)])
    assert only_pool(scenario(pools=[pool]), run(columns, attempts(rows), pool=pool)).exhausted_at.value == 3


def test_a_waiter_served_at_the_same_instant_did_not_wait() -> None:
    rows = [
        {"workflow": 0, "requested_s": 0, "granted_s": 0, "released_s": 1, "busy": 1},
        {"workflow": 1, "requested_s": 1, "granted_s": 1, "released_s": 2, "busy": 1, "depth": 1},
    ]
    seen = only_pool(scenario(), run(workflows([(0, 0, 1, OK), (1, 1, 2, OK)]), attempts(rows)))
    assert (seen.exhausted_at.value, seen.max_depth.value) == (None, 1)


def test_a_broken_orchestrator_shows_overcommit_and_overflow() -> None:
    rows = [
        {"workflow": 0, "requested_s": 0, "granted_s": 0, "released_s": 4, "busy": 1},
        {"workflow": 1, "requested_s": 0, "granted_s": 0, "released_s": 4, "busy": 2},
        {"workflow": 2, "requested_s": 1, "granted_s": 4, "released_s": 5, "busy": 1, "depth": 1},
        {"workflow": 3, "requested_s": 1, "granted_s": 5, "released_s": 6, "busy": 1, "depth": 2},
    ]
    pool = Pool("agents", 1, 1)
    columns = workflows([(0, 0, 4, OK), (0, 0, 4, OK), (1, 1, 5, OK), (1, 1, 6, OK)])
    seen = only_pool(scenario(pools=[pool]), run(columns, attempts(rows), pool=pool, ended_s=6))
    assert (seen.overcommit.value, seen.overflow.value) == (1, 1)
    assert (seen.max_utilization.value, seen.max_depth.value) == (2.0, 2)
    assert seen.saturated_s.value == 6


def test_several_runs_largest_peak_sum_of_counts_mean_of_means() -> None:
    pool = Pool("agents", 2, 1)
    small, large = burst(2, pool), burst(5, pool)
    seen = only_pool(scenario(pools=[pool]), small, large, small)
    assert (seen.max_depth.value, seen.drops.value, seen.exhausted_at.value) == (1, 2, 3)
    # 2 and 3 agent-seconds over 1 and 2 s on 2 agents
    assert seen.avg_utilization.value == pytest.approx((1.0 + 0.75 + 1.0) / 3)
    assert seen.avg_utilization.low < seen.avg_utilization.value < seen.avg_utilization.high
    assert only_pool(scenario(pools=[pool]), small).avg_utilization.low is None


def test_cores_are_no_agents_but_a_pool_of_that_name_is() -> None:
    rows = [
        {"workflow": 0, "requested_s": 0, "granted_s": 0, "released_s": 2, "busy": 1},
        {"workflow": 0, "pool": 1, "requested_s": 1, "granted_s": 1, "released_s": 2, "busy": 1},
    ]
    columns = workflows([(0, 0, 2, OK)])
    both = summarise(scenario(), [run(columns, attempts(rows), ended_s=2, cores=2)])
    assert [pool.name for pool in both.pools] == ["agents"]
    assert both.attempts_per_workflow.value == 1
    named = Pool("cores", 1, 1)
    of = scenario(steps=[Step("only", pool="cores")], pools=[named])
    alone = summarise(of, [run(columns, attempts(rows[:1]), ended_s=2, pool=named)])
    assert [pool.name for pool in alone.pools] == ["cores"]


def test_a_hold_that_was_never_released_lasts_to_the_end_of_its_workflow_or_run() -> None:
    rows = [{"workflow": k, "requested_s": 0, "granted_s": 0, "busy": k + 1, "ended": 4} for k in range(2)]
    columns = workflows([(0, 0, 3, Outcome.TIMED_OUT), (0, 0, NAN, Outcome.CANCELLED)])
    pool = Pool("agents", 2, 0)
    seen = only_pool(scenario(pools=[pool]), run(columns, attempts(rows), ended_s=4, pool=pool))
    assert seen.avg_utilization.value == pytest.approx((3 + 4) / 8)


def test_a_target_without_attempts_or_gauges_shows_nothing() -> None:
    metrics = summarise(scenario(), [run(workflows([(0, 0, 1, OK)]))])
    (pool,) = metrics.pools
    figures = [getattr(pool, name) for name in PoolMetrics.__slots__[3:-2]]
    assert (pool.agent_seconds, pool.kind) == (None, "agents")
    assert {(figure.value, figure.doubt) for figure in figures} == {(None, "not observable on this target")}
    assert (pool.name, pool.size, pool.queue) == ("agents", None, None)
    assert metrics.latency.queue_wait.value is metrics.attempts_per_workflow.value is None
    assert "queue wait, queue and pool: not observable on this target" in metrics.doubts


def test_gauges_give_sampled_figures_with_a_doubt() -> None:
    gauges = series([0.0, 1.0, 2.0, 3.0], queue_depth=[0, 2, NAN, 0], agents_busy=[0, 4, 4, 2], pool_size=[4, 4, 4, 4])
    columns = workflows([(0, 0, 4, OK)] * 6)
    metrics = summarise(scenario(), [run(columns, gauges=gauges, ended_s=4)])
    (pool,) = metrics.pools
    assert pool.size == 4
    assert (pool.max_utilization.value, pool.max_depth.value) == (1.0, 2)
    assert pool.avg_utilization.value == pytest.approx((0 + 1 + 1 + 0.5) / 4)
    assert pool.avg_depth.value == pytest.approx(2 / 3)
    assert pool.saturated_s.value == 2
    assert pool.exhausted_at.value == 6
    assert pool.max_depth.doubt == "sampled at 1 Hz: a peak between samples is not seen"
    assert (pool.drops.value, pool.drops.doubt) == (None, "not observable on this target")


def test_gauges_that_know_only_the_waiters() -> None:
    gauges = series([0.0, 1.0], waiters=[3, 0])
    (pool,) = summarise(scenario(), [run(workflows([(0, 0, 2, OK)]), gauges=gauges, ended_s=2)]).pools
    assert (pool.max_depth.value, pool.max_utilization.value, pool.size) == (3, None, None)
    (pool,) = summarise(scenario(), [run(workflows([(0, 0, 2, OK)]), gauges=gauges, ended_s=2)]).pools
    assert pool.exhausted_at == Estimate(None, doubt="waiters were seen, but not how many agents were busy then")


def test_gauges_show_the_demand_when_one_waits() -> None:
    gauges = series([0.0, 1.0], queue_depth=[1, 3], agents_busy=[4, 4], pool_size=[4, 4])
    columns = workflows([(0, 0, 2, OK)] * 20)  # most of them are elsewhere
    (pool,) = summarise(scenario(), [run(columns, gauges=gauges, ended_s=2)]).pools
    assert pool.exhausted_at.value == 5


@pytest.mark.parametrize("wrong", [math.inf, -math.inf, -3.0])
def test_gauges_that_show_what_cannot_be_are_left_out_and_said(wrong: float) -> None:
    gauges = series([0.0, 1.0, 2.0], queue_depth=[0, wrong, 2], agents_busy=[1, wrong, 1], pool_size=[2, 2, wrong])
    (pool,) = summarise(scenario(), [run(workflows([(0, 0, 3, OK)]), gauges=gauges, ended_s=3)]).pools
    assert (pool.max_depth.value, pool.avg_depth.value, pool.max_utilization.value, pool.size) == (2, 1, 0.5, 2)
    said = "sampled at 1 Hz: a peak between samples is not seen; 3 values were negative or infinite and left out"
    assert pool.max_depth.doubt == pool.avg_utilization.doubt == said


def test_a_gauge_that_shows_nothing_else_has_no_figure() -> None:
    gauges = series([0.0, 1.0], queue_depth=[-1, -1])
    (pool,) = summarise(scenario(), [run(workflows([(0, 0, 2, OK)]), gauges=gauges, ended_s=2)]).pools
    assert (pool.max_depth.value, pool.exhausted_at.value) == (None, None)


def test_one_sample_has_no_rate() -> None:
    gauges = series([0.0], queue_depth=[3])
    (pool,) = summarise(scenario(), [run(workflows([(0, 0, 2, OK)]), gauges=gauges, ended_s=2)]).pools
    assert pool.max_depth.doubt == "one sample only: a peak before or after it is not seen"
