"""Finds a JSON schema of this package and says, in plain words, what a document does against it.

jsonschema is imported inside the functions that need it: `harness list` must start without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.errors import Mistake


def schema_path(name: str) -> Path:
    """The file of the schema `name`: in an installed wheel beside this module, else at the top of the checkout."""
    here = Path(__file__).parent
    for folder in (here / "schemas", here.parent / "schemas"):
        path = folder / f"{name}.schema.json"
        if path.is_file():
            return path
    raise FileNotFoundError(f"no schema {name!r} in {here / 'schemas'} or {here.parent / 'schemas'}")


def load_schema(name: str) -> dict[str, Any]:
    """The schema `name` as JSON; a fresh copy at each call."""
    schema: dict[str, Any] = json.loads(schema_path(name).read_text(encoding="utf-8"))
    return schema


def one_of(allowed: Iterable[str], found: str) -> str:
    """`one of a, b, c (nearest: b)`, for a name that is not among `allowed`."""
    from difflib import get_close_matches  # noqa: PLC0415  - only an error needs it

    names = list(allowed)
    if not names:
        return "none"
    near = get_close_matches(found, names, n=1, cutoff=0.5)
    return f"one of {', '.join(names)}" + (f" (nearest: {near[0]})" if near else "")


def schema_mistakes(name: str, document: object) -> list[Mistake]:
    """Every mistake of `document` against the schema `name`."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  - see the module's docstring

    errors = Draft202012Validator(load_schema(name)).iter_errors(document)
    return [Mistake(error.json_path, repr(error.instance)[:60], error.message) for error in errors]
