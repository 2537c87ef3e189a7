"""A marker at the head of a comment or issue of ours, by which it is found again, with what it must remember.

It is an HTML comment that GitHub does not show. The state is JSON in base64, so that no name can end the comment.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

KEY = re.compile(r"[A-Za-z0-9_.]([A-Za-z0-9_.-]{0,38}[A-Za-z0-9_.])?")
"""What tells several comments of one pull request apart: up to 40 letters, digits, `_`, `.` and `-` inside."""
_LONGEST_STATE = 40_000


def marker(kind: str, key: str) -> str:
    """How every body of ours begins; `kind` is `comparison` or `alert`."""
    return f"<!-- agent-load-harness {kind} {key} "


def hidden(kind: str, key: str, state: Mapping[str, Any]) -> str:
    """The first line of a body: marker and state."""
    text = json.dumps(state, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return f"{marker(kind, key)}{base64.b64encode(text.encode('utf-8', 'replace')).decode()} -->"


def revealed(body: str, kind: str, key: str) -> dict[str, Any] | None:
    """The state in a body that begins with our marker; empty where it cannot be read; None where the body is not ours.

    Only the very beginning counts: a bot that quotes somebody is not made ours by what it quotes.
    """
    first = marker(kind, key)
    if not body.startswith(first):
        return None
    packed = body[len(first) : len(first) + _LONGEST_STATE].partition(" -->")[0]
    try:
        state = json.loads(base64.b64decode(packed, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return {}  # somebody edited it by hand: the body is ours, what it remembered is lost
    return state if isinstance(state, dict) else {}
