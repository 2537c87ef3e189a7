"""A comparison as GitHub-flavoured Markdown: the verdict first, what is wrong in a table, all else folded.

Fit to be posted by someone who trusts none of its texts: names stand in code spans, sentences are escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.comparison_rows import (
    FIRST,
    HEADERS,
    ORDER,
    WORDS,
    Document,
    Metric,
    cells,
    columns,
    commands,
    headline,
    measuring,
    notes,
    outcome,
    remarks,
    sides,
    tally_beside,
    told_by_its_row,
    with_verdict,
    word,
)
from harness.report.markdown import code, prose


def comparison_markdown(document: Document) -> str:
    """The comparison as Markdown; ends with a newline."""
    said = headline(document)
    opening = f"**{prose(said[:1].upper() + said[1:])}**{tally_beside(document)}."
    parts = [f"{opening} {prose(outcome(document))}"]
    parts += _context(document)
    parts += _first(document)
    parts += _folded(document)
    parts += _notes(document)
    return "\n\n".join(parts) + "\n"


def _context(document: Document) -> Iterator[str]:
    base, head = sides(document)
    measured = measuring(document)
    yield f"Base {code(base)}, head {code(head)}{f'; {prose(measured)}' if measured else ''}."


def _first(document: Document) -> Iterator[str]:
    """What regressed, is gone or cannot be compared, with reasons and the commands to see it again."""
    metrics = with_verdict(document, *FIRST)
    if not metrics:
        return
    yield _table(metrics)
    said = [_reason(metric) for metric in metrics if not told_by_its_row(metric)]
    said += [f"- {code(command)} measures {code(measured)}" for command, measured in commands(metrics)]
    if said:
        yield "\n".join(said)


def _reason(metric: Metric) -> str:
    return f"- **{prose(word(metric))}** {code(metric['name'])}: {prose('; '.join(remarks(metric)))}"


def _folded(document: Document) -> Iterator[str]:
    rest = ORDER[len(FIRST) :]
    metrics = with_verdict(document, *rest)
    if not metrics:
        return
    counts = ", ".join(f"{document['counts'][one]} {one}" for one in rest if document["counts"][one])
    yield f"<details><summary>The others: {counts}</summary>"
    yield _table(metrics)
    unsettled = [_reason(metric) for metric in metrics if metric["verdict"] == "inconclusive"]
    if unsettled:
        yield "\n".join(unsettled)
    yield "</details>"


def _notes(document: Document) -> Iterator[str]:
    said = notes(document)
    if said:
        yield "\n".join(f"- {prose(note)}" for note in said)
    yield f"The whole comparison again: {code(document['command'])}"


def _table(metrics: Sequence[Metric]) -> str:
    rows = [cells(metric) for metric in metrics]
    shown = columns(rows)
    lines = [
        [HEADERS[k] for k in shown],
        [":--" if HEADERS[k] in WORDS else "--:" for k in shown],
        *([_cell(HEADERS[k], row[k]) for k in shown] for row in rows),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(header: str, cell: str) -> str:
    if header == "metric":
        return code(cell)
    return f"**{prose(cell)}**" if header == "verdict" else prose(cell)
