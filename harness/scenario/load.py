"""Catalogs of scenarios: the built-in one, and a user's file that extends or overrides it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.errors import DeclarationError, Mistake, Topic
from harness.scenario.build import Reading, build_scenario, build_type
from harness.scenario.checks import UNKNOWN_TYPE
from harness.scenario.extend import extended
from harness.scenario.http import HttpTarget
from harness.scenario.model import Scenario, WorkflowType
from harness.schema import Route, dotted, nearest, one_of, schema_mistakes

BUILT_IN = "built-in catalog"
PREFIX = "test_"
"""What the names of the built-in scenarios begin with; it may be left out where a scenario is looked up."""

Document = dict[str, dict[str, dict[str, Any]]]

_DEEPEST = 12

_TOML_PLACE = re.compile(r"(?P<what>.*) \(at (?P<place>.*)\)", re.DOTALL)


@dataclass(frozen=True)
class Catalog(Mapping[str, Scenario]):
    """Scenarios by name, as a mapping, beside the workflow types they are made of.

    `source` is for people; `own` names the scenarios that the source itself declares, beside those it builds on.
    `target` is the HTTP service that the source declares, if it does.
    """

    types: Mapping[str, WorkflowType]
    scenarios: Mapping[str, Scenario]
    source: str
    own: tuple[str, ...]
    target: HttpTarget | None = None

    def declared_here(self) -> list[Scenario]:
        """The source's own scenarios, in the order in which it declares them; all of them where it has none."""
        return [self.scenarios[name] for name in self.own or self.scenarios]

    def __getitem__(self, name: str) -> Scenario:
        return self.scenarios[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scenarios)

    def __len__(self) -> int:
        return len(self.scenarios)


def load_catalog() -> Catalog:
    """The built-in catalog. It is built once; its shape is held to the schema by a test, not at run time."""
    return _built_in()[1]


def load_scenarios(path: Path | str | None = None) -> Catalog:
    """The built-in catalog, extended or overridden by the TOML file `path`.

    A scenario or workflow type of the file replaces the built-in one of that name as a whole; a scenario that says
    `extends = "NAME"` replaces single keys of that one. Raises `DeclarationError` with every mistake of the file.
    """
    if path is None:
        return load_catalog()
    path = Path(path)
    own = read_document(path)
    _refuse(path, schema_mistakes("scenario", own))
    base = _built_in()[0]
    scenarios, circles = extended(own.get("scenario", {}), base["scenario"])
    _refuse(path, circles)
    _refuse(path, schema_mistakes("scenario", {"scenario": scenarios} if scenarios else own))
    document = {
        "workflow": base["workflow"] | own.get("workflow", {}),
        "scenario": base["scenario"] | scenarios,
    }
    if "target" in own:
        document["target"] = own["target"]
    return _build(document, str(path), path.parent, own=tuple(scenarios))


def catalog_of(document: dict[str, Any], source: str) -> Catalog:
    """The scenarios that `document` declares by itself, without the built-in ones; files it names are not looked for
    anywhere but in the working folder. Raises `DeclarationError`, which `source` names, with every mistake."""
    _refuse(source, schema_mistakes("scenario", document))
    whole = {"workflow": {}, "scenario": {}, **document}
    return _build(whole, source, Path(), own=tuple(whole["scenario"]))


def find_scenario(catalog: Catalog, name: str) -> Scenario:
    """The scenario `name`, or `test_` + `name`. Raises `DeclarationError` that names the nearest one there is."""
    for candidate in (name, PREFIX + name):
        if candidate in catalog.scenarios:
            return catalog.scenarios[candidate]
    refusal = DeclarationError(catalog.source, [Mistake("scenario", repr(name), one_of(catalog.scenarios, name))])
    raise refusal.leads(Topic.SCENARIO, name, nearest(catalog.scenarios, name))


def read_document(path: Path) -> dict[str, Any]:
    """The TOML document in `path`; raises `DeclarationError` where it cannot be read, with line and column."""
    try:
        document = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        mistake = Mistake("file", (error.strerror or str(error)).lower(), "a readable TOML file")
    except UnicodeDecodeError as error:
        mistake = Mistake("file", f"byte {error.object[error.start]:#04x} at offset {error.start}", "UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        mistake = _syntax_mistake(str(error), path)
    except RecursionError:
        mistake = Mistake("file", "values nested too deeply to read", "TOML nested a few levels")
    except ValueError as error:
        # a path with a NUL, or a whole number of more digits than Python reads
        mistake = Mistake("file", str(error), "a readable TOML file")
    else:
        _refuse(path, list(_unbounded(document)))
        return document
    raise DeclarationError(str(path), [mistake])


def _syntax_mistake(message: str, path: Path) -> Mistake:
    match = _TOML_PLACE.fullmatch(message)
    where, what = (match["place"], match["what"]) if match else ("file", message)
    if where == "end of document":
        where = f"line {len(path.read_bytes().splitlines())}, end of document"
    return Mistake(where, f"a syntax error ({what})", "TOML")


def _unbounded(document: dict[str, Any]) -> Iterator[Mistake]:
    """What TOML's parser lets pass but neither schema nor message can handle: no end of depth, no end of digits."""
    values: list[tuple[Route, Any]] = [((), document)]
    while values:
        route, value = values.pop()
        if len(route) > _DEEPEST:
            found = f"a value nested more than {_DEEPEST} deep"
            yield Mistake(dotted(route), found, "what the schema has, a few levels deep")
        elif isinstance(value, dict):
            values.extend(((*route, key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            values.extend(((*route, k), inner) for k, inner in enumerate(value))
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            yield Mistake(dotted(route), "a whole number of more than 64 bits", "at most 64 bits, as TOML has it")


@cache
def _built_in() -> tuple[Document, Catalog]:
    path = Path(__file__).with_name("catalog.toml")
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return document, _build(document, BUILT_IN, path.parent, own=tuple(document["scenario"]))


def _build(document: Document, source: str, folder: Path, own: tuple[str, ...]) -> Catalog:
    reading = Reading(folder)
    types = {name: build_type(name, table, reading) for name, table in document["workflow"].items()}
    scenarios = {}
    for name, table in document["scenario"].items():
        scenario = build_scenario(name, table, types, reading)
        if scenario is not None:
            scenarios[name] = scenario
    target = _target(document["target"], types, reading) if "target" in document else None
    _refuse(source, reading.texts)
    _refuse(source, [_with_all_types(mistake, types) for mistake in reading.meanings])
    return Catalog(MappingProxyType(types), MappingProxyType(scenarios), source, own, target)


def _target(table: dict[str, Any], types: Mapping[str, WorkflowType], reading: Reading) -> HttpTarget:
    from harness.scenario.http_build import build_target  # noqa: PLC0415 - most files have no target

    return build_target(table, types, reading)


def _with_all_types(mistake: Mistake, types: Mapping[str, WorkflowType]) -> Mistake:
    # a record knows only the types it was given; the catalog knows what the user could have named
    if mistake.found != UNKNOWN_TYPE:
        return mistake
    return Mistake(mistake.where, mistake.found, one_of(sorted(types), mistake.where.rpartition(".")[2]))


def _refuse(source: Path | str, mistakes: list[Mistake]) -> None:
    if mistakes:
        # one workflow type is looked at once for each scenario that uses it
        raise DeclarationError(str(source), dict.fromkeys(mistakes))
