"""An effect as a bar around no change: where its interval lies, with what is too small to matter shaded.

The scale is linear around nothing and logarithmic beyond a per cent, so that one table shows both an interval of half
a per cent and one of a hundred; faint lines stand at each power of ten.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.report.comparison_rows import Metric
from harness.report.page.markup import Element, element

_ENDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_LINEAR = 0.01
"""An effect below which the scale is nearly linear."""
_TICKS = (0.01, 0.1, 1.0)
_WIDTH, _HEIGHT = 240.0, 18.0
_MIDDLE, _HALF = _WIDTH / 2, _WIDTH / 2 - 6


@dataclass(frozen=True, slots=True)
class Scale:
    """What the ends of the strips mean, as a share."""

    most: float

    def at(self, effect: float) -> float:
        """The place of an effect; beyond the ends, the end."""
        within = math.log1p(min(abs(effect), self.most) / _LINEAR) / math.log1p(self.most / _LINEAR)
        return _MIDDLE + math.copysign(_HALF * within, effect)

    def beyond(self, effect: float) -> bool:
        """Whether it lies outside."""
        return abs(effect) > self.most

    @property
    def ticks(self) -> tuple[float, ...]:
        """Powers of ten within the scale."""
        return tuple(tick for tick in _TICKS if tick <= self.most)


def scale_of(metrics: Sequence[Metric]) -> Scale:
    """The smallest round scale that shows all intervals whole, at most 1,000 %."""
    wanted = max((abs(end) for metric in metrics for end in _span(metric)), default=0.0)
    return Scale(next((end for end in _ENDS if wanted <= end), _ENDS[-1]))


def axis(scale: Scale) -> Element:
    """The scale above a column of strips."""
    ticks = [tick for tick in scale.ticks if scale.at(tick) - _MIDDLE > 20]
    texts = [(0.0, "0"), *((sign * tick, f"{sign * tick * 100:+g} %") for tick in ticks for sign in (-1, 1))]
    parts = [
        element("text", text.replace("-", "\u2212"), x=_n(scale.at(at)), y="12", text_anchor="middle")
        for at, text in texts
    ]
    return element("svg", *parts, viewBox=f"0 0 {_n(_WIDTH)} {_n(_HEIGHT)}", class_="strip axis", aria_hidden="true")


def strip(metric: Metric, scale: Scale, floor: float) -> Element | None:
    """The bar of one metric; None where it has no effect."""
    if metric["effect"] is None:
        return None
    low, effect, high = _span(metric)
    unit = "points" if metric["effect_unit"] == "points" else "%"
    told = f"{effect * 100:+.3g} {unit}, from {low * 100:+.3g} to {high * 100:+.3g}"
    told += f"; too small to matter: up to {floor * 100:.3g} {unit}" if floor else ""
    parts = _drawn(metric["verdict"], (low, effect, high), scale, floor)
    box = f"0 0 {_n(_WIDTH)} {_n(_HEIGHT)}"
    return element("svg", element("title", told), *parts, viewBox=box, class_="strip", role="img", aria_label=told)


def _drawn(tone: str, span: tuple[float, float, float], scale: Scale, floor: float) -> Iterator[Element]:
    left, right, middle = scale.at(-floor), scale.at(floor), _n(_HEIGHT / 2)
    if floor:
        yield element("rect", x=_n(left), y="0", width=_n(right - left), height=_n(_HEIGHT), class_="floor")
    for tick in scale.ticks:
        yield from (_line(scale.at(sign * tick), "tick") for sign in (-1, 1))
    yield _line(_MIDDLE, "zero")
    low, effect, high = span
    if low != high:
        ends = {"x1": _n(scale.at(low)), "x2": _n(scale.at(high)), "y1": middle, "y2": middle}
        yield element("line", class_=f"span {tone}", **ends)
    yield from (_arrow(end) for end in (low, high) if scale.beyond(end))
    if not scale.beyond(effect):
        yield element("circle", cx=_n(scale.at(effect)), cy=middle, r="4", class_=f"dot {tone}")


def _line(at: float, what: str) -> Element:
    return element("line", x1=_n(at), x2=_n(at), y1="0", y2=_n(_HEIGHT), class_=what)


def _span(metric: Metric) -> tuple[float, float, float]:
    """Lower end, effect, upper end; all three the same for an exact effect."""
    effect, found = metric["effect"], metric["interval"]
    if effect is None:
        return (0.0, 0.0, 0.0)
    return (effect, effect, effect) if found is None else (found["low"], effect, found["high"])


def _arrow(end: float) -> Element:
    at, towards = (_WIDTH - 1, -7.0) if end > 0 else (1.0, 7.0)
    middle = _HEIGHT / 2
    points = f"{_n(at)},{_n(middle)} {_n(at + towards)},{_n(middle - 5)} {_n(at + towards)},{_n(middle + 5)}"
    return element("polygon", points=points, class_="off")


def _n(value: float) -> str:
    return f"{value:.1f}"
