"""Makes texts of unknown origin inert: a target's error text must not move a cursor, colour a screen or hide a name."""

from __future__ import annotations

import re
import unicodedata

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor movement
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # operating system commands: titles, hyperlinks
    r"|\x1b[PX^_].*?(?:\x1b\\|$)"  # device control, start of string, privacy message, application command
    r"|\x1b[ -/]*[0-~]",  # the two-character ones
    re.DOTALL,
)
_UNSEEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_WORKFLOW_COMMAND = re.compile(r"^:(?=:)|#(?=#\[)")
LONGEST = 300


def visible(text: str, longest: int = LONGEST) -> str:
    """`text` on one line, of characters that show: at most `longest` of them, cut with `...`.

    Terminal escape sequences go, white space becomes one blank, and any other character without a shape of its own
    (control, bidirectional override, zero width, surrogate) is written out as its code: `\\u202e`. So is the first
    character of what the log of a GitHub job would take for a command (`::error::`, `##[error]`).
    """
    line = " ".join(_ESCAPE_SEQUENCE.sub("", text[: 20 * longest]).split())
    shown = "".join(_written_out(c) if unicodedata.category(c) in _UNSEEN_CATEGORIES else c for c in line)
    shown = _WORKFLOW_COMMAND.sub(lambda match: _written_out(match[0]), shown)
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


def _written_out(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def encodable(text: str, encoding: str | None) -> str:
    """`text` with every character that `encoding` (None: UTF-8) cannot carry written out as its code."""
    encoding = encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def columns_wide(text: str) -> int:
    """Columns that `text` takes on a terminal: two for a wide character, none for one that combines with the last."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
