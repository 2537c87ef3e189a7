"""Opens an artifact that a stranger's code may have made: in memory, one member, within bounds, or not at all.

No figure in the archive's own headers is believed: what is unpacked is counted as it comes.
"""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

from harness.errors import ReportError
from harness.report.comparison import refuse_comparison
from harness.report.document import parse_json
from harness.report.text import visible

MEMBER = "comparison.json"
"""The one file that is taken out of the artifact."""
MOST_PACKED_B = 4 * 2**20
MOST_UNPACKED_B = 8 * 2**20
MOST_METRICS = 5_000
_MOST_ITEMS = 10_000
_MOST_KEYS = 200
_LONGEST_TEXT = 50_000
_DEEPEST = 24
_LARGEST = 2**53
"""Beyond it a whole number is no longer exact in what reads JSON elsewhere; nothing that is counted here comes near."""
_ENCRYPTED = 0x1
_PLAIN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_BROKEN: tuple[type[Exception], ...] = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError)
_BROKEN += (NotImplementedError, RuntimeError, OverflowError, IndexError, KeyError)
"""What the standard library raises over archives that are not what they say."""


def comparison_in(packed: bytes, source: str) -> dict[str, Any]:
    """The comparison in the artifact `packed`; `source` names it in errors.

    Raises `ReportError`: not a zip, more than the one member, too large, encrypted, a link, not strict JSON, out of
    bounds, or no comparison of the schema version that this harness reads.
    """
    if len(packed) > MOST_PACKED_B:
        raise ReportError(f"{source}: expected at most {MOST_PACKED_B} bytes, found {len(packed)}")
    name = f"{source}: {MEMBER}"
    try:
        text = _unpacked(packed, source).decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x} at offset {error.start}"
        raise ReportError(f"{name}: expected UTF-8 text, found {found}") from error
    document = parse_json(name, text)
    _refuse_excess(document, name)
    refuse_comparison(document, name)
    comparison: dict[str, Any] = document
    return comparison


def _unpacked(packed: bytes, source: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            member = _only_member(archive, source)
            with archive.open(member) as stream:
                content = stream.read(MOST_UNPACKED_B + 1)
                # the end of the stream is where its checksum is compared
                over = len(content) > MOST_UNPACKED_B or bool(stream.read(1))
    except _BROKEN as error:
        raise ReportError(f"{source}: expected a zip archive, found one that is broken: {_said(error)}") from error
    if over:
        raise ReportError(f"{source}: {MEMBER}: expected at most {MOST_UNPACKED_B} bytes unpacked, found more")
    return content


def _only_member(archive: zipfile.ZipFile, source: str) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) != 1:
        raise ReportError(f"{source}: expected one member, {MEMBER}, found {len(members)}")
    member = members[0]
    # `filename` ends at a zero byte and has its separators turned; `orig_filename` is what stands there
    if member.orig_filename != MEMBER or member.filename != MEMBER:
        raise ReportError(f"{source}: expected the member {MEMBER}, found {_shown(member.orig_filename)}")
    kind = stat.S_IFMT(member.external_attr >> 16)
    found = ""
    if kind not in (0, stat.S_IFREG) or member.is_dir():
        found = "a link" if kind == stat.S_IFLNK else "something else"
    elif member.flag_bits & _ENCRYPTED:
        found = "an encrypted one"
    elif member.compress_type not in _PLAIN:
        found = f"compression method {member.compress_type}"
    elif member.file_size > MOST_UNPACKED_B:
        found = f"one of {member.file_size} bytes"
    if found:
        raise ReportError(
            f"{source}: {MEMBER}: expected a plain file of at most {MOST_UNPACKED_B} bytes, found {found}"
        )
    return member


def _refuse_excess(document: Any, source: str) -> None:
    """Raise `ReportError` for a document so large or deep that only to check it would take long."""
    stack: list[tuple[Any, int]] = [(document, 0)]
    while stack:
        value, depth = stack.pop()
        found = _excess(value, depth)
        if found:
            raise ReportError(f"{source}: {found}")
        inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
        stack += [(one, depth + 1) for one in inner]
    metrics = document.get("metrics") if isinstance(document, Mapping) else None
    if isinstance(metrics, list) and len(metrics) > MOST_METRICS:
        raise ReportError(f"{source}: metrics: expected at most {MOST_METRICS}, found {len(metrics)}")


def _excess(value: Any, depth: int) -> str:
    if depth > _DEEPEST:
        return f"expected at most {_DEEPEST} levels, found more"
    limits = ((str, _LONGEST_TEXT, "characters in a text"), (list, _MOST_ITEMS, "items in a list"))
    for kind, most, words in (*limits, (dict, _MOST_KEYS, "keys in an object")):
        if isinstance(value, kind) and len(value) > most:
            return f"expected at most {most} {words}, found {len(value)}"
    if isinstance(value, int) and abs(value) > _LARGEST:
        return f"expected whole numbers up to {_LARGEST}, found a larger one"
    return ""


def _said(error: BaseException) -> str:
    return visible(str(error) or type(error).__name__, 120)


def _shown(name: str) -> str:
    return visible(json.dumps(name), 120)
