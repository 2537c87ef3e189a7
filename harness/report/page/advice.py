"""The page of advice: what to do first, everything that was tried with its effect and cost, the lines to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report.advising.shown import effect_in_words, headlines, notes_of
from harness.report.page.chart import Gallery
from harness.report.page.effect_strip import Scale, axis, scale_of, strip
from harness.report.page.markup import Child, Element, element, listed, name, said
from harness.report.page.shell import Page, title_of, verdict_mark
from harness.report.text import visible

Document = Mapping[str, Any]
_TONES = {"helps": "improved", "harms": "regressed", "unclear": "inconclusive", "failed": "invalid"}
_COLUMNS = ("Change", "Effect, paired", "Around no change", "Agent-seconds", "Attempts", "Succeed", "Baseline")
_WORDS = 3
"""Columns of words, which come first."""
_LIMITED = "Limited by: "
_SIGNS = "+ helps"
_BEST = "nothing else is as good, as cheap and as successful"


def advice_page(document: Document) -> Page:
    """The page of one document of `schemas/advice.schema.json`."""
    first, *others = (line for line in headlines(document) if not line.startswith(_LIMITED))
    change = document["change"]
    return Page(
        title=title_of("Advice", visible(document["scenario"], 80)),
        headline=said(first.removeprefix(f"{visible(document['scenario'], 80)}: "), 300),
        tone="held" if document["best"] is not None else "inconclusive",
        facts=tuple(_facts(document)),
        answers=(
            ("What limits it?", said(document["limited_by"])),
            ("What is the goal?", listed(map(said, others), class_="plain")),
            ("What else helps?", _helping(document)),
        ),
        content=(
            _table(document),
            element("section", element("h2", "The lines to change"), element("pre", change)) if change else None,
            element("section", element("h2", "To be read with care"),
                    listed(map(said, _notes(document)), class_="remarks doubts"), id="doubts"),
        ),
        gallery=Gallery(),
        foot=(element("p", "Written by agent-load-harness from the JSON of the advice. Bars are 95 % intervals of the "
                           "paired difference, as a share of what it is now."),),
    )  # fmt: skip


def _notes(document: Document) -> Iterator[str]:
    """The notes of the text without the one that says what its signs mean."""
    return (note for note in notes_of(document) if not note.startswith(_SIGNS))


def _facts(document: Document) -> Iterator[tuple[str, Child]]:
    yield "scenario", name(document["scenario"])
    yield "target", name(document["target"])
    yield "clock", document["clock"]
    yield "variations", str(document["variations"])
    yield "started", visible(document["timestamp"])[:16].replace("T", " ") + " UTC"


def _helping(document: Document) -> Child:
    best = document["best"]
    others = [one for k, one in enumerate(document["tried"]) if one["does"] == "helps" and k != best]
    items = listed((visible(one["what"], 120) for one in others[:4]), class_="plain")
    more = element("small", f"and {len(others) - 4} more") if len(others) > 4 else None
    return "Nothing else that was tried." if items is None else [items, more]


# --------------------------------------------------------------------------- what was tried


def _table(document: Document) -> Child:
    tried = [one for one in document["tried"] if one["does"] != "nothing"]
    if not tried:
        return None
    scale = scale_of([_effect(document, one) for one in tried])
    head = [
        element(
            "th", title, axis(scale) if k == _WORDS - 1 else None, scope="col", class_="num" if k >= _WORDS else None
        )
        for k, title in enumerate(_COLUMNS)
    ]
    rows = [_row(document, one, scale) for one in tried]
    table = element("table", element("thead", element("tr", *head)), element("tbody", *rows), class_="cards compared")
    sheet = element("div", table, class_="sheet", tabindex="0", role="region", aria_label="What was tried")
    return element("section", element("h2", "What was tried"), sheet)


def _row(document: Document, one: Document, scale: Scale) -> Element:
    does = one["does"]
    mark = verdict_mark(_TONES[does], f"{does}, and fewer succeed" if does == "helps" and one["sheds"] else does)
    told = [f"if {visible(one['assumption'], 200)}" if one["assumption"] else "", _BEST if one["pareto"] else ""]
    why = listed((text for text in told if text), class_="plain part why")
    effect = f"failed: {visible(one['why'], 200)}" if one["then"] is None else effect_in_words(document, one)
    return element(
        "tr",
        element("th", visible(one["what"], 160), element("br"), mark, why, scope="row", class_="whole"),
        element("td", effect, class_="whole"),
        element("td", strip(_effect(document, one), scale, 0.0), class_="whole range"),
        *_costs(one["then"]),
    )


def _costs(then: Document | None) -> Sequence[Element]:
    if then is None:
        return [element("td", "n/a", class_="num", data_label=title) for title in _COLUMNS[_WORDS:]]
    attempts, broken = then["attempts_per_workflow"], then["broken"]
    texts = (
        f"{then['agent_seconds']:.0f}",
        "n/a" if attempts is None else f"{attempts:.2f}",
        f"{then['success_rate'] * 100:.3g} %",
        f"breaks {visible(', '.join(broken), 120)}" if broken else "holds",
    )
    return [
        element("td", text, class_="num", data_label=title)
        for title, text in zip(_COLUMNS[_WORDS:], texts, strict=True)
    ]


def _effect(document: Document, one: Document) -> Document:
    """The paired difference as a share of what it is now, as a strip takes it."""
    now, effect = document["now"]["value"], one["effect"]
    known = bool(now) and effect is not None and effect["mean"] is not None
    bounded = known and effect["low"] is not None and effect["high"] is not None
    return {
        "verdict": _TONES[one["does"]],
        "effect": effect["mean"] / now if known else None,
        "effect_unit": "relative",
        "interval": {"low": effect["low"] / now, "high": effect["high"] / now} if bounded else None,
    }
