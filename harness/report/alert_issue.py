"""The one issue about metrics that got worse on the main branch: what stands worse, since when, and what recovered."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.comparison_rows import in_unit
from harness.report.hidden_state import hidden
from harness.report.inert import sentence
from harness.report.markdown import code
from harness.report.text import visible
from harness.report.within_limit import LIMIT, longest_that_fits

KIND = "alert"
_MOST = 150
"""Alerts that are remembered; all of them are counted."""
_MOST_NAMED = 10
_HEADERS = ("metric", "got worse in", "before", "now", "effect", "confidence")
_SHORT = 10
_HASH = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A metric that stands worse than before its last step for the worse."""

    digest: str
    """Of the metric's whole name."""
    name: str
    unit: str
    before: float
    """Level before the step, in the unit."""
    now: float
    effect: float | None
    """Now over before minus one; None where before is not positive."""
    last_before: str
    first_after: str
    """Commits: the change is in `last_before..first_after`."""
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An alert that the issue has already."""

    digest: str
    name: str
    first_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the issue's readers find things."""

    key: str
    source: str
    """What was read, as `harness history` takes it."""
    repository_url: str


def known_in(state: Mapping[str, Any]) -> tuple[Known, ...]:
    """The alerts in an issue's hidden state; what does not fit is forgotten."""
    rows = state.get("alerts")
    fitting = [
        row
        for row in (rows[:_MOST] if isinstance(rows, list) else ())
        if isinstance(row, list) and len(row) == 3 and all(isinstance(one, str) for one in row)
    ]
    return tuple(Known(digest=row[0], name=row[1], first_after=row[2]) for row in fitting)


def alert_title(alerts: Sequence[Alert], untold: Sequence[Known], key: str) -> str:
    """The issue's title: ours alone, with no name of a metric."""
    count = len(alerts) + len(untold)
    label = "Benchmarks" if key == "default" else f"Benchmarks ({key})"
    if not count:
        return f"{label}: every metric has recovered"
    return f"{label}: {count} metric{'s' * (count > 1)} got worse"


def alert_body(alerts: Sequence[Alert], untold: Sequence[Known], places: Places, limit: int = LIMIT) -> str:
    """The issue's whole body, at most `limit` characters; rows that do not fit are counted."""
    kept = [Known(digest=one.digest, name=visible(one.name, 60), first_after=one.first_after) for one in alerts]
    state = {"version": 1, "alerts": [[one.digest, one.name, one.first_after] for one in (*kept, *untold)][:_MOST]}
    first_line = hidden(KIND, places.key, state)
    ordered = sorted(alerts, key=lambda one: -abs(one.effect or 0.0))

    def body(count: int) -> str:
        return "\n\n".join([first_line, *_parts(ordered, untold, places, count)]) + "\n"

    return longest_that_fits(len(ordered), body, limit)


def _parts(alerts: Sequence[Alert], untold: Sequence[Known], places: Places, count: int) -> Iterator[str]:
    if alerts:
        yield f"**{len(alerts)} metrics stand worse than before, and for good.**"
        yield _table(alerts[:count], places)
    else:
        yield "**Nothing stands worse than before.**"
    if len(alerts) > count:
        yield f"**Left out, to stay within GitHub's limit: {len(alerts) - count} metrics.**"
    if untold:
        yield "Got worse before; too few commits to tell, as they are measured now: " + _names(untold) + "."
    yield f"All of it, on a checkout with the results: {code(shlex.join(['harness', 'history', places.source]))}"
    yield (
        "This issue is kept by `harness github alert`. It closes when every metric has recovered. Close it to accept "
        "what stands here: it is opened again when something else gets worse."
    )


def _table(alerts: Sequence[Alert], places: Places) -> str:
    rule = [":--", ":--", *["--:"] * (len(_HEADERS) - 2)]
    rows = [_HEADERS, rule, *(_row(one, places) for one in alerts)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(one: Alert, places: Places) -> tuple[str, ...]:
    cells = (
        in_unit(one.before, one.unit),
        in_unit(one.now, one.unit),
        "-" if one.effect is None else f"{one.effect * 100:+.3g} %",
        f"{one.confidence:.2%}",
    )
    return (code(visible(one.name, 120)), _range(one, places), *map(sentence, cells))


def _range(one: Alert, places: Places) -> str:
    shown = code(f"{one.last_before[:_SHORT]}..{one.first_after[:_SHORT]}")
    if not all(_HASH.fullmatch(commit) for commit in (one.last_before, one.first_after)):
        return shown
    return f"[{shown}]({places.repository_url}/compare/{one.last_before}...{one.first_after})"


# --------------------------------------------------------------------------- what is said beneath


def worse_comment(new: Sequence[Alert]) -> str:
    """A comment that tells subscribers of what got worse since."""
    return f"Got worse: {_names(new)}. The table above has the commits.\n"


def recovered_comment(recovered: Sequence[Known]) -> str:
    """A comment that says why the issue is closed."""
    return f"Recovered: {_names(recovered)}. Every metric is back where it was, or better.\n"


def _names(said: Sequence[Alert | Known]) -> str:
    names = ", ".join(code(visible(one.name, 120)) for one in said[:_MOST_NAMED])
    more = len(said) - _MOST_NAMED
    return f"{names} and {more} more" if more > 0 else names
