"""Where a target stands: its own lines of code, told from those of Python, of asyncio and of this harness."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from types import FrameType

_HARNESS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PYTHON = tuple(os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib"))
_INSTALLED = tuple(f"{os.sep}{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))


@functools.cache
def is_targets(filename: str) -> bool:
    """Whether a file is the target's: its own code or a package it uses, not Python's library and not the harness.

    Code without a file counts as the target's, because that is what `python -c` and notebooks run.
    """
    if filename.startswith("<"):
        return not filename.startswith("<frozen")
    if filename.startswith(_HARNESS):
        return False
    return any(folder in filename for folder in _INSTALLED) or not filename.startswith(_PYTHON)


@functools.cache
def is_installed(filename: str) -> bool:
    """Whether a file belongs to an installed package, and not to the user's own code."""
    return any(folder in filename for folder in _INSTALLED)


def place(code_file: str, line: int, function: str) -> str:
    """`FILE:LINE (function)`, the way every message names a place."""
    return f"{code_file}:{line} ({function})"


def frame_place(frame: FrameType) -> str:
    """The innermost line of the target on the stack that ends with `frame`; the frame's own where there is none."""
    inner: FrameType | None = frame
    while inner is not None and not is_targets(inner.f_code.co_filename):
        inner = inner.f_back
    shown = inner or frame
    return place(shown.f_code.co_filename, shown.f_lineno, shown.f_code.co_qualname)


def thread_place(ident: int | None) -> str | None:
    """Where the thread stands now; None if it has ended."""
    frame = sys._current_frames().get(ident) if ident is not None else None
    return None if frame is None else frame_place(frame)
