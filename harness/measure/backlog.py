"""Whether an open load outruns its target: does a workflow that is due later take longer, and ever longer?

The age at which workflows leave is seen on every target, whether it shows its queue or not. If more come than are done,
it grows by a fixed part of every second of load; else it settles. A burst or a load that waits for its workflows cannot
outrun anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.measure.record import Floats, Outcome, Run
from harness.measure.trend import theil_sen
from harness.scenario.model import BurstLoad, Load

_BLOCKS = 20
_FEWEST = 6
"""Workflows in a block, at least; and blocks."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """`growth` is seconds of age gained per second of load, between `low` and `high` with 95 % confidence.

    `first_s` and `last_s` are the median ages in the first and the last fifth of the load.
    """

    growth: float
    low: float
    high: float
    first_s: float
    last_s: float


def is_open(load: Load) -> bool:
    """Whether workflows come however many are in flight."""
    phases = getattr(load, "phases", None)
    if phases is not None:
        return all(is_open(getattr(phase, "load", phase)) for phase in phases)
    if isinstance(load, BurstLoad):
        return load.every_s is not None
    return not load.law.startswith("closed")


def backlog_of(load: Load, run: Run) -> Backlog | None:
    """The trend of ages in `run`; None where the load is not open, or too short to tell."""
    if not is_open(load):
        return None
    due, age = _ages(run)
    size = max(_FEWEST, -(-len(due) // _BLOCKS))
    blocks = len(due) // size
    if blocks < _FEWEST or due[-1] <= due[0]:
        return None
    x = due[: blocks * size].reshape(blocks, size).mean(axis=1)
    y = np.median(age[: blocks * size].reshape(blocks, size), axis=1)
    slope = theil_sen([(x, y)], "blocks of workflows")
    if slope.value is None or slope.low is None or slope.high is None:
        return None
    fifth = max(1, len(due) // 5)
    return Backlog(slope.value, slope.low, slope.high, float(np.median(age[:fifth])), float(np.median(age[-fifth:])))


def _ages(run: Run) -> tuple[Floats, Floats]:
    """Due times, ascending, and how old each workflow was when it left; what was turned away never queued."""
    workflows = run.workflows
    rows = np.flatnonzero(workflows.outcome != Outcome.REJECTED)
    rows = rows[np.argsort(workflows.due_s[rows], kind="stable")]
    left = np.where(np.isnan(workflows.finished_s[rows]), run.ended_s, workflows.finished_s[rows])
    return workflows.due_s[rows], np.maximum(left - workflows.due_s[rows], 0.0)
