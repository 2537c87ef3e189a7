"""The page of a run: held or broken, what gave way, worse than before or not; then every scenario in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.report.model import Report
from harness.report.page.chart import Gallery
from harness.report.page.figure import NOT_OBSERVED, at, exact, figure
from harness.report.page.markup import Child, Element, element, listed, name, said
from harness.report.page.scenario import scenario_section
from harness.report.page.shell import Page, title_of, verdict_mark
from harness.report.rows import VERDICTS, Doubt, context_of, doubts, headline, not_held, verdict_of
from harness.report.text import visible

_MOST_NAMED = 6
_MOST_LINKS = 3
_NOTHING = "nothing"
_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("Offered", "offered", "count"),
    ("Success", "success_rate", "share"),
    ("p50", "response_time_percentiles.p50", "s"),
    ("p95", "response_time_percentiles.p95", "s"),
    ("p99", "response_time_percentiles.p99", "s"),
    ("Throughput", "throughput_stats.mean", "/s"),
    ("Rejected", "outcomes.rejected", "count"),
    ("Pool max", "pool_metrics.max_utilization", "share"),
    ("Queue max", "queue_metrics.max_depth", "count"),
    ("Memory", "resource_usage.memory_peak_b", "B"),
    ("CPU", "resource_usage.cpu_mean", "share"),
)
_COMPARE = "harness compare base/ head/"


@dataclass(frozen=True, slots=True)
class Before:
    """What a comparison adds to the page of a run: the answer to whether it is worse, and a section."""

    answer: Child
    section: Child


def run_page(reports: Sequence[Report], before: Before | None = None) -> Page:
    """The page of one report or more; `before` is what a comparison with an earlier run says."""
    gallery = Gallery()
    line = headline(reports)
    line = line[:1].upper() + line[1:]
    sections = [scenario_section(report, _key(k), gallery) for k, report in enumerate(reports)]
    return Page(
        title=title_of(line, *({visible(reports[0].scenario, 80)} if len(reports) == 1 else ())),
        headline=f"{line}.",
        tone=_tone(reports),
        facts=tuple(_facts(reports)),
        answers=(
            ("Does it hold?", _holds(reports)),
            ("What gives way first?", _gives_way(reports)),
            ("Worse than before?", before.answer if before else _not_compared()),
        ),
        content=(_table(reports), _doubts(reports), before.section if before else None, *sections),
        gallery=gallery,
        foot=tuple(_foot(reports)),
    )


def _key(k: int) -> str:
    return f"scenario-{k + 1}"


def _tone(reports: Sequence[Report]) -> str:
    """The worst verdict of all."""
    found = {verdict_of(report) for report in reports}
    return next((one for one in ("invalid", "broken", "cannot_tell", "held") if one in found), "none")


def _facts(reports: Sequence[Report]) -> Iterator[tuple[str, Child]]:
    for label, value in context_of(reports):
        yield label, visible(value, 80)
    commits = {report.document["commit"]["id"] for report in reports if report.document["commit"]}
    if len(commits) == 1:
        yield "commit", commits.pop()[:10]
    yield "started", visible(str(reports[0].document["timestamp"]))[:16].replace("T", " ") + " UTC"


# --------------------------------------------------------------------------- the three answers


def _holds(reports: Sequence[Report]) -> Child:
    groups = not_held(reports)
    if not groups:
        lines = sum(len(report.document["baseline"]["lines"]) for report in reports)
        return f"Yes: every one of {lines} baseline lines holds." if lines else "No baseline is declared."
    wanted = [(k, report) for k, report in enumerate(reports) if verdict_of(report) != "held"]
    return _some([element("li", *_why_not(k, report)) for k, report in wanted if any(_why_not(k, report))])


def _why_not(k: int, report: Report) -> Iterator[Child]:
    verdict = verdict_of(report)
    yield element("a", name(report.scenario), href=f"#{_key(k)}")
    yield f" {VERDICTS[verdict]}"
    reason = _reason(report)
    if reason:
        yield element("small", element("br"), reason)


def _reason(report: Report) -> str:
    if not report.valid:
        return said(str(report.document["status"]).removeprefix("invalid: "), 200)
    lines = [line for line in report.document["baseline"]["lines"] if line["verdict"] != "held"]
    more = f" And {len(lines) - 1} more." if len(lines) > 1 else ""
    return said(lines[0]["reason"], 200) + more if lines else ""


def _gives_way(reports: Sequence[Report]) -> Child:
    """What limited each scenario, one line for all that one thing limited; where nothing did in any, that."""
    looked_at = [(k, one) for k, one in enumerate(reports) if one.document.get("bottlenecks")]
    if not looked_at:
        return "Not known: nothing was said of bottlenecks when this was measured."
    if len(reports) == 1:
        return said(reports[0].document["bottlenecks"][0]["sentence"])
    groups: dict[str, list[Element]] = {}
    for k, report in looked_at:
        what = _what(report.document["bottlenecks"][0])
        groups.setdefault(what, []).append(element("a", name(report.scenario), href=f"#{_key(k)}"))
    free = groups.pop(_NOTHING, [])
    if not groups:
        return "Nothing: no resource limited any scenario."
    items = [element("li", f"{what} ", element("small", "in ", _few(links))) for what, links in groups.items()]
    last = element("li", element("small", f"Nothing limited the other {len(free)}.")) if free else None
    return _some([*items, *([last] if last is not None else [])])


def _few(links: Sequence[Element]) -> Iterator[Child]:
    """The first links with commas between them, and how many more there are."""
    for k, link in enumerate(links[:_MOST_LINKS]):
        yield ", " if k else None
        yield link
    if len(links) > _MOST_LINKS:
        yield f" and {len(links) - _MOST_LINKS} more"


def _what(found: dict[str, object]) -> str:
    """The finding's first clause: the resource with its name, that there is none, or that it cannot be told."""
    if found["resource"] == "none":
        return _NOTHING
    clause = visible(str(found["sentence"]).partition(":")[0], 80)
    return clause[:1].upper() + clause[1:]


def _some(items: Sequence[Element]) -> Child:
    shown = list(items[:_MOST_NAMED])
    more = (
        element("small", f"and {len(items) - len(shown)} more, in the table below") if len(items) > len(shown) else None
    )
    return [element("ul", *shown), more]


def _not_compared() -> Child:
    return [
        "Not compared with an earlier run. ",
        element("small", element("code", _COMPARE), " judges it; given beside the reports, its JSON is shown here."),
    ]


# --------------------------------------------------------------------------- the table


def _table(reports: Sequence[Report]) -> Element:
    told = [
        (label, path, unit) for label, path, unit in _COLUMNS if any(at(r.document, path) is not None for r in reports)
    ]
    head = element(
        "tr",
        element("th", "Scenario", scope="col"),
        element("th", "Verdict", scope="col"),
        *(element("th", label, scope="col", class_="num") for label, _, _ in told),
    )
    rows = [_row(k, report, told) for k, report in enumerate(reports)]
    table = element("table", element("thead", head), element("tbody", *rows), class_="cards overview")
    legend = [element("span", "Small figures are 95 % intervals. ")]
    if any(report.document["resource_usage"].get("modelled") for report in reports):
        legend.append(element("span", "Memory and CPU are modelled, not measured. "))
    sheet = element("div", table, class_="sheet", tabindex="0", role="region", aria_label="All scenarios")
    return element("section", element("h2", "Scenarios"), element("p", *legend, class_="aside"), sheet, class_="all")


def _row(k: int, report: Report, told: Sequence[tuple[str, str, str]]) -> Element:
    document, verdict = report.document, verdict_of(report)
    cells = [element("td", _cell(document, path, unit), class_="num", data_label=label) for label, path, unit in told]
    return element(
        "tr",
        element("th", element("a", name(report.scenario), href=f"#{_key(k)}"), scope="row", class_="whole"),
        element("td", verdict_mark(verdict, VERDICTS[verdict]), class_="whole"),
        *cells,
        data_scenario=_key(k),
    )


def _cell(document: object, path: str, unit: str) -> Element:
    assert isinstance(document, dict)
    if path == "outcomes.rejected" and document["rejection_rate"] is None:
        return element("span", NOT_OBSERVED, class_="absent")
    if path in ("offered", "outcomes.rejected"):
        return exact(at(document, path), unit, path)
    return figure(document, path, unit)


def _doubts(reports: Sequence[Report]) -> Child:
    found = doubts(reports)
    items = listed((_doubt(one) for one in found), class_="remarks doubts")
    if items is None:
        return None
    return element("section", element("h2", "To be read with care"), items, id="doubts")


def _doubt(one: Doubt) -> Child:
    others = f" {one.others}" if one.others else ""
    return [said(one.text), " ", element("span", name(one.scenarios[0]), others, class_="part")]


def _foot(reports: Sequence[Report]) -> Iterator[Child]:
    versions = sorted({visible(str(report.document["harness_version"]), 40) for report in reports})
    yield element("p", f"Written by agent-load-harness {', '.join(versions)} from the JSON of its reports.")
    yield element(
        "p",
        "Figures come from all workflows of all replications. Charts over time show windows of one replication, with "
        "the least and the most of each, distributions exact quantiles, and the slowest workflows are kept one by one.",
    )
