"""A sweep as one flat table, a row per cell and seed, into CSV, Parquet or JSON.

Columns: what was set, the seed, the digest, the verdict with its reason, then the figures. What was set with a unit
becomes a number in the base unit, which the column's name then ends in: `rate` in `/s` and `/min` is `rate_per_s`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import MissingExtraError, UnitError
from harness.report.document import json_text
from harness.report.replacing import refuse_file, replace_file
from harness.units import parse_duration, parse_rate, parse_share, parse_size

ENDINGS = (".parquet", ".csv", ".json")
OPTION = "--out"
_UNITS: tuple[tuple[str, Callable[[object], float]], ...] = (
    ("_s", parse_duration),
    ("_per_s", parse_rate),
    ("_b", parse_size),
    ("_share", parse_share),
)
_ABOUT = ("seed", "scenario_digest", "verdict", "reason", "limited_by")
Document = Mapping[str, Any]
Column = list[Any]


def refuse_table(path: Path) -> None:
    """Raise before anything is run where no table can be written to `path`; `MissingExtraError` without pyarrow."""
    refuse_file(path, OPTION, ENDINGS)
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise MissingExtraError("pyarrow", "parquet", f"{OPTION} {path.name}")


def write_table(document: Document, path: Path) -> Path:
    """Write a sweep's table to `path`, as its ending says; what was there is replaced whole."""
    match path.suffix.lower():
        case ".json":
            data = json_text(document).encode("utf-8")
        case ".csv":
            data = csv_text(columns_of(document)).encode("utf-8")
        case _:
            data = _parquet(document)
    return replace_file(path, data)


def columns_of(document: Document) -> dict[str, Column]:
    """Column by name, each of as many values as there are rows; None where a row has no such figure."""
    rows = document["rows"]
    table: dict[str, Column] = {}
    for axis in document["axes"]:
        name, numbers = in_base_units(axis["path"], axis["values"])
        table[name] = [numbers(row["settings"][axis["path"]]) for row in rows]
    table |= {name: [row[name] for row in rows] for name in _ABOUT}
    figures = dict.fromkeys(name for row in rows for name in row["figures"])
    return table | {name: [row["figures"].get(name) for row in rows] for name in figures}


def in_base_units(path: str, values: Sequence[Any]) -> tuple[str, Callable[[Any], Any]]:
    """The column of what was set at `path`, and what makes a number of a value; texts without a unit stay texts."""
    if all(isinstance(value, str) for value in values):
        for suffix, parse in _UNITS:
            try:
                for value in values:
                    parse(value)
            except UnitError:
                continue
            return path + suffix, parse
    if len({isinstance(value, str) for value in values}) > 1:
        return path, str  # one kind in a column: `queue` of 50 and unbounded
    return path, lambda value: value


def csv_text(columns: Mapping[str, Column]) -> str:
    """The table as CSV (RFC 4180): a header, then the rows; what is not observable is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if value is None else value for value in row])
    return stream.getvalue()


def _parquet(document: Document) -> bytes:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "a Parquet file") from error
    head = {key: value for key, value in document.items() if key != "rows"}
    columns = {name: arrow.array(values, type=_kind(arrow, values)) for name, values in columns_of(document).items()}
    table = arrow.table(columns).replace_schema_metadata({"agent-load-harness": json.dumps(head)})
    sink = io.BytesIO()
    parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _kind(arrow: Any, values: Column) -> Any:
    """The column's type: told, because a column of nothing but nulls would have none."""
    if any(isinstance(value, str) for value in values):
        return arrow.string()
    if values and all(isinstance(value, bool) for value in values):
        return arrow.bool_()
    if values and all(isinstance(value, int) for value in values):
        return arrow.int64()
    return arrow.float64()
