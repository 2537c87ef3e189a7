"""What a second worker is worth: a target that hardly needs the CPU, as many in flight, driven by one and by two."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.speed.rows import Row

WORKFLOWS = 300_000
IN_FLIGHT = 100
ROUNDS = 5


def worker_rows() -> Iterator[Row]:
    """Seconds for the same load with two workers beside one, in turn; both are processes of their own."""
    one, two = [], []
    for _ in range(ROUNDS):
        one.append(_seconds(1))
        two.append(_seconds(2))
    yield Row(
        f"{WORKFLOWS} workflows, {IN_FLIGHT} in flight: two workers",
        "s",
        two,
        "one worker",
        one,
        bar=1 / 1.8,
        note="1 / 1.8 is 0.56",
    )


def _seconds(workers: int) -> float:
    from harness.distribute.driving import Crew, drive_with
    from harness.scenario.model import ClosedLoad, Pool, Scenario, Step, WorkflowType

    scenario = Scenario(
        name="workers",
        load=ClosedLoad(IN_FLIGHT, workflows=WORKFLOWS),
        types=(WorkflowType("simple", (Step("s"),)),),
        mix=(("simple", 1.0),),
        pools=(Pool("agents", 1),),
    )
    done = drive_with(Crew(workers), scenario, 0, target=f"{Path(__file__).resolve()}:yielding")
    return done.ended_s


async def yielding(_workflow: object) -> None:
    """Waits once, so that it has a task of its own and the event loop something to do."""
    await asyncio.sleep(0)


if __name__ == "__main__":
    from benchmarks.speed.rows import show

    for found in worker_rows():
        sys.stdout.write(show(found) + "\n")
