"""Small scenarios for tests of targets, and short ways to run a target in them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.drive.adapters.callables import factory_for
from harness.drive.clock import ClockName
from harness.execute import run
from harness.measure.record import Outcome, Run
from harness.scenario.model import BurstLoad, ClosedLoad, Pool, Scenario, Step, WorkflowType


def scenario(
    workflows: int = 3, at_once: int | None = None, timeout_s: float | None = None, run_timeout_s: float = 20.0
) -> Scenario:
    """`workflows` of type `simple`, all at one instant or `at_once` in flight."""
    return Scenario(
        name="small",
        load=BurstLoad((workflows,)) if at_once is None else ClosedLoad(at_once, workflows=workflows),
        types=(WorkflowType("simple", (Step("only"),)),),
        mix=(("simple", 1.0),),
        pools=(Pool("agents", 1),),
        timeout_s=timeout_s,
        run_timeout_s=run_timeout_s,
    )


def drive(found: Any, clock: ClockName = "wall", **given: Any) -> Run:
    """One replication of `scenario(**given)` on an object, as if it had been found under a target's name."""
    return run(scenario(**given), target=factory_for("tests:it", found), clock=clock)


def outcomes(done: Run) -> dict[str, int]:
    """How many workflows ended how; every one that was offered is among them."""
    counts = Counter(Outcome(code).name.lower() for code in done.workflows.outcome.tolist())
    assert sum(counts.values()) == len(done.workflows)
    return dict(counts)


def errors(done: Run) -> dict[str, int]:
    """How many workflows ended with which kind of error."""
    return dict(Counter(done.error_kinds[code] for code in done.workflows.error.tolist() if code >= 0))
