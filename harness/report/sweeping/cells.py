"""The rows of a sweep by cell: what the replications of one cell come to, without averaging a percentile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the replications of a cell: their median, and the least and the largest."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CellOfRows:
    """One cell with all its rows."""

    settings: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]

    @property
    def measured(self) -> list[Mapping[str, Any]]:
        """The rows that did not fail."""
        return [row for row in self.rows if row["verdict"] != "failed"]

    def spread(self, name: str) -> Spread | None:
        """The figure `name`; None where no row has it."""
        seen = [value for row in self.measured if (value := row["figures"].get(name)) is not None]
        return Spread(median(seen), min(seen), max(seen)) if seen else None


def cells_of_rows(document: Document) -> list[CellOfRows]:
    """The cells in the order of the grid; of a sweep that was stopped, those that were begun."""
    found: dict[tuple[tuple[str, Any], ...], list[Mapping[str, Any]]] = {}
    for row in document["rows"]:
        # the type counts: true and 1 are one key of a dict, but two settings
        key = tuple((path, f"{type(value).__name__}{value}") for path, value in row["settings"].items())
        found.setdefault(key, []).append(row)
    return [CellOfRows(rows[0]["settings"], rows) for rows in found.values()]
