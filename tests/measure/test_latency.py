"""Latency: whose it is, and the parts that it is the sum of."""

from __future__ import annotations

import pytest

from harness.measure.metrics import LatencyMetrics, summarise
from harness.measure.record import Outcome, Run
from harness.scenario.model import Pool, Scenario, Step
from tests.measure.made_runs import NAN, attempts, run, scenario, workflows

OK, FAILED, TIMED_OUT, REJECTED, CANCELLED = Outcome


def latency(of: Scenario, *runs: Run) -> LatencyMetrics:
    return summarise(of, runs).latency


def test_rejected_and_cancelled_have_no_latency_and_that_is_said() -> None:
    rows = [(0, 0, 1, OK), (0, 0, 2, FAILED), (0, 0, 3, TIMED_OUT), (0, 0, 0, REJECTED), (0, NAN, NAN, CANCELLED)]
    metrics = summarise(scenario(), [run(workflows(rows))])
    assert (metrics.latency.samples, metrics.latency.mean.value, metrics.latency.max.value) == (3, 2.0, 3.0)
    assert metrics.latency.p50.value == 2.0
    assert "latency: 2 of 5 workflows were rejected or cancelled and have none" in metrics.doubts


def test_the_stopwatch_starts_at_the_due_time() -> None:
    seen = latency(scenario(), run(workflows([(1, 1.5, 4, OK), (2, 2.5, 4, OK)])))
    assert seen.mean.value == 2.5
    assert seen.lag.value == 0.5
    assert seen.lag.doubt == "20 % of the mean latency is lag, from due to started"
    assert latency(scenario(), run(workflows([(1, 1.1, 4, OK)]))).lag.doubt is None


def test_percentiles_are_of_all_runs_together_never_an_average() -> None:
    fast = run(workflows([(0, 0, 1, OK)] * 99), seed=1)
    slow = run(workflows([(0, 0, 9, OK)]), seed=2)
    seen = latency(scenario(), fast, slow)
    assert (seen.samples, seen.p50.value, seen.p99.value, seen.max.value) == (100, 1.0, 1.0, 9.0)
    assert seen.mean.value == 5.0  # of the runs' means: a replication is a sample


def test_parts_add_up_to_the_latency() -> None:
    """Two steps with a retry: lag .5, wait 1 + 0 + 2, service 1 + 1 + 1, backoff 3."""
    rows = [
        {"attempt": 1, "requested_s": 1.5, "granted_s": 2.5, "released_s": 3.5, "depth": 1, "busy": 1, "ended": FAILED},
        {"attempt": 2, "requested_s": 6.5, "granted_s": 6.5, "released_s": 7.5, "busy": 1},
        {"attempt": 1, "step": 1, "requested_s": 7.5, "granted_s": 9.5, "released_s": 10.5, "depth": 1, "busy": 1},
    ]
    metrics = summarise(
        scenario(steps=[Step("a"), Step("b")]), [run(workflows([(1, 1.5, 10.5, OK)]), attempts(rows), ended_s=10.5)]
    )
    seen = metrics.latency
    parts = (seen.lag.value, seen.queue_wait.value, seen.service.value, seen.backoff.value)
    assert parts == pytest.approx((0.5, 3.0, 3.0, 3.0))
    assert sum(part for part in parts if part is not None) == seen.mean.value
    assert metrics.attempts_per_workflow.value == 3


def test_a_timeout_in_the_middle_of_a_backoff_is_backoff() -> None:
    rows = [{"requested_s": 0, "granted_s": 0, "released_s": 1, "busy": 1, "ended": FAILED}]
    seen = latency(scenario(), run(workflows([(0, 0, 5, TIMED_OUT)]), attempts(rows)))
    assert (seen.service.value, seen.backoff.value, seen.queue_wait.value) == (1.0, 4.0, 0.0)


def test_a_wait_that_was_cut_off_by_the_workflow_timeout_lasted_until_then() -> None:
    rows = [{"requested_s": 1, "depth": 1, "ended": CANCELLED}]
    seen = latency(scenario(), run(workflows([(0, 0, 5, TIMED_OUT)]), attempts(rows)))
    assert (seen.queue_wait.value, seen.service.value, seen.backoff.value) == (4.0, 0.0, 0.0)


def test_a_wait_that_the_pool_gave_up_lasted_its_wait_timeout() -> None:
    pool = Pool("agents", 1, 10, wait_timeout_s=2.0)
    rows = [
        {"attempt": 1, "requested_s": 1, "depth": 1, "ended": TIMED_OUT},
        {"attempt": 2, "requested_s": 4, "granted_s": 4, "released_s": 5, "busy": 1},
    ]
    seen = latency(scenario(pools=[pool]), run(workflows([(1, 1, 5, OK)]), attempts(rows), pool=pool))
    assert (seen.queue_wait.value, seen.service.value, seen.backoff.value) == (2.0, 1.0, 1.0)


def test_a_rejected_attempt_never_waited_however_long_its_workflow_went_on() -> None:
    rows = [
        {"attempt": 1, "requested_s": 0, "depth": 10, "busy": 1, "ended": REJECTED},
        {"attempt": 2, "requested_s": 2, "granted_s": 2, "released_s": 5, "busy": 1},
    ]
    seen = latency(scenario(), run(workflows([(0, 0, 5, OK)]), attempts(rows)))
    assert (seen.queue_wait.value, seen.service.value, seen.backoff.value) == (0.0, 3.0, 2.0)


def test_retries_of_different_workflows_and_steps_are_not_mixed_up() -> None:
    rows = [
        {"workflow": 1, "attempt": 1, "requested_s": 0, "granted_s": 0, "released_s": 1, "busy": 1, "ended": FAILED},
        {"workflow": 0, "attempt": 1, "requested_s": 0, "granted_s": 0, "released_s": 2, "busy": 2, "ended": FAILED},
        {"workflow": 1, "attempt": 2, "requested_s": 3, "granted_s": 3, "released_s": 4, "busy": 1},
        {"workflow": 1, "step": 1, "requested_s": 4, "granted_s": 4, "released_s": 5, "busy": 1},
        {"workflow": 0, "attempt": 2, "requested_s": 5, "granted_s": 5, "released_s": 6, "busy": 1, "ended": FAILED},
        {"workflow": 0, "attempt": 3, "requested_s": 7, "granted_s": 7, "released_s": 8, "busy": 1},
    ]
    pool = Pool("agents", 2, 0)
    of = scenario(steps=[Step("a"), Step("b")], pools=[pool])
    seen = latency(of, run(workflows([(0, 0, 8, OK), (0, 0, 5, OK)]), attempts(rows), pool=pool))
    assert seen.backoff.value == pytest.approx((3 + 1 + 2) / 2)
    assert seen.service.value == pytest.approx((2 + 1 + 1 + 1 + 1 + 1) / 2)


def test_nobody_carried_out_anything() -> None:
    rows = [{"requested_s": 0, "depth": 10, "busy": 1, "ended": REJECTED}]
    seen = latency(scenario(), run(workflows([(0, 0, 0, REJECTED)]), attempts(rows)))
    for name in ("p50", "p95", "p99", "mean", "max", "lag", "queue_wait", "service", "backoff"):
        estimate = getattr(seen, name)
        assert (estimate.value, estimate.doubt) == (None, "no workflow was carried out"), name
