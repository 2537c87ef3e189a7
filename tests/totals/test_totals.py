"""A run folded into totals says what the same run says with all its rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.assess import report_on
from harness.measure.histogram import RELATIVE_ERROR, Histogram
from harness.measure.latency_curve import latency_curve
from harness.measure.metrics import summarise
from harness.measure.record import Outcome, Recorder, Run, Series, empty_series, no_attempts
from harness.measure.timeline import in_flight
from harness.measure.totals.folding import TotalsRecorder
from harness.measure.totals.over_time import totals_curve, totals_over_time
from harness.measure.totals.quantiles import quantile_of_windows
from harness.measure.totals.record import Totals, merged
from harness.measure.totals.summarised import summarise_totals
from harness.measure.totals.together import series_together
from harness.measure.totals.windows import MOST, Windows
from harness.report.document import report_mistakes
from harness.scenario.load import load_catalog

SCENARIO = load_catalog()["test_10_concurrent_workflows"]
BESIDE: dict[str, Any] = {
    "scenario": SCENARIO.name,
    "digest": SCENARIO.digest,
    "target": "t.py:run",
    "clock": "wall",
    "seed": 0,
    "resources": empty_series(),
    "gauges": empty_series(),
}


def play(seed: int, workflows: int, recorders: list[Recorder], grid_s: float | None, fold: float) -> float:
    """Drive both recorders through one random run, event by event, as a dispatcher would; returns its end."""
    luck = np.random.default_rng(seed)
    due = np.sort(luck.uniform(0, workflows / 50, workflows))
    took = luck.gamma(0.7, 0.4, workflows) * (luck.random(workflows) > 0.05)
    if grid_s:
        due, took = np.round(due / grid_s) * grid_s, np.round(took / grid_s) * grid_s
    started = due + np.where(luck.random(workflows) < 0.5, 0.0, grid_s or 0.003)
    finished = started + took
    outcome = luck.choice(5, workflows, p=[0.7, 0.1, 0.1, 0.05, 0.05])
    never = (outcome == Outcome.CANCELLED) & (luck.random(workflows) < 0.5)
    events = sorted(
        [(due[k], 2, k) for k in range(workflows)]
        + [(started[k], 3, k) for k in range(workflows) if not never[k]]
        + [(finished[k], 4 if took[k] == 0 else 1, k) for k in range(workflows) if not never[k]]
    )
    for time_s, what, k in events:
        for recorder in recorders:
            if what == 2:
                assert recorder.offer(float(time_s), 0, 0) == k
            elif what == 3:
                recorder.started[k] = float(time_s)
            else:
                kind = None if outcome[k] == Outcome.SUCCEEDED else f"kind{outcome[k]}"
                recorder.end(k, float(time_s), int(outcome[k]), kind)
            if isinstance(recorder, TotalsRecorder) and luck.random() < fold:
                recorder.fold()
    return float(events[-1][0])


def one_run(rows: Recorder, ended_s: float) -> Run:
    return Run(
        **BESIDE,
        type_names=("simple",),
        pool_names=(),
        pool_sizes=(),
        pool_queues=(),
        error_kinds=rows.canonical_errors(),
        workflows=rows.workflow_columns(),
        attempts=no_attempts(),
        ended_s=ended_s,
    )


def both(seed: int, workflows: int, grid_s: float | None, fold: float) -> tuple[Run, Totals]:
    rows, totals = Recorder(), TotalsRecorder()
    ended_s = play(seed, workflows, [rows, totals], grid_s, fold)
    totals.fold(all_of_them=True)
    run = one_run(rows, ended_s)
    return run, totals.totals(run)


@given(
    seed=st.integers(0, 2**32),
    workflows=st.integers(1, 400),
    grid_s=st.sampled_from([None, 0.05, 0.5]),
    fold=st.sampled_from([0.0, 0.02, 0.5]),
)
@settings(max_examples=60, deadline=None)
def test_totals_say_what_rows_say(seed: int, workflows: int, grid_s: float | None, fold: float) -> None:
    run, totals = both(seed, workflows, grid_s, fold)
    full, thin = summarise(SCENARIO, [run]), summarise_totals(SCENARIO, [totals])
    assert (thin.offered, thin.outcomes, thin.errors) == (full.offered, full.outcomes, full.errors)
    assert (thin.success_rate, thin.error_rate, thin.rejection_rate) == (
        full.success_rate,
        full.error_rate,
        full.rejection_rate,
    )
    assert thin.latency.samples == full.latency.samples
    assert thin.latency.max == full.latency.max
    if not full.latency.samples:
        assert thin.latency.p50 == full.latency.p50
        return
    for name in ("p50", "p95", "p99"):
        exact, read = getattr(full.latency, name).value, getattr(thin.latency, name).value
        assert read == pytest.approx(exact, rel=RELATIVE_ERROR, abs=1e-9)
    for name in ("mean", "lag"):
        exact, read = getattr(full.latency, name).value, getattr(thin.latency, name).value
        assert read == pytest.approx(exact, abs=1e-9)
    started_and_ended_at_once = (run.workflows.started_s == run.workflows.finished_s).any()
    if not started_and_ended_at_once:  # those are counted by their order in a queue that rows alone remember
        assert totals.most_in_flight == in_flight(run.workflows).largest()


@given(seed=st.integers(0, 2**32), workflows=st.integers(1, 400), grid_s=st.sampled_from([None, 0.05]))
@settings(max_examples=15, deadline=None)
def test_what_totals_tell_over_time_is_what_rows_tell(seed: int, workflows: int, grid_s: float | None) -> None:
    run, totals = both(seed, workflows, grid_s, 0.02)
    seen, exact = totals_over_time(SCENARIO, totals), latency_curve([run])
    assert seen is not None
    assert (seen.offered, seen.in_flight, seen.outliers_s) == (None, None, None)
    assert int(seen.outcomes["succeeded"].sum()) == totals.outcomes[Outcome.SUCCEEDED]
    edges = seen.window_s * np.arange(seen.windows + 1)
    assert edges[-2] <= run.ended_s
    chosen = run.workflows.outcome <= Outcome.TIMED_OUT
    finished, latency = run.workflows.finished_s[chosen], (run.workflows.finished_s - run.workflows.due_s)[chosen]
    assert seen.latency.count.tolist() == np.histogram(finished, np.append(edges[:-1], np.inf))[0].tolist()
    for k in np.flatnonzero(seen.latency.count).tolist():
        mine = np.sort(
            latency[(finished >= edges[k]) & (finished < (edges[k + 1] if k + 1 < seen.windows else np.inf))]
        )
        ranks = [1, *(max(1, math.ceil(round(q * len(mine), 9))) for q in (0.5, 0.95)), len(mine)]
        found = [getattr(seen.latency, name)[k] for name in ("min", "p50", "p95", "max")]
        assert found == pytest.approx([mine[rank - 1] for rank in ranks], rel=RELATIVE_ERROR, abs=1e-9)
    curve = totals_curve([totals])
    assert (curve is None) == (exact is None)
    if curve is not None and exact is not None:
        values = [[float(one.value or 0.0) for one in of.quantiles] for of in (curve, exact)]
        assert values[0] == pytest.approx(values[1], rel=RELATIVE_ERROR, abs=1e-9)


def test_nothing_is_above_the_largest() -> None:
    """All latencies are one second, and the middle of their bucket is above it: no report of that could be written."""
    recorder = TotalsRecorder()
    for k in range(400):
        recorder.end(recorder.offer(k / 50, 0, 0), k / 50 + 1.0, 0, None)
    recorder.fold(all_of_them=True)
    totals = recorder.totals(one_run(Recorder(), 9.0))
    largest = totals.latency_max_s
    assert Histogram.of(np.array([largest])).percentile(0.5) > largest
    report = report_on(SCENARIO, [totals])
    assert report_mistakes(report.document) == []
    assert report.document["response_time_percentiles"]["p99"] <= largest


@given(seed=st.integers(0, 2**32), parts=st.integers(2, 8))
@settings(max_examples=20, deadline=None)
def test_parts_merge_to_the_exact_percentiles_of_all(seed: int, parts: int) -> None:
    """Eight skewed workers: each has another distribution, the merged p99 is within 0.1 % of the exact one."""
    luck = np.random.default_rng(seed)
    everything, totals = [], []
    for part in range(parts):
        recorder = TotalsRecorder()
        latency = luck.lognormal(part - 3, 1.0, 2_000 * (part + 1))
        for latency_s in latency.tolist():
            recorder.end(recorder.offer(0.0, 0, 0), latency_s, 0, None)
        everything.append(latency)
        recorder.fold(all_of_them=True)
        totals.append(recorder.totals(one_run(Recorder(), 1.0)))
    whole = np.sort(np.concatenate(everything))
    together = merged(totals)
    for share in (0.5, 0.95, 0.99, 0.999):
        exact = whole[math.ceil(share * len(whole)) - 1]
        assert together.latency().percentile(share) == pytest.approx(exact, rel=0.001)
    assert together.offered == len(whole) == together.outcomes.sum()


def test_windows_widen_so_that_an_hour_has_as_many_as_a_minute() -> None:
    windows = Windows.empty()
    for second in range(3600):
        at = np.array([second + 0.5])
        windows.add(at, np.array([0.1]), np.array([True]))
    assert windows.width_s == 128.0
    assert windows.succeeded.sum() == windows.latency.sum() == 3600
    assert windows.succeeded[:28].tolist() == [128] * 28
    assert len(windows.succeeded) == MOST


def test_windows_of_unlike_widths_add_up_to_the_wider() -> None:
    short, long = Windows.empty(), Windows.empty()
    short.add(np.array([0.5, 1.5]), np.array([0.1, 0.2]), np.array([True, False]))
    long.add(np.array([0.5, 100.0]), np.array([0.3, 0.4]), np.array([True, True]))
    both_ = short + long
    assert both_.width_s == 4.0
    assert (both_.carried_out[0], both_.carried_out[25], both_.succeeded.sum()) == (3, 1, 3)
    assert short.width_s == 1.0  # adding leaves its parts as they were


def test_memory_does_not_grow_with_workflows() -> None:
    recorder = TotalsRecorder()
    for k in range(50_000):
        recorder.end(recorder.offer(k * 0.01, 0, 0), k * 0.01 + 0.02, 0, None)
    assert max(len(recorder.due), len(recorder.finished), len(recorder.error), len(recorder._flying)) <= 4096


def test_intervals_hold_where_neighbours_are_alike() -> None:
    """Coverage of the interval of a median, latencies being an AR(1) process: 200 runs, seed 5."""
    luck, held, naive = np.random.default_rng(5), 0, 0
    for _ in range(200):
        noise, level = luck.normal(size=4_000), np.empty(4_000)
        level[0] = noise[0] / math.sqrt(1 - 0.95**2)
        for k in range(1, len(level)):
            level[k] = 0.95 * level[k - 1] + noise[k]
        latency = np.exp(0.2 * level)
        windows = Windows.empty()
        windows.add(np.arange(4_000) / 200, latency, np.full(4_000, True))
        found = quantile_of_windows(windows.latency[windows.carried_out > 0], 0.5)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1.0 <= found.high
        alone = quantile_of_windows(windows.latency.sum(axis=0)[np.newaxis], 0.5)
        assert alone.low is not None
        assert alone.high is not None
        naive += alone.low <= 1.0 <= alone.high
    assert held >= 180, f"{held} of 200"
    assert naive <= 120, f"{naive} of 200: the test shows nothing"


def test_series_of_workers_add_up() -> None:
    one = Series(
        np.array([0.0, 1.0, 2.0]), {"rss_b": np.array([10.0, 20.0, 30.0]), "loop_lag_s": np.array([1.0, 5, 1])}
    )
    two = Series(np.array([0.5, 1.5]), {"rss_b": np.array([1.0, 2.0]), "loop_lag_s": np.array([2.0, 2.0])})
    together = series_together([one, two])
    assert together.values["rss_b"].tolist() == [10.0, 21.0, 32.0]
    assert together.values["loop_lag_s"].tolist() == [1.0, 5.0, 2.0]
    assert not len(series_together([empty_series()]).t_s)
