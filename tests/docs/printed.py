"""Whether what a document shows is what was printed. `…` stands for the rest of a line; alone, for any lines."""

from __future__ import annotations

import re


def is_printed(shown: str, printed: str) -> bool:
    """Whether `printed` is `shown`, but for what `…` stands for and empty space at the ends of lines."""
    pattern = "".join(_pattern(line) for line in _lines(shown))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _lines(printed))) is not None


def _pattern(line: str) -> str:
    if line == "…":
        return r"(?:.*\n)*?"
    return ".*?".join(re.escape(part) for part in line.split("…")) + "\n"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]
