"""Reports in and out: strict JSON, checked against `schemas/report.schema.json` as it is written and as it is read.

A file is written beside its final name and moved there whole, so a reader never meets half a report; a name that is
taken is never taken over, not even by two processes that write at once.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import Mistake, ReportError, Topic
from harness.report.build import build_report
from harness.report.consistency import contradictions
from harness.report.model import SCHEMA_VERSION, Report
from harness.report.replacing import probe

__all__ = [
    "Report",
    "build_report",
    "json_document",
    "json_text",
    "parse_json",
    "read_json",
    "read_report",
    "read_reports",
    "write_document",
    "write_report",
]

_LONGEST_PART = 60
_MOST_MISTAKES = 60
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


def json_document(reports: Iterable[Report]) -> str:
    """One JSON document holding all reports: `{"schema_version": 1, "reports": [...]}`, for standard output."""
    return json_text({"schema_version": SCHEMA_VERSION, "reports": [report.document for report in reports]})


_OUR_VERSION = f"{SCHEMA_VERSION}, the version that this harness reads"
_TOP = "top level"  # the path that `harness.schema` gives to a whole document


# --------------------------------------------------------------------------- out


def write_report(report: Report, folder: Path | str) -> Path:
    """Write the report into `folder` (made if need be) under a name of its own; returns its path.

    The name is `SCENARIO-TARGET-CLOCK-YYYYmmddTHHMMSS.ffffffZ-RUNID8.json`, with `-2`, `-3`, … before the ending where
    that is taken. Raises `ReportError` where the schema refuses the document or it cannot be written; then nothing is
    left behind.
    """
    return write_document(report.document, folder, file_stem(report), report_mistakes)


def write_document(
    document: Mapping[str, Any], folder: Path | str, stem: str, mistakes: Callable[[Any], list[Mistake]]
) -> Path:
    """Write any document as strict JSON into `folder` as `write_report` does; `mistakes` holds it to its schema."""
    folder = _named(folder)
    text = json_text(document)
    refuse(stem, mistakes(json.loads(text)))
    temporary = folder / f".{stem}.{os.getpid()}.{threading.get_ident()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _write_whole(temporary, text)
            return _publish(temporary, folder, stem)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"{folder}: cannot write the report {stem}.json: {cause(error)}") from error


def refuse_folder(folder: Path | str) -> None:
    """Raise `ReportError` where nothing can be written into `folder`, so that this is known before a run, not after."""
    try:
        probe(_named(folder) / "report.json")
    except OSError as error:
        raise ReportError(f"--report-dir {folder}: cannot write there: {error.strerror or error}") from error


def _named(folder: Path | str) -> Path:
    # only a text can be empty: Path("") is Path("."), so whoever takes it from a user hands it on as a text
    if folder == "":
        raise ReportError("--report-dir: expected the name of a folder (. for the working directory), found nothing")
    return Path(folder)


def file_stem(report: Report) -> str:
    """The name of a report's file without its ending; every part holds letters, digits, `_`, `.` and `-` only."""
    when = re.sub(r"[-:]", "", str(report.document["timestamp"]))
    parts = (report.scenario, report.target, report.clock)
    return "-".join([*map(_safe, parts), _safe(when), _safe(str(report.document["run_id"])[:8])])


def _safe(part: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", part).strip("-.")[:_LONGEST_PART] or "unnamed"


def _write_whole(path: Path, text: str) -> None:
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _publish(temporary: Path, folder: Path, stem: str) -> Path:
    """Give the finished file its name. A hard link fails where the name exists: it is both atomic and exclusive."""
    for attempt in count(1):
        final = folder / (f"{stem}.json" if attempt == 1 else f"{stem}-{attempt}.json")
        try:
            move_exclusively(temporary, final)
        except FileExistsError:
            continue
        return final
    raise AssertionError("count() does not end")


def move_exclusively(temporary: Path, final: Path) -> None:
    """Give a finished file its name, which must be free; raises `FileExistsError` where it is not, or `OSError`."""
    try:
        os.link(temporary, final)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # a file system without hard links: take the name first, then replace our own empty file
        os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            os.replace(temporary, final)
        except OSError:
            final.unlink(missing_ok=True)
            raise


_NUMBERS = re.compile(r"\[\n\s*((?:[-\d.eE+]+|null)(?:,\n\s*(?:[-\d.eE+]+|null))*)\n\s*\]")
"""A list of numbers as `json.dumps` indents it; no text of JSON holds the line break after the bracket."""


def json_text(document: Any) -> str:
    """`document` as strict JSON, ending with a newline; raises ValueError for NaN and infinity.

    Indented by one, but for lists of numbers: a series has one line, not one for each of its values.
    """
    indented = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=True)
    return _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", indented) + "\n"


# --------------------------------------------------------------------------- in


def read_report(path: Path | str) -> Report:
    """The one report in the file `path`; raises `ReportError` as `read_reports` does, and where there are more."""
    reports = read_reports(path)
    if len(reports) > 1:
        raise ReportError(f"{path}: expected one report, found {len(reports)}")
    return reports[0]


def read_reports(path: Path | str) -> tuple[Report, ...]:
    """The reports in the file `path`, at least one: it holds a report, or what `json_document` made of several.

    Raises `ReportError`, naming file, field (`reports[1].offered`), what was found and what is allowed.
    """
    path = Path(path)
    document = read_json(path)
    if isinstance(document, dict) and "checkpoint" in document and "report" in document:
        document = document["report"]  # of a long run, as it was when it was last written down
    if isinstance(document, dict) and "reports" in document:
        refuse(str(path), list(_mistakes_of_several(document)))
        return tuple(Report(one) for one in document["reports"])
    refuse(str(path), report_mistakes(document))
    return (Report(document),)


def read_json(path: Path, *, strict: bool = True) -> Any:
    """The JSON in the file `path`; only where it need not be `strict` may it hold NaN and infinities.

    Raises `ReportError` where it cannot be read, with line and column; a key twice in one object is refused.
    """
    return parse_json(str(path), _read(path), strict=strict)


def report_mistakes(document: Any) -> list[Mistake]:
    """Everything that keeps `document` from being a report of this schema version, each with its path."""
    from harness.schema import schema_mistakes  # noqa: PLC0415  - jsonschema is not needed to build a report

    if isinstance(document, dict):
        version = document.get("schema_version")
        if isinstance(version, int) and version != SCHEMA_VERSION:
            found = f"{version} (written by harness {document.get('harness_version', 'of unknown version')})"
            return [Mistake("schema_version", found, _OUR_VERSION)]
    return schema_mistakes("report", document) or list(contradictions(document))


def _mistakes_of_several(document: dict[str, Any]) -> Iterable[Mistake]:
    """Those of `{"schema_version": 1, "reports": [...]}`, each with the index of its report in the path."""
    version, reports = document.get("schema_version"), document["reports"]
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        yield Mistake("schema_version", "nothing" if version is None else repr(version), _OUR_VERSION)
    elif not isinstance(reports, list) or not reports:
        # no report is refused: a gate that reads it would pass for want of anything to judge
        yield Mistake("reports", "no list" if not isinstance(reports, list) else "an empty list", "one report or more")
    else:
        for index, one in enumerate(reports):
            for mistake in report_mistakes(one):
                where = f"reports[{index}]" + ("" if mistake.where == _TOP else f".{mistake.where}")
                yield Mistake(where, mistake.found, mistake.allowed)


def _read(path: Path) -> str:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            refusal = ReportError(f"{path}: expected a report file, found {_kind(path)}")
            raise refusal.leads(Topic.FOLDER, str(path)) if os.path.isdir(path) else refusal
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReportError(
            f"{path}: expected UTF-8 text, found byte 0x{error.object[error.start]:02x} at offset {error.start}"
        ) from error
    except OSError as error:
        refusal = ReportError(f"{path}: cannot read the report: {cause(error)}")
        raise (refusal.leads(Topic.REPORTS) if isinstance(error, FileNotFoundError) else refusal) from error


def _kind(path: Path) -> str:
    return "a folder" if path.is_dir() else "something that is not a regular file"


def parse_json(source: str, text: str, *, strict: bool = True) -> Any:
    """The JSON `text`; `source` names it in errors. Raises `ReportError` as `read_json` does."""
    numbers: dict[str, Any] = {}
    if strict:
        numbers = {"parse_constant": _refuse_constant, "parse_float": _finite_float, "parse_int": _finite_int}
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, **numbers)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        ended = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        found = "the end of the file (is it truncated?)" if ended else error.msg
        raise ReportError(f"{source}: {where}: expected JSON, found {found}") from error
    except (ValueError, RecursionError) as error:
        found = "brackets nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ReportError(f"{source}: expected strict JSON, found {found}") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key!r} twice in one object")
            seen.add(key)
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"the number {name}, which is not JSON")


def _finite_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits}, which is too large for a float")
    return value


def _finite_int(digits: str) -> int:
    """An integer that a float can be near: figures are computed with, and there is no float of 400 digits."""
    value = int(digits)
    if len(digits) > sys.float_info.max_10_exp:
        try:
            float(value)
        except OverflowError:
            raise ValueError(f"a number of {len(digits)} digits, which is too large for a float") from None
    return value


def refuse(source: str, mistakes: list[Mistake]) -> None:
    if mistakes:
        said = [f"{source}: {mistake}" for mistake in mistakes[:_MOST_MISTAKES]]
        if len(mistakes) > _MOST_MISTAKES:
            said.append(f"{source}: and {len(mistakes) - _MOST_MISTAKES} more mistakes")
        raise ReportError("\n".join(said))


def cause(error: OSError) -> str:
    return (error.strerror or str(error)) + (f" ({error.filename})" if error.filename else "")
