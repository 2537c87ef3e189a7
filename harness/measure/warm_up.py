"""The part of a run that counts: without the workflows of the warm-up, and what the monitor saw until it was over.

Latency, rates of outcomes and what a process takes are figures of this part. Queues and pools, whose limits hold at
every instant, the makespan and the signals are those of the whole run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.measure.record import AttemptColumns, Flags, Outcome, Run, Series, WorkflowColumns
from harness.measure.summary import WarmUpMetrics
from harness.scenario.model import Scenario
from harness.units import format_duration


def counted(scenario: Scenario, run: Run) -> Flags:
    """Which workflows count, shape (n,): those due at `warm_up_s` or later, or after the first `warm_up_workflows`."""
    if scenario.warm_up_workflows:
        return np.arange(len(run.workflows)) >= scenario.warm_up_workflows
    return np.asarray(run.workflows.due_s >= scenario.warm_up_s)


def counted_from_s(scenario: Scenario, run: Run) -> float:
    """When the part that counts begins."""
    if not scenario.warm_up_workflows:
        return scenario.warm_up_s
    due_s = run.workflows.due_s[counted(scenario, run)]
    return float(due_s.min()) if len(due_s) else run.ended_s


def counted_part(scenario: Scenario, run: Run) -> Run:
    """`run` without its warm-up; the same object where there is none."""
    if not (scenario.warm_up_s or scenario.warm_up_workflows):
        return run
    chosen = counted(scenario, run)
    place = np.cumsum(chosen) - 1
    mine = chosen[run.attempts.workflow]
    columns = {name: getattr(run.attempts, name)[mine] for name in AttemptColumns.__slots__}
    columns["workflow"] = place[columns["workflow"]]
    rows = {name: getattr(run.workflows, name)[chosen] for name in WorkflowColumns.__slots__}
    return replace(
        run,
        workflows=WorkflowColumns(**rows),
        attempts=AttemptColumns(**columns),
        resources=_from(run.resources, counted_from_s(scenario, run)),
    )


def _from(series: Series, from_s: float) -> Series:
    """A series from the last sample before `from_s` on: its levels hold then."""
    begin = max(0, int(np.searchsorted(series.t_s, from_s, side="right")) - 1)
    return replace(
        series, t_s=series.t_s[begin:], values={name: values[begin:] for name, values in series.values.items()}
    )


def warm_up_metrics(scenario: Scenario, runs: Sequence[Run]) -> WarmUpMetrics | None:
    """What was kept out of the figures of all runs; None where nothing was."""
    if not (scenario.warm_up_s or scenario.warm_up_workflows):
        return None
    total = np.zeros(len(Outcome), dtype=np.int64)
    for run in runs:
        total += np.bincount(run.workflows.outcome[~counted(scenario, run)], minlength=len(Outcome))
    said = warm_up_in_words(scenario)
    return WarmUpMetrics(said, int(total.sum()), {o.name.lower(): int(total[o]) for o in Outcome})


def warm_up_in_words(scenario: Scenario) -> str:
    """`the first 5 s`, or `the first 100 workflows`."""
    if scenario.warm_up_workflows:
        return f"the first {scenario.warm_up_workflows} workflows"
    return f"the first {format_duration(scenario.warm_up_s)}"
