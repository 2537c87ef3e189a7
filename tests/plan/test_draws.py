"""Draws: the same bits everywhere, uniform enough, independent enough, and tables true to their distributions."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.plan.draws import CELLS, EDGE, Purpose, QuantileTable, table_of, uniform, uniforms, workflow_key
from harness.scenario.model import Constant, Distribution, Empirical, Exponential, Gamma, Lognormal, Uniform

U64 = st.integers(0, 2**63 - 1)


def draws(seed: int, count: int) -> np.ndarray:
    return uniforms(seed, np.arange(count, dtype=np.uint64), Purpose.ARRIVAL)


@given(U64, st.integers(0, 2**40), st.sampled_from(Purpose))
def test_the_array_form_gives_the_same_bits_as_the_scalar_form(seed: int, workflow: int, purpose: Purpose) -> None:
    one = uniform(workflow_key(seed, workflow), 0, 0, purpose)
    assert uniforms(seed, np.array([workflow], dtype=np.uint64), purpose)[0] == one
    assert 0 <= one < 1


def test_known_draws_stay_what_they_are() -> None:
    # written down once: a change here changes every published seed
    assert [uniform(workflow_key(7, w), 0, 0, Purpose.ARRIVAL) for w in range(3)] == [
        0.2964377829273923,
        0.2523576064051203,
        0.13082474475668904,
    ]


def test_another_process_draws_the_same() -> None:
    code = "from harness.plan.draws import *; print([uniform(workflow_key(3, w), 1, 2, 4) for w in range(50)])"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("seed", [0, 1, 2**62])
def test_draws_are_uniform_and_neighbours_are_unrelated(seed: int) -> None:
    u = draws(seed, 50_000)
    assert stats.kstest(u, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 5 / math.sqrt(len(u))
    assert abs(np.corrcoef(u, draws(seed + 1, 50_000))[0, 1]) < 5 / math.sqrt(len(u))


def test_every_coordinate_changes_the_draw() -> None:
    coordinates = [
        (s, w, step, a, p) for s in (0, 1) for w in (0, 1) for step in (0, 1) for a in (1, 2) for p in Purpose
    ]
    found = {uniform(workflow_key(s, w), step, a, p) for s, w, step, a, p in coordinates}
    assert len(found) == len(coordinates)


DISTRIBUTIONS: list[tuple[Distribution, object]] = [
    (Exponential(0.5), stats.expon(scale=0.5)),
    (Lognormal(0.3, 0.8), stats.lognorm(0.8, scale=0.3)),
    (Gamma(1.0, 2.5), stats.gamma(2.5, scale=1 / 2.5)),
    (Uniform(1.0, 3.0), stats.uniform(1, 2)),
]


@pytest.mark.parametrize(("dist", "truth"), DISTRIBUTIONS, ids=lambda value: type(value).__name__)
def test_tables_follow_their_distribution(dist: Distribution, truth: stats.rv_continuous) -> None:
    table = table_of(dist)
    assert isinstance(table, QuantileTable)
    u = draws(11, 100_000)
    found = np.array([table.at(value) for value in u.tolist()])
    assert stats.kstest(found, truth.cdf).pvalue > 1e-4
    # linear between knots: the bends in between cost a thousandth at most, in the far tails too
    np.testing.assert_allclose(found, truth.ppf(u), rtol=1e-3, atol=1e-8)
    assert found.mean() == pytest.approx(truth.ppf(u).mean(), rel=1e-4)


@pytest.mark.parametrize(("dist", "truth"), DISTRIBUTIONS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("tail", [1e-4, 1e-6, 1e-8])
def test_tails_reach_far(dist: Distribution, truth: stats.rv_continuous, tail: float) -> None:
    table = table_of(dist)
    assert isinstance(table, QuantileTable)
    assert table.at(1 - tail) == pytest.approx(truth.ppf(1 - tail), rel=1e-3)


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_tables_are_monotone(a: float, b: float) -> None:
    table = table_of(Lognormal(1.0, 1.0))
    assert isinstance(table, QuantileTable)
    low, high = sorted((a, b))
    assert table.at(low) <= table.at(high)


def test_table_cells_meet() -> None:
    table = table_of(Exponential(1.0))
    assert isinstance(table, QuantileTable)
    for edge in (EDGE / CELLS, 1 - EDGE / CELLS, EDGE**-2, 1 - EDGE**-2, EDGE**-3, 1 - EDGE**-3):
        below = math.nextafter(edge, 0)
        assert table.at(below) == pytest.approx(table.at(edge), rel=1e-6, abs=1e-9)


def test_constants_are_as_declared_and_empirical_ends_are_reached() -> None:
    assert table_of(Constant(0.03)) == 0.03
    table = table_of(Empirical((1.0, 2.0, 4.0)))
    assert isinstance(table, QuantileTable)
    assert table.at(0.0) == pytest.approx(1.0)
    assert table.at(0.5) == pytest.approx(2.0)
    assert table.at(math.nextafter(1, 0)) == pytest.approx(4.0)
