"""A run's figures of the machine on virtual time, derived exactly from its attempts.

Memory is what the steps declare to hold, from grant to release. CPU is the share of the modelled cores that are held;
its maximum is taken over windows of 100 ms, as long as a sample of the monitor covers on the wall clock. Threads,
descriptors, tasks, lag and collections belong to a real process: there are none on a virtual clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.measure.agents import AgentAttempts, core_attempts
from harness.measure.machine import NOT_ON_VIRTUAL, Machine, batch_windows
from harness.measure.record import Floats, Ints, Run
from harness.measure.timeline import open_seconds_until
from harness.scenario.model import Scenario

_CPU_WINDOW_S = 0.1
_MOST_WINDOWS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Holds:
    """Bytes held: grants and releases in the order of time, each with the sum of bytes up to and with it."""

    granted_s: Floats
    granted_b: Ints
    released_s: Floats
    released_b: Ints

    def at(self, time_s: Floats) -> Ints:
        """Bytes held at `time_s` (shape (k,)); at equal times what is given back is gone before more is taken."""
        taken = self.granted_b[np.searchsorted(self.granted_s, time_s, side="right")]
        given = self.released_b[np.searchsorted(self.released_s, time_s, side="right")]
        return np.asarray(taken - given)


def modelled_machine(scenario: Scenario, run: Run, attempts: AgentAttempts) -> Machine:
    """The model's figures for one run on a virtual clock whose target reports attempts."""
    holds = _holds(scenario, run, attempts)
    levels = holds.at(holds.granted_s)  # the level only rises at a grant
    edges, shares = _cpu_windows(scenario, run)
    windows = batch_windows(run)
    length = run.ended_s
    busy = float((shares * np.diff(edges)).sum())
    return Machine(
        missing=NOT_ON_VIRTUAL,
        modelled=True,
        memory_peak_b=float(levels.max(initial=0)),
        memory_start_b=0.0,
        memory_end_b=float(holds.at(np.array([length]))[0]),
        cpu_mean=busy / length if length > 0 else None,
        cpu_max=float(shares.max()) if length > 0 else None,
        batch_memory_b={k: _peak_between(holds, levels, *window) for k, window in windows.items()},
        batch_cpu={k: _share_between(edges, shares, *window) for k, window in windows.items() if length > 0},
    )


def _holds(scenario: Scenario, run: Run, attempts: AgentAttempts) -> _Holds:
    columns, declared = attempts.columns, _declared(scenario, run)
    if not declared.any():
        none, zero = np.empty(0), np.zeros(1, dtype=np.int64)
        return _Holds(none, zero, none, zero)
    held = declared[run.workflows.type[columns.workflow], columns.step]
    rows = np.flatnonzero((held > 0) & attempts.granted)
    granted, released, held = attempts.left_s[rows], attempts.ended_s[rows], held[rows]
    first, last = np.argsort(granted, kind="stable"), np.argsort(released, kind="stable")
    return _Holds(
        granted_s=granted[first],
        granted_b=np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(held[first]))),
        released_s=released[last],
        released_b=np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(held[last]))),
    )


def _declared(scenario: Scenario, run: Run) -> Ints:
    """Bytes held, by workflow type (in the run's order) and step; shape (types, most steps)."""
    kinds = {kind.name: kind for kind in scenario.types}
    most = max(len(kinds[name].steps) for name in run.type_names)
    table = np.zeros((len(run.type_names), most), dtype=np.int64)
    for row, name in enumerate(run.type_names):
        for column, step in enumerate(kinds[name].steps):
            table[row, column] = step.hold_b
    return table


def _cpu_windows(scenario: Scenario, run: Run) -> tuple[Floats, Floats]:
    """Edges, shape (w + 1,), of windows of 100 ms over the run, and the share of cores busy in each, shape (w,).

    What is left after the last whole window belongs to it. Of runs longer than a day the windows are wider.
    """
    count = min(_MOST_WINDOWS, max(1, math.floor(run.ended_s / _CPU_WINDOW_S + 1e-9)))
    width = _CPU_WINDOW_S if count < _MOST_WINDOWS else run.ended_s / count
    edges = np.append(width * np.arange(count), run.ended_s)
    rows = core_attempts(scenario, run)
    released = np.where(np.isnan(rows.released_s), run.ended_s, rows.released_s)
    busy = np.diff(open_seconds_until(rows.granted_s, released, edges))
    if run.ended_s <= 0:
        return edges, np.zeros(count)
    # the difference of two sums may miss 0 or 1 by a rounding error
    return edges, np.clip(busy / (np.diff(edges) * scenario.cores), 0.0, 1.0)


def _peak_between(holds: _Holds, levels: Ints, begin_s: float, end_s: float) -> float:
    first, after = np.searchsorted(holds.granted_s, (begin_s, end_s), side="left")
    return float(max(holds.at(np.array([begin_s]))[0], levels[first : max(first, after)].max(initial=0)))


def _share_between(edges: Floats, shares: Floats, begin_s: float, end_s: float) -> float:
    first = min(int(np.searchsorted(edges, begin_s, side="right")) - 1, len(shares) - 1)
    after = int(np.searchsorted(edges, end_s, side="left"))
    return float(shares[first : max(after, first + 1)].max())
