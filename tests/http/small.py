"""Small scenarios for services, and what came of them."""

from __future__ import annotations

from typing import Any

from harness.assess import assess
from harness.execute import run
from harness.measure.record import Outcome, Run
from harness.report.model import Report
from harness.scenario.http import HttpTarget
from harness.scenario.model import ClosedLoad, Constant, Pool, Scenario, Step, WorkflowType


def scenario(workflows: int = 4, in_flight: int = 2, types: tuple[str, ...] = ("simple",), **parts: Any) -> Scenario:
    """So many workflows of each of `types`; what they do is the service's affair."""
    kinds = tuple(WorkflowType(name, (Step("work", wait=Constant(0.0)),)) for name in types)
    given: dict[str, Any] = {
        "load": ClosedLoad(in_flight, workflows=workflows),
        "types": kinds,
        "mix": tuple((name, 1.0) for name in types),
        "pools": (Pool("agents", 8),),
        "timeout_s": 5.0,
        "run_timeout_s": 15.0,
    }
    return Scenario(name="small", **(given | parts))


def run_on(target: HttpTarget, workflows: int = 4, in_flight: int = 2, **parts: Any) -> Run:
    """One run against `target`."""
    return run(scenario(workflows, in_flight, **parts), target=target)


def report_on(target: HttpTarget, workflows: int = 4, in_flight: int = 2, **parts: Any) -> Report:
    """One run against `target`, reported."""
    return assess(scenario(workflows, in_flight, **parts), [0], target=target)


def ends(done: Run) -> dict[str, int]:
    """How the workflows ended: `succeeded`, or `outcome:kind`, with their counts."""
    found: dict[str, int] = {}
    for outcome, error in zip(done.workflows.outcome, done.workflows.error, strict=True):
        name = Outcome(int(outcome)).name.lower()
        text = name if error < 0 else f"{name}:{done.error_kinds[error]}"
        found[text] = found.get(text, 0) + 1
    return found
