"""The page of a search for the capacity: what it holds, what gives way, the curves, the knee, every load tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.report.capacity_document import Document
from harness.report.page.chart import Chart, Colour, Gallery, Line, Mark, Style, Table, Unit
from harness.report.page.figure import FORMS, between, exact, in_words
from harness.report.page.markup import Child, Element, element, listed, name, said
from harness.report.page.shell import Page, title_of, verdict_mark
from harness.report.text import visible

_MODELS = {"linear": "straight line", "hard_limit": "hard limit", "usl": "Universal Scalability Law"}
_AXES: dict[str, tuple[str, Unit]] = {
    "in flight": ("workflows in flight", "count"),
    "burst size": ("workflows in flight", "count"),
    "rate per second": ("offered rate", "/s"),
    "times the declared rates": ("times the declared rates", "ratio"),
}
_LOGARITHMIC_FROM = 12.0
"""Where the largest load is so many times the knee, a linear axis would hide the knee."""
_BEYOND = 1.5
"""A curve that leaves what was measured by more than this factor would squeeze it."""
_WORDS = {"held": "held", "broken": "broken", "cannot_tell": "cannot tell"}


def capacity_page(document: Document) -> Page:
    """The page of one document of `schemas/capacity.schema.json`."""
    gallery = Gallery()
    sentences = document["sentences"] or ["nothing was found"]
    return Page(
        title=title_of("Capacity", visible(document["scenario"], 80)),
        headline=said(sentences[0]),
        tone=_tone(document),
        facts=tuple(_facts(document)),
        answers=(
            ("How much does it hold?", _holds(document)),
            ("What gives way?", said(document["cause"]["because"] or "That cannot be told.")),
            ("Beyond that?", _beyond(document, sentences[1:])),
        ),
        content=tuple(_content(document, gallery)),
        gallery=gallery,
        foot=(element("p", "Written by agent-load-harness from the JSON of the search. Bars and small figures are 95 % "
                           "intervals over replications."),),
    )  # fmt: skip


def _tone(document: Document) -> str:
    if document["status"] != "valid":
        return "invalid"
    return {0: "held", 4: "broken"}.get(document["exit_code"], "cannot_tell")


def _facts(document: Document) -> Iterator[tuple[str, Child]]:
    yield "scenario", name(document["scenario"])
    yield "target", name(document["target"])
    yield "clock", document["clock"]
    yield "replications", str(document["replications"])
    if document["commit"]:
        yield "commit", document["commit"]["id"][:10]
    yield "started", visible(document["timestamp"])[:16].replace("T", " ") + " UTC"


def _unit(document: Document) -> Unit:
    return _AXES[document["load"]["axis"]][1]


def _holds(document: Document) -> Child:
    held = document["held"]
    if held["level"] is None:
        return said(held["reason"] or "No load that was tried holds the baseline.")
    unit = _unit(document)
    axis = f" {_AXES[document['load']['axis']][0]}" if unit == "count" else ""
    found: list[Child] = [exact(held["level"], unit, "held.level"), axis, between(held["low"], held["high"], unit)]
    broken = held["broken_at"]
    return [
        element("span", *found, class_="figure"),
        element("small", f"The baseline is broken at {in_words(broken, unit)}.") if broken is not None else None,
    ]


def _beyond(document: Document, sentences: Sequence[str]) -> Child:
    turned = document["turned_away"]
    told = [element("li", said(one)) for one in sentences]
    if turned and not told:
        told = [element("li", f"Work is turned away from {in_words(turned['some_at'], _unit(document))} on.")]
    return element("ul", *told) if told else "Nothing else was found."


def _content(document: Document, gallery: Gallery) -> Iterator[Child]:
    charts = [one for one in (_throughput(document), _latency(document)) if one is not None]
    if document["status"] != "valid":
        yield element("p", said(document["status"].removeprefix("invalid: ")), class_="lead tone broken")
    if charts:
        frames = element("div", *map(gallery.hang, charts), class_="charts")
        yield element("section", element("h2", "Throughput and latency by load"), frames, data_scenario="capacity")
    yield element("section", element("h2", "Curves"), _fits(document))
    yield element("section", element("h2", "Every load that was tried"), _trials(document))
    doubts = listed(map(said, document["doubts"]), class_="remarks doubts")
    if doubts is not None:
        yield element("section", element("h2", "To be read with care"), doubts, id="doubts")
    yield element("section", element("h2", "Again"), element("p", element("code", visible(document["command"], 400))))


# --------------------------------------------------------------------------- charts


def _carried(document: Document) -> list[dict[str, Any]]:
    return [one for one in document["trials"] if one["throughput_per_s"]["value"] is not None]


def _logarithmic(document: Document) -> bool:
    levels = [one["level"] for one in _carried(document)]
    knee = document["knee"]
    return bool(levels and knee and min(levels) > 0 and max(levels) > _LOGARITHMIC_FROM * knee["load"]["value"])


def _throughput(document: Document) -> Chart | None:
    trials = _carried(document)
    if not trials:
        return None
    rates = [one["throughput_per_s"] for one in trials]
    error = ([one["low"] for one in rates], [one["high"] for one in rates])
    measured = Line("measured", [one["value"] for one in rates], "ink", "dots", error)
    most = _BEYOND * max(one["high"] if one["high"] is not None else one["value"] for one in rates)
    return Chart(
        "Throughput",
        _unit(document),
        "/s",
        (*_curves(document, most), Table([one["level"] for one in trials], (measured,))),
        x_title=_AXES[document["load"]["axis"]][0],
        note=f"By {_AXES[document['load']['axis']][0]}; shaded: where the knee is, at 95 %.",
        marks=tuple(_found(document)),
        logarithmic=_logarithmic(document),
        wide=True,
        group="" if _logarithmic(document) else "capacity",
    )


def _curves(document: Document, most: float) -> Iterator[Table]:
    """Both curves that bend, the chosen one drawn through, the other dashed."""
    chosen = document["knee"]["model"] if document["knee"] else None
    colours: dict[str, Colour] = {"hard_limit": "blue", "usl": "orange"}
    for fit in document["fits"]:
        if fit["model"] in colours:
            style: Style = "line" if fit["model"] == chosen else "dashed"
            points = [(x, y) for x, y in _drawn(document, fit) if y is not None and y <= most]
            label = _MODELS[fit["model"]] + (" (chosen)" if fit["model"] == chosen else "")
            line = Line(label, [y for _, y in points], colours[fit["model"]], style)
            yield Table([x for x, _ in points], (line,))


def _drawn(document: Document, fit: dict[str, Any]) -> list[tuple[float, float]]:
    """The curve over the load: what passes through, where the load is a rate."""
    in_flight, rates = fit["curve"]["in_flight"], fit["curve"]["throughput_per_s"]
    if document["load"]["axis"] != "rate per second":
        return list(zip(in_flight, rates, strict=True))
    top = max(rates)
    levels = sorted({one["level"] for one in document["trials"]} | {top})
    return [(level, min(level, top)) for level in levels]


def _found(document: Document) -> Iterator[Mark]:
    knee, held, unit = document["knee"], document["held"], _unit(document)
    if knee is not None and knee["load"]["value"] is not None:
        at = knee["load"]
        yield Mark("x", at["value"], f"knee {in_words(at['value'], unit)}", "red", at["low"], at["high"])
    if held["status"] == "found":
        yield Mark("x", held["level"], f"baseline holds to {in_words(held['level'], unit)}", "green")


def _latency(document: Document) -> Chart | None:
    trials = [one for one in _carried(document) if one["latency_p50_s"]["value"] is not None]
    if not trials:
        return None
    lines = (_percentile(trials, "p95", "orange"), _percentile(trials, "p50", "blue"))
    most = max(one["latency_p95_s"]["value"] or 0.0 for one in trials)
    limits = [
        Mark("y", one["limit"], f"{one['metric'].replace('_', ' ')} {one['op']} {FORMS['s'](one['limit'])}", "green")
        for one in document["baseline_limits"]
        if one["metric"] in ("latency_p50", "latency_p95") and 0 < one["limit"] <= 2 * most
    ]
    return Chart(
        "Latency",
        _unit(document),
        "s",
        (Table([one["level"] for one in trials], lines),),
        x_title=_AXES[document["load"]["axis"]][0],
        marks=(*_found(document), *limits),
        logarithmic=_logarithmic(document),
        wide=True,
        group="" if _logarithmic(document) else "capacity",
    )


def _percentile(trials: Sequence[dict[str, Any]], key: str, colour: Colour) -> Line:
    found = [one[f"latency_{key}_s"] for one in trials]
    error = ([one["low"] for one in found], [one["high"] for one in found])
    return Line(key, [one["value"] for one in found], colour, "line", error)


# --------------------------------------------------------------------------- tables


def _fits(document: Document) -> Element:
    chosen = document["knee"]["model"] if document["knee"] else None
    headers = ("Curve", "Its knee", "Misses by", "AICc")
    rows = [
        element(
            "tr",
            element("th", _MODELS[one["model"]] + (" (chosen)" if one["model"] == chosen else ""), scope="row"),
            element("td", *_knee(one, document), class_="num", data_label="Its knee"),
            element("td", in_words(one["error"], "share"), class_="num", data_label="Misses by"),
            element("td", f"{one['aicc']:.1f}" if one["aicc"] is not None else "n/a", class_="num", data_label="AICc"),
        )
        for one in document["fits"]
    ]
    return _sheet(headers, rows, 1) if rows else element("p", "Too few loads were measured for a curve.")


def _knee(fit: dict[str, Any], document: Document) -> Iterator[Child]:
    value, unit = fit["knee"]["value"], _unit(document)
    if value is None:
        yield "none"
    else:
        yield exact(value, "ratio" if unit == "count" else unit)
        yield between(fit["knee"]["low"], fit["knee"]["high"], "ratio" if unit == "count" else unit)


def _trials(document: Document) -> Element:
    names = list(dict.fromkeys(busy["name"] for one in document["trials"] for busy in one["busy"]))
    judged = any(one["verdict"] for one in document["trials"])
    last = "Baseline" if judged else ""
    headers = ("Load", "Throughput", "p50", "p95", "Turned away", *(visible(one, 30) for one in names), last)
    rows = [_trial(k, one, names, _unit(document)) for k, one in enumerate(document["trials"])]
    return _sheet(headers, rows, 0)


def _trial(k: int, one: dict[str, Any], names: Sequence[str], unit: Unit) -> Element:
    busy = {each["name"]: each["share"] for each in one["busy"]}
    cells = [
        _estimate(one, k, "throughput_per_s", "/s", "Throughput"),
        _estimate(one, k, "latency_p50_s", "s", "p50"),
        _estimate(one, k, "latency_p95_s", "s", "p95"),
        _cell("n/a" if one["turned_away"] is None else in_words(one["turned_away"], "share"), "Turned away"),
        *(_cell("n/a" if busy.get(x) is None else in_words(busy[x], "share"), visible(x, 30)) for x in names),
    ]
    verdict = one["verdict"]
    why = one["invalid"] or one["not_fitted"] or "; ".join(one["broken"])
    mark = (
        verdict_mark(verdict, _WORDS.get(verdict, verdict) + ("" if one["settled"] else ", not settled"))
        if verdict
        else None
    )
    told = element("small", said(why), class_="part") if why else None
    load = exact(one["level"], unit, f"trials.{k}.level")
    level = element("th", load, scope="row", class_="num whole", data_label="Load")
    return element("tr", level, *cells, element("td", mark, " ", told, class_="num"))


def _estimate(one: dict[str, Any], k: int, key: str, unit: str, label: str) -> Element:
    found = one[key]
    if found["value"] is None:
        return _cell("n/a", label)
    value = exact(found["value"], unit, f"trials.{k}.{key}.value")
    return element("td", value, between(found["low"], found["high"], unit), class_="num", data_label=label)


def _cell(text: str, label: str) -> Element:
    return element("td", text, class_="num", data_label=label)


def _sheet(headers: Sequence[str], rows: Sequence[Element], words: int) -> Element:
    head = [element("th", one, scope="col", class_=None if k < words else "num") for k, one in enumerate(headers)]
    table = element("table", element("thead", element("tr", *head)), element("tbody", *rows), class_="cards")
    return element("div", table, class_="sheet", tabindex="0", role="region", aria_label=headers[0])
