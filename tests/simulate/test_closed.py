"""Clients that go round are streamed by a kernel of their own: what it reports has the bits of the general kernel's."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="nothing to compile with")

from harness.plan.arrivals import plan
from harness.scenario.model import (
    ClosedLoad,
    ClosedRampLoad,
    Constant,
    Empirical,
    Exponential,
    Load,
    PhasedLoad,
    Pool,
    RateLoad,
    Retry,
    Scenario,
    Step,
    WorkflowType,
)
from harness.simulate import closed
from harness.simulate.setting import setting_of
from harness.simulate.simulator import AgentLoadSimulator
from tests.drive.random_scenarios import POOLS, burns, durations
from tests.simulate.same import replay
from tests.simulate.test_direct import reported

in_flight = st.one_of(st.integers(1, 8), st.integers(1, 300))
loads = st.one_of(
    st.builds(ClosedLoad, in_flight, workflows=st.one_of(st.integers(1, 60), st.integers(1, 2000))),
    st.builds(ClosedLoad, in_flight, duration_s=st.sampled_from([0.25, 1.0, 5.0])),
)
# times that are never 0, and times at which much happens at once
taking_time = st.sampled_from([Constant(0.25), Constant(0.5), Exponential(0.3), Exponential(1e-9)])
steps = st.builds(
    Step,
    name=st.just("s"),
    pool=st.sampled_from(POOLS),
    wait=st.one_of(taking_time, taking_time, durations, st.just(Empirical((0.0, 0.25)))),
    burn=st.one_of(burns, st.sampled_from([Constant(0.25), Exponential(0.2)])),
)
sizes = st.one_of(st.integers(1, 4), st.integers(1, 300))


@st.composite
def closed_scenarios(draw: st.DrawFn) -> Scenario:
    """Up to four steps on two pools, a closed load, and nothing else."""
    load, kind = draw(loads), draw(st.lists(steps, min_size=1, max_size=4))
    if load.duration_s is not None:
        kind.append(Step("s", wait=Constant(0.125)))  # or its end may never come
    pools = tuple(Pool(name, draw(sizes)) for name in POOLS)
    cores, limit_s = draw(st.integers(1, 9)), draw(st.sampled_from([1e6, 1e6, 1e6, 2.0]))
    return circle(load, kind, pools, cores=cores, run_timeout_s=limit_s)


def circle(load: Load, steps: list[Step], pools: tuple[Pool, ...], **rest: Any) -> Scenario:
    named = tuple(dataclasses.replace(step, name=f"s{k}") for k, step in enumerate(steps))
    used = tuple(pool for pool in pools if any(step.pool == pool.name for step in named))
    return Scenario("circle", load, (WorkflowType("t", named),), (("t", 1.0),), used, **rest)


def carried(scenario: Scenario, seed: int) -> bool:
    """Whether the kernel of its own can tell."""
    planned = plan(scenario, seed)
    return closed.Closed(planned, setting_of(planned)).complete(lambda: iter([]))


@settings(
    max_examples=400,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(closed_scenarios(), st.integers(0, 2**63 - 1))
def test_the_bits_are_those_of_the_general_kernel(scenario: Scenario, seed: int) -> None:
    assert closed.goes_round(scenario)
    event(f"carried: {carried(scenario, seed)}")
    one, other = (reported(AgentLoadSimulator(scenario, form).stream(seed)) for form in ("compiled", "interpreted"))
    assert one == other, replay(scenario, seed)


BUSY = (Step("s", "agents", Exponential(0.3), Exponential(0.1)), Step("s", "tools", Exponential(0.1), Constant(0.01)))


@pytest.mark.parametrize("clients", [1, 2, 40, 4096])
@pytest.mark.parametrize("sizes", [(1, 1), (37, 3), (4000, 4000)])
@pytest.mark.parametrize("cores", [1, 8])
def test_it_is_what_runs(clients: int, sizes: tuple[int, int], cores: int) -> None:
    """Alone and crowded, short of agents and of cores, beyond one block of draws."""
    pools = tuple(Pool(name, size) for name, size in zip(POOLS, sizes, strict=True))
    scenario = circle(ClosedLoad(clients, workflows=6000), list(BUSY), pools, cores=cores, run_timeout_s=1e6)
    assert carried(scenario, 3)
    one, other = (reported(AgentLoadSimulator(scenario, form).stream(3)) for form in ("compiled", "interpreted"))
    assert one == other


def test_a_pause_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = circle(ClosedLoad(50, workflows=3000), list(BUSY), (Pool("agents", 30), Pool("tools", 9)))
    whole = reported(AgentLoadSimulator(scenario, "compiled").stream(3, workflows=3000))
    monkeypatch.setattr(closed, "AT_ONCE", 7)
    assert reported(AgentLoadSimulator(scenario, "compiled").stream(3, workflows=3000)) == whole


@pytest.mark.parametrize("load", [ClosedLoad(3, workflows=9), ClosedLoad(3, duration_s=1.0)])
@pytest.mark.parametrize(("wait_s", "run_timeout_s"), [(0.0, 1e6), (0.25, 0.5)])
def test_what_takes_no_time_and_the_end_of_the_run_are_left_to_the_general_kernel(
    load: ClosedLoad, wait_s: float, run_timeout_s: float
) -> None:
    step = Step("s", "agents", Constant(wait_s))
    scenario = circle(load, [step], (Pool("agents", 2),), run_timeout_s=run_timeout_s)
    assert not carried(scenario, 3)


PLAIN = circle(ClosedLoad(3, workflows=9), [BUSY[0]], (Pool("agents", 2),))


@pytest.mark.parametrize(
    "declared",
    [
        {"timeout_s": 1.0},
        {"pools": (Pool("agents", 2, wait_timeout_s=1.0),)},
        {"pools": (Pool("agents", 2, queue=5),)},
        {"types": (WorkflowType("t", (Step("s", fail=0.5),)),)},
        {"types": (WorkflowType("t", (Step("s", timeout_s=0.5),)),)},
        {"types": (WorkflowType("t", (Step("s"),)), WorkflowType("u", (Step("s"),))), "mix": (("t", 1.0), ("u", 1.0))},
        {"load": ClosedLoad(3, workflows=9, think=Constant(0.1))},
        {"load": ClosedLoad(4097, workflows=9)},
        {"load": ClosedRampLoad(1, 3, 1.0)},
        {"load": RateLoad(3.0, "poisson", workflows=9)},
        {"load": PhasedLoad((ClosedLoad(3, duration_s=1.0),))},
    ],
)
def test_whatever_else_is_declared_needs_the_general_kernel(declared: dict[str, Any]) -> None:
    assert closed.goes_round(dataclasses.replace(PLAIN, retry=Retry(max_attempts=3)))
    assert not closed.goes_round(dataclasses.replace(PLAIN, **declared))
