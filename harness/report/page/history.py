"""The page of a history: which metrics changed for good, at which commits, each drawn with its levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report.comparison_rows import in_unit
from harness.report.history import Document, headline_of
from harness.report.page.chart import Chart, Gallery, Line, Mark, Table, Unit
from harness.report.page.markup import Child, Element, element, listed, name, said
from harness.report.page.shell import Page, title_of, verdict_mark
from harness.report.text import visible

_SHORT = 10
"""Digits of a commit's hash that are shown."""
_UNITS: dict[str, Unit] = {"s": "s", "B": "B", "/s": "/s", "share": "share", "count": "count"}
_HEADERS = ("Metric", "Change", "Between", "Before", "After", "Effect", "Confidence")
_MOST_DRAWN = 120
_MOST_NAMED = 5


def history_page(document: Document) -> Page:
    """The page of one document of `schemas/history.schema.json`."""
    gallery = Gallery()
    line = headline_of(document)
    changed = [one for one in document["series"] if one["steps"]]
    steady = [one for one in document["series"] if not one["steps"]]
    return Page(
        title=title_of(line[:1].upper() + line[1:]),
        headline=f"{line[:1].upper()}{line[1:]}.",
        tone=_tone(document),
        facts=tuple(_facts(document)),
        answers=(
            ("What got worse for good?", _stepped(changed, "regressed")),
            ("What got better?", _stepped(changed, "improved")),
            ("And the newest commits?", _newest(document)),
        ),
        content=(_steps(changed), *_charts(changed, steady, gallery), *_notes(document)),
        gallery=gallery,
        foot=(element("p", "Written by agent-load-harness from the JSON of the history. A line is the level between "
                           "changes; shaded is where one may have come in, at about 95 %."),),
    )  # fmt: skip


def _tone(document: Document) -> str:
    """Whether any metric ended its latest change worse; where none was judged, that."""
    if all(one["newest"] == "too short" for one in document["series"]):
        return "inconclusive"
    last = [one["steps"][-1]["verdict"] for one in document["series"] if one["steps"]]
    return "regressed" if "regressed" in last else "held"


def _facts(document: Document) -> Iterator[tuple[str, Child]]:
    yield "source", name(document["source"])
    yield "metrics", str(len(document["series"]))
    if document["series"]:
        longest = max(document["series"], key=lambda one: one["commits"])
        yield (
            "commits",
            f"{longest['commits']}, {visible(longest['first'])[:_SHORT]} to {visible(longest['last'])[:_SHORT]}",
        )
    yield "judged", str(document["timestamp"])[:16].replace("T", " ") + " UTC"


def _stepped(changed: Sequence[Mapping[str, Any]], verdict: str) -> Child:
    found = [(one, step) for one in changed for step in one["steps"] if step["verdict"] == verdict]
    items = (_news(one, step) for one, step in found[:_MOST_NAMED])
    more = f"and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else None
    listing = listed(items, class_="plain")
    return [listing, element("small", more) if more else None] if listing is not None else "Nothing."


def _news(one: Mapping[str, Any], step: Mapping[str, Any]) -> Child:
    return [name(one["name"], 120), f" {_percent(step['effect'])} at ", element("code", _commit(step["first_after"]))]


def _newest(document: Document) -> Child:
    words: dict[str, int] = {}
    for one in document["series"]:
        words[one["newest"]] = words.get(one["newest"], 0) + 1
    return "; ".join(f"{count} metrics {word}" for word, count in words.items()) or "No metric was found."


# --------------------------------------------------------------------------- steps


def _steps(changed: Sequence[Mapping[str, Any]]) -> Child:
    rows = [_row(one, step) for one in changed for step in one["steps"]]
    if not rows:
        return None
    head = [element("th", one, scope="col", class_="num" if k > 2 else None) for k, one in enumerate(_HEADERS)]
    table = element("table", element("thead", element("tr", *head)), element("tbody", *rows), class_="cards")
    sheet = element("div", table, class_="sheet", tabindex="0", role="region", aria_label="Changes")
    return element("section", element("h2", "Changes"), sheet)


def _row(one: Mapping[str, Any], step: Mapping[str, Any]) -> Element:
    between = element("code", f"{_commit(step['last_before'])}..{_commit(step['first_after'])}")
    return element(
        "tr",
        element("th", name(one["name"], 120), scope="row", class_="whole"),
        element("td", verdict_mark(step["verdict"], step["verdict"])),
        element("td", between, class_="whole"),
        _level(step["before"], one["unit"], "Before"),
        _level(step["after"], one["unit"], "After"),
        element("td", _percent(step["effect"]), class_="num", data_label="Effect"),
        element("td", _sure(step["confidence"]), class_="num", data_label="Confidence"),
    )


def _level(value: float | None, unit: str, label: str) -> Element:
    shown = "n/a" if value is None else element("data", in_unit(value, unit), value=repr(float(value)))
    return element("td", shown, class_="num", data_label=label)


def _percent(effect: float | None) -> str:
    return "n/a" if effect is None else f"{effect * 100:+.3g} %"


def _sure(confidence: float) -> str:
    return "above 99.99 %" if confidence > 0.9999 else f"{confidence * 100:.2f} %"


def _commit(text: str) -> str:
    return visible(text)[:_SHORT]


# --------------------------------------------------------------------------- charts


def _charts(
    changed: Sequence[Mapping[str, Any]], steady: Sequence[Mapping[str, Any]], gallery: Gallery
) -> Iterator[Child]:
    drawn = [one for one in (*changed, *steady) if one.get("points")]
    shown = drawn[:_MOST_DRAWN]
    for title, group in (("Changed", changed), ("Not changed", steady)):
        frames = [gallery.hang(_chart(one)) for one in shown if one in group]
        if frames:
            yield element(
                "section", element("h2", f"{title} ({len(frames)})"), element("div", *frames, class_="charts")
            )
    if len(drawn) > len(shown):
        yield element("p", f"{len(drawn) - len(shown)} more are not drawn; the JSON holds them.", class_="lead aside")
    elif not drawn and (changed or steady):
        yield element("p", "This history holds no values: it was written by an earlier version.", class_="lead aside")


def _chart(one: Mapping[str, Any]) -> Chart:
    points = one["points"]
    places = {commit: k for k, commit in enumerate(points["commits"])}
    levels = _levels(one, places, len(places))
    lines = [Line("measured", points["values"], "blue", "dots")]
    if levels:
        lines.append(Line("level", levels, "ink", "step"))
    return Chart(
        visible(one["name"], 120),
        "index",
        _UNITS.get(one["unit"], "ratio"),
        (Table(list(range(len(places))), tuple(lines)),),
        x_title="commit",
        note=said(one["reason"], 200),
        marks=tuple(_marks(one, places)),
        y_from=None,
        ticks=[_commit(commit) for commit in points["commits"]],
    )


def _levels(one: Mapping[str, Any], places: Mapping[str, int], count: int) -> list[float | None]:
    steps = [step for step in one["steps"] if step["first_after"] in places]
    if not steps:
        return []
    levels: list[float | None] = [steps[0]["before"]] * count
    for step in steps:
        at = places[step["first_after"]]
        levels[at:] = [step["after"]] * (count - at)
    return levels


def _marks(one: Mapping[str, Any], places: Mapping[str, int]) -> Iterator[Mark]:
    for step in one["steps"]:
        at = places.get(step["first_after"])
        if at is not None:
            low, high = (places.get(step[key]) for key in ("earliest", "latest"))
            colour = "red" if step["verdict"] == "regressed" else "blue"
            yield Mark("x", at, _percent(step["effect"]), colour, low, high)  # type: ignore[arg-type]  # a literal of two


def _notes(document: Document) -> Iterator[Child]:
    found = listed(map(said, document["notes"]), class_="remarks doubts")
    if found is not None:
        yield element("section", element("h2", "To be read with care"), found, id="doubts")
