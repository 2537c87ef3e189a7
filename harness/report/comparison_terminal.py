"""A comparison for eyes: aligned lines, coloured by verdict where the output is a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from harness.report.comparison_rows import (
    HEADERS,
    ORDER,
    WORDS,
    Document,
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
from harness.report.terminal import draws
from harness.report.text import columns_wide, encodable, visible

_STYLES = {
    "regressed": "bold red",
    "missing": "red",
    "incomparable": "red",
    "inconclusive": "yellow",
    "improved": "green",
    "new": "cyan",
}
_GAP = 2


def show_comparison(document: Document, stream: TextIO) -> None:
    """Print the comparison on `stream`; `NO_COLOR` is respected."""
    if not draws(stream):
        stream.write(encodable(plain_comparison(document), stream.encoding))
        return
    from rich.console import Console  # noqa: PLC0415 - imported only where there is a terminal
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=stream, highlight=False)
    for line in plain_comparison(document).splitlines():
        # Text, never a string: a metric's name is not markup
        style = _STYLES.get(line.partition(" ")[0].rstrip(":"), "")
        console.print(Text(encodable(line, console.encoding), style=style), soft_wrap=True)


def plain_comparison(document: Document) -> str:
    """The comparison as lines of text, without any limit of width; ends with a newline."""
    said = headline(document)
    lines = [said[:1].upper() + said[1:] + f"{tally_beside(document)}.", outcome(document), *_context(document)]
    table = list(_table(document))
    if table:
        lines += ["", *table]
    reasons = list(_reasons(document))
    if reasons:
        lines += ["", *reasons]
    return "\n".join(lines) + "\n"


def _context(document: Document) -> Iterator[str]:
    base, head = sides(document)
    yield f"base {base}"
    yield f"head {head}"
    if measured := measuring(document):
        yield measured
    yield f"again: {visible(document['command'])}"


def _table(document: Document) -> Iterator[str]:
    rows = [cells(metric) for metric in with_verdict(document, *ORDER)]
    if not rows:
        return
    shown = columns(rows)
    widths = {k: max(columns_wide(row[k]) for row in (HEADERS, *rows)) for k in shown}
    for row in (HEADERS, *rows):
        padded = (_padded(row[k], widths[k], HEADERS[k] in WORDS) for k in shown)
        yield (" " * _GAP).join(padded).rstrip()


def _padded(cell: str, width: int, left: bool) -> str:
    blanks = " " * (width - columns_wide(cell))
    return cell + blanks if left else blanks + cell


def _reasons(document: Document) -> Iterator[str]:
    """Why, for all that is not settled well; how to measure again what regressed; notes."""
    unwell = with_verdict(document, *ORDER[:4])
    same: dict[tuple[str, str], list[str]] = {}
    for metric in unwell:
        if not told_by_its_row(metric):
            same.setdefault((word(metric), "; ".join(remarks(metric))), []).append(visible(metric["name"]))
    for (found, why), names in same.items():
        yield f"{found}: {', '.join(names)}: {why}"
    for command, measured in commands(with_verdict(document, "regressed")):
        yield f"measures {measured}: {command}"
    for note in notes(document):
        yield f"note: {note}"
