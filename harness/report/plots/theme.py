"""How every plot looks: light, few lines, colours that those who see fewer of them can tell apart."""

from __future__ import annotations

from typing import Any

FONT = "DejaVu Sans, Liberation Sans, Arial, sans-serif"
BLUE, ORANGE, GREEN, RED, GREY, INK = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a8a8a", "#333333"
"""From the palette of M. Okabe and K. Ito, "Color Universal Design", 2008; grey and ink for what is not data."""


def light(chart: Any) -> Any:
    """`chart` (an Altair chart) in the plots' common look."""
    return (
        chart.configure(background="#ffffff", font=FONT, padding=16)
        .configure_axis(
            gridColor="#ececec",
            domainColor="#b8b8b8",
            tickColor="#b8b8b8",
            labelColor=INK,
            titleColor=INK,
            labelFontSize=11,
            titleFontSize=12,
            titleFontWeight="normal",
        )
        .configure_view(stroke=None)
        .configure_title(
            color=INK, fontSize=14, anchor="start", subtitleColor="#555555", subtitleFontSize=12, offset=12
        )
        .configure_legend(labelColor=INK, titleColor=INK, labelFontSize=11, orient="top", title=None)
    )
