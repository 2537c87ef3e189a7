"""A plain pool and queue is streamed without a calendar: what it reports has the same bits as the general kernel's."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="nothing to compile with")

from harness.plan.arrivals import plan
from harness.scenario.model import (
    Constant,
    Empirical,
    Exponential,
    Load,
    Pool,
    RateLoad,
    Retry,
    Scenario,
    Step,
    Uniform,
    WorkflowType,
    is_open,
)
from harness.simulate import direct
from harness.simulate.setting import setting_of
from harness.simulate.simulator import AgentLoadSimulator
from harness.simulate.streamed import StreamedRun
from tests.drive.random_scenarios import changing_rates, durations, phased, traces
from tests.simulate.same import replay

no_cap = st.none()
few_or_many = st.one_of(st.integers(1, 60), st.integers(1, 3000))
rates = st.one_of(
    st.builds(RateLoad, st.floats(1.0, 500.0), st.just("poisson"), workflows=few_or_many),
    st.builds(RateLoad, st.sampled_from([4.0, 40.0]), st.sampled_from(["poisson", "constant"]), workflows=few_or_many),
    st.builds(
        RateLoad,
        st.sampled_from([4.0, 333.0]),
        st.sampled_from(["poisson", "constant"]),
        duration_s=st.floats(0.01, 9.0),
    ),
)
opened: st.SearchStrategy[Load] = st.one_of(rates, changing_rates(no_cap), traces(60, no_cap), phased(20)).filter(
    is_open
)
waits = st.one_of(
    durations,
    st.sampled_from([Uniform(0.0, 1e-9), Empirical((0.0, 0.0, 0.25)), Empirical((0.0, 0.25)), Exponential(1e-9)]),
)
pools = st.builds(
    Pool,
    name=st.just("agents"),
    size=st.one_of(st.integers(1, 12), st.sampled_from([250, 256])),
    queue=st.one_of(st.none(), st.integers(0, 5), st.integers(0, 2000)),
)


@st.composite
def plain_scenarios(draw: st.DrawFn) -> Scenario:
    """One step on one pool, an open load, and nothing else."""
    return plain(draw(opened), draw(pools), draw(waits), draw(st.sampled_from([1e6, 1e6, 1e6, 2.0])))


def plain(load: Load, pool: Pool, wait: Any, run_timeout_s: float = 1e6) -> Scenario:
    return Scenario(
        name="plain",
        load=load,
        types=(WorkflowType("t", (Step("s", wait=wait),)),),
        mix=(("t", 1.0),),
        pools=(pool,),
        run_timeout_s=run_timeout_s,
    )


def reported(streamed: StreamedRun) -> dict[str, Any]:
    """Every field, with what compares by its bits."""
    found = {field.name: getattr(streamed, field.name) for field in dataclasses.fields(StreamedRun)}
    counts = found.pop("latency").counts
    return {**found, "buckets": {int(k): int(counts[k]) for k in np.flatnonzero(counts)}}


def carried(scenario: Scenario, seed: int) -> bool | None:
    """Whether the pass without a calendar can tell; None where it is not asked."""
    if not direct.is_plain(scenario):
        return None
    planned = plan(scenario, seed)
    found = direct.Direct(planned, setting_of(planned))
    return found.complete(lambda: iter([getattr(planned.arrivals, "due_s", np.empty(0))]))


@settings(
    max_examples=400,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(plain_scenarios(), st.integers(0, 2**63 - 1))
def test_the_bits_are_those_of_the_general_kernel(scenario: Scenario, seed: int) -> None:
    event(f"carried: {carried(scenario, seed)}")
    one, other = (reported(AgentLoadSimulator(scenario, form).stream(seed)) for form in ("compiled", "interpreted"))
    assert one == other, replay(scenario, seed)


@pytest.mark.parametrize("pool", [Pool("agents", 3), Pool("agents", 3, queue=0), Pool("agents", 3, queue=7)])
@pytest.mark.parametrize("wait", [Constant(0.01), Exponential(0.01)])
@pytest.mark.parametrize("rate_per_s", [200.0, 400.0])
def test_it_is_what_runs_and_needs_no_calendar(pool: Pool, wait: Any, rate_per_s: float) -> None:
    """Idle and overloaded, with room and without: the queue outgrows its first room, too."""
    scenario = plain(RateLoad(rate_per_s, "poisson", workflows=20_000), pool, wait)
    assert carried(scenario, 3)
    one, other = (reported(AgentLoadSimulator(scenario, form).stream(3)) for form in ("compiled", "interpreted"))
    assert one == other


def test_the_end_of_the_run_is_left_to_the_general_kernel() -> None:
    scenario = plain(RateLoad(100.0, "poisson", workflows=1000), Pool("agents", 2), Constant(0.01), run_timeout_s=3.0)
    assert carried(scenario, 3) is False
    assert AgentLoadSimulator(scenario, "compiled").stream(3).stopped == "run timeout"


PLAIN = plain(RateLoad(100.0, "poisson", workflows=10), Pool("agents", 2, queue=3), Constant(0.01))


@pytest.mark.parametrize(
    "declared",
    [
        {"timeout_s": 1.0},
        {"retry": Retry(max_attempts=2)},
        {"pools": (Pool("agents", 2, wait_timeout_s=1.0),)},
        {"pools": (Pool("agents", 257),)},
        {"types": (WorkflowType("t", (Step("s", fail=0.5),)),)},
        {"types": (WorkflowType("t", (Step("s", burn=Constant(0.1)),)),)},
        {"types": (WorkflowType("t", (Step("s"), Step("u"))),)},
        {"load": RateLoad(100.0, "poisson", workflows=10, max_in_flight=3)},
    ],
)
def test_whatever_else_is_declared_needs_the_general_kernel(declared: dict[str, Any]) -> None:
    assert direct.is_plain(PLAIN)
    assert not direct.is_plain(dataclasses.replace(PLAIN, **declared))
