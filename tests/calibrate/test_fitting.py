"""The right law is found in a sample of it, and a sample's own quantiles where it is large."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from harness.judge.calibration.dividing import one_of_equals
from harness.judge.calibration.fitting import ENOUGH, fit
from harness.measure.service_times import Sample
from harness.plan.draws import table_of
from harness.scenario.model import Constant, Empirical, Exponential, Gamma, Lognormal

LEVELS = tuple(np.linspace(0, 1, 161).tolist())
LAWS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "exponential": lambda rng, n: rng.exponential(0.3, n),
    "lognormal": lambda rng, n: 0.2 * np.exp(0.8 * rng.standard_normal(n)),
    "gamma": lambda rng, n: rng.gamma(4.0, 0.05, n),
}


def sample(values: np.ndarray) -> Sample:
    return Sample(len(values), tuple(np.quantile(values, LEVELS).tolist()))


@pytest.mark.parametrize("law", LAWS)
def test_a_small_sample_is_given_the_law_it_was_drawn_from(law: str) -> None:
    found = [
        fit("t", "s", "wait", sample(LAWS[law](np.random.default_rng(seed), ENOUGH - 1)), LEVELS).kind
        for seed in range(40)
    ]
    # of 99 draws, the laws next to the true one fit nearly as well: a coin would find it in a third
    assert found.count(law) >= 24, found


@pytest.mark.parametrize("law", LAWS)
def test_a_large_sample_keeps_its_own_quantiles(law: str) -> None:
    values = LAWS[law](np.random.default_rng(7), 3000)
    fitted = fit("t", "s", "wait", sample(values), LEVELS)
    assert fitted.kind == "empirical"
    table = table_of(fitted.distribution)
    assert not isinstance(table, float)
    for q in (0.5, 0.95):
        assert table.at(q) == pytest.approx(float(np.quantile(values, q)), rel=0.01)
    best = fitted.candidates[0]
    assert best.kind == law
    assert best.ks < 0.03


def test_what_does_not_vary_is_constant() -> None:
    assert fit("t", "s", "wait", sample(np.full(50, 0.25)), LEVELS).distribution == Constant(0.25)
    assert fit("t", "s", "wait", sample(np.zeros(5)), LEVELS).distribution == Constant(0.0)


def test_what_no_law_fits_keeps_its_own_quantiles() -> None:
    two_kinds = np.concatenate([np.full(30, 0.1), np.full(30, 5.0)]) * np.linspace(0.99, 1.01, 60)
    fitted = fit("t", "s", "wait", sample(two_kinds), LEVELS)
    assert isinstance(fitted.distribution, Empirical)


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="no duration"):
        fit("t", "s", "wait", Sample(0, ()), LEVELS)


@pytest.mark.parametrize("whole", [Exponential(0.3), Lognormal(0.2, 0.5), Gamma(0.3, 3.0)], ids=str)
@pytest.mark.parametrize("k", [2, 3, 5])
def test_a_time_divided_into_steps_adds_up_again(whole: Lognormal, k: int) -> None:
    rng = np.random.default_rng(11)
    table, one = table_of(whole), table_of(one_of_equals(whole, k))
    assert not isinstance(table, float)
    assert not isinstance(one, float)
    sums = sum(one.all_at(np.floor(rng.random(40_000) * 2**53) / 2**53) for _ in range(k))
    assert float(np.mean(sums)) == pytest.approx(float(np.mean(table.all_at((np.arange(4000) + 0.5) / 4000))), rel=0.02)
    for q in (0.5, 0.95):
        assert float(np.quantile(sums, q)) == pytest.approx(table.at(math.floor(q * 2**53) / 2**53), rel=0.1), q
