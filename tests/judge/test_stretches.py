"""Interleaved rounds compared stretch by stretch: what it finds, and what it must not claim. Seeds are in the code."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import binom

from harness.judge.statistics import location
from harness.judge.verdict import MetricSamples, Verdict, judge_each

Rounds = NDArray[np.float64]
ROUNDS, REQUESTS = 20, 400


def _host(seed: int, comparisons: int) -> tuple[Rounds, Rounds]:
    """A shared host: a level per round that both sides share, bursts that hit a stretch of one side."""
    rng = np.random.default_rng(seed)
    level = 0.3 * rng.standard_normal((comparisons, ROUNDS, 1))
    sides = []
    for _ in range(2):
        log = level + np.log1p(0.3 * rng.standard_exponential((comparisons, ROUNDS, REQUESTS)))
        start = rng.integers(0, REQUESTS - 40, (comparisons, ROUNDS, 1))
        hit = (np.arange(REQUESTS) >= start) & (np.arange(REQUESTS) < start + 40)
        burst = rng.exponential(1.0, (comparisons, ROUNDS, 1)) * (rng.random((comparisons, ROUNDS, 1)) < 0.6)
        sides.append(np.exp(log + hit * burst))
    return sides[0], sides[1]


def _judged(base: Rounds, head: Rounds, statistic: str = "p99", **settings: Any) -> list[Verdict]:
    pairs = zip(base.tolist(), head.tolist(), strict=True)
    return judge_each([MetricSamples(base=b, head=h, statistic=statistic, paired=True, **settings) for b, h in pairs])


def _changed(found: list[Verdict]) -> int:
    return sum(verdict.changed for verdict in found)


def test_a_slower_tail_is_found_behind_bursts_that_hide_each_round_s_own_p99() -> None:
    base, head = _host(9100, 40)
    found = _judged(base, 1.1 * head)
    assert sum(verdict.verdict == "regressed" for verdict in found) >= 26
    assert all("stretches" in verdict.method for verdict in found if verdict.changed)
    mirrored = _judged(1.1 * base, head)
    assert sum(verdict.verdict == "improved" for verdict in mirrored) >= 26


@pytest.mark.parametrize("statistic", ["p50", "p95", "p99"])
def test_identical_servers_alarm_at_most_two_in_a_thousand(statistic: str) -> None:
    alarms = _changed(_judged(*_host(9200, 100), statistic=statistic))
    assert alarms <= binom.isf(0.001, 100, 0.002), f"{alarms} of 100, seed 9200"


def test_slower_requests_below_p90_are_no_slower_p99() -> None:
    base, head = _host(9300, 60)
    edge = np.quantile(head, 0.9, axis=2, keepdims=True)
    slowed = np.maximum(head, np.minimum(1.1 * head, edge))
    assert _changed(_judged(base, slowed, "p50")) >= 54
    alarms = _changed(_judged(base, slowed))
    assert alarms <= binom.isf(0.001, 60, 0.002), f"{alarms} of 60, seed 9300"


def test_stretches_never_show_that_a_tail_is_unchanged() -> None:
    # one request in fifty takes ten times as long, all in head: every stretch's extreme but a third looks as before
    rng = np.random.default_rng(9400)
    base, head = np.exp(0.01 * rng.standard_normal((2, 40, ROUNDS, REQUESTS)))
    found = _judged(base, np.where(rng.random(head.shape) < 0.02, 10 * head, head))
    assert {verdict.verdict for verdict in found} == {"regressed"}


def test_values_put_in_order_of_size_have_no_stretches() -> None:
    base, head = _host(9500, 20)
    found = _judged(np.sort(base, axis=2), np.sort(1.1 * head, axis=2))
    assert not any("stretches" in verdict.method for verdict in found)


def test_rounds_said_to_be_pairs_or_not_are_found_to_move_together_by_their_medians() -> None:
    base, head = _host(9600, 20)
    pairs = zip(base.tolist(), head.tolist(), strict=True)
    found = judge_each([MetricSamples(base=b, head=h, statistic="p99") for b, h in pairs])
    assert sum("signed-rank" in verdict.method for verdict in found) >= 18


def test_weights_do_not_depend_on_the_unit_and_trust_no_round_more_than_twice_the_typical_one() -> None:
    noise = np.abs(np.random.default_rng(9700).standard_cauchy((50, ROUNDS)))
    weights = location.weights(noise)
    assert weights.max() <= 2
    assert np.allclose(weights, location.weights(7 * noise))
    assert (location.weights(np.zeros((1, 4))) == 1).all()


def test_weighed_location_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(9800)
    noise = np.exp(rng.standard_normal((2000, ROUNDS)))
    where = location.weighed(noise * rng.standard_normal(noise.shape), noise).where
    t = np.abs(where.shift) / where.error
    covered = int((t <= stdtrit(where.freedom, 0.975)).sum())
    assert covered >= binom.isf(0.999, 2000, 0.95), f"{covered} of 2000, seed 9800"
