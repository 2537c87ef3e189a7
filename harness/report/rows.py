"""What every rendering of reports says, as plain cells and sentences: so terminal, lines and Markdown never disagree.

All texts that come out of here are on one line and visible (`harness.report.text.visible`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.report.model import Report
from harness.report.text import visible
from harness.units import UNCOUNTABLE, format_duration, format_rate, format_share, format_size

NOT_OBSERVED = "n/a"
VERDICTS = {
    "held": "held",
    "broken": "broken",
    "cannot_tell": "cannot tell",
    "invalid": "invalid",
    "none": "no baseline",
}
"""A report's verdict -> the word for it, in the order in which a summary names them."""
RECORDED = "recorded"
"""What is said of a line that asks only to be told."""
ERRORS = "errors"
"""What is said of a scenario's error kinds."""
MEASURED = "measured"
"""What is said of figures that the target measured itself."""
NAMES = frozenset({"scenario", "target"})
"""Columns that hold names given by users and targets, not figures of ours."""
_LEGEND = {
    NOT_OBSERVED: "n/a: not observable on this target or clock",
    "*": "*: modelled, not measured",
    "?": "?: to be read with care, see the doubts",
}
_MOST_KINDS = 3
_LONGEST_KIND = 80
_FIGURE = re.compile(r"\b\d[\d.,]*")


@dataclass(frozen=True, slots=True)
class Table:
    """Plain cells: `headers` of shape (c,), `rows` of shape (r, c), one row per report; `verdicts` of shape (r,)."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    verdicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing to say about a scenario: `what` is "broken", "cannot tell", "invalid", "recorded" or "errors"."""

    scenario: str
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason for care, and the scenarios it was given for; only their figures may differ from `text`'s."""

    text: str
    scenarios: tuple[str, ...]

    @property
    def others(self) -> str:
        """How many scenarios there are beside the first, in words; empty where it is the only one."""
        count = len(self.scenarios) - 1
        return f"and {count} other{'s' * (count > 1)} alike" if count else ""


# --------------------------------------------------------------------------- the table


def table_of(reports: Sequence[Report]) -> Table:
    """One row per report. Target and clock have columns where they differ, and stand in `context_of` where not."""
    columns = {name: cell for name, cell in _COLUMNS.items() if name not in _SHARED or _differs(reports, name)}
    return Table(
        headers=tuple(columns),
        rows=tuple(tuple(cell(report) for cell in columns.values()) for report in reports),
        verdicts=tuple(verdict_of(report) for report in reports),
    )


def verdict_of(report: Report) -> str:
    """A key of `VERDICTS`: the report's verdict, or `none` where no baseline was declared."""
    return "none" if report.valid and not _has_baseline(report) else report.verdict


def _has_baseline(report: Report) -> bool:
    return bool(report.document["baseline"]["lines"])


def context_of(reports: Sequence[Report]) -> tuple[tuple[str, str], ...]:
    """What all reports share, as (name, value): target, clock, seeds."""
    if not reports:
        return ()
    shared = [
        (name, _COLUMNS[name](reports[0])) for name in sorted(_SHARED, reverse=True) if not _differs(reports, name)
    ]
    seeds = {tuple(report.document["seeds"]) for report in reports}
    if len(seeds) == 1:
        only = seeds.pop()
        shared.append(("seed" if len(only) == 1 else "seeds", _seeds(only)))
    return tuple(shared)


def legend_of(table: Table) -> tuple[str, ...]:
    """What the marks in the table's figures mean, for those that occur."""
    names = [header in NAMES for header in table.headers]
    figures = [cell for row in table.rows for cell, name in zip(row, names, strict=True) if not name]
    return tuple(text for mark, text in _LEGEND.items() if any(mark in cell for cell in figures))


def _differs(reports: Sequence[Report], name: str) -> bool:
    return len({report.document[name] for report in reports}) > 1


def _seeds(seeds: tuple[int, ...]) -> str:
    if len(seeds) > 2 and seeds == tuple(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    shown = ", ".join(map(str, seeds[:5]))
    return f"{shown}, ... ({len(seeds)})" if len(seeds) > 5 else shown


# --------------------------------------------------------------------------- cells

_Cell = Callable[[Report], str]


def _name(key: str) -> _Cell:
    return lambda report: visible(str(report.document[key]), 80)


def _figure(path: str, form: Callable[[float], str]) -> _Cell:
    """The figure at `path`, marked where it is modelled or carries a doubt."""
    keys = path.split(".")

    def cell(report: Report) -> str:
        value = report.figure(*keys)
        if value is None:
            return NOT_OBSERVED
        modelled = keys[0] == "resource_usage" and report.document["resource_usage"]["modelled"]
        doubted = path in report.document["figure_doubts"]
        return form(value) + "*" * modelled + "?" * doubted

    return cell


def _rejected(report: Report) -> str:
    seen = report.figure("rejection_rate") is not None
    return str(report.document["outcomes"]["rejected"]) if seen else NOT_OBSERVED


def _count(value: float) -> str:
    return f"{value:.0f}" if abs(value) < UNCOUNTABLE else f"{value:.3g}"


_SHARED = frozenset({"target", "clock"})
_COLUMNS: dict[str, _Cell] = {
    "scenario": _name("scenario"),
    "target": _name("target"),
    "clock": _name("clock"),
    "offered": lambda report: str(report.document["offered"]),
    "success": _figure("success_rate", format_share),
    "p50": _figure("response_time_percentiles.p50", format_duration),
    "p95": _figure("response_time_percentiles.p95", format_duration),
    "p99": _figure("response_time_percentiles.p99", format_duration),
    "throughput": _figure("throughput_stats.mean", format_rate),
    "rejected": _rejected,
    "pool max": _figure("pool_metrics.max_utilization", format_share),
    "queue max": _figure("queue_metrics.max_depth", _count),
    "memory peak": _figure("resource_usage.memory_peak_b", format_size),
    "cpu mean": _figure("resource_usage.cpu_mean", format_share),
    "verdict": lambda report: VERDICTS[verdict_of(report)],
}

# --------------------------------------------------------------------------- sentences


def ending_of(report: Report) -> tuple[str, tuple[str, ...]]:
    """How a scenario ended, in a word, and the two figures that are asked for first."""
    told = (f"p95 {_COLUMNS['p95'](report)}", _COLUMNS["throughput"](report))
    return VERDICTS[verdict_of(report)], told


def headline(reports: Sequence[Report]) -> str:
    """The whole in one clause: `7 of 8 scenarios hold their baseline`; what has no baseline is not said to miss it."""
    held = sum(verdict_of(report) == "held" for report in reports)
    asked = sum(map(_has_baseline, reports))
    if len(reports) == 1 and not asked:
        return f"the scenario has no baseline{'' if reports[0].valid else ', and its run is invalid'}"
    if len(reports) == 1:
        return "the scenario holds its baseline" if held else "the scenario is not shown to hold its baseline"
    if not asked:
        return f"none of {len(reports)} scenarios has a baseline" if reports else "no scenario was run"
    if asked == len(reports):
        return f"{held} of {asked} scenarios hold their baseline"
    if asked == 1:
        return f"the one scenario with a baseline {'holds it' if held else 'is not shown to hold it'}"
    return f"{held} of {asked} scenarios with a baseline hold it"


def not_held(reports: Sequence[Report]) -> dict[str, tuple[str, ...]]:
    """Scenarios that are not held, by the word for what they are (`broken`, `cannot tell`, …), each in given order.

    Those without a baseline are left out where no scenario has one: then the headline says it of all of them.
    """
    said = {"held"} if any(map(_has_baseline, reports)) else {"held", "none"}
    groups: dict[str, list[str]] = {word: [] for key, word in VERDICTS.items() if key not in said}
    for report in reports:
        if verdict_of(report) not in said:
            groups[VERDICTS[verdict_of(report)]].append(_COLUMNS["scenario"](report))
    return {word: tuple(names) for word, names in groups.items() if names}


def sentences(reports: Iterable[Report]) -> tuple[Sentence, ...]:
    """What there is to say: why a scenario is invalid, each line that is not held, each figure asked to be told."""
    said = []
    for report in reports:
        name = _COLUMNS["scenario"](report)
        if not report.valid:
            said.append(Sentence(name, "invalid", visible(str(report.document["status"]).removeprefix("invalid: "))))
        for line in report.document["baseline"]["lines"]:
            if line["verdict"] != "held":
                said.append(Sentence(name, VERDICTS[line["verdict"]], visible(line["reason"])))
            elif line["op"] == RECORDED:
                said.append(Sentence(name, RECORDED, visible(line["reason"]).replace(f", {RECORDED}", "", 1)))
    return tuple(said)


def errors(reports: Iterable[Report]) -> tuple[Sentence, ...]:
    """The most frequent error kinds of each scenario that has any: `20 ExceptionGroup, 3 step_failed:answer`."""
    return tuple(
        Sentence(_COLUMNS["scenario"](report), ERRORS, _breakdown(report.document["errors"]))
        for report in reports
        if report.document["errors"]
    )


def _breakdown(kinds: Mapping[str, int]) -> str:
    # a file of unknown origin may give them in any order
    ordered = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(
        f"{count:.0f} {visible(kind, _LONGEST_KIND) or '(without a name)'}" for kind, count in ordered[:_MOST_KINDS]
    )
    others = len(ordered) - _MOST_KINDS
    return f"{shown} and {others} other kind{'s' * (others > 1)}" if others > 0 else shown


def measured(reports: Iterable[Report]) -> tuple[Sentence, ...]:
    """What each scenario's target measured itself: `time to first byte p50 12 ms p95 20 ms p99 31 ms max 40 ms`."""
    return tuple(
        Sentence(_COLUMNS["scenario"](report), MEASURED, f"{visible(_spoken(name))} {_shares(report, name, figures)}")
        for report in reports
        for name, figures in report.document.get("measured_by_target", {}).items()
        if figures["max"] != 0  # a wait that nobody had is nothing to tell
    )


def _spoken(name: str) -> str:
    return name.removesuffix("_s").replace("_", " ")


def _shares(report: Report, name: str, figures: Mapping[str, float | None]) -> str:
    show = format_duration if name.endswith("_s") else "{:.4g}".format
    doubted = report.document["figure_doubts"]
    told = " ".join(
        f"{key} {NOT_OBSERVED if (value := figures[key]) is None else show(value)}"
        f"{'?' if f'measured_by_target.{name}.{key}' in doubted else ''}"
        for key in ("p50", "p95", "p99", "max")
    )
    return f"{told} ({figures['samples']:.0f} observed)"


def doubts(reports: Iterable[Report]) -> tuple[Doubt, ...]:
    """Every doubt once, in the order of first mention; doubts that differ in their figures only are one."""
    found: dict[str, tuple[str, list[str]]] = {}
    for report in reports:
        for doubt in report.document["doubts"]:
            text = visible(doubt)
            _, scenarios = found.setdefault(_FIGURE.sub("#", text), (text, []))
            if (name := _COLUMNS["scenario"](report)) not in scenarios:
                scenarios.append(name)
    return tuple(Doubt(text, tuple(scenarios)) for text, scenarios in found.values())
