"""What is put into the documents when the site is built, so that GitHub shows them as they are written.

- `<!-- navigation -->` at the end of a page: the documents that its list items link to are those below it. One that no
  page has below it is a warning of Sphinx, and warnings are errors.
- `<!-- generated: NAME ARGUMENT -->`: replaced by what `SOURCES[NAME]` makes of the code or of a schema.
- A block that a test saves as a file (`<!-- test: file NAME -->`, see tests/docs/blocks.py) has its name above it, and
  one that is what a command prints looks like it.
- A document below `examples/` is the README of the example of its name, so that links to the example lead to it.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import code_reference
import schema_reference
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

SOURCES: dict[str, Callable[[str], str]] = {
    "schema": schema_reference.page,
    "python": code_reference.python,
    "commands": code_reference.commands,
    "exit-codes": code_reference.exit_codes,
    "pytest-options": code_reference.pytest_options,
    "asv-suite": code_reference.asv_suite,
}
_GENERATED = re.compile(r"^<!-- generated: ([\w-]+) ?([\w-]*) -->$", flags=re.MULTILINE)
_NAVIGATION = "<!-- navigation -->"
_LISTED = re.compile(r"^ *- +\[([^\]]+)\]\(([^)#:]+)\.md\)", flags=re.MULTILINE)
_FILE = re.compile(r"^<!-- test: (?:file|append) (\S+) -->\n((?:<!-- .*\n)*)```(\w+)\n", flags=re.MULTILINE)
_PRINTED = re.compile(r"^<!-- test: output -->\n```text\n", flags=re.MULTILINE)
_TO_EXAMPLE = re.compile(r"\]\((?:\.\./)+examples/(\w+)(?:/README\.md)?/?\)")


def rewritten(document: str, text: str, examples: Path) -> str:
    """`text` of the document (its path below docs/, without a suffix) as Sphinx is to read it."""
    depth = "../" * document.count("/")
    if document.startswith("examples/"):
        text = _readme(document.removeprefix("examples/"), examples)
    text = _TO_EXAMPLE.sub(rf"]({depth}examples/\1.md)", text)
    text = _FILE.sub(r"\2```{code-block} \3\n:caption: \1\n\n", text)
    text = _PRINTED.sub("```{code-block} text\n:class: printed\n\n", text)
    if _NAVIGATION in text:
        text = text.replace(_NAVIGATION, _navigation(text))
    return _GENERATED.sub(lambda marker: _source(document, marker), text)


def listed(text: str) -> dict[str, str]:
    """The documents that the list items of a page link to, in their order -> what the page calls them."""
    return {posixpath.normpath(document): title for title, document in _LISTED.findall(text)}


def _navigation(text: str) -> str:
    entries = [f"{title} <{document}>" for document, title in listed(text).items()]
    return "\n".join(["```{toctree}", ":hidden:", "", *entries, "```"])


def _source(document: str, marker: re.Match[str]) -> str:
    if marker[1] not in SOURCES:
        raise ExtensionError(f"{document}: nothing generates {marker[1]!r}; one of {', '.join(SOURCES)}")
    return SOURCES[marker[1]](marker[2])


def _readme(name: str, examples: Path) -> str:
    """The example's README, its links within its own folder as those from docs/examples/, to docs/ as siblings."""
    text = (examples / name / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\((?!https?:|#|\.\./)([^)]+)\)", rf"](../../examples/{name}/\1)", text)
    return re.sub(r"\]\(\.\./\.\./docs/", "](../", text)


def _read(app: Sphinx, document: str, source: list[str]) -> None:
    source[0] = rewritten(document, source[0], Path(app.srcdir).parent / "examples")


def _examples_as_code(_: Sphinx, __: object, lines: list[str]) -> None:
    """sphinx-click makes line blocks of click's unwrapped paragraphs: what begins with a command is code."""
    made: list[str] = []
    for line in lines:
        in_code = bool(made) and made[-1].startswith("   ")
        if line.startswith("| ") and (in_code or line.startswith(("| harness ", "| source <(harness "))):
            made += [] if in_code else ["", ".. code-block:: console", ""]
            made.append(f"   {line[2:]}")
        else:
            made.append(line.removeprefix("| "))
    lines[:] = made


def _without_fields(_: Sphinx, what: str, __: str, found: object, *_signature: object) -> tuple[str, None] | None:
    """The fields of a record are listed below it: they need not stand in its signature as well."""
    return ("", None) if what == "class" and dataclasses.is_dataclass(found) else None


def _without_aliases(*event: object) -> None:
    """What a named tuple says of its fields (`Alias for field number 0`) says nothing."""
    lines = event[-1]
    if isinstance(lines, list) and lines[:1] and lines[0].startswith("Alias for field number"):
        lines.clear()


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", _without_fields)
    app.connect("autodoc-process-docstring", _without_aliases)
    app.connect("source-read", _read)
    app.connect("sphinx-click-process-description", _examples_as_code)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
