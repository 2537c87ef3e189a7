"""Print every ratio with its spread. Exits with 1 where a bar is missed. `hybrid` alone, `loop` alone, or both."""

from __future__ import annotations

import sys
from itertools import chain

from benchmarks.speed.rows import show
from benchmarks.virtual_loop.clocks import clock_rows
from benchmarks.virtual_loop.loops import loop_rows


def main(wanted: list[str]) -> int:
    """Measure, print, judge."""
    parts = {"loop": loop_rows, "hybrid": clock_rows}
    missed = 0
    for row in chain.from_iterable(parts[name]() for name in wanted or parts):
        sys.stdout.write(show(row) + "\n")
        sys.stdout.flush()
        missed += row.held is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
