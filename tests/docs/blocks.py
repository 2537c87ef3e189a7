"""The fenced blocks of a document, each with what its markers say a test is to do with it.

A marker is a comment of HTML, which nobody sees, on the lines above the fence:

    <!-- test: file NAME -->           save the block as NAME in the document's folder (append NAME: at its end)
    <!-- test: output -->              this is what the last command, or the last Python block, printed
    <!-- test: ends 4 -->              how the block's commands end, where not with 0
    <!-- test: ends 3 for harness history -->    how those commands end that begin so
    <!-- test: afresh -->              each command begins in the folder as it was
    <!-- test: beside NAME -->         TOML: valid together with the file NAME
    <!-- test: schema NAME -->         JSON: a document of that schema
    <!-- test: not run: REASON -->     only parsed; `not run 1 3: REASON` only those of its lines
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
_MARKER = re.compile(r"<!-- test: (file|append|output|ends|afresh|beside|schema|not run)((?: [^:]+?)?)(?:: (.+?))? -->")


def documents() -> list[Path]:
    """README, everything below docs/, and the examples' READMEs."""
    return [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("examples/*/README.md"))]


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Block:
    """One fenced block. `says` holds its markers: what -> argument; `line` is that of its fence, from 1."""

    document: Path
    line: int
    language: str
    text: str
    says: dict[str, str]
    ends: tuple[tuple[str, int], ...] = ()
    exempt_lines: tuple[int, ...] = ()
    reason: str = ""

    @property
    def place(self) -> str:
        return f"{name_of(self.document)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.strip()]

    def is_exempt(self, command: int) -> bool:
        """Whether its command number `command`, from 0, is only parsed."""
        return bool(self.reason) and (not self.exempt_lines or command + 1 in self.exempt_lines)

    def endings(self) -> list[int]:
        """The exit code of each command."""
        return [next((code for start, code in self.ends if one.startswith(start)), 0) for one in self.commands]


def blocks_of(document: Path) -> list[Block]:
    """Every fenced block of the document, in its order. A marker that says nothing known is an error."""
    text = document.read_text(encoding="utf-8")
    lines = text.splitlines()
    return [
        _block(document, lines, token.map[0], token.info.strip(), token.content)
        for token in MarkdownIt().parse(text)
        if token.type == "fence"
    ]


def _block(document: Path, lines: list[str], fence: int, language: str, text: str) -> Block:
    says: dict[str, str] = {}
    ends: list[tuple[str, int]] = []
    exempt: tuple[int, ...] = ()
    reason, above = "", fence - 1
    while above >= 0 and lines[above].startswith("<!-- test:"):
        marker = _MARKER.fullmatch(lines[above])
        assert marker, f"{name_of(document)}:{above + 1}: a marker that says nothing known: {lines[above]}"
        if marker[1] == "not run":
            exempt, reason = tuple(int(one) for one in marker[2].split()), marker[3]
        elif marker[1] == "ends":
            code, _, start = marker[2].strip().partition(" for ")
            ends.append((start, int(code)))
        else:
            says[marker[1]] = marker[2].strip()
        above -= 1
    return Block(document, fence + 1, language, text, says, tuple(ends), exempt, reason)
