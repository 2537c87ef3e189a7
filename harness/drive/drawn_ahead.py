"""How long each step of each workflow waits and burns, drawn for many workflows at once where there are many.

A draw is a function of its counter alone, so it may be made at any time: these are the same bits as
`StepProgram.wait_s` and `burn_s` give one by one, in a tenth of the time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from harness.drive.breaker import Breaker
from harness.plan.draws import Purpose, QuantileTable, uniforms
from harness.plan.program import StepProgram

_BLOCK = 1024
_FROM = 256
"""Runs of fewer workflows are over before a block has paid for itself."""
_KEPT = 4 * _BLOCK


_OneByOne = Callable[[int, int, int], float]
"""`StepProgram.wait_s` or `burn_s`: key, step, attempt -> seconds."""


class Durations:
    """One duration of one step, in seconds; those of first attempts come from a window of workflows that moves on."""

    __slots__ = ("_beyond", "_drawn", "_first", "_one", "_purpose", "_seed", "_step", "_table")

    def __init__(
        self,
        table: QuantileTable | float,
        one: Callable[[int, int, int], float],
        seed: int,
        step: int,
        purpose: Purpose,
    ) -> None:
        self._table = table
        self._one = one
        self._seed = seed
        self._step = step
        self._purpose = purpose
        self._drawn: list[float] = []
        # the window is of workflows first .. beyond - 1; that of a constant is never reached
        self._first = self._beyond = _FROM if isinstance(table, QuantileTable) else sys.maxsize

    def of(self, workflow: int, key: int, attempt: int) -> float:
        """Seconds for attempt `attempt` (from 1) of workflow number `workflow`, whose key is `key`."""
        if workflow < self._first or attempt > 1:
            return self._one(key, self._step, attempt)
        if workflow >= self._beyond:
            self._go_on_to(workflow)
        return self._drawn[workflow - self._first]

    def _go_on_to(self, workflow: int) -> None:
        assert isinstance(self._table, QuantileTable), "as the constructor saw to"
        begin = max(self._beyond, workflow - _BLOCK)
        if begin > self._beyond:  # most workflows are of other types
            self._drawn.clear()
        self._beyond = workflow + _BLOCK
        numbers = np.arange(begin, self._beyond, dtype=np.uint64)
        drawn = self._table.all_at(uniforms(self._seed, numbers, self._purpose, self._step << 16 | 1))
        self._drawn = [*self._drawn, *drawn.tolist()][-_KEPT:]
        self._first = self._beyond - len(self._drawn)


class DrawnStep:
    """A step with its durations."""

    __slots__ = ("breaker", "burn", "program", "wait")

    def __init__(self, program: StepProgram, seed: int, step: int) -> None:
        self.program = program
        self.breaker: Breaker | None = None
        self.wait = Durations(program.wait, program.wait_s, seed, step, Purpose.WAIT)
        self.burn = Durations(program.burn, program.burn_s, seed, step, Purpose.BURN)
