"""What a sweep varies, as it is typed: `agents=10..80/10`, `queue=50,100`, `rate=10..100/10 /s`.

A setting is PATH=VALUES. PATH is a short name (`agents`, `queue`, `in_flight`, `rate`), or a path into the scenario's
own table (`pools.reviewers.size`, `retry.max_attempts`, `cores`), or one into a workflow type
(`workflow.simple.steps.answer.fail`). VALUES are separated by commas; each is a value as TOML has it, without quotes,
or a range FROM..TO/STEP, whose last value is the last one not beyond TO. A unit at the end goes for all that have none.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from harness.errors import DeclarationError, Mistake
from harness.scenario.extend import extended
from harness.schema import one_of

MOST_CELLS = 100_000
"""More cells than this are refused, with their number."""

MOST_CHECKED = 40
"""Values of an axis that are tried in a declaration before anything is run."""

Value = int | float | bool | str
Settings = tuple[tuple[str, Value], ...]
"""(path as it was typed, value), one for each axis."""

SHORT = {"in_flight": ("load", "in_flight"), "rate": ("load", "rate")}
_OF_A_POOL = {"agents": "size", "queue": "queue"}

_NUMBER = r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_UNIT = r"/?[A-Za-zµ%]+"
_RANGE = re.compile(
    rf"(?P<low>{_NUMBER})\s*(?P<low_unit>{_UNIT})?\s*\.\.\s*(?P<high>{_NUMBER})\s*(?P<high_unit>{_UNIT})?\s*"
    rf"(?:/\s*(?P<step>{_NUMBER})\s*(?P<step_unit>{_UNIT})?)?"
)
_BARE = re.compile(_NUMBER)
_WITH_UNIT = re.compile(rf"{_NUMBER}\s*(?P<unit>{_UNIT})")
_PATH = re.compile(r"[A-Za-z0-9_]+(?:\[[0-9]+\])?(?:\.[A-Za-z0-9_-]+(?:\[[0-9]+\])?)*")
_SYNTAX = "PATH=VALUES, such as agents=10..80/10 or queue=50,100"
_RANGE_SYNTAX = "a range FROM..TO/STEP, such as 10..80/10 or 50..200/50 ms"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that is varied: where it stands, as it was typed, and its values as TOML has them."""

    path: str
    values: tuple[Value, ...]


def axes_of(settings: Sequence[str]) -> tuple[Axis, ...]:
    """The axes that `--set` options declare. Raises `DeclarationError` with every mistake, and for too many cells."""
    mistakes: list[Mistake] = []
    axes: list[Axis] = []
    for text in settings:
        axis = _axis(text, mistakes)
        if axis is not None and any(axis.path == other.path for other in axes):
            mistakes.append(Mistake(f"--set {axis.path}", "the same path twice", "each path once"))
        elif axis is not None:
            axes.append(axis)
    cells = math.prod(len(axis.values) for axis in axes)
    if cells > MOST_CELLS:
        mistakes.append(Mistake("--set", f"{cells} cells", f"at most {MOST_CELLS} in all"))
    if mistakes:
        raise DeclarationError("options", mistakes)
    return tuple(axes)


def cells_of(axes: Sequence[Axis]) -> Iterator[Settings]:
    """Every combination of the axes' values, the last axis varying fastest."""
    paths = [axis.path for axis in axes]
    for values in itertools.product(*(axis.values for axis in axes)):
        yield tuple(zip(paths, values, strict=True))


def checks_of(axes: Sequence[Axis]) -> Iterator[Settings]:
    """Cells in which every value occurs once at least, the others being first: as many as there are values.

    Of an axis with very many, its ends, its least and its largest: what may stand somewhere is nearly always a range.
    """
    first = [axis.values[0] for axis in axes]
    for k, axis in enumerate(axes):
        tried = _telling(axis.values)
        for value in tried if k == 0 else tried[1:]:
            chosen = [*first[:k], value, *first[k + 1 :]]
            yield tuple((of.path, one) for of, one in zip(axes, chosen, strict=True))


def _telling(values: Sequence[Value]) -> list[Value]:
    if len(values) <= MOST_CHECKED:
        return list(values)
    numbers = sorted(value for value in values if not isinstance(value, str))
    half = MOST_CHECKED // 2
    return list(dict.fromkeys([*values[:half], *numbers[:1], *numbers[-1:], *values[-half:]]))


# --------------------------------------------------------------------------- one setting


def _axis(text: str, mistakes: list[Mistake]) -> Axis | None:
    path, equals, given = (part.strip() for part in text.partition("="))
    if not equals or not _PATH.fullmatch(path):
        mistakes.append(Mistake("--set", repr(text[:_LONGEST]), _SYNTAX))
        return None
    where, before = f"--set {path}", len(mistakes)
    parts = [part.strip() for part in given.split(",")]
    if not all(parts):
        mistakes.append(Mistake(where, "nothing" if not given else "a comma with nothing beside it", "values"))
        return None
    last = _WITH_UNIT.fullmatch(parts[-1])
    unit = last["unit"] if last and all(map(_BARE.fullmatch, parts[:-1])) else None
    values: list[Value] = []
    for part in parts:
        values += _values(where, part, unit, mistakes)
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        mistakes.append(Mistake(where, f"{', '.join(map(str, twice))} twice", "each value once"))
    return Axis(path, tuple(values)) if len(mistakes) == before else None


def _values(where: str, part: str, unit: str | None, mistakes: list[Mistake]) -> list[Value]:
    if ".." not in part:
        return [_value(f"{part} {unit}" if unit and _BARE.fullmatch(part) else part)]
    match = _RANGE.fullmatch(part)
    if match is None:
        mistakes.append(Mistake(where, repr(part[:_LONGEST]), _RANGE_SYNTAX))
        return []
    low, high = Decimal(match["low"].replace("_", "")), Decimal(match["high"].replace("_", ""))
    step = Decimal((match["step"] or "1").replace("_", ""))
    units = [given for given in (match["low_unit"], match["high_unit"], match["step_unit"]) if given]
    if len(set(units)) > 1:
        mistakes.append(Mistake(where, f"{part!r}, with units {' and '.join(units)}", "one unit for the whole range"))
    elif high < low or step <= 0:
        mistakes.append(Mistake(where, repr(part), "a range that rises, by a step of more than 0"))
    elif match["step"] is None and (low != int(low) or high != int(high)):
        mistakes.append(Mistake(where, f"{part!r} without a step", _RANGE_SYNTAX))
    elif (count := int((high - low) / step) + 1) > MOST_CELLS:
        mistakes.append(Mistake(where, f"{count} values", f"at most {MOST_CELLS}"))
    else:
        numbers = (low + k * step for k in range(count))
        return [_value(f"{number:f} {units[0]}" if units else f"{number:f}") for number in numbers]
    return []


def _value(text: str) -> Value:
    """A value as TOML would have it, its quotes left out where nothing else can be meant."""
    if text in ("true", "false"):
        return text == "true"
    if _BARE.fullmatch(text):
        number = float(text.replace("_", ""))
        # 1.0 and 1e3 are whole too: a count is a whole number however it is written
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    return text.strip("\"'")


# --------------------------------------------------------------------------- into a declaration


def varied(document: Mapping[str, Any], name: str, settings: Settings) -> dict[str, Any]:
    """`document`, which declares the scenario `name` and its types, with `settings` put in; it is not changed itself.

    What excludes a setting is dropped (`workflows` where `duration` is set), as `extends` does. Raises
    `DeclarationError` for paths that lead nowhere; whether values may stand there is for the loader to say.
    """
    table, types = document["scenario"][name], dict(document["workflow"])
    above: dict[str, Any] = {"extends": name}
    mistakes: list[Mistake] = []
    for path, value in settings:
        route = _route(path, table, mistakes)
        if route[:1] == ["workflow"]:
            types = _placed(path, types, route[1:], value, mistakes)
        elif route:
            _put(path, above, route, value, mistakes)
    if mistakes:
        raise DeclarationError("options", mistakes)
    whole, _ = extended({name: above}, {name: table})
    return {**document, "scenario": {**document["scenario"], name: whole[name]}, "workflow": types}


def _route(path: str, table: Mapping[str, Any], mistakes: list[Mistake]) -> list[str]:
    """The keys from the scenario's table (or from `workflow`) to what `path` names."""
    if path in _OF_A_POOL:
        pools = list(table["pools"])
        if "agents" in pools or len(pools) == 1:
            return ["pools", "agents" if "agents" in pools else pools[0], _OF_A_POOL[path]]
        paths = [f"pools.{pool}.{_OF_A_POOL[path]}" for pool in pools]
        mistakes.append(Mistake(f"--set {path}", "a scenario without a pool named agents", one_of(paths, path)))
        return []
    return [*SHORT[path]] if path in SHORT else re.sub(r"\[([0-9]+)\]", r".\1", path).split(".")


def _put(path: str, above: dict[str, Any], route: list[str], value: Value, mistakes: list[Mistake]) -> None:
    for key in route[:-1]:
        inner: Any = above.setdefault(key, {})
        if not isinstance(inner, dict):
            mistakes.append(Mistake(f"--set {path}", f"a path below {key!r}, which is set too", "paths side by side"))
            return
        above = inner
    if isinstance(above.get(route[-1]), dict):
        mistakes.append(Mistake(f"--set {path}", "a path above another that is set", "paths side by side"))
        return
    above[route[-1]] = value


def _placed(path: str, of: Any, route: list[str], value: Value, mistakes: list[Mistake]) -> Any:
    """`of` with `value` at `route`, copied along the way; an item of a list is found by its index or its `name`."""
    if not route:
        return value
    key, rest = route[0], route[1:]
    if isinstance(of, list):
        names = [str(item.get("name")) if isinstance(item, dict) else "" for item in of]
        index = int(key) if key.isdigit() else names.index(key) if key in names else len(of)
        if index >= len(of):
            mistakes.append(Mistake(f"--set {path}", repr(key), one_of(names, key)))
            return of
        return [*of[:index], _placed(path, of[index], rest, value, mistakes), *of[index + 1 :]]
    if not isinstance(of, dict) or (rest and key not in of):
        known = list(of) if isinstance(of, dict) else []
        mistakes.append(Mistake(f"--set {path}", repr(key), one_of(known, key)))
        return of
    return {**of, key: _placed(path, of.get(key), rest, value, mistakes)}
