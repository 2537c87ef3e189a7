"""One line of the table: what was measured, against what, and whether it is within its bar."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` and `peer` are repeated measurements in `unit`, taken in turn; `bar` bounds the ratio of medians.

    Without a peer, `bar` bounds our own median. None: nothing is asked of it. Where they are `paired`, the k-th of one
    and the k-th of the other right after one another, it bounds the median of the pairs' ratios: a machine that slows
    down half way does not move that.
    """

    what: str
    unit: str
    ours: Sequence[float]
    peer_name: str = ""
    peer: Sequence[float] = ()
    bar: float | None = None
    note: str = ""
    paired: bool = False

    @property
    def figure(self) -> float:
        """Ratio of medians or median of ratios; our median where there is no peer."""
        if self.paired:
            return statistics.median(mine / theirs for mine, theirs in zip(self.ours, self.peer, strict=True))
        ours = statistics.median(self.ours)
        return ours / statistics.median(self.peer) if self.peer else ours

    @property
    def held(self) -> bool | None:
        """Whether the figure is within its bar; None where there is none."""
        return None if self.bar is None else self.figure <= self.bar


def show(row: Row) -> str:
    """One line for people."""
    word = {True: "held", False: "MISSED", None: ""}[row.held]
    bar = "" if row.bar is None else f"(bar {row.bar:g}) {word}"
    peer = f" | {row.peer_name} {_spread(row.peer)} {row.unit} | ratio {row.figure:.2f}" if row.peer else ""
    note = f" [{row.note}]" if row.note else ""
    return f"{row.what}: {_spread(row.ours)} {row.unit}{peer} {bar}{note}"


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3g} [{min(values):.3g}, {max(values):.3g}]"
