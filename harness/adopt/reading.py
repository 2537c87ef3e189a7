"""Reads a user's files as their own tools read them: JSON with comments, YAML with line numbers, Python as a tree."""

from __future__ import annotations

import ast
import stat
from pathlib import Path
from typing import Any

from harness.errors import DeclarationError, Mistake

_LONGEST_B = 4_000_000


def read_text(path: Path) -> str:
    """The file as text. Raises `DeclarationError` where it cannot be read, is too long, or is no UTF-8."""
    try:
        told = path.stat()
        if not stat.S_ISREG(told.st_mode):  # a pipe would be waited for without end
            raise _unreadable(path, "file", "a pipe, a socket or a device", "a plain file")
        if told.st_size > _LONGEST_B:
            raise _unreadable(path, "file", "more than 4 MB", "a file that people write")
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise _unreadable(path, "file", (error.strerror or str(error)).lower(), "a file that can be read") from error
    except UnicodeDecodeError as error:
        found = f"byte {error.object[error.start]:#04x} at offset {error.start}"
        raise _unreadable(path, "file", found, "UTF-8 text") from error


def read_json5(path: Path) -> dict[str, Any]:
    """The object in an asv configuration, comments and all. Raises `DeclarationError`."""
    import json5  # noqa: PLC0415 - only where there is such a file; asv reads it with the same library

    text = read_text(path)
    try:
        found = json5.loads(text)
    except RecursionError as error:
        raise _unreadable(path, "file", "values nested too deeply to read", "JSON a few levels deep") from error
    except ValueError as error:
        raise _unreadable(path, "file", f"a syntax error ({_first_line(error)})", "JSON, comments allowed") from error
    if not isinstance(found, dict):
        raise _unreadable(path, "top level", f"a {type(found).__name__}", "an object")
    return found


def read_yaml(path: Path) -> Any:
    """The root node of a YAML file (None where it is empty), with its marks. Raises `DeclarationError`."""
    import yaml  # noqa: PLC0415 - only where there is such a file

    text = read_text(path)
    try:
        # nodes, not values: they know their lines, `on` stays a word, and nothing is made of tags
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "file"
        raise _unreadable(path, where, f"a syntax error ({error.problem})", "YAML") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _unreadable(path, "file", f"a syntax error ({_first_line(error)})", "YAML") from error


def read_python(path: Path) -> ast.Module:
    """The tree of a Python file. Raises `DeclarationError`."""
    text = read_text(path)
    try:
        return ast.parse(text)
    except SyntaxError as error:
        where = f"line {error.lineno}, column {error.offset}" if error.lineno else "file"
        raise _unreadable(path, where, f"a syntax error ({error.msg})", "Python") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise _unreadable(path, "file", f"a syntax error ({_first_line(error)})", "Python") from error


def _unreadable(path: Path, where: str, found: str, allowed: str) -> DeclarationError:
    return DeclarationError(str(path), [Mistake(where, found, allowed)])


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
