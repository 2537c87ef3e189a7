"""Figures as they stand on a page: rounded for the eye, exact in the element's value, with interval and doubt beside.

`<data value="0.7487972661021254" data-path="response_time_percentiles.p95">749 ms</data>` is the JSON's number.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from harness.report.page.markup import Element, element
from harness.report.text import visible
from harness.units import UNCOUNTABLE, format_duration, format_rate, format_share, format_size

NOT_OBSERVED = "n/a"


def count(value: float) -> str:
    """A count; a mean of counts keeps three digits, and so does what a target says and nothing can count."""
    whole = value == int(value) and abs(value) < UNCOUNTABLE
    return f"{value:,.0f}".replace(",", "\u202f") if whole else f"{value:.3g}"


FORMS: dict[str, Callable[[float], str]] = {
    "s": format_duration,
    "B": format_size,
    "/s": format_rate,
    "share": format_share,
    "count": count,
    "ratio": "{:.3g}".format,
}
"""Unit -> how a figure of it is written."""


def in_words(value: float, unit: str) -> str:
    """A figure with its unit; a unit that is not ours stands behind the number as it is."""
    form = FORMS.get(unit)
    return form(value) if form is not None else f"{value:.4g} {visible(unit, 20)}".rstrip()


def exact(value: float, unit: str, path: str | None = None) -> Element:
    """The number at `path` of its document."""
    return element("data", in_words(value, unit), value=json.dumps(value), data_path=path)


def figure(document: Mapping[str, Any], path: str, unit: str) -> Element:
    """The report's figure at `path`, with its interval, its doubt, and why it is not there where it is not."""
    value = at(document, path)
    if value is None:
        why = document["not_observable"].get(path)
        return element("span", NOT_OBSERVED, class_="absent", title=visible(why) if why else None)
    doubt = document["figure_doubts"].get(path)
    mark = element("a", "?", class_="doubt", href="#doubts", title=visible(doubt)) if doubt else None
    return element("span", exact(value, unit, path), mark, interval(document, path, unit), class_="figure")


def interval(document: Mapping[str, Any], path: str, unit: str) -> Element | None:
    """The 95 % interval of the figure at `path`; None where there is none."""
    found = document["confidence_intervals"].get(path)
    return None if found is None else between(found["low"], found["high"], unit)


def between(low: float | None, high: float | None, unit: str) -> Element | None:
    """An interval in words, open where a bound is not known; None where neither is."""
    if low is None and high is None:
        return None
    if low is None or high is None:
        word, bound = ("at least", low) if high is None else ("at most", high)
        return element("span", f"{word} {in_words(bound or 0.0, unit)}", class_="interval")
    return element("span", f"{_shared(in_words(low, unit), in_words(high, unit))}", class_="interval")


def _shared(low: str, high: str) -> str:
    """`698 to 862 ms`, with a dash: a unit that both bounds have is said once."""
    number, _, unit = low.rpartition(" ")
    return f"{number} \u2013 {high}" if number and high.endswith(f" {unit}") else f"{low} \u2013 {high}"


def at(document: Mapping[str, Any], path: str) -> Any:
    """What stands at `path` (`latency.parts.lag`); None where any part of the path is not there."""
    value: Any = document
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
