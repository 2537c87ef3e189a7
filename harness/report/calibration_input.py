"""From report files to what calibration is handed. What cannot be used is refused: file, field, found, allowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import DeclarationError, Mistake, ReportError
from harness.judge.calibration.records import Measured, PoolSeen
from harness.measure.summary import Estimate
from harness.report.document import read_json, read_reports, refuse
from harness.report.model import Report
from harness.report.service_times import BUILT_IN, service_times_of
from harness.scenario.load import Catalog, catalog_of, find_scenario
from harness.scenario.model import Scenario

_FIGURES = {
    "latency_p50": ("response_time_percentiles", "p50"),
    "latency_p95": ("response_time_percentiles", "p95"),
    "latency_p99": ("response_time_percentiles", "p99"),
    "throughput": ("throughput_stats", "mean"),
}
_FEWEST = 2


def read_measured(path: Path, declared: Catalog | None = None) -> tuple[Measured, ...]:
    """The measured runs in the report file `path`; `declared` holds scenarios too long for a report to hold.

    Raises `ReportError` where the file holds no report, or one that nothing can be fitted to.
    """
    document = read_json(path)
    if isinstance(document, dict) and document.get("kind"):
        allowed = "a report of harness run (schemas/report.schema.json)"
        refuse(str(path), [Mistake("kind", repr(document["kind"]), allowed)])
    reports = read_reports(path)
    return tuple(_measured(path, k if len(reports) > 1 else None, one, declared) for k, one in enumerate(reports))


def _measured(path: Path, index: int | None, report: Report, declared: Catalog | None) -> Measured:
    document, below = report.document, "" if index is None else f"reports[{index}]."
    mistakes = list(_unusable(document)) or list(_inconsistent(document["service_times"]))
    refuse(str(path), [Mistake(below + one.where, one.found, one.allowed) for one in mistakes])
    return Measured(
        name=path.name if index is None else f"{path.name}[{index}]",
        target=report.target,
        clock=report.clock,
        digest=document["scenario_digest"],
        seeds=tuple(document["seeds"]),
        timestamp=document["timestamp"],
        scenario=_scenario(path, below, report, declared),
        times=service_times_of(document["service_times"]),
        pools=tuple(_pools(document["pools"])),
        figures={name: _estimate(document, *place) for name, place in _FIGURES.items()},
        builtin=report.target == BUILT_IN,
        late_s=document["driver"].get("lag_p50_s"),
        run_id=f"{document['run_id']} {report.scenario} {document['seeds']}",
    )


def _unusable(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """Why nothing can be fitted to this report; the first reason only, the others follow from it."""
    if document["status"] != "valid":
        yield Mistake("status", repr(document["status"]), "valid: figures that may be believed")
    elif document["target"] == BUILT_IN and document["clock"] == "virtual":
        found = "the built-in target on the virtual clock, which is a model already"
        yield Mistake("target", found, "a measured run: another target, or the clock wall or hybrid")
    elif "service_times" not in document:
        found = "nothing: no rows were kept (a soak), or it was written by an earlier version of harness"
        yield Mistake("service_times", found, "how long workflows were served, as harness run writes it")
    elif not document["service_times"]["types"]:
        yield Mistake("service_times.types", "no type: no workflow was offered after the warm-up", "at least one")


def _inconsistent(block: Mapping[str, Any]) -> Iterator[Mistake]:
    levels = block["levels"]
    if levels != sorted(set(levels)) or levels[0] != 0 or levels[-1] != 1:
        yield Mistake("service_times.levels", "levels that are not", "probabilities from 0 to 1, ascending")
        return
    for k, one in enumerate(block["types"]):
        where = f"service_times.types[{k}]"
        samples = {f"{where}.service": one["service"]}
        for n, step in enumerate(one["steps"]):
            samples |= {f"{where}.steps[{n}].{part}": step[part] for part in ("wait", "burn") if part in step}
        for place, sample in samples.items():
            yield from _not_quantiles(place, sample, len(levels))


def _not_quantiles(where: str, sample: Mapping[str, Any], levels: int) -> Iterator[Mistake]:
    quantiles = sample["quantiles_s"]
    if len(quantiles) != (levels if sample["count"] else 0):
        allowed = f"{levels}, one for each level" if sample["count"] else "none, as count is 0"
        yield Mistake(f"{where}.quantiles_s", f"{len(quantiles)} quantiles", allowed)
    elif quantiles != sorted(quantiles):
        yield Mistake(f"{where}.quantiles_s", "values that fall", "ascending seconds")


def _scenario(path: Path, below: str, report: Report, declared: Catalog | None) -> Scenario:
    where, table = f"{below}service_times.declaration", report.document["service_times"]["declaration"]
    if table is not None:
        try:
            catalog = catalog_of(table, str(path))
        except DeclarationError as error:
            found = [Mistake(f"{where}.{one.where}", one.found, one.allowed) for one in error.mistakes]
            raise ReportError("\n".join(f"{path}: {one}" for one in found)) from error
        if report.scenario not in catalog:
            refuse(str(path), [Mistake(where, "another scenario", f"the declaration of {report.scenario}")])
        return catalog[report.scenario]
    if declared is None:
        allowed = "a declaration, or --file with the scenario file of the run"
        refuse(str(path), [Mistake(where, "nothing: it was too long to be kept", allowed)])
        raise AssertionError("refused")
    return find_scenario(declared, report.scenario)


def _pools(blocks: Sequence[Mapping[str, Any]]) -> Iterator[PoolSeen]:
    for pool in blocks:
        if pool["kind"] == "agents" and pool["size"] is not None:
            yield PoolSeen(pool["name"], int(pool["size"]), pool["max_depth"], pool["max_utilization"])


def _estimate(document: Mapping[str, Any], block: str, name: str) -> Estimate:
    bounds = document["confidence_intervals"].get(f"{block}.{name}", {})
    doubt = document["not_observable"].get(f"{block}.{name}")
    return Estimate(document[block][name], bounds.get("low"), bounds.get("high"), doubt)


# --------------------------------------------------------------------------- several runs


def refuse_unlike(sources: Sequence[Measured], checks: Sequence[Measured]) -> None:
    """Raise `ReportError` where the runs are not of one system, or one is given twice: every difference, by name."""
    first = sources[0]
    every = [*sources, *checks]
    mistakes = [(one, mistake) for one in every[1:] for mistake in _unlike(first, one)]
    mistakes += [(one, mistake) for k, one in enumerate(every) for mistake in _twice(one, every[:k])]
    if mistakes:
        raise ReportError("\n".join(f"{one.name}: {mistake}" for one, mistake in mistakes))
    for one in sources:
        refuse(one.name, list(_too_few(one)))


def _unlike(first: Measured, other: Measured) -> Iterator[Mistake]:
    for field in ("target", "clock"):
        found, allowed = getattr(other, field), getattr(first, field)
        if found != allowed:
            yield Mistake(field, repr(found), f"{allowed!r}, as in {first.name}")
    if first.target != other.target:
        return
    declared = {kind.name: kind for kind in first.scenario.types}
    for kind in other.scenario.types:
        if kind.name in declared and replace(kind, description="") != replace(declared[kind.name], description=""):
            where = f"service_times.declaration.workflow.{kind.name}"
            yield Mistake(where, "another declaration", f"that of {first.name} (scenario {first.digest})")
    if first.builtin:
        for field in ("pools", "retry", "cores", "breaker", "rate_limits", "connections", "memory"):
            if getattr(first.scenario, field) != getattr(other.scenario, field):
                where = f"service_times.declaration.scenario.{other.scenario.name}.{field}"
                yield Mistake(where, "another declaration", f"that of {first.name} (scenario {first.digest})")


def _twice(one: Measured, before: Sequence[Measured]) -> Iterator[Mistake]:
    """A run that counts twice is no larger sample, and what a model was made from is no test of it."""
    same = next((other.name for other in before if other.run_id == one.run_id), None)
    if same is not None:
        yield Mistake("run_id", f"that of {same}", "another run: each report once")


def _too_few(one: Measured) -> Iterator[Mistake]:
    for k, kind in enumerate(one.times.types):
        if kind.service.count < _FEWEST:
            where = f"service_times.types[{k}].service.count"
            yield Mistake(where, f"{kind.service.count} of {kind.name}", f"at least {_FEWEST} carried out")
