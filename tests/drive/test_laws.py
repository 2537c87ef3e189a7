"""Laws that the built-in orchestrator keeps on every random scenario, replayed event by event from what it recorded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from harness.execute import run
from harness.measure.record import CORES
from harness.scenario.model import BurstLoad, Constant, Pool, Scenario, Step, WorkflowType
from tests.drive.laws import everything_holds
from tests.drive.random_scenarios import scenarios

LAWS_EXAMPLES = 250


@settings(
    max_examples=LAWS_EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(scenarios(), st.integers(0, 2**32))
def test_every_law_holds_on_random_scenarios(scenario: Scenario, seed: int) -> None:
    done = run(scenario, clock="virtual", seed=seed, engine="loop")
    event(f"stopped: {done.stopped}")
    everything_holds(scenario, done)


@settings(max_examples=60, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_run(scenario: Scenario, seed: int) -> None:
    one, other = (run(scenario, clock="virtual", seed=seed, engine="loop") for _ in range(2))
    for group in ("workflows", "attempts"):
        for name in type(getattr(one, group)).__slots__:
            np.testing.assert_array_equal(getattr(getattr(one, group), name), getattr(getattr(other, group), name))
    assert one.error_kinds == other.error_kinds
    assert one.ended_s == other.ended_s


def test_luck_does_not_depend_on_pool_size() -> None:
    def waits(size: int) -> dict[tuple[int, int], float]:
        kind = WorkflowType("t", (Step("s", wait=Constant(0.5)),))
        scenario = Scenario(
            name="s", load=BurstLoad((30,)), types=(kind,), mix=(("t", 1.0),), pools=(Pool("agents", size),)
        )
        done = run(scenario, clock="virtual", seed=3, engine="loop")
        spent = (done.attempts.released_s - done.attempts.granted_s).tolist()
        return dict(
            zip(zip(done.attempts.workflow.tolist(), done.attempts.step.tolist(), strict=True), spent, strict=True)
        )

    few, many_agents = waits(2), waits(30)
    assert few.keys() == many_agents.keys()
    assert all(few[key] == pytest.approx(many_agents[key]) for key in few)


def test_the_cores_pool_is_named_only_where_something_burns() -> None:
    kind = WorkflowType("t", (Step("s", wait=Constant(0.5)),))
    scenario = Scenario(name="s", load=BurstLoad((3,)), types=(kind,), mix=(("t", 1.0),), pools=(Pool("agents", 2),))
    assert CORES not in run(scenario, clock="virtual", engine="loop").pool_names
