"""One `Run` from those of the workers that drove its parts: rows by number, as if one process had driven all."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from harness.measure.record import Floats, Ints, Run, WorkflowColumns, no_attempts
from harness.measure.rest import Rest
from harness.measure.totals.record import beside
from harness.measure.tries import TryColumns

_MOST_STALLS = 10


def merged_run(runs: Sequence[Run], numbers: Sequence[Ints]) -> Run:
    """The runs of all parts of one plan; `numbers` holds, for each, the number in that plan of each of its rows.

    Numbers that nobody offered, because a part ended early or died, leave no gap: rows keep their order only.
    Attempts of the targets in all workers are kept, with the pools of the first: each worker has its own.
    """
    everyone = np.concatenate(numbers)
    order = np.argsort(everyone, kind="stable")
    kinds = tuple(sorted({kind for run in runs for kind in run.error_kinds}))
    rows = [_with_errors(run.workflows, run.error_kinds, kinds) for run in runs]
    tries = [_placed(run.tries, everyone[order]) for run in runs if run.tries is not None]
    return dataclasses.replace(
        runs[0],
        **beside(runs),
        error_kinds=kinds,
        workflows=WorkflowColumns(
            **{name: np.concatenate([getattr(row, name) for row in rows])[order] for name in WorkflowColumns.__slots__}
        ),
        attempts=no_attempts(),  # the pools of the built-in orchestrator are not cut, so nobody writes these
        rest=_rest([run.rest for run in runs if run.rest is not None]),
        stalls=tuple(sorted((s for run in runs for s in run.stalls), key=lambda stall: -stall.held_s)[:_MOST_STALLS]),
        tries=_tries(tries) if tries else None,
        measured=_measured([run.measured for run in runs]),
        shares=tuple(share for run in runs for share in run.shares),
    )


def _with_errors(rows: WorkflowColumns, kinds: tuple[str, ...], all_kinds: tuple[str, ...]) -> WorkflowColumns:
    places = np.array([*(all_kinds.index(kind) for kind in kinds), -1], dtype=np.int64)
    return dataclasses.replace(rows, error=places[rows.error])


def _placed(tries: TryColumns, numbers: Ints) -> TryColumns:
    """With the row of each workflow in place of its number."""
    return dataclasses.replace(tries, workflow=np.searchsorted(numbers, tries.workflow))


def _tries(parts: Sequence[TryColumns]) -> TryColumns:
    steps = tuple(sorted({step for part in parts for step in part.steps}))
    renamed = [
        dataclasses.replace(part, step=np.array([steps.index(step) for step in part.steps], dtype=np.int64)[part.step])
        for part in parts
    ]
    order = np.argsort(np.concatenate([part.begun_s for part in renamed]), kind="stable")
    names = [name for name in TryColumns.__slots__ if name != "steps"]
    return TryColumns(steps, **{name: np.concatenate([getattr(p, name) for p in renamed])[order] for name in names})


def _rest(parts: Sequence[Rest]) -> Rest | None:
    if not parts:
        return None
    orphans = [part.orphans for part in parts if part.orphans is not None]
    kinds = [part.kinds for part in parts if part.kinds is not None]
    return Rest(
        before=_summed([part.before for part in parts]),
        after=_summed([part.after for part in parts]),
        after_s=max(part.after_s for part in parts),
        orphans=sum(orphans) if orphans else None,
        kinds={name: int(count) for name, count in _summed(kinds).items()} if kinds else None,
    )


def _summed(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name, 0) for part in parts) for name in names}


def _measured(parts: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    names = sorted({name for part in parts for name in part})
    return {name: np.concatenate([part[name] for part in parts if name in part]) for name in names}
