"""How long each step of each workflow waits and burns, drawn for many workflows at once where there are many.

A draw is a function of its counter alone, so it may be made at any time: these are the same bits as
`StepProgram.wait_s` and `burn_s` give one by one, in a tenth of the time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.plan.draws import Purpose, QuantileTable, uniforms_under, workflow_key, workflow_keys
from harness.plan.program import Program

_BLOCK = 1024
_FROM = 32
"""Runs of fewer workflows are over before a block has paid for itself."""

Durations = tuple[float, float]
"""How long a step waits and how long it burns, in seconds."""

Drawn = tuple[int, tuple[Durations, ...]]
"""A workflow's key, and the durations of the first attempt at each of its steps."""


class DrawnType:
    """The steps of a workflow type, with what each workflow draws for them.

    Workflows begin in the order of their numbers, so one block of them is drawn as soon as its first is asked for.
    """

    __slots__ = ("_beyond", "_drawn", "_first", "_seed", "steps")

    def __init__(self, program: Program, seed: int) -> None:
        self.steps = program.steps
        self._seed = seed
        self._drawn: list[Drawn] = []
        # the block is of workflows first .. beyond - 1
        self._first = self._beyond = _FROM

    def of(self, workflow: int) -> Drawn:
        """What workflow number `workflow` draws."""
        if workflow >= self._beyond:
            self._draw_from(workflow)
        elif workflow < self._first:
            return self._one(workflow)
        return self._drawn[workflow - self._first]

    def _one(self, workflow: int) -> Drawn:
        key = workflow_key(self._seed, workflow)
        return key, tuple((step.wait_s(key, k, 1), step.burn_s(key, k, 1)) for k, step in enumerate(self.steps))

    def _draw_from(self, workflow: int) -> None:
        """Draw the block that begins with `workflow`: at first about three times as many as there were before it."""
        self._first, self._beyond = workflow, workflow + min(_BLOCK, 3 * workflow)
        keys = workflow_keys(self._seed, np.arange(self._first, self._beyond, dtype=np.uint64))
        of_steps = (
            zip(
                _all_under(keys, step.wait, Purpose.WAIT, place),
                _all_under(keys, step.burn, Purpose.BURN, place),
                strict=True,
            )
            for place, step in enumerate(self.steps)
        )
        self._drawn = list(zip(keys.tolist(), zip(*of_steps, strict=True), strict=True))


def _all_under(keys: NDArray[np.uint64], table: QuantileTable | float, purpose: Purpose, step: int) -> list[float]:
    """The draws of the first attempts at a step of the workflows with these keys, in seconds."""
    if not isinstance(table, QuantileTable):
        return [table] * len(keys)
    drawn: list[float] = table.all_at(uniforms_under(keys, purpose, step << 16 | 1)).tolist()
    return drawn
