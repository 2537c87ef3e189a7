"""Reports for eyes: a table on a terminal, plain aligned lines where the output is piped or the terminal is dumb.

The plain lines hold no escape sequence and no box; they change only when what they say changes. rich is imported only
when there is a terminal to draw on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from harness.report.bottlenecks import LIMIT, limits
from harness.report.model import Report
from harness.report.rows import (
    ERRORS,
    MEASURED,
    NAMES,
    RECORDED,
    Doubt,
    Sentence,
    Table,
    context_of,
    doubts,
    errors,
    headline,
    legend_of,
    measured,
    not_held,
    sentences,
    table_of,
)
from harness.report.signals import FIRED, fired
from harness.report.text import columns_wide, encodable

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"held": "green", "broken": "bold red", "invalid": "bold red", "cannot tell": "yellow", "no baseline": "dim"}
_STYLES |= {RECORDED: "cyan", ERRORS: "yellow", MEASURED: "cyan"}
_STYLES |= {FIRED: "yellow", LIMIT: "cyan"}
_GAP = 2
_MOST_TABLES = 2


def show(reports: Sequence[Report], stream: TextIO) -> None:
    """Print the reports on `stream`: drawn where it is a terminal that can draw, as plain lines where not.

    `NO_COLOR` and the terminal's width are respected.
    """
    if draws(stream):
        show_on(reports, console_on(stream))
    else:
        stream.write(encodable(plain(reports), stream.encoding))


def draws(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that understands more than lines of text."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def console_on(stream: TextIO) -> Console:
    """A rich console on a terminal. Under `NO_COLOR` (not empty) it writes no style at all.

    The convention (no-color.org) is about colour only, and rich keeps bold and dim. But many terminals draw these two
    as other colours, and whoever asks for no colour wants plain text: so they go as well.
    """
    from rich.console import Console  # noqa: PLC0415  - imported only where there is a terminal

    console = Console(file=stream, highlight=False, color_system=None if os.environ.get("NO_COLOR") else "auto")
    fit(console, stream)
    return console


def style_of(word: str) -> str:
    """The style of a verdict's word; empty for any other."""
    return _STYLES.get(word, "")


def fit(console: Console, stream: TextIO) -> None:
    """Make `console` as large as the terminal `stream` is now; rich itself asks whichever standard stream is one."""
    from rich.console import ConsoleDimensions  # noqa: PLC0415  - imported only where there is a terminal

    if os.environ.get("COLUMNS"):
        return
    try:
        width, height = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):  # no terminal of its own, or closed
        return
    if width > 0 and height > 0:
        console.size = ConsoleDimensions(width, height)


# --------------------------------------------------------------------------- drawn


def show_on(reports: Sequence[Report], console: Console) -> None:
    """Draw the reports on a rich console: in one table, two where one is too wide, else in blocks of lines."""
    from rich.text import Text  # noqa: PLC0415  - imported only where there is a terminal

    def say(line: str, style: str = "") -> None:
        # Text, never a string: what a target calls itself is not markup
        console.print(Text(encodable(line, console.encoding), style=style))

    table = _encoded(table_of(reports), console.encoding)
    say(_headline(reports), "bold")
    for line in _context_lines(reports):
        say(line, "dim")
    groups = _column_groups(table, console.width)
    for group in groups:
        console.print()
        _draw_table(table, group, console)
    if not groups:
        _draw_blocks(table, say, console.width)
    for line in legend_of(table):
        say(line, "dim")
    for sentence in (*sentences(reports), *limits(reports), *errors(reports), *measured(reports), *fired(reports)):
        say(_sentence_line(sentence), _STYLES[sentence.what])
    for doubt in doubts(reports):
        say(_doubt_line(doubt), "dim")


def _encoded(table: Table, encoding: str) -> Table:
    """The table as it can be printed; before it is measured, since a character written out is wider."""
    return replace(table, rows=tuple(tuple(encodable(cell, encoding) for cell in row) for row in table.rows))


def _column_groups(table: Table, width: int) -> list[list[int]]:
    """The columns of each table to draw; empty where two tables are too few to show all columns in `width`.

    Each table starts with the scenario; the verdict ends the first.
    """
    stacked = [max(header.split(), key=len) for header in table.headers]
    widths = [_column_width(stacked, table.rows, k) + _GAP for k in range(len(stacked))]
    verdict = len(widths) - 1
    rest = list(range(1, verdict))
    groups: list[list[int]] = []
    while rest and len(groups) < _MOST_TABLES:
        room = width - widths[0] - (0 if groups else widths[verdict])
        taken = next((k for k in range(len(rest), 0, -1) if sum(widths[c] for c in rest[:k]) <= room), 0)
        if not taken:
            return []
        groups.append([0, *rest[:taken], *([] if groups else [verdict])])
        rest = rest[taken:]
    return [] if rest else groups


def _column_width(headers: Sequence[str], rows: Sequence[Sequence[str]], column: int) -> int:
    return max(columns_wide(row[column]) for row in (headers, *rows))


def _draw_table(table: Table, columns: list[int], console: Console) -> None:
    from rich import box  # noqa: PLC0415  - imported only where there is a terminal
    from rich.table import Table as Drawn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Drawn(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    left = _left(table)
    for column in columns:
        drawn.add_column(
            "\n".join(table.headers[column].split()),
            vertical="bottom",
            justify="left" if left[column] else "right",
            no_wrap=True,
        )
    for row in table.rows:
        drawn.add_row(*(Text(row[column], style=_STYLES.get(row[column], "")) for column in columns))
    console.print(drawn)


def _draw_blocks(table: Table, say: Callable[[str, str], None], width: int) -> None:
    """A block per scenario: its name, its verdict, and its figures by name, as many to a line as fit."""
    for row in table.rows:
        say("", "")
        say(row[0], "bold")
        say(f"  {row[-1]}", _STYLES[row[-1]])
        line = ""
        for header, cell in zip(table.headers[1:-1], row[1:-1], strict=True):
            figure = f"  {header} {cell}"
            if columns_wide(line + figure) > width:
                say(line, "")
                line = ""
            line += figure
        say(line, "")
    say("", "")


# --------------------------------------------------------------------------- piped


def plain(reports: Sequence[Report]) -> str:
    """The reports as aligned lines of text, without any limit of width; ends with a newline."""
    table = table_of(reports)
    lines = [_headline(reports), *_context_lines(reports), "", *_aligned(table), *legend_of(table)]
    remarks = list(_remarks(reports))
    return "\n".join([*lines, *([""] if remarks else []), *remarks]) + "\n"


def _aligned(table: Table) -> Iterator[str]:
    grid = [table.headers, *table.rows]
    widths = [_column_width(table.headers, table.rows, k) for k in range(len(table.headers))]
    for row in grid:
        cells = [_padded(cell, width, left) for cell, width, left in zip(row, widths, _left(table), strict=True)]
        yield (" " * _GAP).join(cells).rstrip()


def _left(table: Table) -> list[bool]:
    """Which columns are aligned to the left: names and words, not figures."""
    return [header in NAMES or header in ("clock", "verdict") for header in table.headers]


def _padded(cell: str, width: int, left: bool) -> str:
    blanks = " " * (width - columns_wide(cell))
    return cell + blanks if left else blanks + cell


def _context_lines(reports: Sequence[Report]) -> Iterator[str]:
    context = context_of(reports)
    if context:
        yield ", ".join(f"{name} {value}" for name, value in context)


def _remarks(reports: Sequence[Report]) -> Iterator[str]:
    yield from map(
        _sentence_line, (*sentences(reports), *limits(reports), *errors(reports), *measured(reports), *fired(reports))
    )
    yield from map(_doubt_line, doubts(reports))


def _sentence_line(sentence: Sentence) -> str:
    return f"{sentence.what}: {sentence.scenario}: {sentence.text}"


def _doubt_line(doubt: Doubt) -> str:
    return f"doubt: {doubt.scenarios[0]}{' ' * bool(doubt.others)}{doubt.others}: {doubt.text}"


def _headline(reports: Sequence[Report]) -> str:
    groups = "".join(f", {len(names)} {word}" for word, names in not_held(reports).items()) if len(reports) > 1 else ""
    text = headline(reports) + groups
    return text[:1].upper() + text[1:] + "."
