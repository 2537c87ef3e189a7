"""What files hold that a user names: reports, a comparison, a capacity, …; and how each is shown in text.

Reports may stand beside one comparison, which says whether they are worse than before; every other kind is by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from harness.errors import ExitCode, Mistake, ReportError
from harness.report.consistency_of_others import contradictions_of
from harness.report.document import json_text, read_json, read_reports, refuse
from harness.report.model import Report
from harness.report.text import encodable

Document = Mapping[str, Any]
_KINDS = {
    "comparison": "a comparison",
    "capacity": "a capacity",
    "history": "a history",
    "sweep": "a sweep",
    "advice": "advice",
}
_ALLOWED = "reports, with at most one comparison beside them, or one document of another kind by itself"
_DRAWN_FIRST = "latency_p95_s"
"""The figure that a sweep's text shows, as its command does."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the files hold: `other` by its kind is what no report is; with reports only a comparison."""

    reports: tuple[Report, ...] = ()
    kind: str = ""
    other: Document | None = None


def read_given(paths: Sequence[Path]) -> Given:
    """Everything in the files, each held to its schema. Raises `ReportError` for what is none of it, and for a mix."""
    reports: list[Report] = []
    others: list[tuple[Path, str, Document]] = []
    for path in paths:
        document = read_json(path)
        kind = document.get("kind") if isinstance(document, dict) else None
        if isinstance(kind, str) and kind in _KINDS:
            refuse(str(path), _mistakes(kind)(document))
            others.append((path, kind, document))
        else:
            reports.extend(read_reports(path))
    _refuse_mix(bool(reports), others)
    _, kind, other = others[0] if others else (None, "", None)
    return Given(tuple(reports), kind, other)


def _refuse_mix(reports: bool, others: Sequence[tuple[Path, str, Document]]) -> None:
    wrong = [one for one in others if one[1] != "comparison"] if reports else others[1:]
    extra = wrong or others[1:]
    if extra:
        path, kind, _ = extra[0]
        beside = "reports" if reports and wrong else _KINDS[others[0][1]]
        raise ReportError(f"{path}: found {_KINDS[kind]} beside {beside}; allowed are {_ALLOWED}")


def _mistakes(kind: str) -> Callable[[Any], list[Mistake]]:
    if kind == "comparison":
        from harness.report.comparison import comparison_mistakes  # noqa: PLC0415 - only what is shown is needed

        return comparison_mistakes
    if kind == "capacity":
        from harness.report.capacity_document import capacity_mistakes  # noqa: PLC0415

        return capacity_mistakes
    if kind == "history":
        from harness.report.history import history_mistakes  # noqa: PLC0415

        return history_mistakes
    from harness.schema import schema_mistakes  # noqa: PLC0415 - jsonschema is needed where a file is read

    return lambda document: schema_mistakes(kind, document) or contradictions_of(kind, document)


def exit_code_of(given: Given) -> ExitCode:
    """How what made the document by itself ended."""
    assert given.other is not None
    if given.kind == "history":
        judged = any(one["newest"] != "too short" for one in given.other["series"])
        return ExitCode.HELD if judged else ExitCode.NOT_ENOUGH
    if given.kind in _HOW:
        stopped = _STOPPED.get(given.other["stopped"] or "")
        return stopped or _HOW[given.kind](given.other)
    return ExitCode(given.other["exit_code"])


_STOPPED = {"interrupted": ExitCode.INTERRUPTED, "terminated": ExitCode.TERMINATED}
_HOW: dict[str, Callable[[Document], ExitCode]] = {
    "sweep": lambda document: ExitCode.RUN_INVALID if document["failed"] else ExitCode.HELD,
    "advice": lambda document: ExitCode.NOT_ENOUGH if document["best"] is None else ExitCode.HELD,
}
"""Documents that hold no exit code of their own."""


def show_other(given: Given, form: str | None, stream: TextIO) -> None:
    """Print what is no report: as JSON, Markdown, or lines of text."""
    assert given.other is not None
    if form == "json":
        stream.write(json_text(given.other))
    else:
        stream.write(encodable(_written(given.kind, form)(given.other), stream.encoding))


def _written(kind: str, form: str | None) -> Callable[[Document], str]:
    if kind == "comparison":
        from harness.report.comparison_markdown import comparison_markdown  # noqa: PLC0415 - as above
        from harness.report.comparison_terminal import plain_comparison  # noqa: PLC0415

        return comparison_markdown if form else plain_comparison
    if kind == "capacity":
        from harness.report.capacity_text import capacity_markdown, plain_capacity  # noqa: PLC0415

        return capacity_markdown if form else plain_capacity
    if kind == "sweep":
        from harness.report.sweeping.shown import plain_sweep, sweep_markdown  # noqa: PLC0415

        return partial(sweep_markdown if form else plain_sweep, metric=_DRAWN_FIRST)
    if kind == "advice":
        from harness.report.advising.shown import advice_markdown, plain_advice  # noqa: PLC0415

        return advice_markdown if form else plain_advice
    from harness.report.history import history_markdown, plain_history  # noqa: PLC0415

    return history_markdown if form else plain_history
