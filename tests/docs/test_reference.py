"""What is generated for the reference leaves nothing out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from markdown_it import MarkdownIt

import harness
from harness.schema import load_schema, schema_names
from tests.docs.blocks import ROOT

sys.path.insert(0, str(ROOT / "docs" / "_extensions"))
from code_reference import exit_codes, pytest_options, python
from schema_reference import escaped, page


def declared(node: Any) -> Iterator[tuple[str, str]]:
    """Every field that a schema declares with a meaning -> that meaning."""
    if isinstance(node, dict):
        for name, field in node.get("properties", {}).items():
            if isinstance(field, dict) and "description" in field:
                yield name, field["description"]
        for value in node.values():
            yield from declared(value)
    elif isinstance(node, list):
        for value in node:
            yield from declared(value)


@pytest.mark.parametrize("name", schema_names())
def test_every_field_of_every_schema_is_told_with_its_meaning(name: str) -> None:
    rows = [line.split(" | ") for line in page(name).splitlines() if line.startswith("| `")]
    told = {(cells[0].removeprefix("| `").rstrip("`"), cells[-1].removesuffix(" |")) for cells in rows}
    missing = {
        (field, meaning) for field, meaning in declared(load_schema(name)) if (field, escaped(meaning)) not in told
    }
    assert not missing


def test_every_public_name_is_documented() -> None:
    made = python("")
    for name in harness.__all__:
        assert f":: harness.{name}\n" in made, name
        assert (getattr(harness, name).__doc__ or "").strip(), f"harness.{name} says nothing of itself"


def test_the_tables_of_the_code_have_every_row() -> None:
    assert [line.split(" | ")[0] for line in exit_codes("").splitlines()[2:]] == [
        f"| {code.value}" for code in harness.ExitCode
    ]
    options = (ROOT / "README.md").read_text(encoding="utf-8").count("--load-")
    assert pytest_options("").count("| `--load-") == 9 >= options


@pytest.mark.parametrize("text", ["a*b*c", "`x`", "a | b", "<script>", "[x](y)", "{eval-rst}", "# head", "_a_", "$x$"])
def test_texts_of_schemas_are_shown_as_they_are(text: str) -> None:
    shown = MarkdownIt().parseInline(escaped(text))[0].children or []
    assert "".join(one.content for one in shown) == text
    assert {one.type for one in shown} <= {"text", "text_special"}
