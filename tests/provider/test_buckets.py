"""Token buckets are held to their closed form: over any span of T seconds, at most burst + rate * T."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provider.buckets import Bucket, Limits, _span
from harness.provider.declaration import Limit

RATES = st.floats(0.01, 1000)
BURSTS = st.integers(1, 200)


@given(RATES, BURSTS, st.floats(1e-4, 1.0), st.integers(1, 150))
def test_under_steady_demand_as_much_passes_as_the_closed_form_says(rate, burst, gap_s, asks) -> None:
    bucket = Bucket(Limit(rate, burst), 0.0)
    passed = 0
    for k in range(asks):
        if bucket.wait_s(1, k * gap_s) == 0:
            bucket.take(1, k * gap_s)
            passed += 1
    last_s = (asks - 1) * gap_s
    assert passed <= burst + rate * last_s + 1e-6
    # a refused request finds less than 1 in it, and so no rim in its way until the next: nothing is lost
    if rate * gap_s <= 1 and burst >= 2:
        assert passed >= min(asks, math.floor(burst + rate * last_s - 1e-6))


@given(RATES, BURSTS, st.lists(st.tuples(st.floats(0, 5), st.integers(1, 60)), min_size=1, max_size=60))
def test_no_span_of_time_lets_more_through_than_the_closed_form_says(rate, burst, asks) -> None:
    bucket = Bucket(Limit(rate, burst), 0.0)
    now_s, passed = 0.0, []
    for gap_s, amount in asks:
        now_s += gap_s
        if bucket.wait_s(amount, now_s) == 0:
            bucket.take(amount, now_s)
            passed.append((now_s, amount))
    for k, (begun_s, _) in enumerate(passed):
        total = 0
        for at_s, amount in passed[k:]:
            total += amount
            assert total <= (burst + rate * (at_s - begun_s)) * (1 + 1e-6) + 1e-6


@given(RATES, BURSTS, st.floats(0, 3), st.integers(1, 200), st.integers(1, 200))
def test_a_wait_that_is_told_suffices_and_no_shorter_one_does(rate, burst, gap_s, first, then) -> None:
    bucket = Bucket(Limit(rate, burst), 0.0)
    if bucket.wait_s(first, 0.0) == 0:
        bucket.take(first, 0.0)
    wait_s = bucket.wait_s(then, gap_s)
    if then > burst:
        assert math.isinf(wait_s)
        return
    sooner = Bucket(Limit(rate, burst), 0.0)
    if sooner.wait_s(first, 0.0) == 0:
        sooner.take(first, 0.0)
    if wait_s > 1e-3:
        assert sooner.wait_s(then, gap_s + wait_s * 0.99) > 0
    assert bucket.wait_s(then, gap_s + wait_s) == 0


def test_a_request_takes_from_both_limits_or_from_neither() -> None:
    limits = Limits(Limit(1.0, 10), Limit(10.0, 100), 0.0)
    assert limits.admit(90, 0.0) is None
    refusal = limits.admit(30, 0.0)
    assert refusal is not None
    assert (refusal.limit, refusal.wait_s) == ("tokens", pytest.approx(2.0))
    told = limits.headers(0.0)
    assert told["x-ratelimit-remaining-requests"] == "9"
    assert told["x-ratelimit-remaining-tokens"] == "10"
    assert limits.admit(30, 2.0) is None


def test_the_limit_that_takes_longest_is_told() -> None:
    limits = Limits(Limit(0.1, 1), Limit(10.0, 100), 0.0)
    assert limits.admit(100, 0.0) is None
    refusal = limits.admit(10, 0.0)
    assert refusal is not None
    assert (refusal.limit, refusal.wait_s) == ("requests", pytest.approx(10.0))
    never = limits.admit(101, 0.0)
    assert never is not None
    assert never.limit == "tokens"
    assert math.isinf(never.wait_s)


def test_without_limits_everything_passes_and_nothing_is_told() -> None:
    limits = Limits(None, None, 0.0)
    assert limits.admit(10**9, 0.0) is None
    assert limits.headers(0.0) == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.0204, "21ms"), (1, "1s"), (1.5, "1.5s"), (60, "1m0s"), (363, "6m3s"), (7264, "2h1m4s")],
)
def test_spans_are_written_as_such_headers_do(seconds: float, text: str) -> None:
    assert _span(seconds) == text
