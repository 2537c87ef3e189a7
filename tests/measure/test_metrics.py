"""The whole summary: counts that add up, empty and tiny runs, doubts, and speed enough for a million workflows."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time

import numpy as np
import pytest

from harness.measure.metrics import Estimate, summarise
from harness.measure.record import Outcome
from harness.scenario.model import ClosedLoad, Pool, Step
from tests.measure.made_runs import NAN, attempts, run, scenario, workflows

OK, FAILED, TIMED_OUT, REJECTED, CANCELLED = Outcome


def test_offered_is_the_sum_of_outcomes_over_all_runs() -> None:
    rows = [(0, 0, 1, OK)] * 3 + [
        (0, 0, 1, FAILED),
        (0, 0, 1, TIMED_OUT),
        (0, 0, 0, REJECTED),
        (0, NAN, NAN, CANCELLED),
    ]
    metrics = summarise(scenario(), [run(workflows(rows), seed=1), run(workflows(rows), seed=2)])
    assert metrics.offered == 14
    assert metrics.outcomes == {"succeeded": 6, "failed": 2, "timed_out": 2, "rejected": 2, "cancelled": 2}
    rates = (metrics.success_rate.value, metrics.error_rate.value, metrics.rejection_rate.value)
    assert rates == (6 / 14, 6 / 14, 2 / 14)
    assert [(r.seed, r.offered, r.succeeded, r.error_rate, r.rejection_rate) for r in metrics.replications] == [
        (1, 7, 3, 3 / 7, 1 / 7),
        (2, 7, 3, 3 / 7, 1 / 7),
    ]


def test_a_mismatch_is_never_silent() -> None:
    columns = workflows([(0, 0, 1, OK), (0, 0, 1, OK)])
    broken = dataclasses.replace(columns, outcome=np.array([0, 7]))
    with pytest.raises(
        AssertionError, match=r"seed 1: 2 workflows were offered, but 1 have an outcome: 1 succeeded, 0"
    ):
        summarise(scenario(), [run(broken)])
    endless = workflows([(0, 0, NAN, OK)])
    with pytest.raises(AssertionError, match="1 workflows were carried out but have no finishing time"):
        summarise(scenario(), [run(endless)])


def test_no_run_and_no_workflow() -> None:
    for runs in ([], [run(workflows([]), ended_s=0.0)]):
        metrics = summarise(scenario(), runs)
        assert (metrics.offered, sum(metrics.outcomes.values()), metrics.concurrent_workflows) == (0, 0, 0)
        assert metrics.success_rate == Estimate(None, doubt="no workflow was offered")
        assert (
            metrics.latency.p99.value is metrics.throughput.mean.value is metrics.resources.memory_peak_b.value is None
        )
        assert all(pool.max_depth.value is None for pool in metrics.pools)
    (replication,) = summarise(scenario(), [run(workflows([]), ended_s=0.0)]).replications
    assert (replication.latency_p50_s, replication.seconds_per_workflow, replication.error_rate) == (None, None, 0.0)


def test_a_single_workflow() -> None:
    rows = [{"requested_s": 0, "granted_s": 0, "released_s": 2, "busy": 1}]
    made = run(workflows([(0, 0, 2, OK)]), attempts(rows), ended_s=2.0, driver_cpu_s=0.5)
    metrics = summarise(scenario(), [made])
    assert (metrics.makespan.value, metrics.makespan.low, metrics.concurrent_workflows) == (2.0, None, 1)
    assert (metrics.latency.p50.value, metrics.latency.p50.low, metrics.latency.p99.high) == (2.0, None, None)
    (replication,) = metrics.replications
    assert (replication.seconds_per_workflow, replication.driver_cpu_per_workflow_s) == (2.0, 0.5)
    assert replication.latency_p99_s == 2.0


def test_all_rejected() -> None:
    pool = Pool("agents", 1, 0)
    rows = [{"workflow": k, "requested_s": 0, "busy": 1, "ended": REJECTED} for k in range(3)]
    made = run(workflows([(0, 0, 0, REJECTED)] * 3), attempts(rows), ended_s=0.0, pool=pool)
    metrics = summarise(scenario(pools=[pool]), [made])
    assert (metrics.rejection_rate.value, metrics.success_rate.value, metrics.error_rate.value) == (1.0, 0.0, 0.0)
    assert metrics.pools[0].drops.value == 3
    assert metrics.pools[0].avg_depth == Estimate(None, doubt="the run took no time")
    assert metrics.replications[0].seconds_per_workflow is None
    assert metrics.attempts_per_workflow.value == 1


def test_error_kinds_are_counted_the_most_frequent_first() -> None:
    columns = dataclasses.replace(workflows([(0, 0, 1, FAILED)] * 4), error=np.array([1, 0, 1, -1]))
    first = run(columns, error_kinds=("rare", "often", "never"))
    second = run(columns, error_kinds=("other", "often", "never"), seed=2)
    errors = summarise(scenario(), [first, second]).errors
    assert list(errors.items()) == [("often", 4), ("other", 1), ("rare", 1)]


def test_workflows_that_take_no_time_are_never_in_flight_together() -> None:
    instant = run(workflows([(0, 0, 0, OK)] * 100), ended_s=0.0)
    assert summarise(scenario(ClosedLoad(10, workflows=100)), [instant]).concurrent_workflows == 1
    rows = [(0, 0, 0, OK), (0, 0, 2, OK), (0, 0, 0, REJECTED), (0, 0, 2, OK), (2, 2, 2, OK), (2, 2, 3, OK)]
    assert summarise(scenario(), [run(workflows(rows))]).concurrent_workflows == 2


def test_in_flight_of_a_run_that_was_cut_off() -> None:
    rows = [(0, 0, 2, OK), (0, 0, NAN, CANCELLED), (1, 1, NAN, CANCELLED), (2, 2, 3, OK), (4, NAN, NAN, CANCELLED)]
    assert summarise(scenario(), [run(workflows(rows))]).concurrent_workflows == 3


def test_makespan_is_a_median() -> None:
    runs = [run(workflows([(0, 0, 1, OK)]), ended_s=float(end), seed=end) for end in (3, 1, 2)]
    makespan = summarise(scenario(), runs).makespan
    assert (makespan.value, makespan.low, makespan.high) == (2.0, 1.0, 3.0)


def test_doubts_are_those_of_runs_and_figures_each_once() -> None:
    one = run(workflows([(0, 0, 1, OK)]), doubts=("the target said so",), stopped="interrupted")
    two = run(workflows([(0, 0, 1, OK)]), doubts=("the target said so",), seed=2)
    doubts = summarise(scenario(), [one, two]).doubts
    assert len(set(doubts)) == len(doubts)
    assert doubts.count("the target said so") == 1
    assert "seed 1 ended early: interrupted" in doubts
    assert "latency.p99: p99 of 2 workflows is the maximum; 299 are needed for a 95 % bound" in doubts
    assert not any("uss" in doubt for doubt in doubts)  # a figure without a value carries its reason itself


def test_runs_are_summarised_in_the_same_way_in_any_order() -> None:
    runs = [run(workflows([(0, 0, k, OK)] * 50), seed=k, ended_s=float(k)) for k in range(1, 6)]
    forward, backward = summarise(scenario(), runs), summarise(scenario(), runs[::-1])
    assert forward.latency == backward.latency
    assert forward.throughput == backward.throughput
    assert forward.replications == backward.replications[::-1]


def test_no_loop_per_workflow() -> None:
    """100,000 workflows of 3 steps take about 0.1 s; a loop over them in Python would take many times the limit."""
    count, seed = 100_000, 5
    rng = np.random.default_rng(seed)
    due = np.sort(rng.uniform(0, count / 1000, count))
    grants = due[:, None] + np.cumsum(rng.exponential(0.02, (count, 3)), axis=1)
    releases = grants + 0.01
    columns = dataclasses.replace(
        workflows([]),
        due_s=due,
        started_s=due,
        finished_s=releases[:, -1],
        outcome=np.zeros(count, int),
        type=np.zeros(count, int),
        error=np.full(count, -1),
        batch=np.zeros(count, int),
        held_s=np.zeros(count),
    )
    zero = np.zeros(3 * count, int)
    tries = dataclasses.replace(
        attempts(),
        workflow=np.repeat(np.arange(count), 3),
        step=np.tile(np.arange(3), count),
        attempt=zero + 1,
        pool=zero,
        requested_s=(grants - 0.005).ravel(),
        granted_s=grants.ravel(),
        released_s=releases.ravel(),
        depth=zero + 1,
        busy=zero + 75,
        ended=zero,
        error=zero - 1,
    )
    pool = Pool("agents", 75, 100)
    of = scenario(steps=[Step(f"s{k}", hold_b=1000) for k in range(3)], pools=[pool])
    made = run(columns, tries, pool=pool, ended_s=float(releases.max()))
    began = time.perf_counter()
    assert summarise(of, [made]).offered == count
    assert time.perf_counter() - began < 5.0


def test_importing_the_summary_does_not_import_scipy_or_psutil() -> None:
    code = "import sys, harness.measure.metrics; print('scipy' in sys.modules, 'psutil' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
