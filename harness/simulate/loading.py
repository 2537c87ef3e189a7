"""Load numba and what it has compiled without what nobody asked for: linear algebra, and looks for garbage.

When numba first types or loads a function, it imports `scipy.linalg.cython_blas` for no more than to see whether it is
there, which takes as long as loading a kernel. It imports it again wherever it is about to use it.

What is loaded stays, some hundred thousand objects, so the collector of garbage looks through them again and again and
finds nothing.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any

BLAS = "scipy.linalg.cython_blas"

_SELDOM = 100_000
"""New objects between two looks for garbage; compiling makes some, so it cannot do without."""


class _StandIn(ModuleType):
    """Is there for who only looks; for who wants something of it, the module itself is imported."""

    def __getattr__(self, name: str) -> Any:
        _remove(self)
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def blas_unasked() -> Iterator[None]:
    """Within, an import of `scipy.linalg.cython_blas` imports nothing as long as nothing of it is used.

    Where it is imported already, or where there is no scipy, nothing is changed; nor is anything afterwards.
    """
    if BLAS in sys.modules or find_spec("scipy") is None:
        yield
        return
    stand_in = _StandIn(BLAS)
    sys.modules.setdefault(BLAS, stand_in)  # another thread may have been quicker
    try:
        yield
    finally:
        _remove(stand_in)


def _remove(stand_in: ModuleType) -> None:
    if sys.modules.get(BLAS) is stand_in:
        sys.modules.pop(BLAS, None)


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Within, garbage is looked for less often, unless it is not looked for at all."""
    before = gc.get_threshold()
    if not 0 < before[0] < _SELDOM:
        yield
        return
    gc.set_threshold(_SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
