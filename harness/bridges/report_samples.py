"""Our own reports in the form that is compared: one sample per replication.

On the virtual clock every figure is exact and paired by seed; on the others times are noisy, outcomes are rates and
memory has a class of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from harness.judge.metrics_form import Identity, Measured
from harness.judge.statistics.records import Direction, Kind
from harness.measure.percentiles import samples_needed
from harness.report.model import Report

HARNESS = "harness"


class _Figure(NamedTuple):
    field: str
    metric: str
    unit: str
    kind: Kind
    direction: Direction = "lower"


FIGURES = (
    _Figure("latency_p50_s", "latency_p50", "s", "noisy"),
    _Figure("latency_p95_s", "latency_p95", "s", "noisy"),
    _Figure("latency_p99_s", "latency_p99", "s", "noisy"),
    _Figure("makespan_s", "makespan", "s", "noisy"),
    # reports keep its inverse, because asv knows no figure of which more is better
    _Figure("seconds_per_workflow", "throughput", "/s", "noisy", "higher"),
    _Figure("error_rate", "error_rate", "share", "rate"),
    _Figure("rejection_rate", "rejection_rate", "share", "rate"),
    _Figure("memory_over_start_b", "memory_over_start", "B", "memory"),
    _Figure("driver_cpu_per_workflow_s", "driver_cpu_per_workflow", "s", "noisy"),
)
_FACTS = ("platform", "architecture", "processor", "cpu_count", "cpu_usable", "python", "python_implementation")
_GIB = 2**30
_ARENA_B = 2.0**20
"""Python takes memory from the system in pieces of this size: less is luck of where the last one began."""
_TICK_S = 0.01
"""A tick of the kernel's clock: CPU time of a run is known to about that."""
_TAILS = {"latency_p95": 0.95, "latency_p99": 0.99}
_ASKED = {"memory_over_start": "memory", "driver_cpu_per_workflow": "cpu"}
"""How the baseline's metrics begin that say that somebody cares."""


def report_metrics(report: Report) -> list[Measured]:
    """Every metric of one report that is observable in at least one of its replications."""
    found = (_measured(report, figure) for figure in FIGURES)
    return [one for one in found if one is not None]


def machine_facts(machine: Mapping[str, Any]) -> dict[str, str]:
    """What of a report's machine bears on times: kernel, processor, cores, Python; memory in whole GiB."""
    facts = {name: str(machine[name]) for name in _FACTS if machine.get(name) is not None}
    memory = machine.get("memory_total_b")
    # what the system keeps for itself differs a little from start to start
    return facts if memory is None else {**facts, "memory": f"{memory / _GIB:.0f} GiB"}


def run_command(scenario: str, target: str, clock: str, seeds: Sequence[int]) -> str:
    """The command that runs these replications again; names are quoted for a shell."""
    words = ["harness", "run", scenario, "--target", target, "--clock", clock]
    first, count = min(seeds), len(seeds)
    if sorted(seeds) == list(range(first, first + count)):
        words += ["--seed", str(first), "--replications", str(count)]
    else:
        words += ["--seed", str(seeds[0])]
    return shlex.join(words)


def _measured(report: Report, figure: _Figure) -> Measured | None:
    # long: one record, field by field
    document = report.document
    kept = [(one["seed"], values) for one in document["replications"] if (values := _values(one, figure, report.clock))]
    if not kept:
        return None
    lost = len(document["replications"]) - len(kept)
    seeds = document["seeds"]
    return Measured(
        metric=figure.metric,
        scenario=report.scenario,
        unit=figure.unit,
        direction=figure.direction,
        kind="exact" if report.clock == "virtual" else figure.kind,
        processes=tuple(values for _, values in kept),
        seeds=tuple(seed for seed, _ in kept),
        identity=Identity(
            digest=document["scenario_digest"],
            target=report.target,
            clock=report.clock,
            machine=machine_facts(document["machine"]),
        ),
        unfit=_unfit(report, lost, figure),
        invalid=not report.valid,
        resolution=_resolution(document, figure),
        advisory=_advisory(report, figure),
        command=run_command(report.scenario, report.target, report.clock, seeds),
    )


def _resolution(document: Mapping[str, Any], figure: _Figure) -> float:
    """What the figure cannot tell apart, in its unit."""
    if figure.kind == "memory":
        return _ARENA_B
    if figure.metric == "driver_cpu_per_workflow":
        return _TICK_S / max(_fewest(document), 1)
    return 0.0


def _fewest(document: Mapping[str, Any]) -> int:
    return min(int(one["offered"]) for one in document["replications"])


def _advisory(report: Report, figure: _Figure) -> str:
    """Why no gate waits for the figure where it cannot be settled: the load cannot tell it, or nobody asked for it."""
    document = report.document
    if figure.metric in _TAILS:
        fewest, needed = _fewest(document), samples_needed(_TAILS[figure.metric])
        few = f"{fewest} workflows a replication give the percentile no 95 % bound; {needed} are needed"
        return few if fewest < needed else ""
    asked = _ASKED.get(figure.metric)
    lines = document["baseline"]["lines"]
    if asked is None or any(line["metric"].startswith(asked) for line in lines):
        return ""
    return f"no line of the scenario's baseline is about {asked}"


def _unfit(report: Report, lost: int, figure: _Figure) -> str:
    if not report.valid:
        return f"the run is {report.document['status']}"
    # a replication without a value is one in which nothing succeeded: leaving it out would favour the worse side
    whole = len(report.document["replications"])
    return f"{lost} of {whole} replications have no {figure.metric}" if lost else ""


def _values(one: Mapping[str, Any], figure: _Figure, clock: str) -> tuple[float, ...]:
    value = one[figure.field]
    if value is None:
        return ()
    if figure.metric == "throughput":
        return (1 / value,) if value > 0 else ()
    if figure.kind == "rate" and clock != "virtual":
        return (float(round(value * one["offered"])), float(one["offered"]))
    return (float(value),)
