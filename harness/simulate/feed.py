"""The input of a run, handed out in stretches: which type each workflow is and, for open loads, when it is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.measure.record import Floats, Ints
from harness.plan.arrivals import OpenArrivals, Plan
from harness.plan.draws import Purpose, QuantileTable, uniforms
from harness.plan.program import StepProgram
from harness.simulate.records import UNBOUNDED

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
    """Workflows `base` and on; all arrays have shape (k,). `due_s` and `batch` are empty but for open loads.

    `total` is how many workflows there are in all, where that is known by now.
    """

    base: int
    kinds: Ints
    due_s: Floats
    batch: Ints
    total: int


class Feed:
    """Deals a plan out, stretch after stretch, `at_least` workflows at a time while there are so many.

    With `due`, an open load's due times are taken from there as they are made, and not from the plan.
    """

    def __init__(self, plan: Plan, at_least: int, due: Iterator[Floats] | None = None) -> None:
        self._plan = plan
        self._at_least = at_least
        self._due = due
        self._given = 0
        self._dealt: list[Ints] = []
        self._last = np.empty(0)

    def more(self) -> Stretch:
        """The next stretch; one from `due` may be the last and empty."""
        base, total = self._given, self._plan.total
        if self._due is not None:
            due_s, ended = self._made(self._due)
            kinds, batch = self._kinds(len(due_s)), np.zeros(len(due_s), dtype=np.int64)
            total = base + len(due_s) if ended else None
        else:
            left = self._at_least if total is None else min(self._at_least, total - base)
            kinds = self._kinds(left)
            arrivals = self._plan.arrivals
            due_s, batch = np.empty(0), np.empty(0, dtype=np.int64)
            if isinstance(arrivals, OpenArrivals):
                due_s, batch = arrivals.due_s[base : base + left], arrivals.batch[base : base + left]
        self._given += len(kinds)
        self._last = due_s
        return Stretch(base, kinds, due_s, batch, UNBOUNDED if total is None else total)

    def held_back(self, until_s: float, offered: int) -> int:
        """How many of an open load were due by `until_s` beside the `offered` ones; nothing can be fed afterwards."""
        if not isinstance(self._plan.arrivals, OpenArrivals):
            return 0
        due = self._due if self._due is not None else iter([self._plan.arrivals.due_s[self._given :]])
        # all before the last stretch were offered, or the kernel would not have asked for it
        count = self._given - len(self._last) + int(np.searchsorted(self._last, until_s, side="right"))
        for times in due:
            count += int(np.searchsorted(times, until_s, side="right"))
            if len(times) and times[-1] > until_s:
                break
        return count - offered

    def _made(self, due: Iterator[Floats]) -> tuple[Floats, bool]:
        found: list[Floats] = [np.empty(0)]
        while sum(map(len, found)) < self._at_least:
            times = next(due, None)
            if times is None:
                return np.concatenate(found), True
            found.append(times)
        return np.concatenate(found), False

    def _kinds(self, count: int) -> Ints:
        if len(self._plan.programs) == 1:
            return np.zeros(count, dtype=np.int64)
        while sum(map(len, self._dealt)) < count:
            self._dealt.append(self._plan.deal.more())
        dealt = np.concatenate([np.empty(0, dtype=np.int64), *self._dealt])
        self._dealt = [dealt[count:]]
        return dealt[:count]


def luck_of(plan: Plan, stretch: Stretch) -> Luck | None:
    """The draws of a stretch's workflows for their first attempts, made in bulk; None where that is not worth it."""
    if len(stretch.kinds) < _WORTH_IT:
        return None
    width = max(len(program.steps) for program in plan.programs)
    draws: list[list[float]] = []
    for purpose in Purpose:
        found = None
        for kind, program in enumerate(plan.programs):
            for place, step in enumerate(program.steps):
                if _draws(step, purpose):
                    found = np.zeros((len(stretch.kinds), width)) if found is None else found
                    chosen = np.flatnonzero(stretch.kinds == kind)
                    luck = uniforms(
                        plan.seed, (chosen + stretch.base).astype(np.uint64), purpose, place << 16 | _FIRST_ATTEMPT
                    )
                    table = _table(step, purpose)
                    found[chosen, place] = luck if table is None else table.all_at(luck)
        draws.append([] if found is None else found.ravel().tolist())
    return Luck(width, tuple(draws))


def _draws(step: StepProgram, purpose: Purpose) -> bool:
    if purpose is Purpose.CACHE:
        return step.cache_ratio > 0
    return _table(step, purpose) is not None or (purpose is Purpose.FAIL and step.fail > 0)


def _table(step: StepProgram, purpose: Purpose) -> QuantileTable | None:
    table = step.wait if purpose is Purpose.WAIT else step.burn if purpose is Purpose.BURN else None
    return table if isinstance(table, QuantileTable) else None
