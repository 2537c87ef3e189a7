"""The chart of a scenario's latencies: their empirical distribution, its 95 % band, percentiles and declared limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report.page.chart import Chart, Line, Mark, Table
from harness.report.text import visible
from harness.units import format_duration

Document = Mapping[str, Any]
_LEVELS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_AROUND = 1.12
"""How far the axis goes on beyond the smallest and the largest latency, as a factor."""
_JUST_BELOW = 1 - 1e-9
"""What stands before a jump, so that no two points share their place."""
_IN_REACH = 2.5
"""A limit this many times beyond the largest latency would squeeze the curve: it is told in the table only."""


def distribution_chart(document: Document) -> Chart | None:
    """The chart; None where no latency was observed."""
    curve, note = _curve(document)
    if not curve:
        return None
    marks = tuple(_percentiles(document))
    tables = [Table([x for x, _ in curve], (Line("share of workflows", [y for _, y in curve], "blue"),))]
    bounds = list(_bounds(document))
    return Chart(
        title="Latency distribution",
        x_unit="s",
        x_title="latency (logarithmic)",
        y_unit="share",
        y_to=1.0,
        tables=(*tables, *bounds),
        bands=(("upper bound", "lower bound", "blue"),) if len(bounds) == 2 else (),
        marks=(*marks, *_limits(document, curve[-1][0])),
        logarithmic=True,
        note=note,
        summary="Share of workflows that took no longer than a latency. " + ", ".join(one.label for one in marks),
    )


def _curve(document: Document) -> tuple[list[tuple[float, float]], str]:
    """Points that a line joins, ascending in both, and how they were made."""
    latency = document["latency"]
    found, samples = latency.get("quantiles"), f"{latency['samples']} workflows"
    if found:
        points = list(zip(found["values_s"], found["levels"], strict=True))
        note = f"{samples}; {len(found['levels'])} of their exact quantiles; shaded: 95 % interval of each."
    else:
        points = list(_cumulative(latency["histogram"]))
        note = f"{samples}, in bins at most 3.1 % wide: this report holds no exact quantiles."
    shown = list(_jumps(points))
    if not shown:
        return [], ""
    least, most = shown[0][0], shown[-1][0]
    before = max((y for x, y in points if x <= 0), default=0.0)
    return [(least / _AROUND, before), *shown, (most * _AROUND, 1.0)], note


def _jumps(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The points with the lowest and the highest level of each value: what many took alike is a jump, not a slope.

    A latency of nothing has no place on a logarithmic axis.
    """
    lowest: dict[float, float] = {}
    for x, y in points:
        lowest.setdefault(x, y)
    for x, y in dict(points).items():
        if x > 0 and lowest[x] < y:
            yield x * _JUST_BELOW, lowest[x]
        if x > 0:
            yield x, y


def _cumulative(histogram: Sequence[Mapping[str, Any]]) -> Iterator[tuple[float, float]]:
    total = sum(one["count"] for one in histogram)
    reached = 0
    for one in histogram:
        reached += one["count"]
        yield one["high_s"], reached / total


def _last(values: Sequence[float | None], levels: Sequence[float]) -> list[tuple[float, float]]:
    """For each value once the highest level at which it stands."""
    return list({x: (x, y) for x, y in zip(values, levels, strict=True) if x is not None}.values())


def _bounds(document: Document) -> Iterator[Table]:
    found = document["latency"].get("quantiles")
    if not found:
        return
    for key, name in (("low_s", "upper bound"), ("high_s", "lower bound")):
        points = sorted((x, y) for x, y in _last(found[key], found["levels"]) if x > 0)
        if points:
            yield Table([x for x, _ in points], (Line(name, [y for _, y in points], "blue", "edge", quiet=True),))


def _percentiles(document: Document) -> Iterator[Mark]:
    for name, level in _LEVELS.items():
        value = document["response_time_percentiles"][name]
        if value is not None and value > 0:
            between = document["confidence_intervals"].get(f"response_time_percentiles.{name}", {})
            doubted = "?" * (f"response_time_percentiles.{name}" in document["figure_doubts"])
            label = f"{name} {format_duration(value)}{doubted}"
            yield Mark("x", value, label, "ink", between.get("low"), between.get("high"), level)


def _limits(document: Document, most: float) -> Iterator[Mark]:
    """The baseline's limits on latency, those that are alike as one."""
    found: dict[tuple[float, str, bool], list[str]] = {}
    for line in document["baseline"]["lines"]:
        limit = line["limit"]
        if line["unit"] == "s" and line["metric"].startswith("latency_") and limit and limit <= _IN_REACH * most:
            key = (limit, line["op"], line["verdict"] == "held")
            found.setdefault(key, []).append(visible(line["metric"].removeprefix("latency_"), 20))
    for (limit, op, held), names in found.items():
        yield Mark("x", limit, f"{', '.join(names)} {op} {format_duration(limit)}", "green" if held else "red")
