"""The latency's distribution by its quantiles: order statistics, with the intervals that the percentiles have."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.execute import run
from harness.measure.latency import latencies
from harness.measure.latency_curve import LEVELS, latency_curve
from harness.measure.metrics import summarise
from harness.measure.percentiles import percentile
from harness.measure.record import Floats
from harness.measure.replicated import curve_of_runs, percentiles_of_runs
from harness.measure.warm_up import counted_part
from harness.scenario.model import Scenario
from tests.drive.random_scenarios import scenarios


@given(scenarios(40), st.integers(0, 2**32), st.integers(1, 3))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_curve_passes_through_the_percentiles_of_the_summary(scenario: Scenario, seed: int, many: int) -> None:
    runs = [run(scenario, clock="virtual", seed=seed + k) for k in range(many)]
    curve, latency = latency_curve([counted_part(scenario, one) for one in runs]), summarise(scenario, runs).latency
    if curve is None:
        assert latency.samples == 0
        return
    at = dict(zip(curve.levels, curve.quantiles, strict=True))
    assert (at[0.5], at[0.95], at[0.99]) == (latency.p50, latency.p95, latency.p99)
    assert at[1.0].value == latency.max.value
    every = sorted(value for one in runs for value in latencies(counted_part(scenario, one)).tolist())
    expected = [every[max(1, math.ceil(round(q * len(every), 9))) - 1] for q in curve.levels]
    assert [one.value for one in curve.quantiles] == expected


def waves(count: int, runs: int) -> list[Floats]:
    """Latencies that rise and fall slowly, so that neighbours are alike."""
    luck = np.random.default_rng([3, count, runs])
    return [1.2 + np.sin(np.arange(count) / 60) + luck.exponential(0.2, count) for _ in range(runs)]


@pytest.mark.parametrize("runs", [1, 4])
def test_between_the_levels_looked_at_neighbours_are_as_alike_as_at_the_worse_of_them(runs: int) -> None:
    came = waves(1500, runs)
    pooled = np.sort(np.concatenate(came))
    curve = dict(zip(LEVELS, curve_of_runs(came, pooled, LEVELS), strict=True))
    independent = {q: percentile(pooled, q) for q in LEVELS}
    looked_at = percentiles_of_runs(came, pooled, (0.5, 0.95, 0.99))
    assert [curve[q] for q in (0.5, 0.95, 0.99)] == list(looked_at)
    widened = comparable = 0
    for q, seen in curve.items():
        alone = independent[q]
        assert seen.low is None or (seen.value is not None and seen.low <= seen.value)
        assert seen.high is None or (seen.value is not None and seen.value <= seen.high)
        if None not in (seen.low, seen.high, alone.low, alone.high):
            comparable += 1
            widened += seen.high - seen.low > alone.high - alone.low  # type: ignore[operator]  # none is None here
    assert comparable > 20
    assert widened >= 0.9 * comparable


def test_levels_are_dense_in_both_tails() -> None:
    assert list(LEVELS) == sorted(set(LEVELS))
    assert {0.5, 0.95, 0.99} <= set(LEVELS)
    assert len(LEVELS) + 2 <= 201
    assert 0 < LEVELS[0] <= 0.001
    assert 0.9999 <= LEVELS[-1] < 1


def test_a_single_latency_is_the_whole_curve() -> None:
    (one,) = waves(1, 1)
    assert {seen.value for seen in curve_of_runs([one], one, LEVELS)} == {float(one[0])}
