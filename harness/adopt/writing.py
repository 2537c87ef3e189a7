"""Writes several files, all of them or none; each appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from harness.errors import HarnessError


def write_all(root: Path, texts: Mapping[Path, str]) -> None:
    """Write each text at its path below `root`, making folders as need be.

    Raises `HarnessError` where one cannot be written; then every file is as it was before.
    """
    parts: dict[Path, Path] = {}
    folders: list[Path] = []
    undo: list[tuple[Path, bytes | None]] = []
    try:
        for path, text in texts.items():
            whole = root / path
            folders += _made(whole.parent)
            parts[whole] = whole.with_name(f".{whole.name}.{os.getpid()}.part")
            _write(parts[whole], text)
        for whole, part in parts.items():
            undo.append((whole, whole.read_bytes() if whole.exists() else None))
            if whole.exists():
                part.chmod(whole.stat().st_mode)
            part.replace(whole)
    except BaseException as error:
        _take_back(undo, parts, folders)
        if isinstance(error, OSError):
            place = error.filename2 or error.filename or root
            raise HarnessError(f"{place}: cannot be written: {error.strerror}; nothing was written") from error
        raise


def _made(folder: Path) -> list[Path]:
    """Make `folder` and what is missing above it; what was made, the innermost last."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _take_back(undo: list[tuple[Path, bytes | None]], parts: Mapping[Path, Path], folders: list[Path]) -> None:
    for path, before in reversed(undo):
        if before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before)
    for part in parts.values():
        with suppress(OSError):  # it may have a name that no file can have
            part.unlink(missing_ok=True)
    for folder in reversed(folders):
        with suppress(OSError):  # somebody else has put something there meanwhile
            folder.rmdir()
