"""The kernel as it is, on lists: nothing to compile, nothing to install; it starts at once."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from harness.measure.histogram import BUCKETS
from harness.measure.record import AttemptColumns, WorkflowColumns
from harness.plan.arrivals import Plan
from harness.simulate import kernel
from harness.simulate.feed import Stretch, luck_of
from harness.simulate.records import Job, Pool, Sim, World, dtype_of_column
from harness.simulate.setting import Setting

STRETCH = 1024
"""Workflows to be fed at a time."""

_MORE_JOBS = 64


class Interpreted:
    """One run of the kernel on lists; see `forms.Form`."""

    stretch = STRETCH

    def __init__(self, plan: Plan, setting: Setting, streaming: bool) -> None:
        self._plan = plan
        setting.world.streaming = int(streaming)
        self.sim = Sim(
            worlds=[setting.world],
            jobs=[],
            pools=setting.pools,
            steps=setting.steps,
            firsts=setting.firsts,
            sizes=setting.sizes,
            change_s=setting.change_s,
            due=[],
            batch=[],
            kinds=[],
            luck=None,
            tables=setting.tables,
            calendar=[],
            rows=array("d"),
            flows=array("d"),
            outcomes=[0] * 5,
            errors=[0] * (len(setting.error_kinds) + 1),
            buckets=[0] * (BUCKETS if streaming else 0),
        )

    def run(self) -> int:
        """See `kernel.run`."""
        return kernel.run(self.sim)

    def feed(self, stretch: Stretch) -> None:
        """Give the kernel its next input."""
        world = self.sim.worlds[0]
        self.sim = self.sim._replace(
            kinds=stretch.kinds.tolist(),
            due=stretch.due_s.tolist(),
            batch=stretch.batch.tolist(),
            luck=luck_of(self._plan, stretch),
        )
        world.base = stretch.base
        world.total = stretch.total
        world.known = stretch.base + len(stretch.kinds)

    def make_room(self, _need: int) -> None:
        """Only jobs can run out: all else is a list that grows by itself."""
        world, jobs = self.sim.worlds[0], self.sim.jobs
        for _ in range(_MORE_JOBS):
            jobs.append(Job(slot=len(jobs), next_ready=world.free))
            world.free = jobs[-1].slot

    def stop_here(self) -> None:
        """See `forms.Form`."""
        world = self.sim.worlds[0]
        world.limit_s = world.now

    def world(self) -> World:
        """See `forms.Form`."""
        return self.sim.worlds[0]

    def pools(self) -> list[Pool]:
        """See `forms.Form`."""
        return self.sim.pools

    def workflow_columns(self) -> WorkflowColumns:
        """What became of the workflows; errors by the kernel's own codes."""
        names = WorkflowColumns.__slots__
        rows = np.array(self.sim.flows).reshape(-1, 1 + len(names))
        by_number = np.argsort(rows[:, 0])
        columns: dict[str, Any] = {
            name: rows[by_number, 1 + place].astype(dtype_of_column(name)) for place, name in enumerate(names)
        }
        return WorkflowColumns(**columns)

    def attempt_columns(self) -> AttemptColumns:
        """The attempts, in the order in which they ended; errors by the kernel's own codes."""
        names = AttemptColumns.__slots__
        rows = np.array(self.sim.rows).reshape(-1, len(names))
        columns: dict[str, Any] = {
            name: rows[:, place].astype(dtype_of_column(name)) for place, name in enumerate(names)
        }
        return AttemptColumns(**columns)
