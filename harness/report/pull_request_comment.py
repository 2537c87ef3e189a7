"""The comment on a pull request: the verdict first, what is wrong in a table, the rest folded, within GitHub's limit.

It is posted by a job that trusts nothing of what it shows. Names and commands stand in code spans, sentences are
escaped; the marker at its head is ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.report.comment_memory import Finding, Memory, remembered, state_of
from harness.report.comparison_rows import (
    FIRST,
    ORDER,
    Document,
    Metric,
    cells,
    headline,
    measuring,
    notes,
    outcome,
    remarks,
    sides,
    tally,
    told_by_its_row,
    with_verdict,
    word,
)
from harness.report.hidden_state import hidden
from harness.report.inert import command, sentence
from harness.report.interval_strip import Span, scale_of, strip
from harness.report.markdown import code
from harness.report.text import visible
from harness.report.within_limit import LIMIT, longest_that_fits

KIND = "comparison"
_HEADERS = ("verdict", "metric", "base", "head", "effect", "interval", "where it lies", "n", "p")
_WORDS = 2
"""Columns of words, aligned to the left, which come first."""
_STRIP = 6
_NONE = "-"
_MOST_NOTES = 10
_MOST_REMARKS = 3
_SHORT = 10
"""Digits of a commit's hash that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """What is known beside the comparison, from GitHub itself."""

    key: str = "default"
    fork: str | None = None
    """`owner/name` of the fork that measured; None: a branch of the repository itself."""
    run_url: str | None = None
    artifact: str = "harness-comparison"
    earlier: Memory = field(default_factory=Memory)
    order: tuple[int, int] = (0, 0)
    head: str = ""
    """The commit that GitHub says was measured."""


def comment_body(document: Document, posting: Posting, limit: int = LIMIT) -> str:
    """The whole body, at most `limit` characters; rows that do not fit are counted."""
    memory = remembered(document, posting.earlier, head=posting.head, order=posting.order)
    rows = with_verdict(document, *ORDER)
    first_line = hidden(KIND, posting.key, state_of(memory))

    def body(count: int) -> str:
        return "\n\n".join([first_line, *_parts(document, posting, memory, rows, count)]) + "\n"

    return longest_that_fits(len(rows), body, limit)


def visible_part(body: str) -> str:
    """A body without its marker, for whoever reads it elsewhere than on GitHub."""
    return body.partition("\n\n")[2]


def no_result_body(memory: Memory, posting: Posting, why: str) -> str:
    """What an earlier comment says when the newest commit has no result; `why` is a sentence of ours.

    What it remembers stays, so that a later result can still be called a resolution.
    """
    parts = [
        hidden(KIND, posting.key, state_of(memory)),
        f"### No result for {code(posting.head[:_SHORT])}: 0 of 0 compared",
        f"{sentence(why)} Nothing that was said of earlier commits can be said of this one.",
        *_regressed_before(memory.regressed),
        *_run(posting),
    ]
    return "\n\n".join(parts) + "\n"


def _parts(document: Document, posting: Posting, memory: Memory, rows: Sequence[Metric], count: int) -> Iterator[str]:
    """The comment's paragraphs, with the first `count` of `rows`."""
    shown, left_out = rows[:count], rows[count:]
    yield f"### {_headline(document, memory)}"
    yield f"{sentence(tally(document))}. {sentence(outcome(document))}"
    yield from _advice(posting)
    yield from _context(document)
    yield from _resolved(memory)
    yield from _shown([one for one in shown if one["verdict"] in FIRST])
    folded = [one for one in shown if one["verdict"] not in FIRST]
    if folded:
        yield f"<details><summary>The others: {_counted(folded)}</summary>"
        yield from _shown(folded)
        yield "</details>"
    if left_out:
        where = f"the artifact {code(posting.artifact)} has them all"
        yield f"**Left out, to stay within GitHub's limit: {len(left_out)} metrics** ({_counted(left_out)}); {where}."
    yield from _notes(document)
    yield from _run(posting)


# --------------------------------------------------------------------------- the head


def _headline(document: Document, memory: Memory) -> str:
    """The verdict in a line; it always says how many of how many were compared."""
    counts = document["counts"]
    compared = f"{counts['compared']} of {counts['total']} compared"
    resolved = len(memory.newly_resolved)
    again = f"{resolved} that had regressed {'is' if resolved == 1 else 'are'} fine again"
    if document["verdict"] == "regressed":
        said = f"Regressed: {counts['regressed']} of {counts['total']} metrics"
        return f"{said}; {again}; {compared}" if resolved else f"{said}; {compared}"
    if not counts["compared"]:
        said = headline(document)
        return f"{said[:1].upper()}{said[1:]}; {compared}"
    if document["verdict"] == "not_enough":
        return f"Not enough to judge: {compared}"
    if resolved and not memory.regressed:
        return f"Resolved: {again}; {compared}"
    waived = f", {counts['waived']} waived" if counts["waived"] else ""
    return f"Held: no metric regressed{waived}; {compared}"


def _advice(posting: Posting) -> Iterator[str]:
    if posting.fork is not None:
        yield (
            f"**Advisory**: measured by the workflow of a fork ({code(posting.fork)}), whose author can change what "
            "is measured and how."
        )


def _context(document: Document) -> Iterator[str]:
    base, head = sides(document)
    measured = measuring(document)
    yield f"Base {code(base)}, head {code(head)}{f'; {sentence(measured)}' if measured else ''}."


def _resolved(memory: Memory) -> Iterator[str]:
    lines = [
        f"- {code(one.name)} had regressed at {code(one.regressed_at[:_SHORT])}, is fine since "
        f"{code(one.fine_at[:_SHORT])}"
        for one in memory.resolved
    ]
    if lines:
        yield "Resolved on this pull request:"
        yield "\n".join(lines)
    yield from _regressed_before([one for one in memory.regressed if one.regressed_at != memory.head])
    if memory.forgotten:
        yield f"({memory.forgotten} more findings of earlier commits are no longer kept.)"


def _regressed_before(findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        yield "Had regressed on an earlier commit, and has not been shown to be fine since:"
        yield "\n".join(f"- {code(one.name)} at {code(one.regressed_at[:_SHORT])}" for one in findings)


# --------------------------------------------------------------------------- rows


def _shown(metrics: Sequence[Metric]) -> Iterator[str]:
    """A table, the reasons that it cannot hold, and the commands that measure its rows again."""
    if not metrics:
        return
    yield _table(metrics)
    settled = {"unchanged", "improved", "new"}
    said = [_reason(one) for one in metrics if one["verdict"] not in settled and not told_by_its_row(one)]
    if said:
        yield "\n".join(said)
    again = list(_commands(metrics))
    if again:
        yield "Measure these rows again, on a checkout of either commit:"
        yield "\n".join(again)


def _table(metrics: Sequence[Metric]) -> str:
    # a scale for each table: a large improvement must not make a small regression look like nothing
    scale = scale_of(span for span in map(_span, metrics) if span)
    rows = [_row(metric, scale) for metric in metrics]
    shown = [k for k in range(len(_HEADERS)) if k < _WORDS or any(row[k] != _NONE for row in rows)]
    headers = list(_HEADERS)
    headers[_STRIP] = f"where it lies (±{scale:.0%})".replace("%", " %")
    rule = [":--" if k < _WORDS or k == _STRIP else "--:" for k in shown]
    lines = [[headers[k] for k in shown], rule, *([row[k] for k in shown] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _row(metric: Metric, scale: float) -> tuple[str, ...]:
    verdict, name, base, head, effect, interval, n, p, _ = cells(metric)
    span = _span(metric)
    drawn = _NONE if span is None else f"`{strip(span, scale)}`"
    bold = f"**{sentence(verdict)}**" if metric["verdict"] in FIRST else sentence(verdict)
    return (bold, code(name), *map(sentence, (base, head, effect, interval)), drawn, *map(sentence, (n, p)))


def _span(metric: Metric) -> Span | None:
    """Where the effect lies; None where it is not known, and for points, which have a scale of their own."""
    effect, interval = metric["effect"], metric["interval"]
    if effect is None or metric["effect_unit"] != "relative":
        return None
    return (interval["low"], effect, interval["high"]) if interval else (effect, effect, effect)


def _reason(metric: Metric) -> str:
    said = remarks(metric)
    more = f" (and {len(said) - _MOST_REMARKS} more remarks)" if len(said) > _MOST_REMARKS else ""
    told = sentence("; ".join(said[:_MOST_REMARKS]))
    return f"- **{sentence(word(metric))}** {code(visible(metric['name'], 120))}: {told}{more}"


def _commands(metrics: Sequence[Metric]) -> Iterator[str]:
    """Each command once, with what it measures; every row has one, or it is said that it has none."""
    found: dict[str | None, list[str]] = {}
    for metric in metrics:
        found.setdefault(command(metric["command"]), []).append(metric["name"])
    for ours, names in found.items():
        told = code(visible(names[0], 120)) + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        yield f"- {told}: " + ("its result names no command of ours" if ours is None else code(ours))


def _counted(metrics: Sequence[Metric]) -> str:
    found = Counter(str(metric["verdict"]) for metric in metrics)
    return ", ".join(f"{found[one]} {one}" for one in ORDER if found[one])


# --------------------------------------------------------------------------- the end


def _notes(document: Document) -> Iterator[str]:
    said = notes(document)
    lines = [f"- {sentence(note)}" for note in said[:_MOST_NOTES]]
    if len(said) > _MOST_NOTES:
        lines.append(f"- and {len(said) - _MOST_NOTES} more notes")
    if lines:
        yield "\n".join(lines)
    again = command(document["command"])
    if again is not None:
        yield f"The whole comparison again, on your machine: {code(again)}"


def _run(posting: Posting) -> Iterator[str]:
    if posting.run_url is not None:
        yield f"Measured by [this run]({posting.run_url})."
