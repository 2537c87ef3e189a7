"""A file that a user named: known to be writable before anything is run, written whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.errors import DeclarationError, Mistake, ReportError
from harness.report.document import cause


def refuse_file(path: Path, option: str, endings: tuple[str, ...]) -> None:
    """Raise before anything is run where no such file can be written.

    `DeclarationError` for an ending that is none of `endings`, `ReportError` for a place that cannot be written to.
    """
    if path.suffix.lower() not in endings:
        found = repr(path.suffix) if path.suffix else "a name without an ending"
        allowed = f"a file that ends in one of {', '.join(endings)}"
        raise DeclarationError("options", [Mistake(option, f"{found} ({path})", allowed)])
    if path.is_dir():
        raise ReportError(f"{option} {path}: expected the name of a file, found a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = _beside(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ReportError(f"{option} {path}: cannot write there: {cause(error)}") from error


def replace_file(path: Path, data: bytes) -> Path:
    """Write `data` to `path`, replacing what is there at once; raises `ReportError` where that fails."""
    with replacing(path) as file:
        file.write(data)
    return path


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write into piece by piece, which takes the place of `path` once the block has ended well.

    Raises `ReportError` where that fails; what was at `path` then stays.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"{path}: cannot write it: {cause(error)}") from error


def _beside(path: Path) -> Path:
    return path.parent / f".{path.name}.{os.getpid()}.{threading.get_ident()}.part"
