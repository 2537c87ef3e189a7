"""Limits that were planted are found: sizes that are on no search grid, contention, systems that show nothing.

A subset of `python -m benchmarks.capacity`, whose table stands in docs/capacity.md.
"""

import pytest

from benchmarks.capacity.planted import OPTIMUM, Contended, Hidden, pool_of, search


@pytest.mark.parametrize(("size", "seed"), [(37, 0), (64, 1), (75, 2), (110, 3)])
def test_a_planted_pool_is_found_and_named(size: int, seed: int) -> None:
    found = search(pool_of(size), seed, 3)
    assert found.knee is not None
    assert found.knee.model == "hard_limit"
    assert found.knee.in_flight == pytest.approx(size, rel=0.05), f"seed {seed}"
    assert (found.cause.kind, found.cause.name) == ("pool", "agents")
    assert found.sentences[0].startswith("agent pool is exhausted at")
    assert "pool-limited, not CPU" in found.sentences[0]


def test_a_pool_that_is_not_shown_is_found_and_not_named() -> None:
    found = search(pool_of(1), 0, 2, {"target": Hidden(37)})  # one agent is declared: that has no part in it
    assert found.knee is not None
    assert found.knee.model == "hard_limit"
    assert found.knee.in_flight == pytest.approx(37, rel=0.05)
    assert (found.cause.kind, found.cause.name) == ("unknown", "")
    assert "does not show" in found.sentences[0]


@pytest.mark.parametrize("sigma", [0.02])
def test_planted_contention_is_found_and_not_called_a_pool(sigma: float) -> None:
    found = search(pool_of(1), 0, 2, {"target": Contended(sigma, noise=0.3)})
    assert found.knee is not None
    assert found.knee.model == "usl"
    assert found.knee.in_flight == pytest.approx(OPTIMUM, rel=0.10)
    assert found.cause.kind == "contention"
    assert "contention, not a pool" in found.sentences[0]


def test_the_same_search_gives_the_same_figures() -> None:
    first, second = (search(pool_of(37), 7, 2) for _ in range(2))
    assert first.sentences == second.sentences
    assert first.knee == second.knee
