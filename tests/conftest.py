"""What holds for every test."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# how long an example takes is the machine's affair, and it may be doing much else
settings.register_profile("without-deadlines", deadline=None)
settings.load_profile("without-deadlines")

# a shell starts what it puts into the background with Ctrl-C ignored, and every process of a test would inherit that
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _importable_as_before() -> Iterator[None]:
    """Loading a target makes its folder importable for good; a later test's processes must not find it there."""
    before = list(sys.path)
    yield
    sys.path[:] = before
