"""Advice as a document of `schemas/advice.schema.json`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harness.errors import ReportError
from harness.judge.advice.advise import Advice, Tried
from harness.judge.advice.measuring import Measured
from harness.judge.advice.paired import Paired
from harness.judge.observed import METRICS
from harness.report.advising.changes import overlay_toml
from harness.report.figures import number, text
from harness.scenario.model import BASELINE_METRICS

ADVICE_VERSION = 1
Document = Mapping[str, Any]


# long: one line for each field
def advice_document(
    advice: Advice,
    *,
    clock: str,
    commit: Mapping[str, Any] | None,
    machine: Mapping[str, Any],
    harness_version: str,
    timestamp: datetime,
) -> dict[str, Any]:
    """The document, checked. Raises `ReportError` where the schema refuses it."""
    goal, best = advice.goal, advice.best
    document = {
        "schema_version": ADVICE_VERSION,
        "kind": "advice",
        "timestamp": timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "harness_version": harness_version,
        "commit": commit,
        "machine": machine,
        "scenario": advice.scenario.name,
        "scenario_digest": advice.scenario.digest,
        "target": "builtin",
        "clock": clock,
        "seeds": list(advice.seeds),
        "search_seeds": list(advice.search_seeds),
        "variations": advice.variations,
        "stopped": advice.stopped,
        "limited_by": text(advice.limited_by),
        "goal": {
            "metric": goal.metric,
            "label": METRICS[goal.metric].label,
            "unit": BASELINE_METRICS[goal.metric],
            "op": goal.op,
            "limit": goal.limit,
            "lower_is_better": goal.lower_is_better,
        },
        "now": _measured(advice.now),
        "best": None if best is None else advice.tried.index(best),
        "change": None if best is None else overlay_toml(advice.scenario, best.candidate.scenario),
        "tried": [_tried(one) for one in advice.tried],
        "untried": [{"what": text(one.what), "why": text(one.why)} for one in advice.untried],
    }
    from harness.schema import schema_mistakes  # noqa: PLC0415 - jsonschema is not needed to measure

    mistakes = schema_mistakes("advice", document, 20)
    if mistakes:
        raise ReportError("\n".join(f"advice: {mistake}" for mistake in mistakes))
    return document


def _measured(of: Measured) -> dict[str, Any]:
    known = of.known
    return {
        "value": None if known is None else sum(known) / len(known),
        "values": [number(value) for value in of.values],
        "agent_seconds": sum(of.agent_s) / len(of.agent_s),
        "success_rate": sum(of.succeeded) / len(of.succeeded),
        "rejection_rate": sum(of.rejected) / len(of.rejected),
        "attempts_per_workflow": _mean(of.attempts),
        "broken": list(of.broken),
    }


def _mean(values: tuple[float | None, ...]) -> float | None:
    seen = [value for value in values if value is not None]
    return sum(seen) / len(seen) if seen else None


def _tried(one: Tried) -> dict[str, Any]:
    return {
        "what": text(one.candidate.words),
        "assumption": text(one.candidate.assumption),
        "scenario_digest": one.candidate.scenario.digest,
        "does": one.does,
        "why": text(one.why),
        "pareto": one.pareto,
        "sheds": one.sheds,
        "newly_broken": list(one.newly_broken),
        "then": None if one.measured is None else _measured(one.measured),
        "effect": _paired(one.effect),
        "agent_seconds": _paired(one.agent_s),
        "success_rate": _paired(one.succeeded),
        "rejection_rate": _paired(one.rejected),
        "attempts_per_workflow": _paired(one.attempts),
    }


def _paired(of: Paired | None) -> dict[str, float | None] | None:
    return None if of is None else {"mean": number(of.mean), "low": number(of.low), "high": number(of.high)}
