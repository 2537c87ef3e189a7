"""Reports of what happened, changed into ones of what might have."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from harness.report.document import report_mistakes
from harness.report.model import Report


def changed(report: Report, change: Callable[[dict[str, Any]], object]) -> Report:
    """A copy with a change that the schema allows."""
    document = copy.deepcopy(dict(report.document))
    change(document)
    assert not report_mistakes(document), report_mistakes(document)
    return Report(document)


def older(report: Report) -> Report:
    """As an earlier version wrote it: no figures over time, no quantiles."""

    def strip(document: dict[str, Any]) -> None:
        document.pop("over_time", None)
        document["latency"].pop("quantiles", None)

    return changed(report, strip)


def without_rows(report: Report) -> Report:
    """As a long run that keeps totals leaves it: what succeeded, how long it took, nothing else over time."""

    def strip(document: dict[str, Any]) -> None:
        found = document["over_time"]
        for name in ("offered", "in_flight", "outliers"):
            del found[name]
        found["outcomes"] = {"succeeded": found["outcomes"]["succeeded"]}
        found["pools"] = []

    return changed(report, strip)


def broken(report: Report) -> Report:
    """With a baseline of which the first line with a limit is broken."""

    def worsen(document: dict[str, Any]) -> None:
        line = next(line for line in document["baseline"]["lines"] if line["op"] != "recorded")
        line.update(verdict="broken", observed=0.12, reason="success rate 12 % >= 80 % does not hold")
        document["baseline"]["verdict"] = "broken"

    return changed(report, worsen)


def invalid(report: Report, reason: str = "the generator was the limit") -> Report:
    """Of a run that may not be believed."""
    return changed(report, lambda document: document.update(status=f"invalid: {reason}"))
