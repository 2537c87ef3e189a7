"""Checkpoints of a long run: one file that holds the report as it was, and all that is needed to go on from there.

It is written whole and takes the place of the one before it, so whenever the process dies there is one to read.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from harness.errors import Mistake, ReportError
from harness.measure.totals.record import Totals
from harness.measure.totals.state import state_of, totals_of
from harness.report.document import cause, file_stem, json_text, read_json, refuse, report_mistakes
from harness.report.model import SCHEMA_VERSION, Report
from harness.report.replacing import probe

ENDING = ".checkpoint.json"


def checkpoint_path(folder: Path, report: Report) -> Path:
    """Where the checkpoints of the run go whose first report this is."""
    return folder / (file_stem(report) + ENDING)


def write_checkpoint(path: Path, report: Report, totals: Totals) -> None:
    """Replace the checkpoint in `path`; raises `ReportError` where it cannot be written, and the old one stays."""
    document = {"schema_version": SCHEMA_VERSION, "checkpoint": state_of(totals), "report": report.document}
    text = json_text(document)
    refuse(str(path), checkpoint_mistakes(json.loads(text)))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"{path}: cannot write the checkpoint: {cause(error)}") from error


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint that is not needed any more; one that cannot be removed does no harm."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> Totals:
    """The totals of the run that wrote `path`; raises `ReportError`, naming file and field, where it is none."""
    document = read_json(path)
    refuse(str(path), checkpoint_mistakes(document))
    try:
        return totals_of(document["checkpoint"])
    except ValueError as error:
        raise ReportError(f"{path}: checkpoint: {error}") from None


def refuse_resumed(path: Path) -> None:
    """Raise `ReportError` where the checkpoints to come cannot take the place of the one in `path`."""
    try:
        probe(path)
    except OSError as error:
        found = f"cannot write there: {error.strerror or error}"
        raise ReportError(f"--resume {path}: {found}; go on from a copy where one can") from error


def is_checkpoint(document: Any) -> bool:
    """Whether a JSON document says that it is one."""
    return isinstance(document, dict) and "checkpoint" in document


def checkpoint_mistakes(document: Any) -> list[Mistake]:
    """Everything that keeps `document` from being a checkpoint, each with its path."""
    from harness.schema import schema_mistakes  # noqa: PLC0415 - jsonschema is not needed to make one

    if not is_checkpoint(document):
        return [Mistake("checkpoint", "nothing", "a checkpoint, as harness run --soak writes it")]
    mistakes = schema_mistakes("checkpoint", document)
    inner = [] if mistakes else report_mistakes(document["report"])
    return mistakes + [Mistake(f"report.{one.where}", one.found, one.allowed) for one in inner]
