"""How long the eight scenarios take, each clock in a process of its own, start included."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from benchmarks.speed.rows import Row


def suite_rows() -> Iterator[Row]:
    """Virtual clock with one and with thirty replications, then the wall clock once."""
    yield Row("eight scenarios, virtual clock", "s", [_spent_s("virtual", 1) for _ in range(3)], bar=5.0)
    yield Row("eight scenarios, virtual clock, 30 replications", "s", [_spent_s("virtual", 30) for _ in range(3)])
    yield Row("eight scenarios, wall clock", "s", [_spent_s("wall", 1)], bar=90.0)


def _spent_s(clock: str, replications: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "harness", "run", "--clock", clock, "-n", str(replications)]
        began = time.perf_counter()
        subprocess.run([*command, "--report-dir", folder], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began
