"""What is written back reads as what it was: same scenario, same digest, every quantity to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.declare import declaration_of, duration, rate, share, size
from harness.scenario.load import load_catalog, load_scenarios
from harness.scenario.model import (
    AdaptiveQueue,
    Autoscaling,
    BurstLoad,
    Cache,
    CircuitBreaker,
    ClosedLoad,
    ConnectionPool,
    Constant,
    DynamicPool,
    Empirical,
    Exponential,
    Gamma,
    MemoryAdmission,
    Pool,
    RateLimit,
    RateLoad,
    Replicas,
    Retry,
    RetryBudget,
    Scenario,
    Step,
    Uniform,
    WorkflowType,
)
from harness.units import parse_duration, parse_rate, parse_share, parse_size

BASE = Scenario(
    name="s",
    load=ClosedLoad(in_flight=2, workflows=4),
    types=(WorkflowType("w", (Step("a", wait=Exponential(1 / 3), fail=1 / 7),)),),
    mix=(("w", 1.0),),
    pools=(Pool("agents", 3),),
)


def _read_back(scenario):
    with patch("harness.scenario.load.read_document", lambda _: declaration_of(scenario)):
        return load_scenarios(Path("mine.toml"))[scenario.name]


@pytest.mark.parametrize("name", list(load_catalog()))
def test_every_scenario_of_the_catalog(name):
    scenario = load_catalog()[name]
    assert _read_back(scenario) == scenario
    assert _read_back(scenario).digest == scenario.digest


@pytest.mark.parametrize(
    "scenario",
    [
        BASE,
        replace(BASE, load=ClosedLoad(2, duration_s=1 / 3, think=Constant(0.1))),
        replace(BASE, load=BurstLoad((3,), every_s=0.7)),
        replace(BASE, load=BurstLoad((3, 4), pause_s=0.1, collect=True)),
        replace(BASE, load=RateLoad(1 / 3, "poisson", workflows=3)),
        replace(BASE, pools=(Pool("agents", 3, queue=0, wait_timeout_s=0.1),)),
        replace(BASE, types=(WorkflowType("w", (Step("a", wait=Uniform(0.1, 0.3), burn=Gamma(0.1, 2.0)),)),)),
        replace(BASE, types=(WorkflowType("w", (Step("a", wait=Empirical((0.1, 0.1, 0.3))),)),)),
        replace(BASE, retry=Retry(3, budget=RetryBudget(1 / 3, 2.5)), breaker=CircuitBreaker(1 / 7, 60, 0.3, 4)),
        replace(BASE, memory=MemoryAdmission(10**9 + 1)),
        replace(
            BASE,
            types=(
                WorkflowType("w", (Step("a", cache=Cache(1 / 3, Exponential(0.1)), connections="c", rate_limit="r"),)),
            ),
            rate_limits=(RateLimit("r", 1 / 3, 7, "wait"),),
            connections=(ConnectionPool("c", 3, wait_timeout_s=0.7),),
        ),
        replace(BASE, pools=(Pool("agents", 3, 2, "block", dynamic=DynamicPool(1, 9, 0.57, 0.3, 0.1, 7.0)),)),
        replace(
            BASE, pools=(Pool("agents", 3, 2, scaling=Autoscaling("utilization", 0.57, 0.1, 1, 9, 2, 0.3, 0.1, 7.0)),)
        ),
        replace(BASE, pools=(Pool("agents", 3, 2, scaling=Autoscaling("queue_depth", 20.0, 3.0, 1, 9)),)),
        replace(BASE, pools=(Pool("agents", 3, 2, scaling=Autoscaling("queue_wait", 0.3, 0.1, 1, 9)),)),
        replace(BASE, pools=(Pool("agents", 3, 2, "drop_oldest", adaptive_queue=AdaptiveQueue(0.3, 1, 9, 0.7)),)),
        replace(BASE, pools=(Pool("agents", 3, replicas=Replicas(4, "two_choices")),)),
        # a type of weight zero is named by the mix, and so must be declared
        replace(BASE, types=(*BASE.types, WorkflowType("idle", (Step("a"),))), mix=(("w", 1.0), ("idle", 0.0))),
    ],
)
def test_a_scenario_built_by_hand(scenario):
    assert _read_back(scenario) == scenario
    assert _read_back(scenario).digest == scenario.digest


@given(st.floats(0, 1))
def test_a_share_is_exact(value):
    assert parse_share(share(value)) == value


@given(st.floats(0, 1e9))
def test_a_duration_and_a_rate_are_exact(value):
    assert parse_duration(duration(value)) == value
    assert parse_rate(rate(value)) == value


@given(st.integers(0, 2**50))
def test_a_size_is_exact(value):
    assert parse_size(size(value)) == value
