"""What to write so that a scenario becomes the advised one: the lines that differ, as an overlay of `extends`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import ReportError
from harness.report.document import cause
from harness.report.replacing import refuse_file
from harness.scenario.declare import declaration_of
from harness.scenario.load import load_catalog
from harness.scenario.model import Retry, Scenario

MARK = "# written by harness advise"
"""The first line of a file that may be replaced: any other is somebody's own."""
_GONE: Mapping[str, Any] = {"queue": "unbounded"}
"""What says in words that a key is not given."""


def overlay(before: Scenario, after: Scenario) -> dict[str, Any]:
    """What `after` declares otherwise than `before`, of the same name: single keys, and workflow types as a whole.

    A scenario of the built-in catalog is extended; of another, the keys go where the file declares it.
    """
    name = before.name
    old, new = declaration_of(before), declaration_of(after)
    changed = _changed(old["scenario"][name], new["scenario"][name])
    if after.retry == Retry() and before.retry != Retry():
        changed["retry"] = {"max_attempts": 1}
    types = {kind: table for kind, table in new["workflow"].items() if table != old["workflow"].get(kind)}
    built_in = load_catalog().scenarios.get(name)
    extends = {"extends": name} if built_in is not None and built_in.digest == before.digest else {}
    document: dict[str, Any] = {"scenario": {name: extends | changed}}
    return document | ({"workflow": types} if types else {})


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            inner = _changed(old[key], value)
            if inner:
                changed[key] = inner
        elif key not in old or old[key] != value:
            changed[key] = value
    return changed | {key: word for key, word in _GONE.items() if key in old and key not in new}


def overlay_toml(before: Scenario, after: Scenario) -> str:
    """The overlay as TOML."""
    import tomli_w  # noqa: PLC0415 - only what is shown needs it

    return tomli_w.dumps(overlay(before, after))


def whole_toml(after: Scenario) -> str:
    """The advised scenario with its types, as a file that stands alone."""
    import tomli_w  # noqa: PLC0415 - only what is written needs it

    return f"{MARK}\n\n{tomli_w.dumps(declaration_of(after))}"


def refuse_place(path: Path) -> None:
    """Raise before anything is run where `whole_toml` cannot be written, or would take the place of another file."""
    refuse_file(path, "--apply", (".toml",))
    try:
        with path.open("rb") as file:
            first = file.readline(len(MARK) + 2).rstrip()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ReportError(f"--apply {path}: cannot read what is there: {cause(error)}") from error
    if first != MARK.encode():
        raise ReportError(
            f"--apply {path}: expected a name that is free, or a file that harness advise wrote; found another"
        )
