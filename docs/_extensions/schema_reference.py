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
    """The fields that an object's schema declares, whatever they are called; not those that it only allows."""
    found: dict[str, Node] = {name: one for name, one in node.get("properties", {}).items() if isinstance(one, dict)}
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
        forms = [(path, one), *((f"{path}, {case}", form) for case, form in _forms(one, root))]
        for title, form in forms:
            if fields(form) and not _is_map(form, root):
                yield title, form
        for _, form in forms:
            for name, field in fields(form).items():
                yield from below(f"{path}.{name}".removeprefix("."), field)
        for part in _parts(one):
            yield from below(f"{path}[]" if part is one.get("items") else path, part)

    return below("", node)


def _forms(node: Node, root: Node) -> Iterator[tuple[str, Node]]:
    """What an object has besides its own fields where one of them has a certain value: "law closed" -> those fields."""
    for part in node.get("allOf", ()):
        known = part.get("if", {}).get("properties", {})
        form = _merged(part.get("then", {}), root)
        own = {name: one for name, one in fields(form).items() if name not in fields(node)}
        if len(known) == 1 and own:
            ((name, value),) = known.items()
            cases = value.get("enum", [value.get("const")])
            yield f"{name} {' or '.join(map(str, cases))}", {"properties": own, "required": form.get("required", ())}


def _merged(node: Node, root: Node) -> Node:
    """`node` with what stands below its `allOf`: fields that say what they mean before those that do not."""
    node, _ = _followed(node, root)
    parts = [_merged(part, root) for part in node.get("allOf", ())]
    properties: dict[str, Node] = {}
    for part in (node, *parts):
        for name, field in fields(part).items():
            if name not in properties or "description" not in properties[name]:
                properties[name] = field
    required = [name for part in (node, *parts) for name in part.get("required", ())]
    return {"properties": properties, "required": required}


def _parts(node: Node) -> list[Node]:
    """What an object can be made of besides its own fields: list items and alternatives."""
    items = [node["items"]] if isinstance(node.get("items"), dict) else []
    return [*items, *node.get("prefixItems", ()), *node.get("anyOf", ()), *node.get("oneOf", ())]


def _followed(node: Node, root: Node) -> tuple[Node, str]:
    """`node` with its reference replaced by what it refers to, its own words kept, and the first reference."""
    first = node.get("$ref", "")
    while ref := node.get("$ref", ""):
        found: Any = root
        for key in ref.removeprefix("#/").split("/"):
            found = found[key]
        node = {**found, **{key: value for key, value in node.items() if key != "$ref"}}
    return node, first


def _is_map(node: Node, root: Node) -> bool:
    """Whether it has no fields of its own, and its entries are objects that have: they get a table, it does not."""
    return list(fields(node)) == ["NAME"] and bool(fields(_followed(fields(node)["NAME"], root)[0]))


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
