"""Measured runs for the tests: a scenario, a target, a report on disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.assess import report_on
from harness.execute import run, run_all
from harness.judge.calibration.records import Measured
from harness.measure.record import Run
from harness.report.calibration_input import read_measured
from harness.report.document import write_report
from harness.scenario.model import ClosedLoad, Constant, Pool, Scenario, Step, WorkflowType


def simulate(scenario: Scenario, seed: int) -> Run:
    return run(scenario, clock="virtual", seed=seed)


def closed(in_flight: int, workflows: int, name: str = "", **kinds: int) -> Scenario:
    """A closed load of types that have as many steps as is said, on a pool that no real target knows of."""
    kinds = kinds or {"one": 1}
    return Scenario(
        name=name or f"at{in_flight}",
        load=ClosedLoad(in_flight, workflows=workflows),
        types=tuple(
            WorkflowType(kind, tuple(Step(f"step{k}", wait=Constant(0.1)) for k in range(steps)))
            for kind, steps in kinds.items()
        ),
        mix=tuple((kind, 1.0) for kind in kinds),
        pools=(Pool("agents", size=1000),),
    )


def reported(
    scenario: Scenario, target: object, folder: Path, clock: str = "virtual", seeds: Iterable[int] = (1,)
) -> Path:
    runs = list(run_all(scenario, seeds, target=target, clock=clock))  # type: ignore[arg-type]  # a name of a clock
    return write_report(report_on(scenario, runs), folder)


def measured(
    scenario: Scenario, target: object, folder: Path, clock: str = "virtual", seeds: Iterable[int] = (1,)
) -> Measured:
    (one,) = read_measured(reported(scenario, target, folder, clock, seeds))
    return one
