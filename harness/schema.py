"""Finds a JSON schema of this package and says, in plain words, what a document does against it.

In these schemas `title` is the phrase for what may stand there ("a duration with a unit …"), and `description` is what
it means. jsonschema is imported where it is used: `harness list` must start without it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DeclarationError, Mistake, Topic

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

Error = Any
"""A `jsonschema.ValidationError`, whose stubs declare every field as possibly unset; none is once it is yielded."""

Route = tuple[str | int, ...]

_LONGEST_SHOWN = 60

_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a string",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "null",
}


def schema_path(name: str) -> Path:
    """The file of the schema `name`: in an installed wheel beside this module, else at the top of the checkout.

    Raises `FileNotFoundError` where neither has it.
    """
    here = Path(__file__).parent
    for folder in (here / "schemas", here.parent / "schemas"):
        path = folder / f"{name}.schema.json"
        if path.is_file():
            return path
    raise FileNotFoundError(f"no schema {name!r} in {here / 'schemas'} or {here.parent / 'schemas'}")


def schema_names() -> list[str]:
    """The names that `schema_path` knows, sorted."""
    folder = schema_path("scenario").parent
    return sorted(path.name.removesuffix(".schema.json") for path in folder.glob("*.schema.json"))


def schema_text(name: str) -> str:
    """The schema `name` as it stands in its file; raises `DeclarationError`, which lists them, for another name."""
    if name not in (names := schema_names()):
        refusal = DeclarationError("arguments", [Mistake("NAME", repr(name), one_of(names, name))])
        raise refusal.leads(Topic.SCHEMA, name, nearest(names, name))
    return schema_path(name).read_text(encoding="utf-8")


def load_schema(name: str) -> dict[str, Any]:
    """The schema `name` as JSON; a fresh copy at each call."""
    schema: dict[str, Any] = json.loads(schema_path(name).read_text(encoding="utf-8"))
    return schema


def schema_mistakes(name: str, document: object, most: int | None = None) -> list[Mistake]:
    """Every mistake of `document` against the schema `name` (draft 2020-12), in the document's own order.

    `most` ends the search after so many errors: a stranger's document may have more than there is time for. Of a union
    that nothing fits, only the part that was most likely meant is reported.
    """
    validator = _validator(name)
    errors = _each_once(islice(validator.iter_errors(document), most))
    found = [pair for error in errors for pair in _mistakes(error, validator.schema)]
    found.sort(key=lambda pair: _position(document, pair[0]))
    return list(dict.fromkeys(mistake for _, mistake in found))


def one_of(allowed: Iterable[str], found: object) -> str:
    """`one of a, b, c (nearest: b)`, for a name that is not among `allowed`."""
    from difflib import get_close_matches  # noqa: PLC0415  - only an error needs it

    names = list(allowed)
    if len(names) < 2:
        return names[0] if names else "none"
    near = get_close_matches(str(found), names, n=1, cutoff=0.5)
    return f"one of {', '.join(names)}" + (f" (nearest: {near[0]})" if near else "")


def nearest(allowed: Iterable[str], found: str) -> list[str]:
    """Up to three names that `found` may have been meant for, the nearest first."""
    from difflib import get_close_matches  # noqa: PLC0415  - as above

    return get_close_matches(found, list(allowed), n=3, cutoff=0.5)


@cache
def _validator(name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  - see the module's docstring
    from jsonschema.validators import extend  # noqa: PLC0415

    one_by_one = Draft202012Validator.VALIDATORS["items"]

    def items(validator: Any, rule: Any, values: Any, schema: Any) -> Iterable[Error]:
        """As jsonschema's, which takes a hundred times as long to find that a list of numbers is one."""
        return () if _are_numbers(rule, values, schema) else one_by_one(validator, rule, values, schema) or ()

    quick: type[Draft202012Validator] = extend(Draft202012Validator, {"items": items})  # type: ignore[no-untyped-call]  # its stubs have no types
    return quick(load_schema(name))


_OF_NUMBERS = {"type", "minimum", "description"}
_TYPES: Mapping[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "null": (type(None),)}


def _are_numbers(rule: Any, values: Any, schema: Any) -> bool:
    """Whether `values` are sure to be what `rule` asks of each; False: they have to be looked at one by one."""
    if not isinstance(rule, dict) or not rule.keys() <= _OF_NUMBERS or "prefixItems" in schema:
        return False
    kinds = [rule["type"]] if isinstance(rule.get("type"), str) else rule.get("type", ())
    if not kinds or not set(kinds) <= _TYPES.keys() or not isinstance(values, list):
        return False
    allowed, least = {kind for name in kinds for kind in _TYPES[name]}, rule.get("minimum", -math.inf)
    return all(type(value) in allowed and (value is None or value >= least) for value in values)


def _each_once(errors: Iterable[Error]) -> Iterator[Error]:
    """`errors`, of those of one object that lacks keys the first: it stands for all of them."""
    told = set()
    for error in errors:
        if error.validator == "required":
            which = (id(error.instance), id(error.schema))
            if which in told:
                continue
            told.add(which)
        yield error


# --------------------------------------------------------------------------- from an error to lines


def _mistakes(error: Error, root: Any) -> Iterator[tuple[Route, Mistake]]:
    """One error of jsonschema as mistakes, each with the route to the value it is about."""
    route: Route = tuple(error.absolute_path)
    match error.validator:
        case "additionalProperties" | "unevaluatedProperties" if isinstance(error.instance, dict):
            for key in _unknown_keys(error):
                yield from _mistake((*route, key), "an unknown key", one_of(_known_keys(error), key))
        case "required":
            for key in _missing_keys(error):
                schema = error.schema.get("properties", {}).get(key, {})
                yield from _mistake((*route, key), "nothing", _allowed(schema, root))
        case "anyOf" | "oneOf":
            yield from _union_mistakes(error, route, root)
        case "minimum" | "maximum" if error.schema.get("type") == "integer" and not _whole(error.instance):
            return  # its kind is wrong, which another error says; its size says nothing more
        case _:
            if "propertyNames" in error.absolute_schema_path:
                route = (*route, error.instance)
            yield from _mistake(route, _found(error), _broken(error, root))


def _mistake(route: Route, found: str, allowed: str) -> Iterator[tuple[Route, Mistake]]:
    yield route, Mistake(dotted(route), found, allowed)


def _union_mistakes(error: Error, route: Route, root: Any) -> Iterator[tuple[Route, Mistake]]:
    title = error.schema.get("title", "")
    keys = [key for branch in error.validator_value for key in branch.get("required", ())]
    if all(branch.keys() == {"required"} for branch in error.validator_value):
        given = [key for key in keys if key in error.instance]
        allowed = title or f"{'exactly' if error.validator == 'oneOf' else 'at least'} one of {', '.join(keys)}"
        yield from _mistake(route, " and ".join(given) or "none of them", allowed)
        return
    branches: dict[Any, list[Error]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    meant = [inner for inner in branches.values() if not any(_another_kind(one, len(route)) for one in inner)]
    if meant and (len(meant) == 1 or not title):
        # the branch whose mistakes lie deepest was followed the furthest
        for inner in max(meant, key=lambda of: (max(len(one.absolute_path) for one in of), -len(of))):
            yield from _mistakes(inner, root)
        return
    kinds = (_broken(inner[0], root) for inner in branches.values())
    allowed = title or " or ".join(dict.fromkeys(kinds)) or "exactly one of the alternatives"
    yield from _mistake(route, _shown(error.instance), allowed)


def _another_kind(error: Error, depth: int) -> bool:
    """Whether this error says that another branch of the union at `depth` was meant."""
    below = len(error.absolute_path) - depth
    return (below == 0 and error.validator in ("type", "const", "enum")) or (below == 1 and error.validator == "const")


def _whole(value: float) -> bool:
    return float(value).is_integer()


def _unknown_keys(error: Error) -> list[str]:
    import re  # noqa: PLC0415  - only an error needs it

    patterns = error.schema.get("patternProperties", {})
    known = error.schema.get("properties", {})
    return [key for key in error.instance if key not in known and not any(re.search(one, key) for one in patterns)]


def _known_keys(error: Error) -> list[str]:
    return list(error.schema.get("properties", {}))


def _missing_keys(error: Error) -> list[str]:
    return [key for key in error.validator_value if key not in error.instance]


# --------------------------------------------------------------------------- what may stand there

_RANGE = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}

_COUNTED = {
    "minItems": "at least {} item{}",
    "maxItems": "at most {} item{}",
    "minLength": "at least {} character{}",
    "maxLength": "at most {} character{}",
    "minProperties": "at least {} key{}",
    "maxProperties": "at most {} key{}",
    "uniqueItems": "no item twice",
}


def _words_of(values: Iterable[Any]) -> Iterator[str]:
    """The values of an `enum`, as the document would have them."""
    return ("null" if value is None else str(value) for value in values)


def _broken(error: Error, root: Any) -> str:
    """What the rule that `error` breaks allows, as a phrase."""
    rule, value, schema = error.validator, error.validator_value, error.schema
    phrase: str
    if schema is False:
        phrase = "nothing"
    elif rule == "enum":
        phrase = one_of(_words_of(value), error.instance)
    elif rule in _RANGE:
        phrase = _range(schema)
    elif rule in _COUNTED:
        phrase = _COUNTED[rule].format(value, "s" if value > 1 else "")
    elif rule == "type" or "title" in schema:
        phrase = _allowed(schema, root)
    elif rule == "const":
        phrase = _shown(value)
    else:
        phrase = f"what {rule} {_shown(value)} allows"
    return phrase


def _allowed(schema: Any, root: Any) -> str:
    """What `schema` allows: its title, or a phrase made from its type, its alternatives and its range."""
    while "title" not in schema and "$ref" in schema:
        schema = _at(root, schema["$ref"])
    if "title" in schema:
        return str(schema["title"])
    if "enum" in schema:
        return one_of(_words_of(schema["enum"]), "")
    if "const" in schema:
        return _shown(schema["const"])
    kinds = schema.get("type", [])
    words = " or ".join(_WORDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)) or "a value"
    bounds = _range(schema)
    return f"{words}, {bounds}" if bounds else words


def _range(schema: Mapping[str, Any]) -> str:
    return " and ".join(f"{phrase} {schema[rule]}" for rule, phrase in _RANGE.items() if rule in schema)


def _at(root: Any, ref: str) -> Any:
    """The subschema that the reference `#/a/b` names."""
    for key in ref.removeprefix("#/").split("/"):
        root = root[key]
    return root


# --------------------------------------------------------------------------- what was found, and where


def _found(error: Error) -> str:
    if error.validator == "not" and "required" in error.validator_value:
        return " and ".join(error.validator_value["required"])
    return _shown(error.instance)


def _shown(value: object) -> str:
    """A value as a short phrase: itself where it is small, what it is where it is not."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return f"a table with {_cut(', '.join(map(_bare, value)))}" if value else "an empty table"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"a list of {len(value)}" if value else "an empty list"
    return _cut(repr(value)) if isinstance(value, (str, int, float)) else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def dotted(route: Route) -> str:
    """`scenario.burst.load.sizes[2]`; a key that is no bare word is quoted, so that a path stays on one line."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_bare(part)}" for part in route)
    return text.removeprefix(".") or "top level"


def _bare(key: str) -> str:
    bare = key.isascii() and key.replace("-", "_").replace("_", "a").isalnum()
    return key if bare else _cut(json.dumps(key))


def _position(document: Any, route: Route) -> tuple[int, ...]:
    """Where in the document `route` leads, so that mistakes are told in its order; what is missing comes last."""
    places = []
    for part in route:
        if isinstance(document, dict):
            places.append(list(document).index(part) if part in document else len(document))
            document = document.get(part)
        else:
            places.append(part if isinstance(part, int) else 0)
            document = document[part] if isinstance(document, list) and isinstance(part, int) else None
    return tuple(places)
