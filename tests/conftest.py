"""What holds for every test."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _importable_as_before() -> Iterator[None]:
    """Loading a target makes its folder importable for good; a later test's processes must not find it there."""
    before = list(sys.path)
    yield
    sys.path[:] = before
