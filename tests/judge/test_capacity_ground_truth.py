"""Limits that were planted are found: sizes that are on no search grid, contention, systems that show nothing.

A subset of `python -m benchmarks.capacity`, whose table stands in docs/capacity.md.
"""

import dataclasses

import pytest

from benchmarks.capacity.planted import OPTIMUM, OTHERS, Contended, Hidden, limited, pool_of, search
from harness.scenario.model import DynamicPool, Pool, RateLimit, RateLoad


@pytest.mark.parametrize(("size", "seed"), [(37, 0), (64, 1), (75, 2), (110, 3)])
def test_a_planted_pool_is_found_and_named(size: int, seed: int) -> None:
    found = search(pool_of(size), seed, 3)
    assert found.knee is not None
    assert found.knee.model == "hard_limit"
    assert found.knee.in_flight == pytest.approx(size, rel=0.05), f"seed {seed}"
    assert (found.cause.kind, found.cause.name) == ("pool", "agents")
    assert found.sentences[0].startswith("agent pool is exhausted at")
    assert "pool-limited, not CPU" in found.sentences[0]


@pytest.mark.parametrize(("cause", "knee"), OTHERS)
def test_what_else_is_all_in_use_is_found_and_named(cause: str, knee: int) -> None:
    """Agents are there for all: those who hold one wait for what the finding of the runs themselves names."""
    names = {"connections": "db", "rate_limit": "models", "memory": "memory", "cpu": "cores"}
    found = search(limited(cause, knee), 0, 3)
    assert found.knee is not None
    assert found.knee.model == "hard_limit"
    assert found.knee.in_flight == pytest.approx(knee, rel=0.05)
    assert (found.cause.kind, found.cause.name) == (cause, names[cause])
    said = {"connections": "connection pool db is", "rate_limit": "rate limit models is", "memory": "memory is"}
    assert found.sentences[0].startswith(f"{said.get(cause, 'CPU is')} exhausted at")


def test_agents_held_by_those_who_wait_for_a_connection_are_not_the_cause() -> None:
    """Both are all in use from 40 in flight on: more agents would only wait for the same connections."""
    scenario = dataclasses.replace(limited("connections", 37), pools=(Pool("agents", 40),))
    found = search(scenario, 0, 2)
    last = found.trials[-1]
    assert {one.kind for one in last.busy if one.share > 0.99} == {"pool", "connections"}
    assert (found.cause.kind, found.cause.name) == ("connections", "db")


def test_a_pool_that_grows_is_judged_by_the_agents_there_are() -> None:
    """Five agents, up to 33 by demand: the knee is where there are no more, and no share is above all there is."""
    dynamic = DynamicPool(5, 33, target_utilization=1.0, every_s=0.05)
    scenario = dataclasses.replace(limited("none", 37), pools=(Pool("agents", 5, dynamic=dynamic),))
    found = search(scenario, 0, 3)
    assert found.knee is not None
    assert found.knee.in_flight == pytest.approx(33, rel=0.05)
    assert (found.cause.kind, found.cause.name) == ("pool", "agents")
    assert all(one.share <= 1 for trial in found.trials for one in trial.busy)


def test_the_cap_of_the_load_itself_is_called_so() -> None:
    load = RateLoad(100.0, "poisson", duration_s=20.0, max_in_flight=12)
    found = search(dataclasses.replace(limited("none", 37), load=load), 0, 2)
    assert found.knee is not None
    assert found.knee.load == pytest.approx(12 / 0.2, rel=0.1)
    assert found.cause.kind == "generator"
    assert "the load's own cap on workflows in flight is what limits it" in found.sentences[0]


def test_a_limit_that_refuses_is_named_though_no_curve_can_be_fitted() -> None:
    """Who is refused comes round at once: beyond the limit there is no steady state."""
    limit = RateLimit("models", 70.0, 5, "refuse")
    scenario = dataclasses.replace(limited("rate_limit", 37), rate_limits=(limit,))
    found = search(scenario, 0, 2)
    assert found.knee is None
    assert (found.cause.kind, found.cause.name) == ("rate_limit", "models")
    assert found.sentences[0].startswith("rate limit models gives way before a knee could be fitted (rate limit models")


@pytest.mark.parametrize(("cause", "knee", "kind"), [("connections", 6, "connections"), ("cpu", 20, "refusal")])
def test_where_work_is_turned_away_before_the_knee_none_is_claimed(cause: str, knee: int, kind: str) -> None:
    """What bends before it is chance: six connections, 20 agents' worth of cores, and a short queue before both."""
    load, pools = RateLoad(20.0, "poisson", duration_s=60.0), (Pool("agents", 12, 8),)
    scenario = dataclasses.replace(limited(cause, knee), load=load, pools=pools, run_timeout_s=600.0)
    found = search(scenario, 0, 3)
    assert found.refused_from is not None
    assert found.knee is None
    assert found.cause.kind == kind, found.sentences


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
