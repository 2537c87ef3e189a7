"""Effects as strips of characters on the scale of their table, which shows at a glance where each interval lies.

····├─●─┤··│···········    an interval of -8 % to -4 %, on a scale of ±10 %
···········│·········▶     more than the scale shows
"""

from __future__ import annotations

from collections.abc import Iterable

WIDTH = 21
"""Characters of a strip; its middle is no effect."""
_SCALES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_MIDDLE = WIDTH // 2

Span = tuple[float, float, float]
"""Lower end, effect, upper end; all three the same for an exact effect."""


def scale_of(spans: Iterable[Span]) -> float:
    """What the ends of the strips mean: the smallest round share that holds all spans, at most 1 (100 %)."""
    largest = max((abs(end) for span in spans for end in span), default=0.0)
    return next((scale for scale in _SCALES if largest <= scale), _SCALES[-1])


def strip(span: Span, scale: float) -> str:
    """One span on a scale of -`scale` to +`scale`; an end beyond it is an arrow."""
    low, effect, high = span
    cells = ["·"] * WIDTH
    cells[_MIDDLE] = "│"
    first, last = _place(low, scale), _place(high, scale)
    if first != last:
        cells[first : last + 1] = ["─"] * (last + 1 - first)
        cells[first], cells[last] = "├", "┤"
    cells[_place(effect, scale)] = "●"
    if low < -scale:
        cells[0] = "◀"
    if high > scale:
        cells[-1] = "▶"
    return "".join(cells)


def _place(value: float, scale: float) -> int:
    within = min(max(value / scale, -1.0), 1.0)
    return round(_MIDDLE + within * _MIDDLE)
