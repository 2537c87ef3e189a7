"""The kernel as it is, on lists: nothing to compile, nothing to install; it starts at once."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.measure import histogram
from harness.measure.histogram import BUCKETS
from harness.measure.record import AttemptColumns, Floats, Ints, WorkflowColumns
from harness.plan.arrivals import Plan
from harness.plan.laws import gaps_before
from harness.simulate import (
    admission,
    detours,
    endings,
    flat,
    gates,
    kernel,
    passage,
    primitives,
    queues,
    scaling,
    sources,
    timers,
)
from harness.simulate.facts import facts_of, more_facts_of
from harness.simulate.feed import Stretch, luck_of
from harness.simulate.records import Extra, Job, Pool, Sim, World, dtype_of_column
from harness.simulate.setting import Setting

STRETCH = 1024
"""Workflows to be fed at a time."""

_MORE_JOBS = 64


_SHARED = (queues, timers, sources, endings, gates, admission, scaling, detours, passage, kernel, primitives)


@functools.cache
def _flat_kernel(facts: tuple[tuple[str, float], ...]) -> Callable[[Sim], int]:
    source, known = flat.flattened(kernel.run, flat.functions_of((*_SHARED, histogram)), dict(facts), "run")
    return flat.made(source, known, "run", f"<kernel where {facts}>")


class Interpreted:
    """One run of the kernel on lists; see `forms.Form`."""

    stretch = STRETCH

    @staticmethod
    def gaps(mean_s: float, seed: int, first: int) -> Floats:
        """See `plan.laws.gaps_before`."""
        return gaps_before(mean_s, seed, first)

    def __init__(self, plan: Plan, setting: Setting, streaming: bool) -> None:
        self._kernel = self._kernel_for(setting, streaming)
        self._plan = plan
        setting.world.streaming = int(streaming)
        self.sim = Sim(
            worlds=[setting.world],
            jobs=[],
            extras=[],
            pools=setting.pools,
            steps=setting.steps,
            firsts=setting.firsts,
            needs=setting.needs,
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

    @staticmethod
    def _kernel_for(setting: Setting, streaming: bool) -> Callable[[Sim], int]:
        return _flat_kernel(tuple({**facts_of(setting, streaming), **more_facts_of(setting)}.items()))

    def run(self) -> int:
        """See `kernel.run`."""
        return self._kernel(self.sim)

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
            self.sim.extras.append(Extra())

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

    def ended_rows(self) -> tuple[Floats, Floats, Ints, Ints]:
        """See `forms.Form`."""
        names = WorkflowColumns.__slots__
        rows = np.array(self.sim.flows).reshape(-1, 1 + len(names))
        due_s, finished_s, outcome, error = (
            rows[:, 1 + names.index(name)] for name in ("due_s", "finished_s", "outcome", "error")
        )
        return due_s, finished_s, outcome.astype(np.int64), error.astype(np.int64)

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


class Stepwise(Interpreted):
    """The kernel as it stands, function by function: there is nothing to prepare."""

    @staticmethod
    def _kernel_for(setting: Setting, streaming: bool) -> Callable[[Sim], int]:  # noqa: ARG004 - it does for all
        return kernel.run
