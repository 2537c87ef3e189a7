"""The machine's side: from samples, or modelled from attempts on a virtual clock."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measure.metrics import ResourceMetrics, summarise
from harness.measure.record import Outcome, Run, Series, empty_series
from harness.scenario.model import BurstLoad, ClosedLoad, Load, Pool, Step
from tests.measure.made_runs import NAN, attempts, run, scenario, series, workflows

OK = Outcome.SUCCEEDED
MIB = 2**20
RESOURCES = [name for name in ResourceMetrics.__slots__ if name not in {"modelled", "memory_peaks_b", "cpu_peaks"}]


def sampled(load: Load, *runs: Run) -> ResourceMetrics:
    return summarise(scenario(load), runs).resources


def one_run(resources: Series, batches: int = 1, ended_s: float = 10.0) -> Run:
    """Batches of one workflow each, of equal length, back to back."""
    length = ended_s / batches
    rows = [(k * length, k * length, (k + 1) * length, OK) for k in range(batches)]
    return run(workflows(rows, list(range(batches))), resources=resources, ended_s=ended_s)


def test_peaks_starts_and_ends_of_the_samples() -> None:
    resources = series(
        [0.0, 1.0, 2.0, 3.0],
        rss_b=[100, 300, 200, 150],
        uss_b=[50, NAN, NAN, 80],
        cpu_share=[NAN, 0.2, 0.4, 0.9],
        fds=[5, 9, 5, 5],
        threads=[2, 3, 3, 2],
        tasks=[1, 51, NAN, 1],
        loop_lag_s=[NAN, 0.001, 0.3, 0.001],
        gc_collections=[0, 1, 1, 4],
        gc_pause_s=[0, 0.1, 0.1, 0.25],
    )
    seen = sampled(ClosedLoad(1, workflows=1), one_run(resources))
    assert not seen.modelled
    assert [getattr(seen, name).value for name in RESOURCES if name not in {"memory_batch_spread_b"}] == [
        *(300, 100, 200, 50),
        None,  # no slope of so few
        *(80, pytest.approx(0.5), 0.9, 9, 3, 51, 0.3, 0.3, 4, 0.25),
    ]
    assert seen.memory_peak_b.doubt == "sampled at 1 Hz: a peak between samples is not seen"
    assert (seen.memory_peaks_b, seen.cpu_peaks) == ((300,), (0.9,))
    assert seen.memory_batch_spread_b.doubt == "fewer than two batches"


def test_the_mean_cpu_is_weighted_by_the_time_each_sample_covers() -> None:
    resources = series([0.0, 1.0, 1.5, 4.5], cpu_share=[NAN, 1.0, NAN, 0.0])
    assert sampled(ClosedLoad(1, workflows=1), one_run(resources)).cpu_mean.value == pytest.approx(1 / 4.5)


def test_a_known_true_peak_beats_the_samples_and_leaves_no_doubt() -> None:
    resources = series([0.0, 1.0], rss_b=[100, 120], rss_peak_b=[NAN, 500])
    seen = sampled(ClosedLoad(1, workflows=1), one_run(resources))
    assert (seen.memory_peak_b.value, seen.memory_over_start_b.value, seen.memory_peak_b.doubt) == (500, 400, None)


def test_without_samples_nothing_is_made_up() -> None:
    measured = sampled(ClosedLoad(1, workflows=1), one_run(empty_series()))
    virtual = sampled(ClosedLoad(1, workflows=1), one_run(empty_series(modelled=True)))
    for name in RESOURCES:
        assert getattr(measured, name).value is getattr(virtual, name).value is None
        assert getattr(measured, name).doubt == "not sampled in this run", name
        assert getattr(virtual, name).doubt == "not observable on a virtual clock", name
    assert measured.memory_peaks_b == measured.cpu_peaks == ()


def test_a_single_sample_has_no_rate() -> None:
    seen = sampled(ClosedLoad(1, workflows=1), one_run(series([0.0], rss_b=[100])))
    assert seen.memory_peak_b.doubt == "one sample only: a peak before or after it is not seen"


def test_a_column_of_nan_is_not_observable() -> None:
    seen = sampled(ClosedLoad(1, workflows=1), one_run(series([0.0, 1.0], rss_b=[NAN, NAN], fds=[3, NAN])))
    assert (seen.memory_peak_b.value, seen.memory_unreturned_b.value, seen.fds_max.value) == (None, None, 3)


def test_batches_have_a_peak_each() -> None:
    resources = series(
        [0.0, 1.0, 2.0, 5.0, 6.0, 7.0, 10.0], rss_b=[10, 90, 20, 20, 50, 20, 20], cpu_share=[NAN, 1, 0.5, 0, 0.25, 0, 0]
    )
    seen = sampled(BurstLoad((1, 1)), one_run(resources, batches=2))
    assert (seen.memory_peaks_b, seen.memory_batch_spread_b.value) == ((90, 50), 40)
    assert seen.cpu_peaks == (1.0, 0.25)


def test_a_batch_shorter_than_the_sampling_interval_still_has_a_peak() -> None:
    resources = series([0.0, 9.0, 10.0], rss_b=[10, 90, 20], cpu_share=[NAN, 0.5, 0.25])
    seen = sampled(BurstLoad((1,) * 5), one_run(resources, batches=5))
    assert seen.memory_peaks_b == (10, 10, 10, 10, 90)
    assert seen.cpu_peaks == (0.5, 0.5, 0.5, 0.5, 0.5)  # the sample at 9 s covers all that went before it


def test_a_rate_covers_the_time_before_its_sample_also_across_the_end_of_a_batch() -> None:
    resources = series([0.0, 4.0, 6.0, 10.0], cpu_share=[NAN, 0.1, 0.9, 0.2])
    assert sampled(BurstLoad((1, 1)), one_run(resources, batches=2)).cpu_peaks == (0.9, 0.9)


def test_the_largest_over_runs_per_batch_and_one_entry_per_run_without_batches() -> None:
    first, second = series([0.0, 6.0], rss_b=[10, 30]), series([0.0, 6.0], rss_b=[20, 25])
    batched = sampled(BurstLoad((1, 1)), one_run(first, batches=2), one_run(second, batches=2))
    assert batched.memory_peaks_b == (20, 30)
    assert batched.memory_batch_spread_b.value == 20
    plain = sampled(ClosedLoad(1, workflows=1), one_run(first), one_run(second))
    assert plain.memory_peaks_b == (30, 25)
    assert plain.memory_start_b.value == 15


def test_a_leak_per_workflow_shows_as_a_slope() -> None:
    count = 1000
    rows = [(k / 100, k / 100, (k + 1) / 100, OK) for k in range(count)]
    times = np.arange(101) / 10
    noise = np.random.default_rng(3).normal(0, 2000, len(times))
    warm_up = np.minimum(times, 1.0) * 50 * MIB  # imports and caches in the first tenth are no leak
    leak = series(times, rss_b=warm_up + 15_500 * 100 * times + noise)
    seen = sampled(ClosedLoad(1, workflows=count), run(workflows(rows), resources=leak, ended_s=10.0))
    assert seen.memory_slope_b_per_100.value == pytest.approx(1_550_000, rel=0.01)
    assert seen.memory_slope_b_per_100.low is not None
    assert seen.memory_slope_b_per_100.high is not None
    assert seen.memory_slope_b_per_100.low < 1_550_000 < seen.memory_slope_b_per_100.high


def test_batches_are_looked_at_when_they_have_given_back_what_they_will() -> None:
    times = np.arange(81) / 8
    held = np.where((times % 1.25 > 0.1) & (times % 1.25 < 1.1), 100 * MIB, 0)
    leak = series(times, rss_b=held + 1000 * np.floor(times / 1.25 + 1e-9))
    seen = sampled(BurstLoad((1,) * 8), one_run(leak, batches=8))
    assert seen.memory_slope_b_per_100.value == pytest.approx(100_000)


def held(grants: list[tuple[float, float, int]]) -> Run:
    """Holds of (granted, released, step): step k of the scenario below holds k MiB."""
    rows = [
        {"workflow": k, "step": step, "requested_s": granted, "granted_s": granted, "released_s": released, "busy": 1}
        for k, (granted, released, step) in enumerate(grants)
    ]
    rows.sort(key=lambda row: row["released_s"])
    columns = workflows([(granted, granted, released, OK) for granted, released, _ in grants])
    pool = Pool("agents", 100, 0)
    return run(columns, attempts(rows), ended_s=max(row[1] for row in grants), pool=pool)


HOLDING = scenario(steps=[Step(f"s{k}", hold_b=k * MIB) for k in range(4)], pools=[Pool("agents", 100, 0)])


def test_modelled_memory_is_what_the_steps_hold() -> None:
    seen = summarise(HOLDING, [held([(0, 2, 1), (1, 3, 2), (2, 4, 3), (0, 4, 0)])]).resources
    assert seen.modelled
    # at 2 s the first is given back before the third is taken
    assert (seen.memory_peak_b.value, seen.memory_peak_b.doubt) == (5 * MIB, None)
    assert (seen.memory_start_b.value, seen.memory_over_start_b.value, seen.memory_unreturned_b.value) == (
        0,
        5 * MIB,
        0,
    )
    assert seen.fds_max.doubt == seen.loop_lag_max_s.doubt == "not observable on a virtual clock"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(1, 8), st.integers(0, 3)).map(
            lambda row: (row[0] / 4, (row[0] + row[1]) / 4, row[2])
        ),
        min_size=1,
        max_size=20,
    )
)
def test_modelled_memory_against_a_scan_of_every_instant(grants: list[tuple[float, float, int]]) -> None:
    seen = summarise(HOLDING, [held(grants)]).resources
    levels = [sum(step for granted, released, step in grants if granted <= t / 4 < released) for t in range(80)]
    assert seen.memory_peak_b.value == max(levels) * MIB


def burning(burns: list[tuple[float, float]], ended_s: float, cores: int = 2) -> Run:
    """One long workflow, and burns of (granted, released) on the modelled cores."""
    agent = {"requested_s": 0, "granted_s": 0, "released_s": ended_s, "busy": 1}
    rows = [agent, *({"pool": 1, "requested_s": a, "granted_s": a, "released_s": b, "busy": 1} for a, b in burns)]
    return run(workflows([(0, 0, ended_s, OK)]), attempts(rows), ended_s=ended_s, cores=cores)


def test_modelled_cpu_is_the_share_of_cores_held() -> None:
    seen = summarise(scenario(cores=2), [burning([(0.0, 1.0), (0.5, 1.0), (1.5, 1.55)], 2.0)]).resources
    assert seen.cpu_mean.value == pytest.approx((1.0 + 0.5 + 0.05) / (2 * 2.0))
    assert seen.cpu_max.value == pytest.approx(1.0)
    half = summarise(scenario(cores=2), [burning([(0.5, 0.55)], 2.0)]).resources
    assert half.cpu_max.value == pytest.approx(0.25)  # 50 ms on one of two cores, in 100 ms


def test_modelled_cpu_where_nothing_burns_is_zero() -> None:
    seen = summarise(HOLDING, [held([(0, 2, 1)])]).resources
    assert (seen.cpu_mean.value, seen.cpu_max.value) == (0.0, 0.0)


def test_modelled_cpu_of_a_run_shorter_than_a_window_and_of_one_that_took_no_time() -> None:
    short = summarise(scenario(cores=1), [burning([(0.0, 0.01)], 0.04, cores=1)]).resources
    assert short.cpu_max.value == pytest.approx(0.25)
    instant = summarise(scenario(cores=1), [burning([], 0.0, cores=1)]).resources
    assert (instant.cpu_mean.value, instant.cpu_max.value) == (None, None)


def test_modelled_batches_have_a_peak_each() -> None:
    made = held([(0, 2, 3), (2, 4, 1), (3, 4, 1)])
    batches = dataclasses.replace(made.workflows, batch=np.array([0, 1, 1]))
    of = dataclasses.replace(HOLDING, load=BurstLoad((1, 2)))
    seen = summarise(of, [dataclasses.replace(made, workflows=batches)]).resources
    assert (seen.memory_peaks_b, seen.memory_batch_spread_b.value) == ((3 * MIB, 2 * MIB), MIB)
    assert seen.cpu_peaks == (0.0, 0.0)
