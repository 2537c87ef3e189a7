"""The proof that the kernel is the same system as the built-in orchestrator: the same Run, bit for bit."""

from __future__ import annotations

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from harness.execute import run
from harness.scenario.model import Scenario
from harness.simulate.simulator import AgentLoadSimulator
from tests.drive.random_scenarios import scenarios
from tests.simulate.same import differences, replay

EXAMPLES = 500


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(scenarios(), st.integers(0, 2**63 - 1))
def test_both_engines_give_the_same_run(scenario: Scenario, seed: int) -> None:
    readable = run(scenario, clock="virtual", seed=seed, engine="loop")
    event(f"stopped: {readable.stopped}")
    found = differences(readable, AgentLoadSimulator(scenario).run(seed))
    assert not found, "\n".join([*found, replay(scenario, seed)])
