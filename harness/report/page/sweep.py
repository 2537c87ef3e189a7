"""The page of a sweep: what was varied, where the baseline holds, every figure over what was varied, every cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.report.page.chart import Chart, Colour, Gallery, Line, Table, Unit
from harness.report.page.figure import count
from harness.report.page.markup import Child, Element, element, listed, name, said
from harness.report.page.shell import Page, title_of, verdict_mark
from harness.report.sweeping.cells import CellOfRows, Spread, cells_of_rows
from harness.report.sweeping.shown import figure_in_words, headline_of
from harness.report.text import visible

Document = Mapping[str, Any]
_DRAWN = {
    "latency_p50_s": "p50 latency",
    "latency_p95_s": "p95 latency",
    "throughput_mean_per_s": "Throughput, mean",
    "success_rate_share": "Succeeded",
    "rejection_rate_share": "Turned away",
    "memory_peak_b": "Memory, peak",
}
_UNITS: tuple[tuple[str, Unit], ...] = (("_per_s", "/s"), ("_s", "s"), ("_b", "B"), ("_share", "share"))
_COLOURS: tuple[Colour, ...] = ("blue", "orange", "green", "purple", "sky", "red", "grey")
_WORDS = {"held": "held", "broken": "broken", "cannot_tell": "cannot tell", "failed": "failed", "invalid": "invalid"}
_TONES = {"failed": "invalid"}
_MOST_ROWS = 500
_FOOT = "Written by agent-load-harness from the JSON of the sweep."


def sweep_page(document: Document) -> Page:
    """The page of one document of `schemas/sweep.schema.json`."""
    gallery = Gallery()
    cells = cells_of_rows(document)
    frames = [gallery.hang(chart) for chart in _charts(document, cells)]
    charts = element("div", *frames, class_="charts") if frames else None
    return Page(
        title=title_of("Sweep", visible(document["scenario"], 80)),
        headline=f"{visible(document['scenario'], 80)} {_held(cells)}.",
        tone=_tone(cells),
        facts=tuple(_facts(document)),
        answers=(
            ("What was varied?", _varied(document)),
            ("What is the best p95?", _best(cells)),
            ("How was it measured?", f"{headline_of(document)}."),
        ),
        content=(element("section", element("h2", "Over what was varied"), charts), _table(document, cells)),
        gallery=gallery,
        foot=(element("p", f"{_FOOT} {_drawn(document, cells)}"),),
    )


def _drawn(document: Document, cells: Sequence[CellOfRows]) -> str:
    """What lines and bars stand for; bars are spoken of only where there are any."""
    if len(document["seeds"]) == 1:
        return "A line joins what was measured in the cells, each in one replication."
    spreads = (cell.spread(figure) for cell in cells for figure in _DRAWN)
    bars = any(one.low < one.high for one in spreads if one is not None)
    joined = "A line joins the medians of the cells' replications"
    return f"{joined}; a bar is from their least to their most." if bars else f"{joined}, which do not differ."


def _facts(document: Document) -> Iterator[tuple[str, Child]]:
    yield "scenario", name(document["scenario"])
    yield "target", name(document["target"])
    yield "clock", document["clock"]
    yield "seeds", count(len(document["seeds"]))
    yield "started", visible(document["timestamp"])[:16].replace("T", " ") + " UTC"


def _varied(document: Document) -> Child:
    items = (f"{visible(one['path'], 60)}: {_values(one['values'])}" for one in document["axes"])
    return listed(items, class_="plain")


def _values(values: Sequence[Any]) -> str:
    texts = [visible(str(value), 20) for value in values]
    return ", ".join(texts) if len(texts) <= 8 else f"{texts[0]} to {texts[-1]}, {len(texts)} values"


def _verdicts(cell: CellOfRows) -> str:
    """The worst verdict of a cell's rows."""
    found = {row["verdict"] for row in cell.rows}
    return next((word for word in ("failed", "invalid", "broken", "cannot_tell", "held") if word in found), "none")


def _held(cells: Sequence[CellOfRows]) -> str:
    """In how many cells the baseline holds, to be read behind the scenario's name."""
    holding = [cell for cell in cells if _verdicts(cell) == "held"]
    if all(_verdicts(cell) == "none" for cell in cells):
        return f"was run in {len(cells)} cells and has no baseline"
    if len(holding) == len(cells):
        return f"holds its baseline in all {len(cells)} cells"
    first = f", the first with {_settings(holding[0].settings)}" if holding else ""
    return f"holds its baseline in {len(holding)} of {len(cells)} cells{first}"


def _tone(cells: Sequence[CellOfRows]) -> str:
    found = {_verdicts(cell) for cell in cells}
    if "failed" in found or "invalid" in found:
        return "invalid"
    return found.pop() if len(found) == 1 else "none"


def _best(cells: Sequence[CellOfRows]) -> Child:
    found = [(spread.middle, cell) for cell in cells if (spread := cell.spread("latency_p95_s")) is not None]
    if not found:
        return "No latency was observed."
    value, cell = min(found, key=lambda one: one[0])
    shown = element("data", figure_in_words("latency_p95_s", value), value=repr(value))
    return [shown, f" with {_settings(cell.settings)}"]


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{visible(path, 40)} {visible(str(value), 30)}" for path, value in settings.items())


# --------------------------------------------------------------------------- charts


def _charts(document: Document, cells: Sequence[CellOfRows]) -> Iterator[Chart]:
    """Each figure over the first thing varied, a line for each combination of the others."""
    axis, others = document["axes"][0], _others(document, cells)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in axis["values"])
    values = sorted(axis["values"]) if numbers else list(axis["values"])
    left = f"; {len(others) - len(_COLOURS)} further combinations are in the table" * (len(others) > len(_COLOURS))
    alone = "median" if len(document["seeds"]) > 1 else "measured"
    for figure, title in _DRAWN.items():
        lines = tuple(
            _line(told or alone, _spreads(group, axis["path"], values, figure), colour)
            for (told, group), colour in zip(others.items(), _COLOURS, strict=False)
        )
        if any(value is not None for line in lines for value in line.values):
            yield Chart(
                title,
                "count" if numbers else "index",
                next(unit for suffix, unit in _UNITS if figure.endswith(suffix)),
                (Table(values if numbers else list(range(len(values))), lines),),
                x_title=visible(axis["path"], 60),
                note=f"over {visible(axis['path'], 60)}{left}",
                ticks=() if numbers else [visible(str(value), 20) for value in values],
                group="sweep",
            )


def _others(document: Document, cells: Sequence[CellOfRows]) -> dict[str, list[CellOfRows]]:
    """The cells by all that is set in them but the first thing varied, in words."""
    first = document["axes"][0]["path"]
    found: dict[str, list[CellOfRows]] = {}
    for cell in cells:
        rest = {path: value for path, value in cell.settings.items() if path != first}
        found.setdefault(_settings(rest), []).append(cell)
    return found


def _spreads(cells: Sequence[CellOfRows], path: str, values: Sequence[Any], figure: str) -> list[Spread | None]:
    found = {_key(cell.settings[path]): cell.spread(figure) for cell in cells}
    return [found.get(_key(value)) for value in values]


def _key(value: Any) -> str:
    """True and 1 are one key of a dict, but two settings."""
    return f"{type(value).__name__}{value}"


def _line(told: str, spreads: Sequence[Spread | None], colour: Colour) -> Line:
    middles, lows, highs = (
        [getattr(one, end) if one is not None else None for one in spreads] for end in ("middle", "low", "high")
    )
    return Line(told, middles, colour, "line", (lows, highs))


# --------------------------------------------------------------------------- cells


def _table(document: Document, cells: Sequence[CellOfRows]) -> Element:
    paths = [axis["path"] for axis in document["axes"]]
    head = [element("th", visible(path, 40), scope="col") for path in paths]
    head += [element("th", title, scope="col", class_="num") for title in _DRAWN.values()]
    head += [element("th", "Limited by", scope="col"), element("th", "Baseline", scope="col")]
    rows = [_row(cell, paths) for cell in cells[:_MOST_ROWS]]
    table = element("table", element("thead", element("tr", *head)), element("tbody", *rows), class_="cards overview")
    more = f"The first {_MOST_ROWS} of {len(cells)} cells; the JSON holds all." if len(cells) > _MOST_ROWS else None
    sheet = element("div", table, class_="sheet", tabindex="0", role="region", aria_label="Cells")
    return element(
        "section", element("h2", "Every cell"), sheet, element("p", more, class_="lead aside") if more else None
    )


def _row(cell: CellOfRows, paths: Sequence[str]) -> Element:
    verdict = _verdicts(cell)
    reason = next((row["reason"] for row in cell.rows if row["verdict"] == verdict and row["reason"]), "")
    limited = dict.fromkeys(visible(row["limited_by"], 60) for row in cell.rows if row["limited_by"])
    names = [name(str(cell.settings[path]), 40) for path in paths]
    why = element("small", said(reason, 200), class_="part") if reason else None
    mark = verdict_mark(_TONES.get(verdict, verdict), _WORDS.get(verdict, "no baseline"))
    return element(
        "tr",
        *(
            element("th", one, scope="row", data_label=visible(path, 40))
            for one, path in zip(names, paths, strict=True)
        ),
        *(element("td", _shown(x, cell.spread(x)), class_="num", data_label=title) for x, title in _DRAWN.items()),
        element("td", ", ".join(limited) or "n/a", class_="whole"),
        element("td", mark, " ", why, class_="whole"),
    )


def _shown(figure: str, spread: Spread | None) -> Child:
    if spread is None:
        return "n/a"
    value = element("data", figure_in_words(figure, spread.middle), value=repr(spread.middle))
    if spread.low == spread.high:
        return value
    low, high = figure_in_words(figure, spread.low), figure_in_words(figure, spread.high)
    return [value, element("span", f"{low} to {high}", class_="interval")]
