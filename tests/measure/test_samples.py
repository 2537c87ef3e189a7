"""The log of samples keeps peaks, totals and the newest detail whatever it merges."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measure.samples import SampleLog


@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=400), most=st.integers(4, 40))
@settings(max_examples=100, deadline=None)
def test_no_peak_is_lost_and_no_cpu_time(values: list[float], most: int) -> None:
    log = SampleLog(most)
    for k, value in enumerate(values):
        log.add((float(k), 2.0 * k), {"rss_b": value, "cpu_cores": value})
        assert len(log) < max(most, 3)
    times, columns = log.times(), log.columns(["rss_b", "cpu_cores"])
    assert columns["rss_b"].max() == max(values)
    assert (times[0], times[-1]) == (0.0, len(values) - 1.0)
    assert (np.diff(times) > 0).all()
    assert log.times(1).tolist() == (2 * times).tolist()
    assert columns["rss_b"][-1] == values[-1]
    used = float((columns["cpu_cores"][1:] * np.diff(times)).sum())
    np.testing.assert_allclose(used, sum(values[1:]), rtol=1e-9, atol=1e-6)


def test_the_newest_stay_as_they_were_taken() -> None:
    log = SampleLog(100)
    for k in range(1000):
        log.add((float(k),), {"x": float(k)})
    assert (np.diff(log.times())[-20:] <= 2).all()
    assert log.times()[-1] == 999


def test_a_figure_that_is_missing_now_and_then() -> None:
    log = SampleLog(4)
    rows = [{"uss_b": 5.0}, {"rss_b": 1.0}, {"uss_b": 7.0, "rss_b": float("nan")}, {"rss_b": 3.0}]
    for k, row in enumerate(rows):
        log.add((float(k),), row)
    assert log.names() == ["rss_b", "uss_b"]
    assert np.nanmax(log.columns(["uss_b"])["uss_b"]) == 7.0
    assert np.nanmax(log.columns(["rss_b"])["rss_b"]) == 3.0
