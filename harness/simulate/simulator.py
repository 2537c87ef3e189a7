"""`AgentLoadSimulator`: the built-in orchestrator in virtual time, fast."""

from __future__ import annotations

from typing import Protocol

from harness.measure.record import AttemptColumns, Run, WorkflowColumns
from harness.plan.arrivals import Plan, plan
from harness.scenario.model import Scenario
from harness.simulate.feed import Feed, Stretch
from harness.simulate.interpreted import Interpreted
from harness.simulate.records import DONE, NEEDS_INPUT, Sim
from harness.simulate.results import run_of
from harness.simulate.setting import setting_of


class Form(Protocol):
    """One run of the kernel, interpreted or compiled."""

    sim: Sim
    stretch: int

    def run(self) -> int:
        """Go on until the load has ended or something is needed."""

    def feed(self, stretch: Stretch) -> None:
        """Give the kernel its next input."""

    def make_room(self, need: int) -> None:
        """Make room for what it came back for."""

    def workflow_columns(self) -> WorkflowColumns:
        """What became of the workflows; errors by the kernel's own codes."""

    def attempt_columns(self) -> AttemptColumns:
        """The attempts, in the order in which they ended; errors by the kernel's own codes."""


def simulate(planned: Plan) -> Run:
    """Run a plan to its end."""
    setting = setting_of(planned)
    form: Form = Interpreted(planned, setting, streaming=False)
    complete(form, planned)
    world = form.sim.worlds[0]
    return run_of(
        planned,
        kinds=setting.error_kinds,
        workflows=form.workflow_columns(),
        attempts=form.attempt_columns(),
        ended_s=float(world.now),
        stopped="run timeout" if world.stopping else None,
    )


def complete(form: Form, planned: Plan) -> None:
    """Run a form to the end of its load."""
    feed = Feed(planned, form.stretch)
    while (need := form.run()) != DONE:
        if need == NEEDS_INPUT:
            form.feed(feed.more())
        else:
            form.make_room(need)


class AgentLoadSimulator:
    """Runs one scenario on the fast twin of the built-in orchestrator."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def run(self, seed: int = 0) -> Run:
        """One replication."""
        return simulate(plan(self.scenario, seed))
