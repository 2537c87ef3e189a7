"""A chart as a declaration: data, units and marks. `assets/page.js` hands it to the plotting library.

What a chart holds goes into the page as JSON, and every text in it is drawn as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.report.page.markup import Element, element

Values = Sequence[float | None]
Style = Literal["line", "step", "bars", "dots", "edge", "dashed"]
Colour = Literal["blue", "orange", "green", "red", "purple", "sky", "grey", "ink"]
Unit = Literal["s", "B", "/s", "share", "count", "ratio", "index"]


@dataclass(frozen=True, slots=True)
class Line:
    """One series: a value for each x of its table; None is a gap."""

    name: str
    values: Values
    colour: Colour = "blue"
    style: Style = "line"
    error: tuple[Values, Values] | None = None
    """Lower and upper bound of each value, drawn as a bar."""
    labels: Sequence[str] | None = None
    """A text for each value, told when it is pointed at."""
    quiet: bool = False
    """Not in the legend: the bound of a band."""


@dataclass(frozen=True, slots=True)
class Table:
    """Series that share their x, ascending."""

    x: Sequence[float]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across the plot at one value of an axis, with a band where it is an interval."""

    axis: Literal["x", "y"]
    at: float | None
    label: str
    colour: Colour = "grey"
    low: float | None = None
    high: float | None = None
    level: float | None = None
    """The y at which a mark of the x-axis stands: it is then a point with a bar and not a line."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn in one frame."""

    title: str
    x_unit: Unit
    y_unit: Unit
    tables: tuple[Table, ...]
    x_title: str = "time since the start"
    note: str = ""
    """What a reader must know about how it was made."""
    summary: str = ""
    """What it shows, for those who do not see it."""
    bands: tuple[tuple[str, str, Colour], ...] = ()
    """Names of an upper and a lower line between which is filled."""
    marks: tuple[Mark, ...] = ()
    logarithmic: bool = False
    """Of the x-axis."""
    stacked: bool = False
    x_to: float | None = None
    """Where the axis ends, if not at the last x."""
    y_from: float | None = 0.0
    y_to: float | None = None
    group: str = ""
    """Charts of one group share the pointer and the zoom."""
    wide: bool = False
    ticks: Sequence[str] = field(default=())
    """Names of the whole values of x, where x is a place in a row."""


@dataclass(slots=True)
class Gallery:
    """Collects the charts of a page and gives each its place."""

    charts: list[Chart] = field(default_factory=list)

    def hang(self, chart: Chart) -> Element:
        """The frame of `chart`: title, note, and where the script draws."""
        self.charts.append(chart)
        key = f"chart-{len(self.charts)}"
        caption = element("figcaption", element("h3", chart.title, id=f"{key}-title"), _note(chart))
        plot = element(
            "div",
            class_="plot",
            id=key,
            tabindex="0",
            role="application",
            aria_roledescription="chart",
            aria_labelledby=f"{key}-title",
            aria_describedby=f"{key}-summary",
        )
        summary = element("p", chart.summary or chart.title, id=f"{key}-summary", class_="unseen")
        return element("figure", caption, summary, plot, class_="chart wide" if chart.wide else "chart")

    def declared(self) -> dict[str, Any]:
        """All charts by the identity of their frames, as plain JSON."""
        return {f"chart-{k}": asdict(chart) for k, chart in enumerate(self.charts, 1)}


def _note(chart: Chart) -> Element | None:
    return element("p", chart.note, class_="note") if chart.note else None
