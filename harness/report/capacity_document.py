"""What a search for the capacity found, as a document of `schemas/capacity.schema.json`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import Mistake, ReportError
from harness.judge.bottleneck.records import Limitation
from harness.judge.capacity.fits import Fit
from harness.judge.capacity.record import Capacity, Trial
from harness.measure.metrics import Estimate
from harness.report.build import public_target
from harness.report.consistency_of_others import contradictions_of
from harness.report.document import write_document
from harness.report.figures import number, text
from harness.scenario.model import Scenario

CAPACITY_VERSION = 1
Document = Mapping[str, Any]
_POINTS = 120
"""Of each fitted curve, so that a reader can draw it without knowing the formula."""


# long: one line for each field of the document
def capacity_document(
    scenario: Scenario,
    found: Capacity,
    *,
    target: str,
    clock: str,
    command: str,
    harness_version: str,
    commit: Mapping[str, Any] | None,
    machine: Mapping[str, Any],
    timestamp: datetime,
    run_id: str,
    exit_code: int,
) -> dict[str, Any]:
    """The document; it is not checked here (see `refuse_capacity`)."""
    return {
        "schema_version": CAPACITY_VERSION,
        "kind": "capacity",
        "scenario": text(scenario.name),
        "description": text(scenario.description),
        "timestamp": timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "run_id": run_id,
        "harness_version": harness_version,
        "commit": dict(commit) if commit is not None else None,
        "machine": dict(machine),
        "target": public_target(target),
        "clock": clock,
        "scenario_digest": scenario.digest,
        "seeds": list(found.seeds),
        "command": text(command),
        "exit_code": exit_code,
        "status": f"invalid: {text(found.invalid)}" if found.invalid else "valid",
        "stopped": found.stopped,
        "ended": None if found.ended is None else text(found.ended),
        "sentences": [text(one) for one in found.sentences],
        "load": {
            "law": scenario.load.law,
            "axis": found.axis.name,
            "declared": found.axis.declared,
            "from": found.first,
            "to": found.last,
        },
        "replications": found.replications,
        "held": _held(found),
        "knee": _knee(found),
        "cause": {
            "kind": found.cause.kind,
            "name": text(found.cause.name),
            "because": text(found.cause.because),
        },
        "turned_away": None
        if found.refused_from is None
        else {"none_at": found.refused_from[0], "some_at": found.refused_from[1]},
        "fits": [_fit(one, found) for one in found.fits],
        "trials": [_trial(one) for one in found.trials],
        "baseline_limits": [
            {"metric": line.metric, "op": line.op, "limit": line.limit}
            for line in scenario.baseline
            if line.op != "recorded"
        ],
        "doubts": [text(one) for one in found.doubts],
    }


def _held(found: Capacity) -> dict[str, Any]:
    held = found.held
    return {
        "status": held.status,
        "level": held.level,
        "low": held.low,
        "high": held.high,
        "broken_at": held.broken_at,
        "reason": text(held.reason),
    }


def _knee(found: Capacity) -> dict[str, Any] | None:
    knee = found.knee
    if knee is None:
        return None
    return {
        "model": knee.model,
        "in_flight": {"value": number(knee.in_flight), "low": number(knee.low), "high": number(knee.high)},
        "load": {"value": number(knee.load), "low": number(knee.load_low), "high": number(knee.load_high)},
        "throughput_per_s": number(knee.throughput),
    }


def _fit(one: Fit, found: Capacity) -> dict[str, Any]:
    reach = [trial.in_flight.value for trial in found.trials if trial.in_flight.value is not None]
    grid = np.geomspace(min(reach), max(reach), _POINTS)
    return {
        "model": one.model,
        "knee": {"value": number(one.knee), "low": number(one.low), "high": number(one.high)},
        "parameters": {name: number(value) for name, value in one.parameters.items()},
        "error": number(one.error),
        "aicc": number(one.aicc),
        "curve": {
            "in_flight": [float(n) for n in grid],
            "throughput_per_s": [float(x) for x in one.throughput(grid)],
        },
    }


def _trial(one: Trial) -> dict[str, Any]:
    return {
        "level": one.level,
        "replications": one.replications,
        "offered": one.offered,
        "in_flight": _estimate(one.in_flight),
        "throughput_per_s": _estimate(one.throughput),
        "latency_p50_s": _estimate(one.latency_p50),
        "latency_p95_s": _estimate(one.latency_p95),
        "turned_away": number(one.refused),
        "verdict": one.verdict,
        "settled": one.settled,
        "broken": [text(reason) for reason in one.broken],
        "limited_by": _limited(one.limited),
        "busy": [{"name": text(busy.name), "kind": busy.kind, "share": number(busy.share)} for busy in one.busy],
        "not_fitted": None if one.why_not is None else text(one.why_not),
        "invalid": None if one.invalid is None else text(one.invalid),
    }


def _limited(one: Limitation | None) -> dict[str, str] | None:
    return None if one is None else {"cause": one.cause, "name": text(one.name), "sentence": text(one.sentence)}


def _estimate(one: Estimate) -> dict[str, float | None]:
    return {"value": number(one.value), "low": number(one.low), "high": number(one.high)}


def capacity_mistakes(document: Any) -> list[Mistake]:
    """Everything that keeps `document` from being what its schema describes."""
    from harness.schema import schema_mistakes  # noqa: PLC0415 - jsonschema is not needed to search

    return schema_mistakes("capacity", document) or contradictions_of("capacity", document)


def refuse_capacity(document: Document) -> None:
    """Raise `ReportError` where the schema refuses the document."""
    mistakes = capacity_mistakes(document)
    if mistakes:
        raise ReportError("\n".join(f"capacity: {mistake}" for mistake in mistakes))


def write_capacity(document: Document, folder: Path | str) -> Path:
    """Write the document into `folder` under a name of its own, as reports are; raises `ReportError`."""
    when = re.sub(r"[-:]", "", str(document["timestamp"]))
    parts = ("capacity", document["scenario"], document["target"], document["clock"], when, document["run_id"][:8])
    stem = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "-", str(part)).strip("-.")[:60] or "unnamed" for part in parts)
    return write_document(document, folder, stem, capacity_mistakes)
