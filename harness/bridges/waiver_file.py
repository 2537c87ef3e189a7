"""Reads `harness-waivers.toml`: every mistake at once, as with scenario files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from harness.errors import DeclarationError, Mistake, UnitError
from harness.judge.waivers import Waiver
from harness.scenario.load import read_document
from harness.schema import schema_mistakes
from harness.units import parse_share

FILE = Path("harness-waivers.toml")
"""Where waivers are looked for when no file is named."""
ANY = "any"


def read_waivers(path: Path | None) -> list[Waiver]:
    """The waivers in `path`; where None is given, those of `FILE` if there is one.

    Raises `DeclarationError` with every mistake of the file.
    """
    if path is None:
        if not FILE.exists():
            return []
        path = FILE
    document = _dates_as_text(read_document(path))
    mistakes = schema_mistakes("waivers", document) or list(_meanings(document))
    if mistakes:
        raise DeclarationError(str(path), mistakes)
    return [_waiver(table) for table in document.get("waiver", [])]


def _dates_as_text(value: Any) -> Any:
    """TOML has dates of its own, which JSON schemas do not know."""
    if isinstance(value, dict):
        return {key: _dates_as_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(inner) for inner in value]
    # a point in time is no date: its text does not fit the schema's pattern, which says so
    return value.isoformat() if isinstance(value, date | datetime) else value


def _meanings(document: dict[str, Any]) -> Iterator[Mistake]:
    """What fits the schema and still makes no sense."""
    for k, table in enumerate(document.get("waiver", [])):
        try:
            date.fromisoformat(table["expires"])
        except ValueError:
            yield Mistake(f"waiver[{k}].expires", repr(table["expires"]), "a date of the calendar")
        try:
            _largest(table["max_effect"])
        except UnitError as error:
            yield Mistake(f"waiver[{k}].max_effect", error.found, f'{error.allowed}, or "{ANY}"')


def _largest(text: str) -> float | None:
    return None if text == ANY else parse_share(text)


def _waiver(table: dict[str, Any]) -> Waiver:
    return Waiver(
        metric=table["metric"],
        scenario=table.get("scenario", "*"),
        accepts=table.get("accepts", "regressed"),
        reason=table["reason"],
        approved_by=table["approved_by"],
        expires=date.fromisoformat(table["expires"]),
        max_effect=_largest(table["max_effect"]),
    )
