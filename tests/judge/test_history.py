"""Change points: planted steps found, flat series left alone, the newest commits judged with restraint."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.judge.history import SETTLED, find_steps

Series = NDArray[np.float64]


def _commits(n: int) -> list[str]:
    return [f"c{k}" for k in range(n)]


def _noise(rng: np.random.Generator, n: int) -> Series:
    kind = rng.integers(4)
    normal = rng.standard_normal(n)
    outliers = np.where(rng.random(n) < 0.05, rng.uniform(4, 12, n), 0.0)
    skewed = (np.exp(0.7 * normal) - 1) / 0.8
    return [normal, rng.standard_t(3, n) / 1.3, normal + outliers, skewed][kind]


def _planted(rng: np.random.Generator, n: int, sigma: float) -> tuple[Series, list[int]]:
    while True:
        steps = np.sort(rng.choice(np.arange(8, n - 8), int(rng.integers(1, 4)), replace=False))
        if len(steps) == 1 or np.diff(steps).min() >= 8:
            break
    level = np.zeros(n)
    for step in steps:
        level[step:] += rng.choice([-1, 1]) * rng.uniform(3, 10) * sigma
    return np.exp(level + sigma * _noise(rng, n)), [int(step) for step in steps]


def test_planted_steps_are_found_where_they_are() -> None:
    seed, hits, spurious, missed = 9100, 0, 0, 0
    rng = np.random.default_rng(seed)
    for _ in range(150):
        values, truth = _planted(rng, int(rng.integers(60, 200)), 0.01)
        found = [step.index for step in find_steps(values.tolist(), _commits(len(values))).steps]
        matched = sum(any(abs(index - step) <= 3 for index in found) for step in truth)
        hits, spurious, missed = hits + matched, spurious + len(found) - matched, missed + len(truth) - matched
    score = 2 * hits / (2 * hits + spurious + missed)
    assert score >= 0.97, f"F1 {score:.3f}, seed {seed}"


def test_flat_series_are_left_alone() -> None:
    seed, series = 9200, 300
    rng = np.random.default_rng(seed)
    alarmed = 0
    for _ in range(series):
        n = int(rng.integers(40, 200))
        alarmed += bool(find_steps(np.exp(0.02 * _noise(rng, n)).tolist(), _commits(n)).steps)
    assert alarmed <= 9, f"{alarmed} of {series} (3 expected at most, 9 is the 99.9 % limit), seed {seed}"


def test_a_step_names_its_commits_size_and_direction() -> None:
    values = [1.0, 1.01, 0.99, 1.0, 1.01, 0.99, 1.2, 1.21, 1.19, 1.2, 1.21, 1.19]
    (step,) = find_steps(values, _commits(12)).steps
    assert (step.verdict, step.last_before, step.first_after, step.index) == ("regressed", "c5", "c6", 6)
    assert step.effect == pytest.approx(0.2, abs=0.01)
    assert (step.earliest, step.latest) == ("c6", "c6")
    assert step.confidence > 0.99
    assert find_steps(values, _commits(12), direction="higher").steps[0].verdict == "improved"


def test_commits_without_a_value_are_named_and_skipped() -> None:
    values = [1.0, None, 1.01, 0.99, float("nan"), 1.0, 1.01, 0.99, 1.2, 1.21, float("inf"), 1.19, 1.2, 1.21]
    history = find_steps(values, _commits(14))
    assert history.ignored == ("c1", "c4", "c10")
    assert [step.first_after for step in history.steps] == ["c8"]


@pytest.mark.parametrize("newest", range(1, SETTLED))
def test_the_newest_commits_are_too_early_to_tell(newest: int) -> None:
    values = [1.0, 1.01, 0.99] * 7 + [1.5] * newest
    history = find_steps(values, _commits(len(values)))
    assert history.steps == ()
    assert history.newest == "too early to tell"
    assert f"{newest} of the {SETTLED} commits" in history.reason


def test_steady_newest_commits_say_so() -> None:
    assert find_steps([1.0, 1.01, 0.99] * 7, _commits(21)).newest == "steady"


def test_a_single_outlier_in_the_past_is_no_step() -> None:
    values = [1.0, 1.01, 0.99] * 4 + [9.0] + [1.0, 1.01, 0.99] * 4
    assert find_steps(values, _commits(len(values))).steps == ()


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 7, [None] * 20])
def test_short_series_are_named(values: list[float | None]) -> None:
    assert find_steps(values, _commits(len(values))).newest == "too short"


@pytest.mark.parametrize("level", [0.0, 5.0, -5.0])
def test_constant_series_have_no_step(level: float) -> None:
    assert find_steps([level] * 20, _commits(20)).steps == ()


def test_a_noiseless_step_is_found_even_from_zero() -> None:
    assert [step.index for step in find_steps([0.0] * 10 + [3.0] * 10, _commits(20)).steps] == [10]
    assert [step.index for step in find_steps([2.0] * 10 + [3.0] * 10, _commits(20)).steps] == [10]


def test_bad_arguments_raise() -> None:
    with pytest.raises(ValueError, match="one commit per value"):
        find_steps([1.0], [])
    with pytest.raises(ValueError, match="floor"):
        find_steps([1.0], ["c"], floor=-1)


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1e-9, 1e9, 3.0]))
@settings(max_examples=30, deadline=None)
def test_units_do_not_matter(seed: int, scale: float) -> None:
    values, _ = _planted(np.random.default_rng(seed), 80, 0.01)
    first = find_steps(values.tolist(), _commits(80))
    scaled = find_steps((scale * values).tolist(), _commits(80))
    assert [step.index for step in first.steps] == [step.index for step in scaled.steps]


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), max_size=40))
@settings(max_examples=80, deadline=None)
def test_any_series_gets_a_history(values: list[float | None]) -> None:
    history = find_steps(values, _commits(len(values)))
    assert history.reason
    assert np.isfinite(history.noise)
