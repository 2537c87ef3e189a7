"""What people hand to the public function by mistake: a verdict, or an error that says where and what."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from harness.judge.verdict import judge_metric

GOOD = [[1.0 + 0.001 * k] for k in range(10)]
NO_SIDE = "a side is a list of processes, each a list of values"
HUGE = np.random.default_rng(5).lognormal(0.0, 0.3, 1_000_000)


@pytest.mark.parametrize(
    ("side", "said"),
    [
        (None, f"{NO_SIDE}, found NoneType"),
        ("abc", f"{NO_SIDE}, found str"),
        ({"a": [1.0]}, f"{NO_SIDE}, found dict"),
        ((process for process in GOOD), f"{NO_SIDE}, found generator"),
        ([1.0, 2.0, 3.0, 4.0], f"{NO_SIDE}, found float as process 0"),
        (["123", "456"], f"{NO_SIDE}, found str as process 0"),
        ([[1.0], {1.0, 2.0}], f"{NO_SIDE}, found set as process 1"),
        (np.ones((4, 2, 2)), rf"{NO_SIDE}, found ndarray of shape \(2, 2\) as process 0"),
        ([[1.0], ["1.5"]], "process 1: expected numbers, found str"),
        ([[1.0], [None]], "process 1: expected numbers, found NoneType"),
        ([[1.0], [2j]], "process 1: expected numbers, found complex"),
        ([[1.0], [1.0] * 40 + ["x"]], "process 1: expected numbers, found str"),
    ],
)
@pytest.mark.parametrize("kind", ["noisy", "exact", "memory", "rate"])
def test_what_is_no_side_is_refused_by_name(side: Any, said: str, kind: Any) -> None:
    with pytest.raises(TypeError, match=f"^p50: base: {said}"):
        judge_metric(side, GOOD, name="p50", kind=kind)
    if not hasattr(side, "send"):
        with pytest.raises(TypeError, match=f"^p50: head: {said}"):
            judge_metric(GOOD, side, name="p50")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "settings", [{"kind": "memory"}, {"statistic": "mean"}, {"statistic": "p99", "paired": True}, {}]
)
@pytest.mark.parametrize(
    ("base", "head", "word"),
    [
        ([], [], "incomparable"),
        ([[], []], [[]], "incomparable"),
        ([], GOOD, "new"),
        (GOOD, [], "missing"),
        (GOOD[:1], GOOD[:1], "inconclusive"),
        ([[1]] * 5, [[2]] * 5, "regressed"),
        (np.array(GOOD), 1.5 * np.array(GOOD), "regressed"),
        (np.array(GOOD, dtype=np.float32), np.array(GOOD, dtype=np.float32), "unchanged"),
        (np.ones((6, 3), dtype=int), 2 * np.ones((6, 3), dtype=int), "regressed"),
        ([np.array([1.0] * 50)] * 5, [np.array([1.0] * 50)] * 5, "unchanged"),
        ([[Decimal("1.1")]] * 6, [[Fraction(1, 2)]] * 6, "improved"),
        ([[0]] * 6, [[0.0]] * 6, "unchanged"),
        ([[-2.0], [-2.01], [-1.99], [-2.0], [-2.02]], [[-1.0], [-1.01], [-0.99], [-1.0], [-1.02]], "regressed"),
        ([[float("nan")]] * 5, GOOD, "incomparable"),
        (GOOD, [[float("inf")]] * 5, "incomparable"),
        ([[10**400]] * 5, [[1]] * 5, "incomparable"),
        (np.ma.masked_array(np.ones((5, 2)), mask=[[True, False]] * 5), np.ones((5, 2)), "incomparable"),
        ([[1.0]] * 5, [[1.0] * 100] * 5, "incomparable"),
        ([[0.0] * 300 + [1.0] * 100] * 12, [[0.0] * 300 + [1.0] * 100] * 12, "unchanged"),
    ],
)
def test_strange_data_gets_a_verdict(base: Any, head: Any, word: str, settings: Any) -> None:
    assert judge_metric(base, head, **settings).verdict == word


@pytest.mark.parametrize("statistic", ["median", "p99"])
def test_a_million_values_in_a_process(statistic: str) -> None:
    levels = (1.0, 1.01, 0.99, 1.02)
    found = judge_metric(
        [level * HUGE for level in levels], [1.5 * level * HUGE for level in levels], statistic=statistic
    )
    assert found.verdict == "regressed"
    assert found.effect == pytest.approx(0.5)
