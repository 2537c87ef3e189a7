"""A comparison as the document of `schemas/comparison.schema.json`: built here, checked, written, read back.

Every rendering is made from the document, so that whoever holds the file can show it without having measured anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import ExitCode, Mistake, ReportError
from harness.judge.compare import COMPARED, Comparison, Row, exit_code_of
from harness.judge.metrics_form import Measured, Side
from harness.judge.statistics.records import Rules, Verdict
from harness.judge.waivers import State, Waiver
from harness.report.document import read_json, write_document
from harness.report.figures import number, text

COMPARISON_VERSION = 1
_MOST_MISTAKES = 60
_VERDICTS = {ExitCode.HELD: "held", ExitCode.REGRESSION: "regressed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a comparison's document says beside its verdicts."""

    command: str
    """The command that makes this comparison again."""
    harness_version: str
    timestamp: datetime
    allow_inconclusive: bool = False
    rounds: int | None = None
    """Rounds measured on each side; None where the data were there before."""
    looks: int = 1
    """How often the data were judged while rounds were added."""
    stopped: str | None = None
    """Why measuring ended before its time."""
    notes: tuple[str, ...] = ()


def comparison_document(comparison: Comparison, circumstances: Circumstances) -> dict[str, Any]:
    """The document. Its texts may come from strangers: a renderer must make them inert."""
    code = comparison.exit_code(allow_inconclusive=circumstances.allow_inconclusive)
    return {
        "schema_version": COMPARISON_VERSION,
        "kind": "comparison",
        "timestamp": circumstances.timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "harness_version": circumstances.harness_version,
        "command": text(circumstances.command),
        "verdict": _VERDICTS.get(code, "not_enough"),
        "exit_code": int(code),
        "allow_inconclusive": circumstances.allow_inconclusive,
        "base": _side(comparison.base),
        "head": _side(comparison.head),
        **_measuring(comparison, circumstances),
        "rules": _rules(comparison.rules),
        "counts": _counts(comparison),
        "metrics": [_metric(row) for row in comparison.rows],
        "waivers": [_waiver(waiver, state) for waiver, state in comparison.waivers],
        "notes": [text(note) for note in (*comparison.base.notes, *comparison.head.notes, *circumstances.notes)],
    }


def _measuring(comparison: Comparison, circumstances: Circumstances) -> dict[str, Any]:
    return {
        "seed": comparison.seed,
        "rounds": circumstances.rounds,
        "looks": {"made": circumstances.looks, "planned": comparison.rules.looks},
        "stopped": circumstances.stopped,
    }


def _rules(rules: Rules) -> dict[str, float]:
    names = ("alpha", "family_alpha", "equivalence_alpha", "confidence")
    return {name: getattr(rules, name) for name in names}


def _side(side: Side) -> dict[str, Any]:
    return {"source": text(side.source), "tool": side.tool, "commit": side.commit, "dirty": side.dirty}


def _counts(comparison: Comparison) -> dict[str, int]:
    words = comparison.counts
    return {
        **{str(word): count for word, count in words.items()},
        "total": len(comparison.rows) - words["new"],
        "compared": sum(words[word] for word in COMPARED),
        "waived": sum(row.accepted for row in comparison.rows),
    }


def _metric(row: Row) -> dict[str, Any]:
    verdict, known = row.verdict, row.pair.known
    return {
        "name": text(row.pair.name),
        "scenario": text(known.scenario),
        "metric": text(known.metric),
        "unit": text(known.unit),
        "direction": verdict.direction,
        "kind": verdict.kind,
        "verdict": verdict.verdict,
        "no_worse": row.no_worse,
        "advisory": text(row.advisory),
        "reason": text(verdict.reason),
        "waiver": {"accepted": row.waived.accepted, "reason": text(row.waived.why)} if row.waived else None,
        **_evidence(verdict),
        "identity": _identity(known),
        "seeds": list(known.seeds),
        "command": text(known.command),
        "notes": [text(note) for note in verdict.notes],
    }


def _evidence(verdict: Verdict) -> dict[str, Any]:
    low, high = map(number, verdict.interval or (None, None))
    bounded = low is not None and high is not None
    return {
        "effect": number(verdict.effect),
        "effect_unit": "points" if verdict.kind == "rate" else "relative",
        "floor": number(verdict.floor),
        "margin": number(verdict.margin),
        "interval": {"low": low, "high": high, "confidence": verdict.confidence} if bounded else None,
        "base": {"value": number(verdict.base_value), "n": verdict.n_base},
        "head": {"value": number(verdict.head_value), "n": verdict.n_head},
        "n_effective": number(verdict.n_effective),
        "p": number(verdict.p),
        "p_adjusted": number(verdict.p_adjusted),
        "statistic": verdict.statistic,
        "method": verdict.method,
        "correction": verdict.correction,
        "runs_needed": verdict.runs_needed,
    }


def _identity(known: Measured) -> dict[str, str | None]:
    names = {"scenario_digest": "digest", "target": "target", "clock": "clock", "environment": "environment"}
    found = {key: getattr(known.identity, name) for key, name in names.items()}
    return {key: None if value is None else text(value) for key, value in found.items()}


def _waiver(waiver: Waiver, state: State) -> dict[str, Any]:
    return {
        "metric": text(waiver.metric),
        "scenario": text(waiver.scenario),
        "accepts": waiver.accepts,
        "reason": text(waiver.reason),
        "approved_by": text(waiver.approved_by),
        "expires": waiver.expires.isoformat(),
        "max_effect": waiver.max_effect,
        "state": state,
    }


# --------------------------------------------------------------------------- out and in


def write_comparison(document: Mapping[str, Any], folder: Path | str) -> Path:
    """Write the document into `folder` as a file of its own, never over another; returns its path."""
    when = re.sub(r"[-:]", "", str(document["timestamp"]))
    return write_document(document, folder, f"comparison-{when}", comparison_mistakes)


def read_comparison(path: Path | str) -> dict[str, Any]:
    """The comparison in the file `path`; raises `ReportError` with every mistake."""
    path = Path(path)
    document = read_json(path)
    refuse_comparison(document, str(path))
    whole: dict[str, Any] = document
    return whole


def refuse_comparison(document: Any, source: str) -> None:
    """Raise `ReportError`, which names every mistake, where `document` is no comparison."""
    mistakes = comparison_mistakes(document)
    if mistakes:
        said = [f"{source}: {mistake}" for mistake in mistakes[:_MOST_MISTAKES]]
        if len(mistakes) > _MOST_MISTAKES:
            said.append(f"{source}: and {len(mistakes) - _MOST_MISTAKES} more mistakes")
        raise ReportError("\n".join(said))


def comparison_mistakes(document: Any) -> list[Mistake]:
    """What keeps `document` from being a comparison of this schema version; at most some hundreds are looked for."""
    from harness.schema import schema_mistakes  # noqa: PLC0415 - jsonschema is not needed to judge

    mistakes = schema_mistakes("comparison", document, 4 * _MOST_MISTAKES)
    return mistakes or _miscounted(document["counts"], document["metrics"]) or _misjudged(document)


def _miscounted(counts: Mapping[str, int], metrics: Sequence[Mapping[str, Any]]) -> list[Mistake]:
    """The headline is made from the counts: they must be those of the rows, which a schema cannot see."""
    found = dict.fromkeys(counts, 0)
    for metric in metrics:
        found[metric["verdict"]] += 1
        found["total"] += metric["verdict"] != "new"
        found["compared"] += metric["verdict"] in COMPARED
        found["waived"] += bool(metric["waiver"] and metric["waiver"]["accepted"])
    return [
        Mistake(f"counts.{word}", str(count), f"{found[word]}, as in metrics")
        for word, count in counts.items()
        if count != found[word]
    ]


def _misjudged(document: Mapping[str, Any]) -> list[Mistake]:
    """The verdict over all must be the one that follows from the rows, which a schema cannot see either."""
    metrics = document["metrics"]
    mistakes = [
        Mistake(f"metrics[{k}].no_worse", "true", f"false where the verdict is {metric['verdict']}")
        for k, metric in enumerate(metrics)
        if metric["no_worse"] and metric["verdict"] != "inconclusive"
    ]
    mistakes += [
        Mistake(f"metrics[{k}].advisory", repr(metric["advisory"]), f"'' where the verdict is {metric['verdict']}")
        for k, metric in enumerate(metrics)
        if metric.get("advisory") and metric["verdict"] != "inconclusive"
    ]
    awaited = [metric for metric in metrics if not metric.get("advisory") or metric["no_worse"]]
    accepted = [bool(one["waiver"] and one["waiver"]["accepted"]) or one["no_worse"] for one in awaited]
    words = [metric["verdict"] for metric in awaited]
    code = exit_code_of(words, accepted, allow_inconclusive=document["allow_inconclusive"])
    expected = {"exit_code": int(code), "verdict": _VERDICTS.get(code, "not_enough")}
    return mistakes or [
        Mistake(name, str(document[name]), f"{value}, as the metrics say")
        for name, value in expected.items()
        if document[name] != value
    ]
