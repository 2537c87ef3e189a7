"""The input of a run, handed out in stretches: which type each workflow is and, for open loads, when it is due."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from harness.measure.record import Floats, Ints
from harness.plan.arrivals import OpenArrivals, Plan
from harness.plan.draws import Purpose, QuantileTable, uniforms
from harness.plan.program import StepProgram

_FIRST_ATTEMPT = 1
_WORTH_IT = 64
"""For fewer workflows, making draws in bulk costs more than it saves."""

Luck = tuple[list[float] | None, ...]
"""One workflow's draws for its first attempts: by purpose, then by step (None: no step draws for that purpose)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Workflows `base` and on; all arrays have shape (k,). `due_s` and `batch` are empty but for open loads."""

    base: int
    kinds: Ints
    due_s: Floats
    batch: Ints


@dataclass(slots=True)
class Feed:
    """Deals a plan out, stretch after stretch; `at_least` workflows at a time while there are so many."""

    plan: Plan
    at_least: int
    _given: int = field(default=0, init=False)

    def more(self) -> Stretch:
        """The next stretch."""
        base, total = self._given, self.plan.total
        dealt = [self.plan.deal.more()]
        count = len(dealt[0])
        while count < self.at_least and (total is None or base + count < total):
            dealt.append(self.plan.deal.more())
            count += len(dealt[-1])
        self._given += count
        kinds = np.concatenate(dealt)
        arrivals = self.plan.arrivals
        if isinstance(arrivals, OpenArrivals):
            return Stretch(base, kinds, arrivals.due_s[base : base + count], arrivals.batch[base : base + count])
        return Stretch(base, kinds, np.empty(0), np.empty(0, dtype=np.int64))


def luck_of(plan: Plan, stretch: Stretch) -> list[Luck] | None:
    """The draws of a stretch's workflows for their first attempts, made in bulk; None where that is not worth it."""
    if len(stretch.kinds) < _WORTH_IT:
        return None
    luck: list[Luck] = [()] * len(stretch.kinds)
    for kind, program in enumerate(plan.programs):
        places = np.flatnonzero(stretch.kinds == kind)
        numbers = (places + stretch.base).astype(np.uint64)
        columns = [_column(plan.seed, numbers, program.steps, purpose) for purpose in Purpose]
        for place, draws in zip(places.tolist(), zip(*columns, strict=True), strict=True):
            luck[place] = draws
    return luck


def _column(
    seed: int, numbers: np.ndarray[tuple[int], np.dtype[np.uint64]], steps: tuple[StepProgram, ...], purpose: Purpose
) -> list[list[float]] | list[None]:
    """For each workflow, its draws for one purpose, by step."""
    if not any(_draws(step, purpose) for step in steps):
        return [None] * len(numbers)
    found = np.zeros((len(numbers), len(steps)))
    for place, step in enumerate(steps):
        if _draws(step, purpose):
            luck = uniforms(seed, numbers, purpose, place << 16 | _FIRST_ATTEMPT)
            table = _table(step, purpose)
            found[:, place] = luck if table is None else table.all_at(luck)
    rows: list[list[float]] = found.tolist()
    return rows


def _draws(step: StepProgram, purpose: Purpose) -> bool:
    return _table(step, purpose) is not None or (purpose is Purpose.FAIL and step.fail > 0)


def _table(step: StepProgram, purpose: Purpose) -> QuantileTable | None:
    table = step.wait if purpose is Purpose.WAIT else step.burn if purpose is Purpose.BURN else None
    return table if isinstance(table, QuantileTable) else None
