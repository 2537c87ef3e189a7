"""Percentiles: closed tables, intervals against binomial sums, and their true coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.measure.percentiles import interval_ranks, nearest_rank, percentile, samples_needed


@pytest.mark.parametrize(
    ("count", "q", "rank"),
    [
        (1, 0.5, 1),
        (2, 0.5, 1),
        (3, 0.5, 2),
        (4, 0.5, 2),
        (19, 0.95, 19),
        (20, 0.95, 19),
        (21, 0.95, 20),
        (99, 0.99, 99),
        (100, 0.99, 99),
        (101, 0.99, 100),
        (200, 0.99, 198),
        (100, 0.07, 7),  # 0.07 * 100 is 7.000000000000001
        (1_000_000, 0.99, 990_000),
        (1, 0.01, 1),
        (1, 0.999, 1),
    ],
)
def test_nearest_rank(count: int, q: float, rank: int) -> None:
    assert nearest_rank(count, q) == rank


@pytest.mark.parametrize(("q", "needed"), [(0.5, 5), (0.9, 29), (0.95, 59), (0.99, 299), (0.999, 2995)])
def test_samples_needed_for_an_upper_bound(q: float, needed: int) -> None:
    assert samples_needed(q) == needed
    assert 1 - q**needed >= 0.95 > 1 - q ** (needed - 1)


@pytest.mark.parametrize(
    ("count", "q", "ranks"),
    [
        (4, 0.5, (None, None)),
        (5, 0.5, (None, 5)),
        (6, 0.5, (1, 6)),
        (7, 0.5, (1, 7)),
        (8, 0.5, (1, 8)),
        (9, 0.5, (2, 8)),
        (10, 0.5, (2, 9)),
        (20, 0.5, (6, 15)),
        (100, 0.5, (40, 61)),
        (298, 0.99, (292, None)),
        (299, 0.99, (289, 299)),
    ],
)
def test_interval_ranks_table(count: int, q: float, ranks: tuple[int | None, int | None]) -> None:
    assert interval_ranks(count, q) == ranks


def below_or_at(count: int, q: float, most: int) -> float:
    """P(B <= most) of a binomial(count, q), term by term."""
    return math.fsum(math.comb(count, k) * q**k * (1 - q) ** (count - k) for k in range(most + 1))


@pytest.mark.parametrize("count", [5, 6, 10, 17, 59, 60, 120, 299, 368, 500])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99])
def test_intervals_keep_their_promise_term_by_term(count: int, q: float) -> None:
    low, high = interval_ranks(count, q)
    below = below_or_at(count, q, low - 1) if low is not None else 0.0
    above = 1 - below_or_at(count, q, high - 1) if high is not None else 0.0
    assert below + above <= 0.05 + 1e-12
    if low is not None and high is not None and low > 1 and high < count:
        # and no tighter ranks would do on either side
        assert below_or_at(count, q, low) > 0.025
        assert 1 - below_or_at(count, q, high - 2) > 0.025


def test_large_samples_agree_with_the_normal_approximation() -> None:
    low, high = interval_ranks(1_000_000, 0.95)
    half = 1.96 * math.sqrt(1_000_000 * 0.95 * 0.05)
    assert low is not None
    assert high is not None
    assert low == pytest.approx(950_000 - half, abs=2)
    assert high == pytest.approx(950_000 + half, abs=2)


@pytest.mark.parametrize("law", ["exponential", "lognormal", "uniform", "rounded"])
@pytest.mark.parametrize(("count", "q"), [(20, 0.5), (80, 0.9), (150, 0.95), (400, 0.99)])
def test_coverage_is_at_least_what_is_stated(law: str, count: int, q: float) -> None:
    seed, rounds = 20_240_501, 3000
    rng = np.random.default_rng([seed, count, len(law)])
    draws, truth = {
        "exponential": (rng.exponential(1.0, (rounds, count)), -math.log(1 - q)),
        "lognormal": (rng.lognormal(0.0, 1.5, (rounds, count)), math.exp(1.5 * _normal(q))),
        "uniform": (rng.uniform(0, 1, (rounds, count)), q),
        "rounded": (np.ceil(10 * rng.uniform(0, 1, (rounds, count))), math.ceil(round(10 * q, 9))),
    }[law]
    draws.sort(axis=1)
    low, high = interval_ranks(count, q)
    assert low is not None
    assert high is not None
    covered = float(((draws[:, low - 1] <= truth) & (truth <= draws[:, high - 1])).mean())
    # three standard errors of a share of 3000: a true 95 % falls below one time in a thousand
    assert covered >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / rounds), f"seed {seed}: covered {covered}"


def _normal(q: float) -> float:
    return {0.5: 0.0, 0.9: 1.2815515655446004, 0.95: 1.6448536269514722, 0.99: 2.3263478740408408}[q]


def test_a_percentile_is_a_value_that_occurred_with_bounds_that_did() -> None:
    ordered = np.arange(1.0, 1001.0)
    seen = percentile(ordered, 0.95)
    assert (seen.value, seen.low, seen.high, seen.doubt) == (950, 936, 964, None)


@pytest.mark.parametrize(
    ("count", "q", "doubt"),
    [
        (10, 0.99, "p99 of 10 workflows is the maximum; 299 are needed for a 95 % bound"),
        (1, 0.5, "p50 of 1 workflow is the maximum; 5 are needed for a 95 % bound"),
        (99, 0.99, "p99 of 99 workflows is the maximum; 299 are needed for a 95 % bound"),
        (100, 0.99, "p99 of 100 workflows has no 95 % upper bound; 299 are needed"),
        (298, 0.99, "p99 of 298 workflows has no 95 % upper bound; 299 are needed"),
        (299, 0.99, None),
        (58, 0.95, "p95 of 58 workflows has no 95 % upper bound; 59 are needed"),
        (59, 0.95, None),
    ],
)
def test_doubts_of_small_samples(count: int, q: float, doubt: str | None) -> None:
    seen = percentile(np.arange(float(count)), q)
    assert seen.doubt == doubt
    assert (seen.high is None) == (doubt is not None)


def test_no_sample_no_value() -> None:
    seen = percentile(np.empty(0), 0.5)
    assert (seen.value, seen.low, seen.high, seen.doubt) == (None, None, None, "no workflow was carried out")
