"""Change points over commits, as a document of `schemas/history.schema.json`, as lines, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

from harness.errors import Mistake, ReportError
from harness.judge.history import History, Step
from harness.report.comparison_rows import in_unit
from harness.report.figures import number, text
from harness.report.markdown import code, prose
from harness.report.text import columns_wide, visible

HISTORY_VERSION = 1
Document = Mapping[str, Any]
_HEADERS = ("verdict", "metric", "commits", "before", "after", "effect", "confidence")
_WORDS = 3
"""Columns of words, which come first."""
_SHORT = 10
"""Digits of a commit's hash that are shown."""


class Told(Protocol):
    """One metric's past, as the reader of results hands it over."""

    @property
    def name(self) -> str:
        """Scenario and metric."""

    @property
    def unit(self) -> str:
        """Unit of the values."""

    @property
    def direction(self) -> str:
        """Which way is better."""

    @property
    def commits(self) -> tuple[str, ...]:
        """Oldest first."""

    @property
    def values(self) -> tuple[float | None, ...]:
        """One for each commit; None: it has none."""

    @property
    def history(self) -> History:
        """What was found."""


def history_document(
    source: str, series: Iterable[Told], notes: Iterable[str], *, harness_version: str, timestamp: datetime
) -> dict[str, Any]:
    """The document, checked. Raises `ReportError` where the schema refuses it."""
    document = {
        "schema_version": HISTORY_VERSION,
        "kind": "history",
        "timestamp": timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "harness_version": harness_version,
        "source": text(source),
        "series": [_series(one) for one in series],
        "notes": [text(note) for note in notes],
    }
    mistakes = history_mistakes(document)
    if mistakes:
        raise ReportError("\n".join(f"history: {mistake}" for mistake in mistakes))
    return document


def history_mistakes(document: Any) -> list[Mistake]:
    """Everything that keeps `document` from being what its schema describes."""
    from harness.schema import schema_mistakes  # noqa: PLC0415 - jsonschema is not needed to judge

    return schema_mistakes("history", document)


def _series(one: Told) -> dict[str, Any]:
    found = one.history
    return {
        "name": text(one.name),
        "unit": text(one.unit),
        "direction": one.direction,
        "commits": len(one.commits),
        "first": one.commits[0],
        "last": one.commits[-1],
        "noise": number(found.noise),
        "newest": found.newest,
        "reason": text(found.reason),
        "ignored": list(found.ignored),
        "points": {"commits": [text(commit) for commit in one.commits], "values": list(map(number, one.values))},
        "steps": [_step(step) for step in found.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    fields = asdict(step)
    del fields["index"]
    return {name: number(value) if isinstance(value, float) else value for name, value in fields.items()}


# --------------------------------------------------------------------------- for people


def plain_history(document: Document) -> str:
    """The history as lines of text; ends with a newline."""
    lines = [f"{headline_of(document)}."]
    rows = list(_rows(document))
    if rows:
        lines += ["", *_aligned([_HEADERS, *rows])]
    said = [*(f"{word}: {visible(name)}: {why}" for word, name, why in _news(document)), *_notes(document)]
    return "\n".join([*lines, *([""] if said else []), *said]) + "\n"


def history_markdown(document: Document) -> str:
    """The history as Markdown, steps first, the newest commits of each series folded; ends with a newline."""
    parts = [f"**{prose(headline_of(document))}.**"]
    rows = list(_rows(document))
    if rows:
        rule = [":--"] * _WORDS + ["--:"] * (len(_HEADERS) - _WORDS)
        cells = [[f"**{prose(row[0])}**", code(row[1]), code(row[2]), *map(prose, row[3:])] for row in rows]
        parts.append("\n".join("| " + " | ".join(line) + " |" for line in (_HEADERS, rule, *cells)))
    news = [f"- **{prose(word)}** {code(name)}: {prose(why)}" for word, name, why in _news(document)]
    if news:
        parts += [
            f"<details><summary>The newest commits of {len(news)} metrics</summary>",
            "\n".join(news),
            "</details>",
        ]
    notes = list(_notes(document))
    if notes:
        parts.append("\n".join(f"- {prose(note)}" for note in notes))
    return "\n\n".join(parts) + "\n"


def headline_of(document: Document) -> str:
    """The whole in one clause."""
    series = document["series"]
    stepped = sum(bool(one["steps"]) for one in series)
    judged = sum(one["newest"] != "too short" for one in series)
    short = len(series) - judged
    rest = f"; {short} {'is' if short == 1 else 'are'} too short to tell" if short else ""
    return f"{stepped} of {judged} metrics changed over the commits{rest}"


def _rows(document: Document) -> Iterator[tuple[str, ...]]:
    for one in document["series"]:
        for step in one["steps"]:
            yield (
                step["verdict"],
                visible(one["name"], 120),
                f"{visible(step['last_before'])[:_SHORT]}..{visible(step['first_after'])[:_SHORT]}",
                _level(step["before"], one["unit"]),
                _level(step["after"], one["unit"]),
                "-" if step["effect"] is None else f"{step['effect'] * 100:+.3g} %",
                f"{step['confidence']:.2%}",
            )


def _level(value: float | None, unit: str) -> str:
    return "-" if value is None else in_unit(value, unit)


def _news(document: Document) -> Iterator[tuple[str, str, str]]:
    """What may be said of the newest commits, where it is more than that they are steady."""
    for one in document["series"]:
        if one["newest"] != "steady":
            yield one["newest"], visible(one["name"], 120), visible(one["reason"])


def _notes(document: Document) -> Iterator[str]:
    for note in document["notes"]:
        yield f"note: {visible(note)}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(columns_wide(row[k]) for row in rows) for k in range(len(_HEADERS))]
    for row in rows:
        blanks = [" " * (width - columns_wide(cell)) for cell, width in zip(row, widths, strict=True)]
        cells = [cell + b if k < _WORDS else b + cell for k, (cell, b) in enumerate(zip(row, blanks, strict=True))]
        yield "  ".join(cells).rstrip()
