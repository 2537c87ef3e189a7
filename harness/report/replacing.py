"""A file that a user named: known to be writable before anything is run, written whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.errors import DeclarationError, Mistake, ReportError


def refuse_file(path: Path, option: str, endings: tuple[str, ...]) -> None:
    """Raise before anything is run where no such file can be written.

    `DeclarationError` for an ending that is none of `endings`, `ReportError` for a place that cannot be written to.
    """
    if path.suffix.lower() not in endings:
        found = repr(path.suffix) if path.suffix else "a name without an ending"
        allowed = f"a file that ends in one of {', '.join(endings)}"
        raise DeclarationError("options", [Mistake(option, f"{found} ({path})", allowed)])
    try:
        if (there := _no_file(path)) is not None:
            raise ReportError(f"{option} {path}: expected the name of a file, found {there}")
        probe(path)
    except OSError as error:
        raise ReportError(f"{option} {path}: cannot write there: {error.strerror or error}") from error


def probe(path: Path) -> None:
    """Raise `OSError` where no file can be written to `path`, whose folder is made with it if need be.

    Nothing stays: folders that are missing are made under a name of the probe's own, so that a command that is refused
    for another reason leaves none, and none is taken away that another process has begun to use.
    """
    folder = path.parent
    if os.path.lexists(folder):
        _touched(_beside(path))
        return
    there = next((one for one in folder.parents if os.path.lexists(one)), Path(folder.anchor))
    own = _beside(there / "probe")
    try:
        (own / folder.relative_to(there)).mkdir(parents=True)
        _touched(own / folder.relative_to(there) / _beside(path).name)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _touched(path: Path) -> None:
    path.touch()
    path.unlink()


def _no_file(path: Path) -> str | None:
    """What is at `path` that no file may take the place of; None where nothing is, or a file."""
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if kind == stat.S_IFREG else "a folder" if kind == stat.S_IFDIR else "a pipe, a device or a socket"


def replace_file(path: Path, data: bytes) -> Path:
    """Write `data` to `path`, replacing what is there at once; raises `ReportError` where that fails."""
    with replacing(path) as file:
        file.write(data)
    return path


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write into piece by piece, which takes the place of `path` once the block has ended well.

    A link stays one: what it leads to is replaced. Raises `ReportError` where that fails; what was there then stays.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(os.path.realpath(path))
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"{path}: cannot write it: {error.strerror or error}") from error


def _beside(path: Path) -> Path:
    path = Path(os.path.realpath(path))
    return path.parent / f".{path.name}.{os.getpid()}.{threading.get_ident()}.part"
