"""The mergeable histogram: no percentile further off than it promises, and merging is counting together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.histogram import BUCKETS, RELATIVE_ERROR, Histogram, bucket_of, lower_bound_s

durations = st.floats(2.0**-30, 2.0**40, exclude_max=True)


@given(durations)
def test_a_bucket_holds_its_values_within_the_promised_error(value_s: float) -> None:
    low, high = lower_bound_s(bucket_of(value_s)), lower_bound_s(bucket_of(value_s) + 1)
    assert low <= value_s < high
    assert (high - low) / 2 <= RELATIVE_ERROR * low


@given(st.lists(st.one_of(durations, st.just(0.0), st.floats(0, 1e-9), st.floats(2.0**40, 1e15)), min_size=1))
def test_counting_in_bulk_and_one_by_one_is_the_same(values: list[float]) -> None:
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for value in values:
        counts[bucket_of(value)] += 1
    np.testing.assert_array_equal(Histogram.of(np.array(values)).counts, counts)


@given(st.lists(durations, min_size=1, max_size=200), st.floats(0.001, 1))
def test_a_percentile_is_within_the_error_of_the_sample_of_its_rank(values: list[float], share: float) -> None:
    exact = sorted(values)[max(1, math.ceil(share * len(values))) - 1]
    assert Histogram.of(np.array(values)).percentile(share) == pytest.approx(exact, rel=RELATIVE_ERROR)


@given(st.lists(durations), st.lists(durations))
def test_merging_is_counting_together(some: list[float], others: list[float]) -> None:
    merged = Histogram.of(np.array(some)) + Histogram.of(np.array(others))
    np.testing.assert_array_equal(merged.counts, Histogram.of(np.array([*some, *others])).counts)


@pytest.mark.parametrize(
    ("value_s", "bucket"),
    [(0.0, 0), (2.0**-31, 0), (2.0**-30, 1), (1.0, 1 + 30 * 512), (2.0**40, BUCKETS - 1), (1e300, BUCKETS - 1)],
)
def test_the_edges_have_their_buckets(value_s: float, bucket: int) -> None:
    assert bucket_of(value_s) == bucket


def test_an_empty_histogram_has_no_percentile_and_no_mean() -> None:
    empty = Histogram.of(np.empty(0))
    assert len(empty) == 0
    assert math.isnan(empty.percentile(0.5))
    assert math.isnan(empty.mean())


def test_the_mean_is_within_the_error() -> None:
    values = np.linspace(0.001, 7, 10_000)
    assert Histogram.of(values).mean() == pytest.approx(values.mean(), rel=RELATIVE_ERROR)
