"""From what the kernel left behind to a `Run`, the same one that the readable definition gives."""

from __future__ import annotations

import dataclasses

import numpy as np

from harness.measure.record import (
    AttemptColumns,
    Ints,
    Outcome,
    PoolChanges,
    Run,
    WorkflowColumns,
    empty_series,
    no_changes,
)
from harness.plan.arrivals import OpenArrivals, Plan, deal_of
from harness.plan.places import pools_of
from harness.plan.program import burns

TARGET = "builtin"
CLOCK = "virtual"


# long: a line for each field
# long: one line for each field of the record
def run_of(
    plan: Plan,
    *,
    kinds: list[str],
    workflows: WorkflowColumns,
    attempts: AttemptColumns,
    changes: PoolChanges,
    ended_s: float,
    stopped: str | None,
) -> Run:
    """The Run; `kinds` are the error kinds by the codes that the columns hold."""
    scenario = plan.scenario
    if stopped is not None and isinstance(plan.arrivals, OpenArrivals):
        workflows = with_held(workflows, plan, plan.arrivals, ended_s, len(kinds) - 1)
    seen = _seen(len(kinds), workflows.error, attempts.error)
    names = tuple(sorted({kinds[code] for code in seen}))
    place = np.full(len(kinds) + 1, -1)  # the last place answers for -1: no error
    for code in seen:
        place[code] = names.index(kinds[code])
    places = pools_of(scenario, cores=burns(plan.programs) and len(attempts) > 0)
    return Run(
        scenario=scenario.name,
        digest=scenario.digest,
        target=TARGET,
        clock=CLOCK,
        seed=plan.seed,
        type_names=tuple(kind.name for kind in scenario.types),
        pool_names=tuple(place.name for place in places),
        pool_kinds=tuple(place.kind for place in places),
        pool_sizes=tuple(place.size for place in places),
        pool_queues=tuple(place.queue for place in places),
        pool_changes=changes,
        error_kinds=names,
        workflows=dataclasses.replace(workflows, error=place[workflows.error]),
        attempts=dataclasses.replace(attempts, error=place[attempts.error]),
        resources=empty_series(modelled=True),
        gauges=empty_series(),
        ended_s=ended_s,
        stopped=stopped,
        open_load=isinstance(plan.arrivals, OpenArrivals),
    )


def parted(rows: AttemptColumns) -> tuple[AttemptColumns, PoolChanges]:
    """The attempts among a kernel's rows, and the changes of pools, which are rows of no workflow."""
    changed = rows.workflow < 0
    if not changed.any():
        return rows, no_changes()
    changes = PoolChanges(
        pool=rows.pool[changed], t_s=rows.requested_s[changed], size=rows.busy[changed], queue=rows.depth[changed]
    )
    kept = ~changed
    return AttemptColumns(**{name: getattr(rows, name)[kept] for name in AttemptColumns.__slots__}), changes


def with_held(
    workflows: WorkflowColumns, plan: Plan, arrivals: OpenArrivals, ended_s: float, error: int
) -> WorkflowColumns:
    """The workflows with those that were due by the end of the run and that the cap held back to the last."""
    offered = len(workflows)
    due_s = arrivals.due_s[offered : np.searchsorted(arrivals.due_s, ended_s, side="right")]
    count = len(due_s)
    if not count:
        return workflows
    deal = deal_of(plan.scenario, plan.seed)  # afresh: the plan's own has been dealt out
    kinds = [deal.type_of(number) for number in range(offered, offered + count)]
    more = WorkflowColumns(
        due_s=due_s,
        started_s=np.full(count, np.nan),
        finished_s=np.full(count, np.nan),
        outcome=np.full(count, int(Outcome.CANCELLED)),
        type=np.array(kinds, dtype=np.int64),
        error=np.full(count, error),
        batch=arrivals.batch[offered : offered + count],
        held_s=np.full(count, np.nan),
    )
    pairs = ((name, getattr(workflows, name), getattr(more, name)) for name in WorkflowColumns.__slots__)
    return WorkflowColumns(**{name: np.concatenate([seen, held]) for name, seen, held in pairs})


def _seen(kinds: int, *errors: Ints) -> list[int]:
    counts = sum((np.bincount(codes + 1, minlength=kinds + 1)[1:] for codes in errors), np.zeros(kinds, dtype=np.int64))
    return [int(code) for code in np.flatnonzero(counts)]
