"""The report's block of service times: what `harness calibrate` fits a model of the target to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.measure.record import Run
from harness.measure.service_times import Sample, ServiceTimes, StepTimes, TypeTimes, service_times
from harness.measure.totals.record import Totals
from harness.report.figures import number, text
from harness.scenario.declare import declaration_of
from harness.scenario.model import Load, PhasedLoad, Scenario, TraceLoad

MOST_DECLARED = 20_000
"""Characters of a declaration that a report holds; a trace may have millions of times."""
BUILT_IN = "builtin"


def service_times_block(scenario: Scenario, kept: Sequence[Run | Totals]) -> dict[str, Any]:
    """`{"service_times": {…}}`; empty for a run without rows, and for the built-in orchestrator in virtual time,
    which is a model already."""
    runs = [one for one in kept if isinstance(one, Run) and one.type_names]
    if len(runs) < len(kept) or (runs[0].target == BUILT_IN and runs[0].clock == "virtual"):
        return {}
    seen = service_times(scenario, runs)
    return {
        "service_times": {
            "levels": list(seen.levels),
            "in_process": seen.in_process,
            "cpu_per_workflow_s": None if runs[0].clock == "virtual" else number(seen.cpu_per_workflow_s),
            "in_flight": seen.in_flight,
            "steps_whole": seen.steps_whole,
            "types": [_type(one) for one in seen.types],
            "declaration": _declaration(scenario),
        }
    }


def _declaration(scenario: Scenario) -> dict[str, Any] | None:
    declared = declaration_of(replace(scenario, load=_written_out(scenario.load)))
    declared["workflow"] = {name: table for name, table in declared["workflow"].items() if name in dict(scenario.mix)}
    return declared if len(json.dumps(declared)) <= MOST_DECLARED else None


def _written_out(load: Load) -> Load:
    """`load` with its traces' times written out: a report may be read where the file is not."""
    if isinstance(load, PhasedLoad):
        return replace(load, phases=tuple(_written_out(phase) for phase in load.phases))  # type: ignore[misc]  # phases hold no phases
    return replace(load, file=None) if isinstance(load, TraceLoad) else load


def _type(one: TypeTimes) -> dict[str, Any]:
    return {
        "name": text(one.name),
        "outcomes": one.outcomes,
        "service": _sample(one.service),
        "steps": [_step(step) for step in one.steps],
    }


def _step(step: StepTimes) -> dict[str, Any]:
    counts = {name: getattr(step, name) for name in ("attempts", "failed", "timed_out")}
    burn = {} if step.burn is None else {"burn": _sample(step.burn)}
    pool = None if step.pool is None else text(step.pool)
    return {"name": text(step.name), "pool": pool, **counts, "wait": _sample(step.wait), **burn}


def _sample(sample: Sample) -> dict[str, Any]:
    return {"count": sample.count, "quantiles_s": list(sample.quantiles_s)}


# --------------------------------------------------------------------------- back from a document


def service_times_of(block: Mapping[str, Any]) -> ServiceTimes:
    """The record that the block of a report, already held to its schema, was made from."""
    cpu_s = block["cpu_per_workflow_s"]
    return ServiceTimes(
        levels=tuple(block["levels"]),
        types=tuple(
            TypeTimes(
                one["name"],
                dict(one["outcomes"]),
                _read(one["service"]),
                tuple(_read_step(step) for step in one["steps"]),
            )
            for one in block["types"]
        ),
        in_process=block["in_process"],
        cpu_per_workflow_s=math.nan if cpu_s is None else float(cpu_s),
        in_flight=float(block["in_flight"]),
        steps_whole=block["steps_whole"],
    )


def _read(sample: Mapping[str, Any]) -> Sample:
    return Sample(sample["count"], tuple(map(float, sample["quantiles_s"])))


def _read_step(step: Mapping[str, Any]) -> StepTimes:
    burn = _read(step["burn"]) if "burn" in step else None
    counts = (step["attempts"], step["failed"], step["timed_out"])
    return StepTimes(step["name"], step["pool"], *counts, _read(step["wait"]), burn)
