"""A digest of a record: the same declaration has the same digest on every machine and in every process."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any


def digest_of(record: Any, leave_out: tuple[str, ...] = ()) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a dataclass, written as canonical JSON.

    `leave_out` names fields that do not count, in the record and in those inside it; a field that is None or an empty
    tuple does not count either, so that a policy nobody declared changes no digest. Floats are written by `repr`, which
    round-trips.
    """
    text = json.dumps(_plain(record, leave_out), sort_keys=True, separators=(",", ":"))
    return _sha256(text.encode())[:16]


def _sha256(data: bytes) -> str:
    import hashlib  # noqa: PLC0415 - it loads OpenSSL, which costs more than the rest of `harness list`

    return hashlib.sha256(data).hexdigest()


def _plain(value: Any, leave_out: tuple[str, ...]) -> Any:
    if is_dataclass(value):
        # the class name counts: Exponential(1) and Constant(1) have the same fields but not the same meaning
        declared = {f.name: getattr(value, f.name) for f in fields(value) if f.name not in leave_out}
        plain = {name: _plain(of, leave_out) for name, of in declared.items() if of is not None and of != ()}
        return {"": type(value).__name__, **plain}
    if isinstance(value, bytes):
        return _sha256(value)
    if isinstance(value, (tuple, list)):
        return [_plain(item, leave_out) for item in value]
    return value
