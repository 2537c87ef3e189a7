"""Strips: where an interval lies, at the edges of the scale and beyond them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.interval_strip import WIDTH, scale_of, strip
from harness.report.pull_request_comment import Posting, comment_body
from tests.github.made import comparison, metric

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("span", "scale", "shown"),
    [
        ((0.0, 0.0, 0.0), 0.1, "··········●··········"),
        ((0.1, 0.1, 0.1), 0.1, "··········│·········●"),
        ((-0.1, -0.1, -0.1), 0.1, "●·········│··········"),
        ((0.05, 0.08, 0.1), 0.1, "··········│····├──●─┤"),
        ((-0.08, -0.06, -0.04), 0.1, "··├─●─┤···│··········"),
        ((-0.02, 0.01, 0.03), 0.1, "········├──●─┤·······"),
        ((0.5, 2.0, 3.0), 1.0, "··········│····├────▶"),
        ((-3.0, 0.0, 3.0), 1.0, "◀─────────●─────────▶"),
        ((-0.2, -0.2, -0.2), 0.1, "◀·········│··········"),
    ],
)
def test_a_strip(span: tuple[float, float, float], scale: float, shown: str) -> None:
    assert strip(span, scale) == shown


@pytest.mark.parametrize(
    ("ends", "scale"),
    [((), 0.01), ((0.01,), 0.01), ((0.011,), 0.02), ((-0.3,), 0.5), ((0.5, -1.0), 1.0), ((7.0,), 1.0)],
)
def test_the_scale_is_the_smallest_that_holds_all(ends: tuple[float, ...], scale: float) -> None:
    assert scale_of((end, end, end) for end in ends) == scale


@given(st.tuples(FINITE, FINITE, FINITE).map(sorted), st.sampled_from([0.01, 0.1, 1.0]))
def test_any_interval_has_a_strip(span: list[float], scale: float) -> None:
    low, effect, high = span
    shown = strip((low, effect, high), scale)
    assert len(shown) == WIDTH
    assert ("▶" in shown) == (high > scale)
    assert ("◀" in shown) == (low < -scale)
    assert set(shown) <= set("·│─├┤●◀▶")


def test_a_large_improvement_does_not_hide_a_small_regression() -> None:
    rows = [metric("a.slower", "regressed", effect=0.04), metric("a.faster", "improved", effect=-0.6)]
    body = comment_body(comparison(rows), Posting())
    assert "where it lies (±5 %)" in body
    assert "where it lies (±100 %)" in body
