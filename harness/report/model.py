"""`Report`: the document that `schemas/report.schema.json` describes, and the shorthands that renderers need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Report:
    """One scenario's report. `document` is plain JSON (dicts, lists, texts, finite numbers, None); do not change it.

    Its texts may come from a target or from a file of unknown origin: a renderer must make them inert.
    """

    document: Mapping[str, Any]

    @property
    def scenario(self) -> str:
        """Name of the scenario."""
        return str(self.document["scenario"])

    @property
    def target(self) -> str:
        """What was under load."""
        return str(self.document["target"])

    @property
    def clock(self) -> str:
        """`wall`, `virtual` or `hybrid`."""
        return str(self.document["clock"])

    @property
    def valid(self) -> bool:
        """Whether the run may be believed."""
        return bool(self.document["status"] == "valid")

    @property
    def verdict(self) -> str:
        """`invalid` where the run may not be believed, else the baseline's `held`, `broken` or `cannot_tell`."""
        return str(self.document["baseline"]["verdict"]) if self.valid else "invalid"

    def figure(self, *path: str) -> float | None:
        """The figure at `path` (`"latency", "mean"`); None where it is not observable. Raises `KeyError`."""
        value: Any = self.document
        for key in path:
            value = value[key]
        return None if value is None else float(value)
