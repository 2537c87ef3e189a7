"""The page of a comparison: worse or not, in words; then every metric with its interval around no change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.judge.statistics.records import FLOORS
from harness.report.comparison_rows import (
    Document,
    Metric,
    commands,
    headline,
    in_unit,
    measuring,
    notes,
    outcome,
    remarks,
    sides,
    tally,
    with_verdict,
    word,
)
from harness.report.page.chart import Gallery
from harness.report.page.effect_strip import Scale, axis, scale_of, strip
from harness.report.page.markup import Child, Element, element, listed, name, said
from harness.report.page.run import Before
from harness.report.page.shell import Page, sign, title_of, verdict_mark

_TONES = {"held": "held", "regressed": "regressed", "not_enough": "inconclusive"}
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Regressed", ("regressed",)),
    ("Missing or not to be compared", ("missing", "incomparable")),
    ("Not settled", ("inconclusive",)),
    ("Improved", ("improved",)),
    ("New", ("new",)),
    ("Unchanged", ("unchanged",)),
)
_FOLDED = "Unchanged"
_MOST_NAMED = 4
_HEADERS = ("Metric", "Base", "Head", "Effect", "Interval around no change", "Runs", "p, corrected")


def comparison_page(document: Document) -> Page:
    """The page of one document of `schemas/comparison.schema.json`."""
    line = headline(document)
    return Page(
        title=title_of(line[:1].upper() + line[1:]),
        headline=f"{line[:1].upper()}{line[1:]}.",
        tone=_TONES[document["verdict"]],
        facts=tuple(_facts(document)),
        answers=(
            ("Worse than before?", said(outcome(document))),
            ("What changed most?", _changed(document)),
            ("How sure?", _sure(document)),
        ),
        content=(*_tables(document), _again(document)),
        gallery=Gallery(),
        foot=(element("p", _foot(document)),),
    )


def before(document: Document) -> Before:
    """What the page of a run takes from a comparison."""
    line = headline(document)
    answer: Child = [
        sign(_TONES[document["verdict"]]),
        " ",
        element("a", f"{line[:1].upper()}{line[1:]}", href="#compared"),
        ". ",
        element("small", said(outcome(document))),
    ]
    told = f"Base: {sides(document)[0]}. Head: {sides(document)[1]}. {tally(document).capitalize()}."
    section = element(
        "section",
        element("h2", "Compared with before", verdict_mark(_TONES[document["verdict"]], document["verdict"])),
        element("p", told, class_="lead aside"),
        *_tables(document, "h3"),
        id="compared",
    )
    return Before(answer, section)


def _facts(document: Document) -> Iterator[tuple[str, Child]]:
    base, head = sides(document)
    yield "base", name(base)
    yield "head", name(head)
    if measuring(document):
        yield "measured in", measuring(document)
    yield "judged", str(document["timestamp"])[:16].replace("T", " ") + " UTC"


def _changed(document: Document) -> Child:
    metrics = [one for one in with_verdict(document, "regressed", "improved") if one["effect"] is not None]
    metrics.sort(key=lambda one: (one["verdict"] != "regressed", -abs(one["effect"])))
    items = listed(map(_news, metrics[:_MOST_NAMED]), class_="plain")
    return "Nothing beyond its floor." if items is None else items


def _news(one: Metric) -> Child:
    return [name(one["name"], 120), " ", element("b", _effect(one), class_=f"tone {one['verdict']}")]


def _sure(document: Document) -> Child:
    rules = document["rules"]
    return [
        f"{tally(document).capitalize()}. ",
        element(
            "small",
            f"On unchanged code, at most {rules['family_alpha'] * 100:.3g} % of comparisons call anything changed, and "
            f"a metric changed by its margin is called unchanged in at most {rules['equivalence_alpha'] * 100:.3g} %.",
        ),
    ]


# --------------------------------------------------------------------------- the rows


def _tables(document: Document, heading: str = "h2") -> Iterator[Child]:
    scale = scale_of([one for one in document["metrics"] if one["effect"] is not None])
    for title, words in _GROUPS:
        metrics = with_verdict(document, *words)
        if metrics:
            table = _table(metrics, scale, title)
            shown = f"{title} ({len(metrics)})"
            if title == _FOLDED and len(metrics) < document["counts"]["total"]:
                yield element("details", element("summary", shown), table, class_="group")
            else:
                yield element("section", element(heading, shown), table)
    remaining = listed(map(said, notes(document)), class_="remarks doubts")
    if remaining is not None:
        yield element("section", element(heading, "To be read with care"), remaining, id="doubts-of-comparison")


def _table(metrics: Sequence[Metric], scale: Scale, title: str) -> Element:
    head = [
        element("th", one, axis(scale) if k == 4 else None, scope="col", class_="num" if k in (1, 2, 3, 5, 6) else None)
        for k, one in enumerate(_HEADERS)
    ]
    rows = [part for one in metrics for part in _row(one, scale)]
    table = element("table", element("thead", element("tr", *head)), element("tbody", *rows), class_="cards compared")
    return element("div", table, class_="sheet", tabindex="0", role="region", aria_label=f"Metrics: {title}")


def _row(metric: Metric, scale: Scale) -> Iterator[Element]:
    told = listed(remarks(metric), class_="plain part why")
    yield element(
        "tr",
        element("th", name(metric["name"], 120), element("br"), verdict_mark(metric["verdict"], word(metric)), told,
                scope="row", class_="whole"),
        _value(metric, "base"),
        _value(metric, "head"),
        element("td", element("data", _effect(metric), value=_exact(metric["effect"])), _interval(metric), class_="num",
                data_label="Effect"),
        element("td", strip(metric, scale, _floor(metric)), class_="whole range"),
        element("td", f"{metric['base']['n']} + {metric['head']['n']}", class_="num", data_label="Runs"),
        element("td", _p(metric), class_="num", data_label="p, corrected"),
    )  # fmt: skip


def _floor(metric: Metric) -> float:
    """The smallest effect worth a verdict; documents of earlier versions do not say it, and had their kind's."""
    found = metric.get("floor")
    return float(FLOORS[metric["kind"]] if found is None else found)


def _value(metric: Metric, side: str) -> Element:
    value = metric[side]["value"]
    shown = "n/a" if value is None else element("data", in_unit(value, metric["unit"]), value=_exact(value))
    return element("td", shown, class_="num", data_label=side.capitalize())


def _exact(value: float | None) -> str | None:
    return None if value is None else repr(float(value))


def _effect(metric: Mapping[str, Any]) -> str:
    if metric["effect"] is None:
        return "n/a"
    return f"{metric['effect'] * 100:+.3g} {'points' if metric['effect_unit'] == 'points' else '%'}"


def _interval(metric: Metric) -> Element | None:
    found = metric["interval"]
    if found is None:
        return element("span", "exact", class_="interval") if metric["kind"] == "exact" else None
    return element("span", f"{found['low'] * 100:+.3g} to {found['high'] * 100:+.3g}", class_="interval")


def _p(metric: Metric) -> str:
    return "n/a" if metric["p_adjusted"] is None else f"{metric['p_adjusted']:.2g}"


def _again(document: Document) -> Child:
    wanted = with_verdict(document, "regressed", "inconclusive")
    items = listed(([element("code", line), f" measures {what}"] for line, what in commands(wanted)), class_="plain")
    return None if items is None else element("section", element("h2", "Measure again"), items)


def _foot(document: Document) -> str:
    level = f"{document['rules']['confidence'] * 100:.3g} %"
    return (
        f"Written by agent-load-harness from the JSON of the comparison. Bars are {level} intervals of the effect, all "
        "on one scale; shaded is what is too small to matter."
    )
