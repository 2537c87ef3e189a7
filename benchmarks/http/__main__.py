"""Print the CPU time of each load generator per request, sides in turn, and the ratios. `--locust PYTHON` names the
interpreter that has Locust (this one, if not given); without it, and without httpx, those sides are left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.speed.rows import Row, show

ROUNDS = 5
SIDES = ("harness", "aiohttp", "httpx", "locust_requests", "locust_fast")


def main() -> None:
    """Measure in turn, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--locust", default=sys.executable, metavar="PYTHON")
    python = options.parse_args().locust
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.http.server"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    found: dict[str, list[float]] = {side: [] for side in SIDES}
    try:
        for _ in range(ROUNDS):
            for side in SIDES:
                found[side].extend(_cpu_us(side, url, python))
    finally:
        server.kill()
        server.wait()
    for row in _rows(found):
        sys.stdout.write(show(row) + "\n")


def _cpu_us(side: str, url: str, python: str) -> list[float]:
    """The side's figure, in a process of its own: none where what it needs is not installed."""
    is_locust = side.startswith("locust")
    # by its path: Locust's interpreter need not have what the other benchmarks import
    words = [str(Path(__file__).with_name("locust_side.py"))] if is_locust else ["-m", "benchmarks.http.sides"]
    done = subprocess.run(
        [python if is_locust else sys.executable, *words, side, url], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(f"{side} left out: {done.stderr.strip().splitlines()[-1]}\n")
        return []
    return [json.loads(done.stdout.splitlines()[-1])["cpu_us"]]


def _rows(found: dict[str, list[float]]) -> Iterator[Row]:
    ours = found["harness"]
    for side in SIDES[1:]:
        if found[side]:
            yield Row("one request, 50 in flight, fully recorded", "us CPU", ours, side, found[side])


if __name__ == "__main__":
    main()
