"""What a merge leaves behind: a heading, a row of a table or a point of a list that a document has twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.docs.blocks import documents, name_of


def twice(text: str) -> list[str]:
    """The top-level and second-level headings, points and decided rows that stand in `text` more than once."""
    tokens = MarkdownIt("gfm-like").parse(text)
    lines = text.splitlines()
    said: Counter[str] = Counter()
    for token in tokens:
        if token.map is None:
            continue
        if token.type == "list_item_open" or (token.type == "heading_open" and token.tag in ("h1", "h2")):
            said["\n".join(lines[slice(*token.map)]).strip()] += 1
    said.update(row for row in decided_rows(lines) if not set(row) <= set("|-: "))
    return [one for one, times in said.items() if times > 1]


def decided_rows(lines: list[str]) -> list[str]:
    """Rows that begin with words: figures may well be alike."""
    return [line for line in lines if line.startswith("| ") and line[2:3].isalpha() and "chosen" not in line]


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_a_document_says_it_once(document: Path) -> None:
    assert not twice(document.read_text(encoding="utf-8"))


def test_what_a_merge_left_twice_is_found() -> None:
    section = "## Pages\n\n- One file.\n\n| for | chosen |\n|---|---|\n| charts | uPlot |\n\n"
    assert twice(section * 2) == ["## Pages", "- One file.", "| charts | uPlot |"]
    assert not twice(section)
