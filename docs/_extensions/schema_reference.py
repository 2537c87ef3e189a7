"""A JSON schema of this package as a page: one table of fields for each object, every field with what it means.

In these schemas `title` is the phrase for what may stand there and `description` says what it means, with its unit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.schema import load_schema

Node = Mapping[str, Any]

_WORDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "array": "list",
    "object": "table",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "minLength": "characters: at least",
    "minItems": "items: at least",
    "maxItems": "items: at most",
}


def page(name: str) -> str:
    """The tables of the schema `name`, as Markdown."""
    root = load_schema(name)
    of_itself = name == "scenario"  # its description is for who reads the schema
    lines = [] if of_itself else [escaped(root.get("description", "")), ""]
    for title, node in _objects(root, root):
        lines += _table(title, node, root)
    return "\n".join(lines)


def fields(node: Node) -> dict[str, Node]:
    """The fields that an object's schema declares, whatever they are called."""
    found: dict[str, Node] = dict(node.get("properties", {}))
    for key in ("patternProperties", "additionalProperties"):
        more = node.get(key)
        if key == "additionalProperties" and isinstance(more, dict) and more:
            found["NAME"] = more
        elif key == "patternProperties":
            found |= {f"/{pattern}/": one for pattern, one in (more or {}).items()}
    return found


def _objects(root: Node, node: Node) -> Iterator[tuple[str, Node]]:
    """Every object below `node` with its path: itself first, then its fields' in their order, each definition once."""
    seen: set[str] = set()

    def below(path: str, one: Node) -> Iterator[tuple[str, Node]]:
        one, ref = _followed(one, root)
        if ref in seen:
            return
        if ref:
            seen.add(ref)
        if fields(one) and not _is_map(one, root):
            yield path, one
        for name, field in fields(one).items():
            yield from below(f"{path}.{name}".removeprefix("."), field)
        for part in _parts(one):
            yield from below(f"{path}[]" if part is one.get("items") else path, part)

    return below("", node)


def _is_map(node: Node, root: Node) -> bool:
    """Whether it has no fields of its own, and its entries are objects that have: they get a table, it does not."""
    return list(fields(node)) == ["NAME"] and bool(fields(_followed(fields(node)["NAME"], root)[0]))


def _parts(node: Node) -> list[Node]:
    """What an object can be made of besides its own fields: list items and alternatives."""
    items = [node["items"]] if isinstance(node.get("items"), dict) else []
    return [*items, *node.get("prefixItems", ()), *node.get("anyOf", ()), *node.get("oneOf", ())]


def _followed(node: Node, root: Node) -> tuple[Node, str]:
    """`node` with its reference replaced by what it refers to, its own words kept, and the reference."""
    ref = node.get("$ref", "")
    if not ref:
        return node, ""
    found: Any = root
    for key in ref.removeprefix("#/").split("/"):
        found = found[key]
    return {**found, **{key: value for key, value in node.items() if key != "$ref"}}, ref


def _table(path: str, node: Node, root: Node) -> Iterator[str]:
    yield f"## {code(path) if path else 'Top level'}"
    yield ""
    if path and node.get("description"):
        yield escaped(node["description"])
        yield ""
    yield from ("```{table}", ":class: fields", "")
    yield "| field | what stands there | meaning |"
    yield "|---|---|---|"
    required = set(node.get("required", ()))
    for name, field in fields(node).items():
        shown, _ = _followed(field, root)
        always = "" if name in required or name == "NAME" or not required else ", may be absent"
        yield f"| {code(name)} | {allowed(field, root)}{always} | {escaped(shown.get('description', ''))} |"
    yield from ("```", "")


def allowed(field: Node, root: Node) -> str:
    """What may stand in a field, as a phrase: its title, or words made from its type, its values and its bounds."""
    node, ref = _followed(field, root)
    if "title" in node:
        return escaped(node["title"])
    if "const" in node:
        return code(json.dumps(node["const"]))
    if "enum" in node:
        return ", ".join(code(json.dumps(value)) for value in node["enum"])
    alternatives = [*node.get("anyOf", ()), *node.get("oneOf", ())]
    if alternatives and "type" not in node:
        return " or ".join(dict.fromkeys(allowed(one, root) for one in alternatives))
    kinds = node.get("type", [])
    words = [_WORDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    if words and words[0] == "list" and isinstance(node.get("items"), dict):
        words[0] = f"list of: {allowed(node['items'], root)}"
    bounds = [f"{phrase} {node[key]}" for key, phrase in _BOUNDS.items() if key in node]
    return ", ".join([" or ".join(words) or (ref.rsplit("/", 1)[-1] if ref else "anything"), *bounds])


def code(text: str) -> str:
    """`text` as a code span within a table."""
    return "`" + text.replace("|", "\\|") + "`" if text else ""


def escaped(text: str) -> str:
    """`text` as Markdown that shows it as it is, in one line."""
    return re.sub(r"([\\`*_{}\[\]<>|#$~^])", r"\\\1", " ".join(text.split()))
