"""Reports as GitHub-flavoured Markdown, the verdict first, fit to be posted by someone who trusts none of its texts.

Names stand in code spans, where nothing is a link, a mention or markup. Sentences are escaped, and what GitHub would
make a link of even then (mentions, issue numbers, addresses) is cut by a zero-width space of our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.report.bottlenecks import limits
from harness.report.model import Report
from harness.report.rows import (
    NAMES,
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
from harness.report.signals import fired
from harness.report.text import visible

_MARKUP = re.compile(r"[\\`*_\[\]<>|~&$^=]")
_LINKED = re.compile(r"[@#](?=\w)|(?<=:)(?=//)|(?<=\bwww)(?=\.)|(?<=\bGH-)(?=\d)", re.IGNORECASE)
_CUT = "&#8203;"
_WORDS = NAMES | {"clock", "verdict"}


def markdown(reports: Sequence[Report]) -> str:
    """The reports as Markdown: headline, table, what is not held, errors, doubts (folded). Ends with a newline."""
    parts = [
        _headline(reports),
        *_context(reports),
        _table(reports),
        *_legend(reports),
        *_reasons(reports),
        *_doubts(reports),
    ]
    return "\n\n".join(parts) + "\n"


def code(text: str) -> str:
    """`text` as a code span that also holds in a table cell."""
    inside = re.sub(
        r"\\(?=[\\|])", r"\\ ", visible(text)
    )  # never two backslashes before a pipe: readers disagree on it
    longest = max(map(len, re.findall("`+", inside)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if longest or inside != inside.strip() or not inside else ""
    return f"{fence}{padding}{inside.replace('|', chr(92) + '|')}{padding}{fence}"


def prose(text: str) -> str:
    """`text` as words of a sentence: no markup, no link, no mention, on one line."""
    escaped = _MARKUP.sub(lambda match: f"&#{ord(match[0])};", visible(text))
    # entities hold a # of their own, which a digit follows: it is not an issue number and must stay whole
    pieces = re.split(r"(&#\d+;)", escaped)
    pieces[::2] = [_LINKED.sub(lambda match: match[0] + _CUT, piece) for piece in pieces[::2]]
    return "".join(pieces)


def _headline(reports: Sequence[Report]) -> str:
    groups = (f"{word}: {', '.join(map(code, names))}" for word, names in not_held(reports).items())
    return "; ".join([f"**{headline(reports).capitalize()}**", *groups]) + "."


def _context(reports: Sequence[Report]) -> Iterator[str]:
    context = context_of(reports)
    if context:
        yield ", ".join(f"{name} {code(value)}" for name, value in context)


def _table(reports: Sequence[Report]) -> str:
    table = table_of(reports)
    rule = tuple(":--" if header in _WORDS else "--:" for header in table.headers)
    rows = [table.headers, rule, *(tuple(map(_cell, table.headers, row)) for row in table.rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _legend(reports: Sequence[Report]) -> Iterator[str]:
    marks = legend_of(table_of(reports))
    if marks:
        yield "; ".join(map(prose, marks))


def _cell(header: str, cell: str) -> str:
    if header in NAMES:
        return code(cell)
    return f"**{cell}**" if header == "verdict" and cell != "held" else prose(cell)


def _reasons(reports: Sequence[Report]) -> Iterator[str]:
    said = (*sentences(reports), *limits(reports), *errors(reports), *measured(reports), *fired(reports))
    if said:
        yield "\n".join(f"- **{one.what}** {code(one.scenario)}: {prose(one.text)}" for one in said)


def _doubts(reports: Sequence[Report]) -> Iterator[str]:
    said = doubts(reports)
    if said:
        yield f"<details><summary>{len(said)} doubt{'s' * (len(said) > 1)}</summary>"
        yield "\n".join(f"- {code(one.scenarios[0])} {one.others}".rstrip() + f": {prose(one.text)}" for one in said)
        yield "</details>"
