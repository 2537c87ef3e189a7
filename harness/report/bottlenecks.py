"""What limited the run, in a report: the finding first, then every resource that was looked at, with its evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from harness.judge.bottleneck.limiting import limitation_of
from harness.judge.bottleneck.records import Cause, Evidence
from harness.measure.little import LittlesLaw
from harness.measure.metrics import MultiAgentLoadMetrics
from harness.report.figures import number, text
from harness.report.model import Report
from harness.report.rows import Sentence
from harness.report.text import visible

LIMIT = "bottleneck"
"""What is said of the resource that limited a run."""


def bottlenecks_block(metrics: MultiAgentLoadMetrics) -> dict[str, Any]:
    """`bottlenecks` and `littles_law` of a report; empty where the summary was made without looking at resources."""
    if metrics.uses is None:
        return {}
    found = limitation_of(metrics.uses, metrics.little)
    first = _item(found.cause, found.name, found.sentence, found.evidence, found.cause not in ("none", "unknown"))
    others = [one for one in found.ranked if one.sentence != found.sentence]
    block: dict[str, Any] = {
        "bottlenecks": [
            first | {"unseen": [text(one) for one in found.unseen], "doubts": [text(one) for one in found.doubts]},
            *(_item(one.cause, one.name, one.sentence, one.evidence, one.limits) for one in others),
        ]
    }
    return block if found.little is None else block | {"littles_law": _little(found.little)}


def limits(reports: Iterable[Report]) -> tuple[Sentence, ...]:
    """One sentence for each report that says what limited it."""
    return tuple(
        Sentence(visible(report.scenario, 80), LIMIT, visible(report.document["bottlenecks"][0]["sentence"]))
        for report in reports
        if report.document.get("bottlenecks")
    )


def _item(cause: Cause, name: str, sentence: str, evidence: Evidence, limits: bool) -> dict[str, Any]:
    return {
        "resource": cause,
        "name": text(name),
        "sentence": text(sentence),
        "limits": limits,
        "evidence": {key: value for key, of in asdict(evidence).items() if (value := number(of)) is not None},
    }


def _little(little: LittlesLaw) -> dict[str, float | None]:
    return {key: number(value) for key, value in asdict(little).items()}
