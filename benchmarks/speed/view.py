"""What the live view costs the process that it shows: CPU time of a closed no-op run with it and without.

`python -m benchmarks.speed.view`. The view is drawn on a real pseudo-terminal that somebody reads. CPU time is
taken for each workflow, so that a busy machine changes little; runs are taken in turn.
"""

from __future__ import annotations

import os
import pty
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from benchmarks.speed.rows import Row, show

if TYPE_CHECKING:
    from harness.scenario.model import Scenario

IN_FLIGHT = 50
PACED_PER_S = 200
LONG_S = 5.0
ROUNDS = 5


def view_rows() -> Iterator[Row]:
    """A closed load as fast as it goes, and a load that leaves the machine idle; both sides in turn."""
    _both(_paced(0.2))  # whatever is imported is imported by now
    shown, plain = zip(*(_both(_closed()) for _ in range(ROUNDS)), strict=True)
    what = f"{LONG_S:g} s of no-op workflows, {IN_FLIGHT} in flight, shown live"
    yield Row(what, "us CPU each", shown, "not shown", plain, bar=1.05)
    own = [_own_share(_closed()) for _ in range(ROUNDS)]
    yield Row(f"the view's own thread beside {LONG_S:g} s of no-op workflows", "% of a core", own, bar=2.0)
    idle = [_both(_paced(LONG_S)) for _ in range(ROUNDS)]
    added = [100 * PACED_PER_S * 1e-6 * (one - two) for one, two in idle]
    yield Row(f"live view beside {PACED_PER_S} workflows a second", "% of a core", added, bar=3.0)


def _closed() -> Scenario:
    from harness.scenario.model import ClosedLoad

    return _scenario(ClosedLoad(IN_FLIGHT, duration_s=LONG_S))


def _paced(duration_s: float) -> Scenario:
    from harness.scenario.model import RateLoad

    return _scenario(RateLoad(float(PACED_PER_S), "constant", duration_s=duration_s))


def _scenario(load: object) -> Scenario:
    from harness.scenario.model import Pool, Scenario, Step, WorkflowType

    simple = WorkflowType("simple", (Step("s"),))
    return Scenario(name="no_op", load=load, types=(simple,), mix=(("simple", 1.0),), pools=(Pool("agents", 1),))


async def _nothing(_workflow: object) -> None:
    return None


def _both(scenario: Scenario) -> tuple[float, float]:
    return _spent_us(scenario, True), _spent_us(scenario, False)


def _spent_us(scenario: Scenario, shown: bool) -> float:
    """CPU microseconds of the whole process for each workflow of one run, whoever used them."""
    from harness.execute import offered, run
    from harness.report.progress import Quiet, progress

    with _terminal() as stream:
        before_s = time.process_time()
        if shown:
            with progress(stream) as view:
                done = run(scenario, target=_nothing, watch=view.started(scenario.name, offered(scenario, [0])))
        else:
            done = run(scenario, target=_nothing, watch=Quiet().started(scenario.name, None))
        return 1e6 * (time.process_time() - before_s) / len(done.workflows)


def _own_share(scenario: Scenario) -> float:
    """CPU time of the looks and redraws alone, in per cent of a core: hardly touched by whoever else is busy."""
    from harness.execute import run
    from harness.report.progress import progress

    with _terminal() as stream, progress(stream) as view:
        (thread,) = (one for one in threading.enumerate() if one.name == "live view")
        done = run(scenario, target=_nothing, watch=view.started(scenario.name, None))
        return 100 * time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0)) / done.ended_s


@contextmanager
def _terminal() -> Iterator[TextIO]:
    os.environ.setdefault("TERM", "xterm-256color")
    master, slave = pty.openpty()
    reader = threading.Thread(target=_read, args=(master,), daemon=True)
    reader.start()
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        yield stream
    reader.join()
    os.close(master)


def _read(master: int) -> None:
    try:
        while os.read(master, 65536):
            pass
    except OSError:  # the other end is closed
        return


if __name__ == "__main__":
    for found in view_rows():
        sys.stdout.write(show(found) + "\n")
        sys.stdout.flush()
