"""How long `harness list` takes to start, beside Python with json and the command-line library alone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.speed.rows import Row

ROUNDS = 15


def startup_rows() -> Iterator[Row]:
    """Both commands in turn."""
    ours, peer = [], []
    for _ in range(ROUNDS):
        ours.append(_spent_ms("-m", "harness", "list"))
        peer.append(_spent_ms("-c", "import json, click"))
    yield Row("harness list", "ms", ours, "python -c 'import json, click'", peer, 2.5)


def _spent_ms(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1e3
