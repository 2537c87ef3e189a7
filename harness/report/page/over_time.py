"""The charts of a scenario over its time: latency, load and throughput, how workflows ended, pools, resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.report.page.chart import Chart, Colour, Line, Mark, Style, Table, Unit
from harness.report.page.figure import count
from harness.report.text import visible
from harness.units import format_duration

Document = Mapping[str, Any]
_OUTCOMES: dict[str, Colour] = {
    "succeeded": "blue",
    "failed": "red",
    "timed_out": "orange",
    "rejected": "purple",
    "cancelled": "grey",
}
_MEMORY = "memory"
_IN_TURN: tuple[Colour, ...] = ("blue", "orange", "green", "purple", "sky", "red", "grey")
_RESOURCES: tuple[tuple[str, Unit, tuple[tuple[str, str], ...]], ...] = (
    ("CPU", "share", (("cpu_share", "of the cores that it may use"),)),
    ("Memory", "B", (("rss_b", "resident (RSS)"), ("uss_b", "its own (USS)"))),
    ("Event-loop lag", "s", (("loop_lag_s", "worst since the last sample"),)),
    ("Tasks, threads and files", "count", (("tasks", "asyncio tasks"), ("threads", "threads"), ("fds", "open files"))),
)


def charts_over_time(document: Document, group: str) -> Iterator[Chart]:
    """Every chart over time that the report has data for; `group` is what they share the pointer in."""
    found = document.get("over_time")
    if found:
        yield from _of_workflows(found, group)
        yield from _of_pools(found, group)
    else:
        yield from _of_gauges(document, group)
    yield from _of_resources(document, group)


# --------------------------------------------------------------------------- workflows


def _of_workflows(found: Document, group: str) -> Iterator[Chart]:
    """A long run that kept no rows knows only what succeeded, and how long it took."""
    yield _latency(found, group)
    yield _steps("Throughput", "/s", found, tuple(_rates(found)), group)
    if len(found["outcomes"]) > 1:
        yield _outcomes(found, group)
    flight = found.get("in_flight")
    if flight:
        most, mean = Line("most", flight["max"], "sky", "step"), Line("mean", flight["mean"], "blue", "step")
        yield _steps("Workflows in flight", "count", found, (most, mean), group)


def _rates(found: Document) -> Iterator[Line]:
    per_s = 1 / found["window_s"]
    if "offered" in found:
        yield Line("offered", [k * per_s for k in found["offered"]], "orange", "step")
    ended = [sum(counts) for counts in zip(*found["outcomes"].values(), strict=True)]
    yield Line("ended" if len(found["outcomes"]) > 1 else "succeeded", [k * per_s for k in ended], "blue", "step")


def _steps(title: str, unit: Unit, found: Document, lines: tuple[Line, ...], group: str) -> Chart:
    """What holds for a whole window is drawn as a step that begins with it."""
    starts = [k * found["window_s"] for k in range(found["windows"])]
    return Chart(
        title,
        "s",
        unit,
        (Table(starts, lines),),
        note=_windows(found),
        marks=_warm_up(found),
        x_to=_end(found),
        group=group,
    )


def _latency(found: Document, group: str) -> Chart:
    latency, slowest = found["latency_s"], _slowest(found)
    lines = (
        Line("min", latency["min"], "grey", "edge"),
        Line("p95", latency["p95"], "orange"),
        Line("p50", latency["p50"], "blue"),
        *([] if slowest else [Line("max", latency["max"], "red", "dots")]),
    )
    kept = f" The {count(len(found['outliers']['t_s']))} slowest are drawn one by one." if slowest else ""
    return Chart(
        "Latency over time",
        "s",
        "s",
        (Table(_middles(found), lines), *slowest),
        x_title="when workflows ended",
        note=_windows(found) + kept,
        bands=(("p95", "min", "blue"),),
        marks=_warm_up(found),
        x_to=_end(found),
        group=group,
    )


def _slowest(found: Document) -> tuple[Table, ...]:
    """The slowest workflows, each where it ended; of several at one instant the slowest, for extremes are kept."""
    outliers = found.get("outliers") or {"t_s": [], "latency_s": []}
    points = dict(sorted(zip(outliers["t_s"], outliers["latency_s"], strict=True)))
    return (Table(list(points), (Line("slowest", list(points.values()), "red", "dots"),)),) if points else ()


def _outcomes(found: Document, group: str) -> Chart:
    lines = tuple(
        Line(name.replace("_", " "), found["outcomes"][name], colour, "bars")
        for name, colour in _OUTCOMES.items()
        if any(found["outcomes"].get(name, ()))
    )
    return Chart(
        "How workflows ended",
        "s",
        "count",
        (Table(_middles(found), lines),) if lines else (),
        note=f"Stacked, per window of {format_duration(found['window_s'])}.",
        stacked=True,
        marks=_warm_up(found),
        x_to=_end(found),
        group=group,
    )


def _middles(found: Document) -> list[float]:
    return [(k + 0.5) * found["window_s"] for k in range(found["windows"])]


def _end(found: Document) -> float:
    return float(found["windows"] * found["window_s"])


def _windows(found: Document) -> str:
    return f"{found['windows']} windows of {format_duration(found['window_s'])}, seed {found['seed']}."


def _warm_up(found: Document) -> tuple[Mark, ...]:
    until = found.get("warm_up_until_s")
    return (Mark("x", None, "warm-up", "grey", 0.0, until),) if until else ()


# --------------------------------------------------------------------------- pools


def _of_pools(found: Document, group: str) -> Iterator[Chart]:
    pools = found.get("pools") or []
    waiting = _each(pools, "waiting")
    if waiting:
        yield _steps("Waiting in queues", "count", found, waiting, group)
    held = [pool for pool in pools if pool["kind"] == _MEMORY]
    unit: Unit
    for title, some, unit in (
        ("Pool in use", [pool for pool in pools if pool["kind"] != _MEMORY], "count"),
        ("Memory that workflows hold", held, "B"),
    ):
        busy = _each(some, "busy")
        if busy:
            chart = _steps(title, unit, found, (*busy, *_sizes(some)), group)
            yield replace(
                chart, note=f"{chart.note} Dashed: {'all there is' if held is some else 'how many there are'}."
            )


def _sizes(pools: Sequence[Document]) -> Iterator[Line]:
    for pool in pools:
        if any(size is not None for size in pool.get("size") or ()):
            yield Line(f"{visible(pool['name'], 40)}, size", pool["size"], "grey", "dashed", quiet=True)


def _each(pools: Sequence[Document], key: str) -> tuple[Line, ...]:
    """The most in each window of every pool; where there is but one, its mean too."""
    with_it = [pool for pool in pools if pool.get(key)]
    if len(with_it) == 1:
        one, name = with_it[0], visible(with_it[0]["name"], 40)
        return (
            Line(f"{name}, most", one[key]["max"], "sky", "step"),
            Line(f"{name}, mean", one[key]["mean"], "blue", "step"),
        )
    return tuple(
        Line(f"{visible(pool['name'], 40)}, most", pool[key]["max"], _IN_TURN[k % len(_IN_TURN)], "step")
        for k, pool in enumerate(with_it)
    )


def _of_gauges(document: Document, group: str) -> Iterator[Chart]:
    """Where a report has no windows, what its target showed of itself while it ran."""
    tables = _thinned(document["series"].get("gauges") or {}, None, "step")
    if tables:
        yield Chart("What the target shows", "s", "count", tables, note=_sampled(document), group=group)


# --------------------------------------------------------------------------- resources


def _of_resources(document: Document, group: str) -> Iterator[Chart]:
    resources = document["series"].get("resources") or {}
    for title, unit, names in _RESOURCES:
        tables = _thinned(resources, dict(names), "line")
        if tables:
            yield Chart(title, "s", unit, tables, note=_sampled(document), group=group)


def _thinned(series: Document, names: Mapping[str, str] | None, style: Style) -> tuple[Table, ...]:
    chosen = [(visible(key, 40), key) for key in series] if names is None else [(n, key) for key, n in names.items()]
    seen = [(told, series[key]) for told, key in chosen if series.get(key)]
    return tuple(
        Table(one["t_s"], (Line(told, one["values"], _IN_TURN[k % len(_IN_TURN)], style),))
        for k, (told, one) in enumerate(seen)
    )


def _sampled(document: Document) -> str:
    seed = document["series"].get("seed", document["seeds"][0])
    modelled = "Modelled, seed" if document["resource_usage"].get("modelled") else "Seed"
    return f"{modelled} {seed}; of more than 200 samples, the extremes."
