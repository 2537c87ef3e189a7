"""Raw workflows as CSV or Parquet: one row per workflow offered, with those of a warm-up, run after run.

Columns: scenario, seed, number, type, due_s, started_s, finished_s, outcome, error, batch, held_s, latency_s. Times are
seconds on the run's clock, from its start. What never happened is empty (Parquet: null): the start of a workflow that
was turned away, the error of one that succeeded, the latency of one that was not carried out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from harness.errors import DeclarationError, MissingExtraError, Mistake
from harness.measure.record import Outcome, Run, WorkflowColumns
from harness.report.replacing import refuse_file, replacing
from harness.report.text import visible

CSV, PARQUET = "--csv", "--parquet"
_ENDINGS = {CSV: (".csv",), PARQUET: (".parquet",)}
_KINDS = {
    "scenario": "string",
    "seed": "int64",
    "number": "int64",
    "type": "string",
    "due_s": "float64",
    "started_s": "float64",
    "finished_s": "float64",
    "outcome": "string",
    "error": "string",
    "batch": "int64",
    "held_s": "float64",
    "latency_s": "float64",
}
COLUMNS = tuple(_KINDS)
_NAMES = np.array([outcome.name.lower() for outcome in Outcome], dtype=object)
_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes the first character of a formula for."""
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Rows:
    """The workflows of one run, and the names that their columns index."""

    scenario: str
    seed: int
    type_names: tuple[str, ...]
    error_kinds: tuple[str, ...]
    workflows: WorkflowColumns


def rows_of(run: Run) -> Rows:
    """What a file of rows needs of `run`: 64 bytes per workflow, without its attempts and series."""
    return Rows(run.scenario, run.seed, run.type_names, run.error_kinds, run.workflows)


def refuse_rows(path: Path, option: str, *, soak: bool) -> None:
    """Raise before anything is run where `option` (`--csv`, `--parquet`) cannot be served with the file `path`."""
    if soak:
        allowed = "a run that keeps a row for each workflow: a soak keeps totals only"
        raise DeclarationError("options", [Mistake(option, "--soak or --resume", allowed)])
    refuse_file(path, option, _ENDINGS[option])
    if option == PARQUET and find_spec("pyarrow") is None:
        raise MissingExtraError("pyarrow", "parquet", f"{PARQUET} {path.name}")


def write_rows(runs: Sequence[Rows], path: Path) -> Path:
    """Write the rows of all runs to `path`, as its ending says; what was there is replaced whole."""
    with replacing(path) as file:
        if path.suffix.lower() == ".parquet":
            _write_parquet(runs, file)
        else:
            _write_csv(runs, file)
    return path


def _write_csv(runs: Sequence[Rows], file: BinaryIO) -> None:
    """RFC 4180, in UTF-8. A text that a spreadsheet would run gets a quotation mark before it."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for columns in _pieces(runs):
        writer.writerows(zip(*(map(cell, columns[name]) for name in COLUMNS), strict=True))
    text.detach()  # the file is its owner's to close


def cell(value: Any) -> Any:
    """A value as CSV has it: nothing for what is not there, and no text that a spreadsheet would run."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return "" if value is None or value != value else value  # noqa: PLR0124 - only NaN differs from itself


def _write_parquet(runs: Sequence[Rows], file: BinaryIO) -> None:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "a Parquet file") from error
    schema = arrow.schema([(name, getattr(arrow, kind)()) for name, kind in _KINDS.items()])
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for columns in _pieces(runs):
            arrays = [
                arrow.array(columns[name], type=field.type, from_pandas=True)  # NaN becomes null
                for name, field in zip(COLUMNS, schema, strict=True)
            ]
            writer.write_table(arrow.table(arrays, schema=schema))


def _pieces(runs: Sequence[Rows]) -> Iterator[dict[str, list[Any]]]:
    """Columns of at most `_CHUNK` rows of one run: a file takes no more memory than that beside the runs."""
    for rows in runs:
        for begin in range(0, len(rows.workflows), _CHUNK):
            yield _columns(rows, slice(begin, begin + _CHUNK))


def _columns(rows: Rows, part: slice) -> dict[str, list[Any]]:
    found = rows.workflows
    due_s, finished_s, outcome = found.due_s[part], found.finished_s[part], found.outcome[part]
    count = len(due_s)
    kinds = np.array([*map(visible, rows.error_kinds), None], dtype=object)  # -1, no error, is the last
    columns: dict[str, Any] = {
        "scenario": np.full(count, visible(rows.scenario), dtype=object),
        "seed": np.full(count, rows.seed, dtype=np.int64),
        "number": np.arange(part.start, part.start + count),
        "type": np.array([*map(visible, rows.type_names)], dtype=object)[found.type[part]],
        "due_s": due_s,
        "started_s": found.started_s[part],
        "finished_s": finished_s,
        "outcome": _NAMES[outcome],
        "error": kinds[found.error[part]],
        "batch": found.batch[part],
        "held_s": found.held_s[part],
        "latency_s": np.where(outcome <= Outcome.TIMED_OUT, finished_s - due_s, np.nan),  # of those carried out
    }
    return {name: values.tolist() for name, values in columns.items()}
