"""What a project need not type each time: `harness.toml`, or `[tool.harness]` in `pyproject.toml`.

Only the folder of the command is looked into, so that every path means the same as it would on the command line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import DeclarationError, Mistake, UnitError
from harness.scenario.load import read_document
from harness.schema import schema_mistakes
from harness.units import parse_duration

FILE = "harness.toml"
PYPROJECT = "pyproject.toml"
TABLE = "tool.harness"

_SHARED = ("file", "target", "clock", "seed", "patch_time", "report_dir")
_OF_COMMAND = {
    "run": _SHARED,
    "continuous": _SHARED,
    "capacity": _SHARED,
    "sweep": ("file",),
    "advise": ("file",),
    "list": ("file",),
    "show": ("file",),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one folder. `source` names their file for people; empty where there are none."""

    source: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    """As they stand in the file, its tables for single commands among them."""

    def of_command(self, command: str) -> dict[str, Any]:
        """What they say for `harness COMMAND`, by the keys of the file; its own table goes before what is shared."""
        shared = {key: self.values[key] for key in _OF_COMMAND.get(command, ()) if key in self.values}
        return shared | dict(self.values.get(command, {}))


def read_settings(folder: Path) -> Settings:
    """The settings in `folder`. Raises `DeclarationError` with every mistake, and where both files have some."""
    own, shared = folder / FILE, folder / PYPROJECT
    in_pyproject = _in_pyproject(shared) if shared.is_file() else None
    if not own.is_file():
        return Settings() if in_pyproject is None else _checked(str(shared), in_pyproject, f"{TABLE}.")
    if in_pyproject is not None:
        both = Mistake(TABLE, f"settings there and in {FILE}", "settings in one of the two")
        raise DeclarationError(str(shared), [both])
    return _checked(str(own), read_document(own), "")


def _in_pyproject(path: Path) -> Any:
    tools = read_document(path).get("tool", {})
    return tools.get("harness") if isinstance(tools, dict) else None


def _checked(source: str, values: Any, prefix: str) -> Settings:
    mistakes = schema_mistakes("settings", values) or list(_meanings(values))
    if mistakes:
        raise DeclarationError(source, [Mistake(prefix + one.where, one.found, one.allowed) for one in mistakes])
    return Settings(source, values)


def _texts(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, str):
            yield f"{prefix}{key}", value
        elif isinstance(value, dict):
            yield from _texts(value, f"{prefix}{key}.")


def _meanings(values: Mapping[str, Any]) -> Iterator[Mistake]:
    """What fits the schema and still makes no sense."""
    for key, value in _texts(values):
        if "\0" in value:
            yield Mistake(key, repr(value), "a text without a NUL, which no name of a file or module holds")
    table = values.get("continuous", {})
    try:
        if "budget" in table:
            parse_duration(table["budget"])
    except UnitError as error:
        yield Mistake("continuous.budget", error.found, error.allowed)
    if "max_rounds" in table and table["max_rounds"] < table.get("rounds", 1):
        allowed = f"at least continuous.rounds, {table['rounds']}"
        yield Mistake("continuous.max_rounds", str(table["max_rounds"]), allowed)
