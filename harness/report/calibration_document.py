"""A calibration as the document of `schemas/calibration.schema.json`; every rendering is made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harness.errors import ExitCode
from harness.judge.calibration.predicting import overall, shared_machine
from harness.judge.calibration.records import Fit, Measured, Model, PredictedFigure, Prediction
from harness.measure.summary import Estimate
from harness.report.build import public_target
from harness.report.document import refuse
from harness.report.figures import number, text
from harness.scenario.declare import declaration_of
from harness.scenario.written import distribution
from harness.schema import schema_mistakes

CALIBRATION_VERSION = 1
UNCHECKED = "unchecked"
EXIT_CODES = {
    UNCHECKED: ExitCode.HELD,
    "held": ExitCode.HELD,
    "broken": ExitCode.BASELINE_BROKEN,
    "cannot_tell": ExitCode.NOT_ENOUGH,
}
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the document says beside the model and its predictions."""

    harness_version: str
    timestamp: datetime
    commit: Mapping[str, Any] | None
    machine: Mapping[str, Any]
    tolerance: float


# long: one line for each field of the document
def calibration_document(
    sources: Sequence[Measured],
    model: Model,
    own: Sequence[Prediction],
    checks: Sequence[Prediction],
    circumstances: Circumstances,
) -> dict[str, Any]:
    """The document, held to its schema. `own` are predictions of the loads of `sources`, `checks` those of others.

    Raises `ReportError` where the schema refuses it.
    """
    verdict = overall(checks) if checks else UNCHECKED
    document = {
        "schema_version": CALIBRATION_VERSION,
        "kind": "calibration",
        "timestamp": circumstances.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "harness_version": circumstances.harness_version,
        "commit": None if circumstances.commit is None else dict(circumstances.commit),
        "machine": dict(circumstances.machine),
        "target": public_target(sources[0].target),
        "clock": sources[0].clock,
        "verdict": verdict,
        "exit_code": int(EXIT_CODES[verdict]),
        "tolerance": circumstances.tolerance,
        "sources": [_source(one) for one in sources],
        "limit": {name: getattr(model.limit, name) for name in ("size", "queue", "found_by", "seen_up_to")},
        "cpu_per_workflow_s": number(model.cpu_per_workflow_s),
        "fits": [_fit(one) for one in model.fits],
        "failures": [
            {"type": text(one.type), "step": text(one.step), "failed": one.failed, "attempts": one.attempts}
            | {"share": _estimate(one.share)}
            for one in model.failures
        ],
        "predictions": [_prediction(one, "source") for one in own] + [_prediction(one, "check") for one in checks],
        "doubts": [text(doubt) for doubt in (*model.doubts, *_of_machines(sources, checks))],
        "scenario": text(model.scenario.name),
        "scenario_digest": model.scenario.digest,
        "declaration": declaration_of(model.scenario),
    }
    refuse("calibration", schema_mistakes("calibration", document))
    return document


def _of_machines(sources: Sequence[Measured], checks: Sequence[Prediction]) -> list[str]:
    base = min(sources, key=lambda one: one.times.in_flight)
    return [doubt for one in checks if (doubt := shared_machine(base, one.source)) is not None]


def _source(one: Measured) -> dict[str, Any]:
    return {
        "file": text(one.name),
        "scenario": text(one.scenario.name),
        "scenario_digest": one.digest,
        "seeds": list(one.seeds),
        "timestamp": one.timestamp,
        "in_flight": one.times.in_flight,
        "workflows": sum(kind.service.count for kind in one.times.types),
    }


def _fit(one: Fit) -> dict[str, Any]:
    candidates = [{"kind": c.kind, "aicc": number(c.aicc), "ks": c.ks} for c in one.candidates]
    return {
        "type": text(one.type),
        "step": text(one.step),
        "part": one.part,
        "kind": one.kind,
        "distribution": distribution(one.distribution),
        "count": one.count,
        "ks": one.ks,
        "ks_p": one.ks_p,
        "candidates": candidates,
    }


def _prediction(one: Prediction, role: str) -> dict[str, Any]:
    return {"role": role, **_source(one.source), "beyond": one.beyond, "figures": [_figure(f) for f in one.figures]}


def _figure(one: PredictedFigure) -> dict[str, Any]:
    return {
        "metric": one.metric,
        "measured": _estimate(one.measured),
        "predicted": _estimate(one.predicted),
        "error": number(one.error),
        "judged": one.judged,
        "verdict": one.verdict,
    }


def _estimate(one: Estimate) -> dict[str, float | None]:
    return {name: number(getattr(one, name)) for name in ("value", "low", "high")}
