"""Shares, means, medians and slopes: published tables and true coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.measure import estimates
from harness.measure.trend import theil_sen


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_table(count: int, total: int, low: float, high: float) -> None:
    seen = estimates.share(count, total)
    assert seen.value == count / total
    assert seen.low == pytest.approx(low, abs=5e-5)
    assert seen.high == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize("total", [1, 7, 1000])
def test_wilson_ends_are_exact(total: int) -> None:
    none, every = estimates.share(0, total), estimates.share(total, total)
    assert (none.value, none.low) == (0.0, 0.0)
    assert (every.value, every.high) == (1.0, 1.0)
    assert none.high is not None
    assert every.low is not None
    assert none.high == pytest.approx(1 - every.low)


def test_a_share_of_nothing_has_no_value() -> None:
    assert estimates.share(0, 0) == estimates.Estimate(None, doubt="no workflow was offered")


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [
        (1, 12.7062),
        (4, 2.77645),
        (9, 2.26216),
        (10, 2.22814),
        (11, 2.20099),
        (20, 2.08596),
        (30, 2.04227),
        (120, 1.97993),
    ],
)
def test_student_quantiles(freedom: int, quantile: float) -> None:
    assert estimates.student_quantile(freedom) == pytest.approx(quantile, abs=2e-5)


def test_mean_interval_covers_at_its_stated_rate() -> None:
    seed, rounds = 7, 4000
    draws = np.random.default_rng(seed).normal(3.0, 2.0, (rounds, 5))
    seen = [estimates.mean(row, "none") for row in draws.tolist()]
    covered = sum(one.low <= 3.0 <= one.high for one in seen if one.low is not None and one.high is not None) / rounds
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / rounds)), f"seed {seed}"


def test_none_and_nan_are_left_out() -> None:
    assert estimates.mean([None, 2.0, math.nan], "none").value == 2.0
    assert estimates.largest([None, 2.0, 1.0], "none").value == 2.0
    assert estimates.smallest([None, 2.0, 1.0], "none").value == 1.0
    assert estimates.total([None, 2.0, 1.0], "none").value == 3.0
    for combine in (estimates.mean, estimates.median, estimates.largest, estimates.smallest, estimates.total):
        assert combine([None, math.nan], "nothing seen") == estimates.Estimate(None, doubt="nothing seen")


def test_one_replication_has_no_interval() -> None:
    assert estimates.mean([4.0], "none") == estimates.Estimate(4.0)
    assert estimates.median([4.0], "none") == estimates.Estimate(4.0)


def test_median_gives_the_range_and_says_so_until_there_are_six() -> None:
    few, six = estimates.median([5, 1, 2], "none"), estimates.median([6, 1, 2, 3, 5, 4], "none")
    assert (few.value, few.low, few.high) == (2, 1, 5)
    assert few.doubt == "the range of 3 replications; 6 are needed for 95 %"
    assert (six.value, six.low, six.high, six.doubt) == (3.5, 1, 6, None)


def test_a_slope_is_found_through_wild_points() -> None:
    x = np.arange(30.0)
    y = 15.5 * x + 100
    y[[3, 17]] = 10_000
    seen = theil_sen([(x, y)], "points")
    assert seen.value == pytest.approx(15.5)
    assert seen.low is not None
    assert seen.high is not None
    assert seen.low <= 15.5 <= seen.high


def test_a_slope_needs_six_points() -> None:
    x = np.arange(5.0)
    assert theil_sen([(x, x)], "points").doubt == "5 points; 6 are needed for a slope"
    assert theil_sen([(np.zeros(50), np.arange(50.0))], "points").doubt == "1 points; 6 are needed for a slope"
    assert theil_sen([(np.arange(6.0), np.arange(6.0))], "points").value == 1.0


@pytest.mark.parametrize("count", [8, 20])
def test_slope_interval_covers_at_its_stated_rate(count: int) -> None:
    seed, rounds = 11, 1000
    rng = np.random.default_rng([seed, count])
    x = np.arange(float(count))
    covered = 0
    for _ in range(rounds):
        seen = theil_sen([(x, 2.0 * x + rng.standard_t(3, count))], "points")
        assert seen.low is not None
        assert seen.high is not None
        covered += seen.low <= 2.0 <= seen.high
    assert covered / rounds >= 0.95 - 3.5 * math.sqrt(0.95 * 0.05 / rounds), f"seed {seed}: covered {covered / rounds}"


def test_thinning_keeps_the_slope_of_a_long_series() -> None:
    x = np.arange(50_000.0)
    assert theil_sen([(x, 3 * x)], "points").value == pytest.approx(3)
