"""Advice for people: what to do first, a line for each thing that was tried, and what was not tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.judge.baseline import FORMATS
from harness.report.markdown import prose
from harness.report.text import columns_wide, visible

Document = Mapping[str, Any]
_HEADERS = ("", "change", "{goal}", "agents·s", "attempts", "succeed", "lines")
_DOES = {"helps": "+", "harms": "-", "unclear": "?", "failed": "!"}


def plain_advice(document: Document) -> str:
    """The advice as lines of text; ends with a newline."""
    rows = [_header(document), _now(document), *_rows(document)]
    widths = [max(columns_wide(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [*headlines(document), ""]
    for row in rows:
        cells = (cell + " " * (width - columns_wide(cell)) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, "", *notes_of(document), *_change(document)]) + "\n"


def advice_markdown(document: Document) -> str:
    """The advice as GitHub-flavoured Markdown; ends with a newline."""
    first, *more = headlines(document)
    rows = [_header(document), _now(document), *_rows(document)]
    table = ["| " + " | ".join(map(prose, row)) + " |" for row in rows]
    table.insert(1, "|" + " :-- |" * len(rows[0]))
    notes = "\n".join(f"- {prose(line)}" for line in notes_of(document))
    change = document["change"]
    parts = [f"**{prose(first)}**", *map(prose, more), "\n".join(table), notes]
    return "\n\n".join([*parts, *([f"```toml\n{change}```"] if change else [])]) + "\n"


def headlines(document: Document) -> Iterator[str]:
    name, best = visible(document["scenario"], 80), document["best"]
    if best is None:
        assumed = any(one["does"] == "helps" for one in document["tried"])
        beside = " but what rests on an assumption" if assumed else ""
        yield f"{name}: nothing that was tried helps{beside} ({document['variations']} variations were run)."
    else:
        tried = document["tried"][best]
        yield f"{name}: {visible(tried['what'])}: {_label(document)} {effect_in_words(document, tried)}{_but(tried)}."
    yield from _assumed(document)
    yield f"Limited by: {visible(document['limited_by'])}."
    now = document["now"]
    goal = document["goal"]
    if goal["op"] is None:
        yield f"No line of its baseline is a goal, so it is {_label(document)}, the lower the better."
    else:
        word = "broken" if goal["metric"] in now["broken"] else "tightest"
        limit = _shown(document, goal["limit"])
        yield f"Goal: the {word} line of its baseline, {_label(document)} {goal['op']} {limit}."
    if document["stopped"]:
        yield f"The search was {document['stopped']}: not everything was tried."


def _assumed(document: Document) -> Iterator[str]:
    """What would hold every line if something were so, where nothing else does."""
    helping = [one for one in document["tried"] if one["does"] == "helps" and not one["then"]["broken"]]
    if document["now"]["broken"] and helping and all(one["assumption"] for one in helping):
        one = helping[0]
        yield (
            f"What holds every line rests on an assumption: {visible(one['what'])} (if {visible(one['assumption'])}): "
            f"{_label(document)} {effect_in_words(document, one)}."
        )


def _but(tried: Document) -> str:
    said = []
    if tried["newly_broken"]:
        said.append(f"breaks {', '.join(tried['newly_broken'])}")
    if tried["sheds"]:
        said.append(f"{-tried['success_rate']['mean']:.1%} fewer of the workflows succeed")
    if tried["then"]["broken"] and not tried["newly_broken"]:
        said.append(f"still broken: {', '.join(tried['then']['broken'])}")
    return f"; but {', '.join(said)}" if said else ""


def _header(document: Document) -> tuple[str, ...]:
    return tuple(title.format(goal=_label(document)) for title in _HEADERS)


def _now(document: Document) -> tuple[str, ...]:
    now = document["now"]
    value = "-" if now["value"] is None else _shown(document, now["value"])
    return ("", "as it is", value, *_costs(now), _lines(now["broken"]))


def _rows(document: Document) -> Iterator[tuple[str, ...]]:
    for one in document["tried"]:
        if one["does"] == "nothing":
            continue  # in one line, below
        assumed = f" (if {visible(one['assumption'])})" if one["assumption"] else ""
        mark = ("±" if one["does"] == "helps" and one["sheds"] else _DOES[one["does"]]) + ("*" if one["pareto"] else "")
        what = visible(one["what"]) + assumed
        if one["then"] is None:
            yield mark, what, f"failed: {visible(one['why'], 120)}", "", "", "", ""
        else:
            yield mark, what, effect_in_words(document, one), *_costs(one["then"]), _lines(one["then"]["broken"])


def _costs(of: Document) -> tuple[str, str, str]:
    attempts = of["attempts_per_workflow"]
    return f"{of['agent_seconds']:.0f}", "-" if attempts is None else f"{attempts:.2f}", f"{of['success_rate']:.1%}"


def _lines(broken: list[str]) -> str:
    return f"breaks {', '.join(broken)}" if broken else "hold"


def effect_in_words(document: Document, one: Document) -> str:
    """`4.1 s → 1.9 s [1.8 s, 2 s]`: what is now, and that plus the paired difference with its interval."""
    now, effect = document["now"]["value"], one["effect"]
    if now is None or effect is None or effect["mean"] is None:
        return "not observable"
    if one["does"] == "nothing":
        return f"{_shown(document, now)}, no change"
    if effect["low"] is None or effect["high"] is None:
        return f"{_shown(document, now)} → {_shown(document, now + effect['mean'])}"
    low, high = (_shown(document, max(0.0, now + effect[end])) for end in ("low", "high"))
    return f"{_shown(document, now)} → {_shown(document, now + effect['mean'])} [{low}, {high}]"


def _label(document: Document) -> str:
    return str(document["goal"]["label"])


def _shown(document: Document, value: float) -> str:
    return FORMATS[document["goal"]["unit"]](value)


def notes_of(document: Document) -> Iterator[str]:
    count = len(document["seeds"])
    yield (
        f"Each is the mean of {count} replications with the 95 % interval of the paired difference; "
        f"{document['clock']} clock, {document['variations']} variations, searched with other seeds than these."
    )
    yield (
        "+ helps, ± helps, and fewer workflows succeed, ? cannot be told, - harms, ! failed; "
        "* nothing else is as good, as cheap and as successful."
    )
    idle = [visible(one["what"]) for one in document["tried"] if one["does"] == "nothing"]
    if idle:
        yield f"changes nothing: {'; '.join(idle)}"
    for one in document["untried"]:
        yield f"not tried: {visible(one['what'])}: {visible(one['why'])}"


def _change(document: Document) -> Iterator[str]:
    if document["change"]:
        yield ""
        yield "# what to change for the first of them"
        yield document["change"].rstrip()
