"""Proof that both forms of the kernel are the same system as the built-in orchestrator: the same Run, bit for bit."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from harness.scenario.load import load_catalog
from harness.scenario.model import BurstLoad, ClosedLoad, Constant, Pool, Scenario, Step, WorkflowType
from harness.simulate.forms import FormName
from harness.simulate.simulator import AgentLoadSimulator
from tests.drive.random_scenarios import scenarios
from tests.simulate.same import check_twins, differences, readable_run

EXAMPLES = 2000
FORMS: tuple[FormName, ...] = (
    ("stepwise", "interpreted", "compiled") if find_spec("numba") else ("stepwise", "interpreted")
)

seeds = st.integers(0, 2**63 - 1)
patiently = settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@patiently
@given(scenarios(most=40), seeds)
def test_all_forms_give_the_run_of_the_readable_definition(scenario: Scenario, seed: int) -> None:
    event(f"stopped: {check_twins(scenario, seed, FORMS).stopped}")


@settings(patiently, max_examples=40)
@given(scenarios(), seeds)
def test_so_they_do_with_hundreds_in_flight(scenario: Scenario, seed: int) -> None:
    check_twins(scenario, seed, FORMS)


@pytest.mark.parametrize("name", sorted(load_catalog()))
def test_so_they_do_on_the_eight_scenarios(name: str) -> None:
    check_twins(load_catalog()[name], 7, FORMS)


@settings(patiently, max_examples=100)
@given(scenarios(most=60), seeds)
def test_the_forms_also_agree_with_themselves_when_room_runs_out_everywhere(scenario: Scenario, seed: int) -> None:
    """Long enough for several stretches of input, and against draws made one by one."""
    if "compiled" in FORMS:
        one, other = (AgentLoadSimulator(scenario, form).run(seed) for form in FORMS[1:])
        assert not differences(one, other)


def at_one_instant(size: int, agents: int, wait_s: float = 0.5) -> Scenario:
    return Scenario(
        name="instant",
        load=BurstLoad((size,)),
        types=(WorkflowType("t", (Step("s", wait=Constant(wait_s)), Step("u"))),),
        mix=(("t", 1.0),),
        pools=(Pool("agents", agents),),
        run_timeout_s=1e6,
    )


@pytest.mark.parametrize("form", FORMS)
def test_thousands_at_one_instant_need_more_room_than_there_was(form: FormName) -> None:
    scenario = at_one_instant(5000, 1500)
    assert not differences(readable_run(scenario, 3), AgentLoadSimulator(scenario, form).run(3))


@pytest.mark.parametrize("form", FORMS)
def test_a_load_that_time_ends_is_fed_as_long_as_it_lasts(form: FormName) -> None:
    kind = WorkflowType("t", (Step("s", wait=Constant(0.001)),))
    scenario = Scenario(
        name="long",
        load=ClosedLoad(5, duration_s=1.5),
        types=(kind,),
        mix=(("t", 1.0),),
        pools=(Pool("agents", 5),),
    )
    assert not differences(readable_run(scenario, 3), AgentLoadSimulator(scenario, form).run(3))
