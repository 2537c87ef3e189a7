"""Throughput: what is counted, over which part of the run, in which windows."""

from __future__ import annotations

import numpy as np
import pytest

from harness.measure.metrics import ThroughputMetrics, summarise
from harness.measure.record import Outcome, Run
from harness.scenario.model import BurstLoad, ClosedLoad, Load, RateLoad
from tests.measure.made_runs import run, scenario, workflows

OK, FAILED = Outcome.SUCCEEDED, Outcome.FAILED
CLOSED = ClosedLoad(in_flight=10, workflows=100)
STEADY = "ramp-up (until the first workflow was done) and drain (after the last one came)"


def throughput(load: Load, *runs: Run) -> ThroughputMetrics:
    return summarise(scenario(load), runs).throughput


def in_step(rounds: int, outcome: Outcome = OK) -> Run:
    """Ten in flight, each of exactly one second, replaced at once."""
    rows = [(float(k), float(k), k + 1.0, outcome) for k in range(rounds) for _ in range(10)]
    return run(workflows(rows), ended_s=float(rounds))


def test_workflows_in_step_are_counted_once_per_step() -> None:
    seen = throughput(CLOSED, in_step(10))
    assert seen.mean.value == pytest.approx(10.0)
    assert seen.excluded == STEADY
    assert seen.mean.doubt is None


def test_an_open_load_is_measured_until_its_last_workflow_comes() -> None:
    rows = [(k / 10, k / 10, k / 10 + 1, OK) for k in range(1000)]
    seen = throughput(RateLoad(10.0, "constant", workflows=1000), run(workflows(rows), ended_s=100.9))
    assert seen.mean.value == pytest.approx(10.0, rel=0.01)
    assert seen.window_s == 5.0
    assert seen.max.value == pytest.approx(10.0, rel=0.03)
    assert seen.min.value == pytest.approx(10.0, rel=0.03)


def test_only_what_succeeded_counts() -> None:
    assert throughput(CLOSED, in_step(10, FAILED)).mean.value == 0.0
    rows = [(float(k), float(k), k + 1.0, OK if i % 2 else FAILED) for k in range(10) for i in range(10)]
    assert throughput(CLOSED, run(workflows(rows), ended_s=10)).mean.value == pytest.approx(5.0)


def test_a_short_run_falls_back_to_the_whole_and_says_so() -> None:
    seen = throughput(ClosedLoad(in_flight=10, workflows=10), in_step(1))
    assert seen.mean.value == pytest.approx(10.0)
    assert seen.mean.doubt == "the run is too short for a steady part: ramp-up and drain are included"
    assert seen.excluded == ""
    few = throughput(ClosedLoad(in_flight=3, workflows=3), run(workflows([(0, 0, 1, OK)] * 3), ended_s=1.0))
    assert (few.max.value, few.window_s) == (3.0, 1.0)
    assert few.max.doubt == f"{seen.mean.doubt}; fewer than two windows"


def test_a_burst_has_no_steady_part() -> None:
    rows = [(0.0, 0.0, (k + 1) / 10, OK) for k in range(100)]
    seen = throughput(BurstLoad((100,)), run(workflows(rows), ended_s=10))
    assert seen.mean.value == pytest.approx(10.0)
    assert seen.mean.doubt == "bursts have no steady part: ramp-up and drain are included"


def test_windows_show_the_lull() -> None:
    ends = np.concatenate((np.arange(1, 101) / 10, 20 + np.arange(1, 101) / 10))
    rows = [(0.0, 0.0, end, OK) for end in ends]
    seen = throughput(BurstLoad((200,)), run(workflows(rows), ended_s=30))
    assert seen.window_s == 2.0
    assert (seen.min.value, seen.max.value) == (0.0, 10.0)
    assert seen.mean.value == pytest.approx(200 / 30)


def test_runs_are_samples_of_the_mean() -> None:
    seen = throughput(CLOSED, in_step(10), in_step(10), in_step(20))
    assert seen.mean.value == pytest.approx(10.0)
    assert seen.mean.low == pytest.approx(10.0)
    assert seen.mean.high == pytest.approx(10.0)


def test_one_short_run_makes_all_be_measured_whole() -> None:
    seen = throughput(CLOSED, in_step(10), in_step(1))
    assert seen.excluded == ""
    assert seen.mean.value == pytest.approx(10.0)


def test_a_run_that_took_no_time_has_no_throughput() -> None:
    seen = throughput(CLOSED, run(workflows([(0, 0, 0, OK)] * 20), ended_s=0.0))
    assert (seen.mean.value, seen.max.value, seen.mean.doubt) == (None, None, "the run took no time")


def test_what_is_done_at_instant_zero_is_counted_over_the_whole() -> None:
    rows = [(0.0, 0.0, 0.0, OK)] * 10 + [(0.0, 0.0, 1.0, OK)] * 10
    seen = throughput(BurstLoad((20,)), run(workflows(rows), ended_s=1.0))
    assert seen.mean.value == pytest.approx(20.0)
    assert (seen.max.value, seen.min.value, seen.window_s) == (20.0, 20.0, 0.5)
