"""The plot of a sweep: lines over the longest axis, or a map of two axes where lines would be too many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.plots.picture import altair
from harness.report.plots.theme import light
from harness.report.sweeping.cells import CellOfRows, cells_of_rows
from harness.report.sweeping.tidy import in_base_units

Document = Mapping[str, Any]
_MOST_LINES = 8
"""More colours than these nobody tells apart."""
_WIDTH, _HEIGHT = 560, 340


def sweep_chart(document: Document, metric: str) -> Any:
    """An Altair chart of `metric` over the grid; raises `MissingExtraError` where the extra `plot` is missing."""
    axes = sorted(document["axes"], key=_rank)
    across, others = axes[0], axes[1:]
    cells = cells_of_rows(document)
    points = [point for cell in cells if (point := _point(cell, metric, across, others)) is not None]
    lines = len({point["line"] for point in points})
    missing = len(cells) - len(points)
    title = {
        "text": f"{document['scenario']}: {metric}",
        "subtitle": _subtitle(document, missing),
    }
    if len(others) == 1 and lines > _MOST_LINES:
        return light(_map(points, metric, across, others[0]).properties(title=title, width=_WIDTH, height=_HEIGHT))
    return light(_lines(points, metric, across, others).properties(title=title, width=_WIDTH, height=_HEIGHT))


def _rank(axis: Mapping[str, Any]) -> tuple[bool, int]:
    """Numbers before words, the longest first."""
    return not _is_number(axis), -len(axis["values"])


def _is_number(axis: Mapping[str, Any]) -> bool:
    _, number = in_base_units(axis["path"], axis["values"])
    return all(isinstance(number(value), int | float) for value in axis["values"])


def _subtitle(document: Document, missing: int) -> str:
    seeds = len(document["seeds"])
    said = [f"{document['target']}, {document['clock']} clock"]
    said += [f"median of {seeds} replications, least to largest shaded"] if seeds > 1 else []
    said += [f"{missing} cells without this figure are not drawn"] if missing else []
    return "; ".join(said)


def _point(
    cell: CellOfRows, metric: str, across: Mapping[str, Any], others: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    seen = cell.spread(metric)
    if seen is None:
        return None
    _, number = in_base_units(across["path"], across["values"])
    line = ", ".join(f"{axis['path']} {cell.settings[axis['path']]}" for axis in others)
    point = {"x": number(cell.settings[across["path"]]), "line": line}
    if others:
        _, second = in_base_units(others[0]["path"], others[0]["values"])
        point["y"] = second(cell.settings[others[0]["path"]])
    return point | {"value": seen.middle, "low": seen.low, "high": seen.high}


def _title(axis: Mapping[str, Any]) -> str:
    name, _ = in_base_units(axis["path"], axis["values"])
    return name


def _lines(
    points: Sequence[Mapping[str, Any]], metric: str, across: Mapping[str, Any], others: Sequence[Mapping[str, Any]]
) -> Any:
    alt = altair()
    kind = "Q" if _is_number(across) else "N"
    order = list(dict.fromkeys(point["line"] for point in points))
    x = alt.X(f"x:{kind}", title=_title(across), sort=None)
    encoding: dict[str, Any] = {"x": x}
    if others:
        encoding["color"] = alt.Color(
            "line:N", sort=order, scale=alt.Scale(scheme="tableau10"), legend=alt.Legend(symbolOpacity=1)
        )
    base = alt.Chart(alt.Data(values=list(points)))
    band = base.mark_area(opacity=0.15).encode(**encoding, y=alt.Y("low:Q", title=metric), y2=alt.Y2("high:Q"))
    drawn = base.mark_line(point=True).encode(**encoding, y=alt.Y("value:Q", title=metric))
    return alt.layer(band, drawn)


def _map(points: Sequence[Mapping[str, Any]], metric: str, across: Mapping[str, Any], up: Mapping[str, Any]) -> Any:
    alt = altair()
    falling = "descending" if _is_number(up) else None
    return (
        alt.Chart(alt.Data(values=list(points)))
        .mark_rect()
        .encode(
            x=alt.X("x:O", title=_title(across)),
            y=alt.Y("y:O", title=_title(up), sort=falling),
            color=alt.Color("value:Q", title=metric, scale=alt.Scale(scheme="viridis")),
        )
    )
