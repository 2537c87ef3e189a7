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


@dataclass(frozen=True, slots=True)
class Luck:
    """A stretch's draws for first attempts: by purpose, flat, `width` (steps) of them for each workflow."""

    width: int
    draws: tuple[list[float], ...]


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


def luck_of(plan: Plan, stretch: Stretch) -> Luck | None:
    """The draws of a stretch's workflows for their first attempts, made in bulk; None where that is not worth it."""
    if len(stretch.kinds) < _WORTH_IT:
        return None
    width = max(len(program.steps) for program in plan.programs)
    draws = tuple(np.zeros((len(stretch.kinds), width)) for _ in Purpose)
    for kind, program in enumerate(plan.programs):
        chosen = stretch.kinds == kind
        numbers = (np.flatnonzero(chosen) + stretch.base).astype(np.uint64)
        for place, step in enumerate(program.steps):
            for purpose in Purpose:
                if _draws(step, purpose):
                    luck = uniforms(plan.seed, numbers, purpose, place << 16 | _FIRST_ATTEMPT)
                    table = _table(step, purpose)
                    draws[purpose][chosen, place] = luck if table is None else table.all_at(luck)
    return Luck(width, tuple(found.ravel().tolist() for found in draws))


def _draws(step: StepProgram, purpose: Purpose) -> bool:
    return _table(step, purpose) is not None or (purpose is Purpose.FAIL and step.fail > 0)


def _table(step: StepProgram, purpose: Purpose) -> QuantileTable | None:
    table = step.wait if purpose is Purpose.WAIT else step.burn if purpose is Purpose.BURN else None
    return table if isinstance(table, QuantileTable) else None
