"""Takes figures into a document: the number where it stands, and beside it what a JSON number cannot say.

A figure that was not observed is `null` with its reason under `not_observable`; an interval stands under
`confidence_intervals` and a reason for care under `figure_doubts`, each by the figure's path in the document.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from harness.judge.observed import UNSEEN
from harness.measure.metrics import Estimate


@dataclass(slots=True)
class Figures:
    """Collects, while the document is built, what is said about its figures."""

    not_observable: dict[str, str] = field(default_factory=dict)
    intervals: dict[str, dict[str, float | None]] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)

    def put(self, path: str, estimate: Estimate) -> float | None:
        """The figure that stands at `path`; what else is known about it is kept under that path."""
        value = number(estimate.value)
        if value is None:
            self.unseen(path, estimate.doubt or UNSEEN)
            return None
        low, high = number(estimate.low), number(estimate.high)
        if low is not None or high is not None:
            self.intervals[path] = {"low": low, "high": high}
        if estimate.doubt:
            self.doubts[path] = text(estimate.doubt)
        return value

    def unseen(self, path: str, reason: str) -> None:
        """Say why `null` stands at `path`."""
        self.not_observable[path] = text(reason)

    def block(self, path: str, estimates: Mapping[str, Estimate]) -> dict[str, float | None]:
        """The figures that stand below `path`."""
        return {name: self.put(f"{path}.{name}", estimate) for name, estimate in estimates.items()}

    def said(self) -> dict[str, Any]:
        """The three blocks, in the order of their paths' first use."""
        return {
            "not_observable": self.not_observable,
            "confidence_intervals": self.intervals,
            "figure_doubts": self.doubts,
        }


def estimates_of(record: Any) -> dict[str, Estimate]:
    """Every field of a record that is an estimate, by name, in the order of declaration."""
    named = ((f.name, getattr(record, f.name)) for f in fields(record))
    return {name: value for name, value in named if isinstance(value, Estimate)}


def largest(estimates: Iterable[Estimate], unseen: str = UNSEEN) -> Estimate:
    """The estimate with the largest value; where none was observed, the first one's reason, or `unseen`."""
    known = list(estimates)
    seen = [estimate for estimate in known if number(estimate.value) is not None]
    if seen:
        return max(seen, key=lambda estimate: estimate.value or 0.0)
    return known[0] if known else Estimate(None, doubt=unseen)


def number(value: float | None) -> float | None:
    """A plain float, or None where there is no finite one: neither NaN nor infinity is JSON."""
    return float(value) if value is not None and math.isfinite(value) else None


def text(raw: str) -> str:
    """`raw` as Unicode that every JSON reader accepts: a lone surrogate is written out as its escape."""
    return raw.encode("utf-8", "backslashreplace").decode("utf-8")


def below(path: str, key: str) -> str:
    """The path of `key` below `path`; a key that is not a plain name is quoted: `gauges["a.b"]`."""
    return f"{path}.{key}" if re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII) else f"{path}[{json.dumps(key)}]"
