"""What the dispatcher itself takes for one workflow, on this machine and now: a target that does nothing, driven."""

from __future__ import annotations

import dataclasses

import numpy as np

from harness.drive.clock import Clock, LoopName
from harness.drive.dispatcher import Dispatcher
from harness.drive.target import Workflow
from harness.measure.record import Recorder
from harness.plan.arrivals import OpenArrivals, Plan
from harness.plan.deal import Recorded
from harness.plan.part import WHOLE

_WORKFLOWS = 2000


def start_cost_s(plan: Plan, loop_name: LoopName) -> float:
    """CPU seconds of this thread per workflow, over `_WORKFLOWS` that are all due at once."""
    due = np.zeros(_WORKFLOWS)
    arrivals = OpenArrivals(due, due.astype(np.int64))
    idle = dataclasses.replace(plan, arrivals=arrivals, deal=Recorded(np.zeros(_WORKFLOWS, dtype=np.int64)), part=WHOLE)
    clock = Clock("wall", loop=loop_name)

    async def main() -> float:
        clock.begin()
        began_s = clock.thread_cpu_s()
        await Dispatcher(idle, _nothing, clock, Recorder()).drive()
        return (clock.thread_cpu_s() - began_s) / _WORKFLOWS

    try:
        return clock.loop.run_until_complete(main())
    finally:
        clock.loop.close()


async def _nothing(_workflow: Workflow) -> None:
    return None
