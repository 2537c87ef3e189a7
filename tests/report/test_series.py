"""Thinned series keep their extremes; histogram bins hold what they say they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.report.series import MOST_POINTS, log_linear, thin

finite = st.floats(-1e9, 1e9, allow_nan=False)


@given(st.integers(1, 2000).flatmap(lambda n: arrays(np.float64, n, elements=finite | st.just(math.nan))))
def test_thinning_keeps_order_ends_and_extremes(values: np.ndarray) -> None:
    t_s = np.arange(len(values)) / 10
    thinned = thin(t_s, values)
    seen = np.isfinite(values)
    assert thinned["samples"] == seen.sum()
    assert len(thinned["t_s"]) == len(thinned["values"]) <= MOST_POINTS
    points = dict(zip(t_s[seen].tolist(), values[seen].tolist(), strict=True))
    assert all(points[t] == value for t, value in zip(thinned["t_s"], thinned["values"], strict=True))
    assert thinned["t_s"] == sorted(set(thinned["t_s"]))
    if points:
        assert (thinned["t_s"][0], thinned["t_s"][-1]) == (min(points), max(points))
        assert min(thinned["values"]) == min(points.values())
        assert max(thinned["values"]) == max(points.values())


@pytest.mark.parametrize("count", [0, 1, 2, MOST_POINTS - 1, MOST_POINTS])
def test_a_series_that_fits_is_left_alone(count: int) -> None:
    values = np.sin(np.arange(float(count)))
    assert thin(np.arange(float(count)), values)["values"] == values.tolist()


def test_one_point_too_many_is_thinned() -> None:
    assert len(thin(np.arange(201.0), np.arange(201.0) % 7)["t_s"]) <= MOST_POINTS


@given(arrays(np.float64, st.integers(0, 300), elements=st.floats(0, 1e6)))
def test_every_latency_lies_in_the_bin_that_counts_it(latencies: np.ndarray) -> None:
    bins = log_linear(latencies)
    assert sum(one["count"] for one in bins) == len(latencies)
    for one in bins:
        assert ((one["low_s"] <= latencies) & (latencies < one["high_s"])).sum() == one["count"]
        assert one["low_s"] == 0 or one["high_s"] / one["low_s"] <= 1 + 1 / 32
    assert [one["low_s"] for one in bins] == sorted(one["low_s"] for one in bins)


@pytest.mark.parametrize("edge", [1.0, 0.5, 2.0, 1.5, 1 + 1 / 32])
def test_a_bound_belongs_to_the_bin_above(edge: float) -> None:
    below, at = log_linear(np.array([math.nextafter(edge, 0), edge]))
    assert below["high_s"] == edge == at["low_s"]
