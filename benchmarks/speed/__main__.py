"""Print every ratio with its spread. Exits with 1 where a bar of the README is missed."""

from __future__ import annotations

import sys

from benchmarks.speed.dispatch import dispatch_rows
from benchmarks.speed.monitor import monitor_rows
from benchmarks.speed.omission import omission_rows
from benchmarks.speed.rows import Row, show
from benchmarks.speed.schedule import schedule_rows
from benchmarks.speed.startup import startup_rows
from benchmarks.speed.suite import suite_rows
from benchmarks.speed.view import view_rows
from benchmarks.speed.workers import worker_rows


def main() -> int:
    """Measure, print, judge."""
    rows: list[Row] = []
    watched = (monitor_rows, view_rows)
    for measure in (dispatch_rows, schedule_rows, omission_rows, *watched, startup_rows, suite_rows, worker_rows):
        for row in measure():
            rows.append(row)
            sys.stdout.write(show(row) + "\n")
            sys.stdout.flush()
    return 1 if any(row.held is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
