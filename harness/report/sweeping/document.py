"""A sweep as a document of `schemas/sweep.schema.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from harness.errors import ReportError
from harness.report.figures import number, text

SWEEP_VERSION = 1
Document = Mapping[str, Any]


class Cell(Protocol):
    """One cell with one seed, as the sweep hands it over."""

    @property
    def index(self) -> int:
        """Its place in the grid."""

    @property
    def settings(self) -> Sequence[tuple[str, Any]]:
        """What was set, in the order of the axes."""

    @property
    def seed(self) -> int:
        """Of the replication."""

    @property
    def digest(self) -> str | None:
        """Of the scenario as it was run."""

    @property
    def verdict(self) -> str:
        """On its baseline, or `failed`."""

    @property
    def reason(self) -> str:
        """Why it failed, or what was broken."""

    @property
    def limited_by(self) -> str | None:
        """The resource that limited it."""

    @property
    def figures(self) -> Mapping[str, float | None]:
        """By name."""


# long: one line for each field
def sweep_document(
    *,
    scenario: str,
    digest: str,
    target: str,
    clock: str,
    axes: Mapping[str, Sequence[Any]],
    seeds: Sequence[int],
    rows: Sequence[Cell],
    stopped: str | None,
    commit: Mapping[str, Any] | None,
    machine: Mapping[str, Any],
    harness_version: str,
    timestamp: datetime,
) -> dict[str, Any]:
    """The document, checked; rows stand in the order of the grid. Raises `ReportError` where the schema refuses it."""
    planned = len(seeds)
    for values in axes.values():
        planned *= len(values)
    document = {
        "schema_version": SWEEP_VERSION,
        "kind": "sweep",
        "timestamp": timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "harness_version": harness_version,
        "commit": commit,
        "machine": machine,
        "scenario": scenario,
        "scenario_digest": digest,
        "target": text(target),
        "clock": clock,
        "seeds": list(seeds),
        "axes": [{"path": path, "values": list(values)} for path, values in axes.items()],
        "planned": planned,
        "failed": sum(row.verdict == "failed" for row in rows),
        "stopped": stopped,
        "rows": [_row(row) for row in sorted(rows, key=lambda row: row.index)],
    }
    from harness.schema import schema_mistakes  # noqa: PLC0415 - jsonschema is not needed to measure

    mistakes = schema_mistakes("sweep", document, 20)
    if mistakes:
        raise ReportError("\n".join(f"sweep: {mistake}" for mistake in mistakes))
    return document


def _row(row: Cell) -> dict[str, Any]:
    return {
        "settings": dict(row.settings),
        "seed": row.seed,
        "scenario_digest": row.digest,
        "verdict": row.verdict,
        "reason": text(row.reason),
        "limited_by": None if row.limited_by is None else text(row.limited_by),
        "figures": {name: number(value) for name, value in row.figures.items()},
    }
