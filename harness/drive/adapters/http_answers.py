"""Whether an answer is a success, and what it is otherwise."""

from __future__ import annotations

import datetime
import email.utils
import json
import math
from typing import Any

import jsonpointer

from harness.drive.target import Failed, Rejected, WorkflowError
from harness.scenario.http import HttpSuccess

_AGAIN = (429, 503)
"""Statuses that turn a request away for now."""
_MISSING = object()


class Expected:
    """A success rule made ready: pointers are parsed once."""

    def __init__(self, rule: HttpSuccess) -> None:
        self._rule = rule
        self._equals = [(jsonpointer.JsonPointer(pointer), json.loads(text)) for pointer, text in rule.equals]
        self._exists = [jsonpointer.JsonPointer(pointer) for pointer in rule.exists]
        self._contains = [text.encode() for text in rule.contains]
        self.max_size_b = rule.max_size_b

    def status(self, status: int) -> bool:
        """Whether the status is one of a success."""
        return any(low <= status <= high for low, high in self._rule.status)

    def media_type(self, media_type: str) -> bool:
        """Whether an answer of this media type may be a success."""
        return media_type not in self._rule.refuse_types

    def read(self, body: bytes, media_type: str) -> Any:
        """The JSON document in `body`, None where it holds none; raises `Failed` ("bad_body") for a broken rule."""
        document = _parsed(body) if self._rule.reads_json or "json" in media_type else _MISSING
        if self._rule.reads_json and document is _MISSING:
            raise Failed("bad_body")
        for pointer, wanted in self._equals:
            found = pointer.resolve(document, _MISSING)
            # True == 1 in Python, and not in JSON
            if found != wanted or isinstance(found, bool) != isinstance(wanted, bool):
                raise Failed("bad_body")
        if any(pointer.resolve(document, None) is None for pointer in self._exists):
            raise Failed("bad_body")
        if not all(text in body for text in self._contains):
            raise Failed("bad_body")
        return None if document is _MISSING else document

    @property
    def contains(self) -> list[bytes]:
        """What has to occur in the body."""
        return self._contains


def refusal(status: int, retry_after_s: float | None) -> WorkflowError:
    """The outcome of an answer whose status is none of success: a 429, or a 503 that names a time, turned it away."""
    kind = f"http_{status}"
    return Rejected(kind) if status == 429 or (status == 503 and retry_after_s is not None) else Failed(kind)


def retry_after_s(status: int, header: str | None, now: datetime.datetime) -> float | None:
    """Seconds that `Retry-After` asks to wait: a number, or a date, as RFC 9110 has it; None where it says nothing."""
    if status not in _AGAIN or header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            then = email.utils.parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = (then if then.tzinfo else then.replace(tzinfo=datetime.UTC)).timestamp() - now.timestamp()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _MISSING
