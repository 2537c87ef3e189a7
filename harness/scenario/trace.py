"""A trace's file: a time in every row, and perhaps a workflow type; CSV or JSON lines, also compressed by gzip."""

from __future__ import annotations

import csv
import gzip
import json
import math
import zlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from harness.errors import Mistake
from harness.scenario.checks import LONGEST_S

MOST_TIMES = 5 * 10**7
"""More rows than this are refused: as columns of a run they would take gigabytes."""

_MOST_MISTAKES = 10
_UNITS_S: Mapping[str, float] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_CSV, _JSON_LINES = (".csv",), (".jsonl", ".ndjson")
_TIME = "a number, or a date and time such as 2026-01-31 12:00:00.5"
_MOST_TYPES = 2**16


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row the time and the type stand; None: the first column or the key `time`, and no type."""

    time: str | None = None
    type: str | None = None
    unit: str = "s"


@dataclass(slots=True)
class Trace:
    """What was read: times in seconds from the start, ascending, and indexes into `type_names` (empty: no types)."""

    times: array[float]
    kinds: array[int]
    type_names: list[str]


class _UnreadableError(Exception):
    """A row, or the whole file, that cannot be read: what was found and what is allowed."""

    def __init__(self, found: str, allowed: str) -> None:
        self.found, self.allowed = found, allowed
        super().__init__(found)


def trace_of_file(
    where: str, name: str, folder: Path | None, columns: Columns, known: tuple[str, ...]
) -> tuple[Trace, list[Mistake]]:
    """The trace in `folder / name`, and what is wrong with it, each with its line; `known` are the types of the mix.

    Times that are dates, or whose first one lies beyond 30 days, are absolute: the first one becomes 0.
    """
    reader = _Reader(where, columns, known)
    try:
        reader.read((folder or Path()) / name)
    except _UnreadableError as error:
        reader.mistakes.append(Mistake(where, f"{name!r}: {error.found}", error.allowed))
    except UnicodeDecodeError:
        reader.mistakes.append(Mistake(where, f"{name!r}, which is not UTF-8", "a text file"))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        reader.mistakes.append(Mistake(where, f"{name!r}, which gzip cannot read to its end", "a whole .gz file"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        reader.mistakes.append(Mistake(where, f"{name!r}: {reason}", "a readable file, relative to this one"))
    if not reader.mistakes and not reader.trace.times:
        reader.mistakes.append(Mistake(where, f"{name!r}, which has no row", "at least one row with a time"))
    return reader.trace, reader.shown()


class _Reader:
    """One pass over a file; it ends early once there are mistakes enough."""

    def __init__(self, where: str, columns: Columns, known: tuple[str, ...]) -> None:
        self.trace = Trace(array("d"), array("H"), list(known[:_MOST_TYPES]))
        self.mistakes: list[Mistake] = []
        self._where = where
        self._columns = columns
        self._scale = _UNITS_S[columns.unit]
        self._place = {name: k for k, name in enumerate(self.trace.type_names)}
        self._known = ", ".join(known)
        self._first: float | datetime | None = None
        self._dates: bool | None = None

    def shown(self) -> list[Mistake]:
        """The mistakes, the last of them standing for all that were not looked for any more."""
        if len(self.mistakes) <= _MOST_MISTAKES:
            return self.mistakes
        rest = Mistake(self._where, "more lines like these", "a trace without them")
        return [*self.mistakes[:_MOST_MISTAKES], rest]

    def read(self, path: Path) -> None:
        """Read every row; raises `_UnreadableError` for what concerns the file as a whole."""
        suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
        packed = suffixes[-1:] == [".gz"]
        kind = suffixes[-2 if packed else -1] if len(suffixes) > packed else ""
        if kind not in _CSV + _JSON_LINES:
            raise _UnreadableError(
                f"the ending {path.suffix!r}", "a file that ends in .csv, .jsonl, .ndjson, or .gz after it"
            )
        with (
            gzip.open(path, "rt", encoding="utf-8-sig")
            if packed
            else path.open(encoding="utf-8-sig", newline="") as file
        ):
            for line, time, type_name in self._csv_rows(file) if kind in _CSV else self._json_rows(file):
                try:
                    self._take(time, type_name)
                except _UnreadableError as error:
                    self._note(line, error)
                if len(self.mistakes) > _MOST_MISTAKES:
                    return
                if len(self.trace.times) > MOST_TIMES:
                    raise _UnreadableError(f"more than {MOST_TIMES} rows", f"at most {MOST_TIMES} rows")

    def _note(self, line: int, error: _UnreadableError) -> None:
        self.mistakes.append(Mistake(self._where, f"{error.found} in line {line}", error.allowed))

    def _csv_rows(self, file: IO[str]) -> Iterator[tuple[int, Any, Any]]:
        rows = csv.reader(file, strict=True)
        time_at, type_at = 0, None
        try:
            for k, row in enumerate(rows):
                if k == 0:
                    time_at, type_at, is_header = self._header(row)
                    if is_header:
                        continue
                if row and not row[0].startswith("#"):
                    yield rows.line_num, _cell(row, time_at), None if type_at is None else _cell(row, type_at)
        except csv.Error as error:
            self._note(rows.line_num, _UnreadableError(str(error), "CSV"))

    def _header(self, row: list[str]) -> tuple[int, int | None, bool]:
        """Where time and type stand, and whether this first row names columns."""
        names = [name.strip() for name in row]
        for name in (self._columns.time, self._columns.type):
            if name is not None and name not in names:
                raise _UnreadableError(f"no column {name!r}", f"one of its columns: {', '.join(names)[:200]}")
        if self._columns.time is not None or self._columns.type is not None:
            time_at = 0 if self._columns.time is None else names.index(self._columns.time)
            return time_at, None if self._columns.type is None else names.index(self._columns.type), True
        try:
            self._value(names[0] if names else "")
        except _UnreadableError:
            return 0, None, bool(names) and any(character.isalpha() for character in names[0])
        return 0, None, False

    def _json_rows(self, file: IO[str]) -> Iterator[tuple[int, Any, Any]]:
        time_key = self._columns.time or "time"
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
                if not isinstance(row, dict):
                    raise _UnreadableError(f"{text.strip()[:40]!r}", "an object")
                for key in (time_key, self._columns.type):
                    if key is not None and key not in row:
                        raise _UnreadableError(f"no key {key!r}", f"one of its keys: {', '.join(row)[:200]}")
            except (ValueError, RecursionError):
                self._note(line, _UnreadableError(f"{text.strip()[:40]!r}", "an object in JSON"))
            except _UnreadableError as error:
                self._note(line, error)
            else:
                yield line, row[time_key], None if self._columns.type is None else row[self._columns.type]
            if len(self.mistakes) > _MOST_MISTAKES:
                return

    def _take(self, time: Any, type_name: Any) -> None:
        """Add one row."""
        due_s = self._due_s(self._value(time), time)
        times = self.trace.times
        if times and due_s < times[-1]:
            raise _UnreadableError(f"{_short(time)}, which is before the one above", "times that ascend")
        if due_s > LONGEST_S:
            raise _UnreadableError(f"{due_s:.12g} s from the start", f"at most {LONGEST_S:.12g} s")
        if self._columns.type is not None:
            place = self._place.get(type_name.strip()) if isinstance(type_name, str) else None
            if place is None:
                raise _UnreadableError(f"the type {_short(type_name)}", f"one of the mix: {self._known}")
            self.trace.kinds.append(place)
        times.append(due_s)

    def _value(self, time: Any) -> float | datetime:
        """A time as it stands: a number, or a date and time."""
        if isinstance(time, int | float) and not isinstance(time, bool):
            return float(time) if abs(time) < 1e300 else math.inf
        text = time.strip() if isinstance(time, str) else ""
        try:
            return float(text)
        except ValueError:
            pass
        try:
            date = datetime.fromisoformat(text)
        except ValueError:
            raise _UnreadableError(_short(time), _TIME) from None
        return date if date.tzinfo is not None else date.replace(tzinfo=UTC)

    def _due_s(self, value: float | datetime, time: Any) -> float:
        """Seconds from the start of the trace."""
        if self._dates is None:
            self._dates = isinstance(value, datetime)
        if isinstance(value, datetime):
            if not self._dates:
                raise _UnreadableError(_short(time), "a number, as above")
            self._first = value if self._first is None else self._first
            assert isinstance(self._first, datetime)
            since_s = (value - self._first).total_seconds()
            if since_s < 0:
                raise _UnreadableError(f"{_short(time)}, which is before the first one", "times that ascend")
            return since_s
        if self._dates:
            raise _UnreadableError(_short(time), "a date and time, as above")
        if not 0 <= value < math.inf:
            raise _UnreadableError(_short(time), "a time that is finite and not negative")
        if self._first is None:
            self._first = value if value * self._scale > LONGEST_S else 0.0
        assert isinstance(self._first, float)
        if value < self._first:
            raise _UnreadableError(f"{_short(time)}, which is before the first one", "times that ascend")
        return (value - self._first) * self._scale


def _cell(row: list[str], place: int) -> str | None:
    return row[place] if place < len(row) else None


def _short(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:60]
