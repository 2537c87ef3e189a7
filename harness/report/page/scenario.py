"""One scenario on a page: its verdict in words, its figures, its baseline, its charts, what speaks against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.report.model import Report
from harness.report.page.chart import Gallery
from harness.report.page.distribution import distribution_chart
from harness.report.page.figure import at, exact, figure, in_words
from harness.report.page.markup import Child, Element, element, listed, name, said
from harness.report.page.over_time import charts_over_time
from harness.report.page.shell import verdict_mark
from harness.report.rows import VERDICTS, verdict_of
from harness.report.text import visible

_FIGURES: tuple[tuple[str, str, str], ...] = (
    ("p50 latency", "response_time_percentiles.p50", "s"),
    ("p95 latency", "response_time_percentiles.p95", "s"),
    ("p99 latency", "response_time_percentiles.p99", "s"),
    ("Slowest", "latency.max", "s"),
    ("Succeeded", "success_rate", "share"),
    ("Errors", "error_rate", "share"),
    ("Turned away", "rejection_rate", "share"),
    ("Throughput, mean", "throughput_stats.mean", "/s"),
    ("Pool in use, most", "pool_metrics.max_utilization", "share"),
    ("Queue, deepest", "queue_metrics.max_depth", "count"),
    ("Memory, peak", "resource_usage.memory_peak_b", "B"),
    ("CPU, mean", "resource_usage.cpu_mean", "share"),
)
_MOST_KINDS = 20
_MOST_PLACES = 6
_OLD = "This report holds no figures over time: it was written by an earlier version, or by a run that kept none."


def scenario_section(report: Report, key: str, gallery: Gallery) -> Element:
    """The section of one report; `key` is its identity on the page."""
    document, verdict = report.document, verdict_of(report)
    heading = element("h2", name(report.scenario), verdict_mark(verdict, VERDICTS[verdict]))
    return element(
        "section",
        heading,
        *_lead(report),
        element("dl", *_figures(document), class_="figures"),
        _baseline(document),
        _charts(document, key, gallery),
        _errors(document),
        _signals(document),
        _doubts(document, key),
        _facts(document),
        id=key,
        class_="scenario",
        data_scenario=key,
    )


def _lead(report: Report) -> Iterator[Child]:
    document = report.document
    if not report.valid:
        yield element("p", said(str(document["status"]).removeprefix("invalid: ")), class_="lead tone broken")
    if document.get("bottlenecks"):
        yield element("p", said(document["bottlenecks"][0]["sentence"]), class_="lead")
    flight = exact(document["concurrent_workflows"], "count", "concurrent_workflows")
    offered = exact(document["offered"], "count", "offered")
    told = f"{said(document['description'])} " if document["description"] else ""
    yield element(
        "p", told, offered, " workflows offered, at most ", flight, " in flight at once.", class_="lead aside"
    )


# --------------------------------------------------------------------------- figures


def _figures(document: Mapping[str, Any]) -> Iterator[Element]:
    modelled = bool(document["resource_usage"].get("modelled"))
    for label, path, unit in _FIGURES:
        told = [figure(document, path, unit)]
        if modelled and path.startswith("resource_usage") and at(document, path) is not None:
            told.append(element("small", "modelled"))
        yield _named(label, told)


def _named(label: str, told: Child) -> Element:
    return element("div", element("dt", label), element("dd", told))


# --------------------------------------------------------------------------- baseline


def _baseline(document: Mapping[str, Any]) -> Element:
    lines = document["baseline"]["lines"]
    if not lines:
        return element("p", "No baseline is declared for this scenario.", class_="lead aside")
    headers = ("Line", "Limit", "Observed", "Verdict", "Why")
    head = element("tr", *(element("th", one, scope="col", class_=_side(one)) for one in headers))
    rows = [_line(line, k) for k, line in enumerate(lines)]
    table = element("table", element("thead", head), element("tbody", *rows), class_="cards baseline")
    return element("div", element("h3", "Baseline"), element("div", table, class_="sheet"))


def _side(header: str) -> str | None:
    return "num" if header in ("Limit", "Observed") else None


def _line(line: Mapping[str, Any], k: int) -> Element:
    observed, limit, unit = line["observed"], line["limit"], line["unit"]
    recorded = line["op"] == "recorded" and line["verdict"] == "held"
    seen = exact(observed, unit, f"baseline.lines.{k}.observed") if observed is not None else "n/a"
    allowed = element("span", f"{line['op']} ", exact(limit, unit)) if limit is not None else "recorded"
    word = "recorded" if recorded else VERDICTS[line["verdict"]]
    return element(
        "tr",
        element("th", visible(line["metric"]).replace("_", " "), scope="row", class_="whole"),
        element("td", allowed, class_="num", data_label="Limit"),
        element("td", seen, class_="num", data_label="Observed"),
        element("td", verdict_mark("none" if recorded else line["verdict"], word), data_label="Verdict"),
        element("td", said(line["reason"]), class_="whole part"),
    )


# --------------------------------------------------------------------------- charts


def _charts(document: Mapping[str, Any], key: str, gallery: Gallery) -> Child:
    distribution = distribution_chart(document)
    charts = [*([distribution] if distribution else []), *charts_over_time(document, key)]
    frames = [gallery.hang(chart) for chart in charts if any(table.x for table in chart.tables)]
    missing = None if document.get("over_time") else element("p", _OLD, class_="lead aside")
    return [element("div", *frames, class_="charts") if frames else None, missing]


# --------------------------------------------------------------------------- what else was found


def _errors(document: Mapping[str, Any]) -> Child:
    kinds = sorted(document["errors"].items(), key=lambda item: (-item[1], item[0]))
    if not kinds:
        return None
    rows = [_kind(kind, count, document["offered"], kinds[0][1]) for kind, count in kinds[:_MOST_KINDS]]
    others = len(kinds) - _MOST_KINDS
    more = element("p", f"and {others} more kinds", class_="aside") if others > 0 else None
    head = [element("th", one, scope="col", class_=side) for one, side in _ERROR_HEADERS]
    table = element("table", element("thead", element("tr", *head)), element("tbody", *rows), class_="errors")
    return [element("h3", "Errors by kind"), element("div", table, class_="sheet"), more]


_ERROR_HEADERS = (("Kind", None), ("Workflows", "num"), ("Of all offered", "num"), ("Beside the most frequent", None))


def _kind(kind: str, count: int, offered: int, most: int) -> Element:
    share = count / offered if offered else 0.0
    bar = element(
        "svg",
        element("rect", width=f"{100 * count / most:.1f}", height="8", rx="1"),
        viewBox="0 0 100 8",
        preserveAspectRatio="none",
        width="100%",
        class_="bar",
        aria_hidden="true",
    )
    return element(
        "tr",
        element("th", name(kind, 200) if kind.strip() else "(without a name)", scope="row"),
        element("td", exact(count, "count"), class_="num"),
        element("td", in_words(share, "share"), class_="num"),
        element("td", bar, class_="measure"),
    )


def _signals(document: Mapping[str, Any]) -> Child:
    fired = [one for one in document.get("signals", {}).get("each", ()) if one["state"] == "fired"]
    if not fired:
        return None
    told = listed(map(_signal, fired), class_="remarks signals")
    return [element("h3", "Signals"), told, _stalls(document)]


def _signal(one: Mapping[str, Any]) -> Child:
    return [said(one["evidence"]), " ", element("span", visible(one["name"]).replace("_", " "), class_="part")]


def _stalls(document: Mapping[str, Any]) -> Child:
    items = listed(map(_stall, document["signals"].get("stalls", ())), class_="remarks")
    return None if items is None else element("details", element("summary", "What held the event loop"), items)


def _stall(one: Mapping[str, Any]) -> Child:
    stack = " \u2190 ".join(visible(place, 160) for place in one["stack"][:_MOST_PLACES])
    return [f"held {in_words(one['held_s'], 's')}, {one['times']} times: ", element("code", stack)]


def _doubts(document: Mapping[str, Any], key: str) -> Child:
    doubts = list(dict.fromkeys((*document["doubts"], *_of_bottlenecks(document))))
    items = listed((said(one) for one in doubts), class_="remarks doubts")
    return [element("h3", "To be read with care", id=f"{key}-doubts"), items] if items is not None else None


def _of_bottlenecks(document: Mapping[str, Any]) -> Iterator[str]:
    for one in document.get("bottlenecks", ())[:1]:
        yield from one.get("doubts", ())


def _facts(document: Mapping[str, Any]) -> Element:
    machine, commit = document["machine"], document["commit"]
    dirty = " with uncommitted changes" if commit and commit["dirty"] else ""
    memory = machine["memory_total_b"]
    facts: list[tuple[str, Child]] = [
        ("Started", visible(document["timestamp"])),
        ("Target", name(document["target"])),
        ("Clock", document["clock"]),
        ("Seeds", visible(", ".join(map(str, document["seeds"])))),
        ("Commit", f"{commit['id'][:12]}{dirty}" if commit else "none"),
        ("Machine", _machine(machine)),
        ("Memory", in_words(memory, "B") if memory else "n/a"),
        ("Python", visible(f"{machine['python_implementation']} {machine['python']}")),
        ("Harness", visible(document["harness_version"])),
        ("Scenario digest", visible(document["scenario_digest"])),
        ("Run", visible(document["run_id"])),
        ("Throughput without", said(document["throughput_stats"].get("excluded") or "nothing")),
    ]
    entries = [part for label, told in facts for part in (element("dt", label), element("dd", told))]
    told = element("dl", *entries, class_="facts-table")
    return element("details", element("summary", "How it was measured"), told, _unseen(document))


def _machine(machine: Mapping[str, Any]) -> str:
    cores = machine["cpu_usable"] or machine["cpu_count"]
    return visible(f"{machine['processor'] or machine['architecture']}, {cores} cores, {machine['platform']}", 200)


def _unseen(document: Mapping[str, Any]) -> Child:
    unseen = document["not_observable"]
    items = listed((f"{visible(path, 120)}: {visible(why)}" for path, why in unseen.items()), class_="remarks")
    if items is None:
        return None
    return element("details", element("summary", f"{len(unseen)} figures that could not be observed"), items)
