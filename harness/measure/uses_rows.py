"""Uses of the resources that a target's rows show, exact at every instant: pools, connections, limits, memory, cores.

What is held to wait for something else is told apart by the row's workflow, step and attempt: an agent whose attempt
waits for a core, a connection or a token works on nothing meanwhile, nor does the memory of a workflow that waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from harness.measure.capacity_over_time import capacity_of, saturated_s
from harness.measure.known_rows import WITHIN, KnownRows, Place, known_rows, places_of, turned_by
from harness.measure.record import Flags, Floats, Ints, Run
from harness.measure.timeline import seconds_at_or_above
from harness.measure.uses import Latencies, ResourceUse, UseKind, part, window_of
from harness.scenario.model import Scenario, is_open


@dataclass(frozen=True, slots=True)
class _Sums:
    """One resource in one run: seconds, what was used and worked in units times seconds, counts of workflows."""

    window_s: float
    capacity: float
    used: float
    worked: float
    saturated_s: float
    contended_s: float
    wait_s: float
    tail_s: float
    refused: int
    gave_up: int
    asked: float
    could: float
    at_once: int
    refusals: int


def uses_of_rows(scenario: Scenario, runs: Sequence[Run], latencies: Sequence[Latencies]) -> tuple[ResourceUse, ...]:
    """Every place of `runs` at which something is granted, replicas of a pool as one; `latencies` is one per run."""
    places, of_pool = places_of(scenario, runs[0])
    rows = [known_rows(scenario, run) for run in runs]
    totals = _totals(runs, latencies)
    return tuple(
        _use(
            scenario,
            runs[0],
            place,
            of_pool == k,
            totals,
            sums=[_sums(scenario, run, of, mine, k) for run, of, mine in zip(runs, latencies, rows, strict=True)],
        )
        for k, place in enumerate(places)
    )


@dataclass(frozen=True, slots=True)
class _Totals:
    latency_s: float
    tail_s: float
    offered: int


def _totals(runs: Sequence[Run], latencies: Sequence[Latencies]) -> _Totals:
    return _Totals(
        sum(float(of.spent_s[of.counted].sum()) for of in latencies),
        sum(float(of.spent_s[of.tail].sum()) for of in latencies),
        sum(len(run.workflows) for run in runs),
    )


# long: one line for each field of the record
def _use(
    scenario: Scenario, run: Run, place: Place, pools: Flags, totals: _Totals, *, sums: Sequence[_Sums]
) -> ResourceUse:
    kind, name = place
    queues = [run.pool_queues[k] for k in np.flatnonzero(pools)]
    capacity, window = sum(one.capacity for one in sums), sum(one.window_s for one in sums)
    refusals, could = sum(one.refusals for one in sums), sum(one.could for one in sums)
    asked = sum(one.asked for one in sums)
    return ResourceUse(
        kind=cast(UseKind, kind),
        name=name,
        size=rate_of(scenario, name)
        if kind == "rate_limit"
        else float(sum(run.pool_sizes[k] for k in np.flatnonzero(pools))),
        queue=None if kind != "agents" or None in queues else sum(one for one in queues if one is not None),
        utilisation=part(sum(one.used for one in sums), capacity),
        working=part(sum(one.worked for one in sums), capacity),
        saturated=part(sum(one.saturated_s for one in sums), window),
        contended=part(sum(one.contended_s for one in sums), window),
        of_mean=part(sum(one.wait_s for one in sums), totals.latency_s),
        of_p95=part(sum(one.tail_s for one in sums), totals.tail_s),
        refused=part(sum(one.refused for one in sums), totals.offered),
        gave_up=part(sum(one.gave_up for one in sums), totals.offered),
        demand=asked / could if could > 0 else None,
        at_once=sum(one.at_once for one in sums) / refusals if refusals else None,
    )


# long: one line for each field of the record
def _sums(scenario: Scenario, run: Run, latencies: Latencies, rows: KnownRows, place: int) -> _Sums:
    kind = rows.places[place][0]
    mine = np.flatnonzero(rows.place == place)
    begin, end = window_of(run)
    window = end - begin
    amount = amounts(scenario, run, kind, rows.workflow[mine])
    requested, left, ended = (np.clip(of[mine], begin, end) for of in (rows.requested_s, rows.left_s, rows.ended_s))
    granted = rows.granted[mine]
    waits = _waits(rows, place, len(run.workflows))
    lost, tail = latencies.shares([waits])
    waited = left > requested
    contended = seconds_at_or_above(requested[waited], left[waited], 1)
    refused, gave_up = _ended_by(run, rows, place)
    if kind == "rate_limit":
        capacity = (
            rate_of(scenario, rows.places[place][1]) * window + run.pool_sizes[int(rows.pool[mine][0])]
            if len(mine)
            else 0.0
        )
        tokens = float((granted & (rows.left_s[mine] <= end)).sum())
        used = worked = tokens
        full = contended
    else:
        capacity = capacity_of(run, rows, place, begin, end)
        held = np.where(granted, ended - left, 0.0)
        inside = _inside(rows, mine, kind, len(run.workflows))
        whole = np.where(granted, rows.ended_s[mine] - rows.left_s[mine], 0.0)
        busy = np.divide(np.clip(whole - inside, 0.0, None), whole, out=np.ones(len(mine)), where=whole > 0)
        used, worked = float((held * amount).sum()), float((held * busy * amount).sum())
        full = contended if kind == "memory" else saturated_s(run, rows, place, begin, end)
    asked, could = _demand(scenario, run, rows, mine, capacity / window if window > 0 else 0.0)
    at_once, refusals = _at_once(run, rows, mine)
    return _Sums(
        window, capacity, used, worked, full, contended, lost, tail, refused, gave_up, asked, could, at_once, refusals
    )


def amounts(scenario: Scenario, run: Run, kind: str, workflow: Ints) -> Floats:
    """How much each row takes: bytes of memory, one of everything else."""
    if kind != "memory":
        return np.ones(len(workflow))
    holds = {one.name: max((step.hold_b for step in one.steps), default=0) for one in scenario.types}
    return np.array([float(holds[name]) for name in run.type_names])[run.workflows.type[workflow]]


def _waits(rows: KnownRows, place: int, workflows: int) -> Floats:
    """Seconds each workflow waited for the place, or backed off after it turned it away; shape (n,)."""
    mine = rows.place == place
    waits = np.bincount(rows.workflow[mine], weights=(rows.left_s - rows.requested_s)[mine], minlength=workflows)
    turned = (rows.turned == place) & (rows.backoff_s > 0)
    if turned.any():
        waits = waits + np.bincount(rows.workflow[turned], weights=rows.backoff_s[turned], minlength=workflows)
    return np.asarray(waits, dtype=np.float64)


def _inside(rows: KnownRows, mine: Ints, kind: str, workflows: int) -> Floats:
    """How long the holder of each row waited for something within; of memory, all waits of the workflow."""
    if kind != "memory":
        return rows.inside_s[mine]
    within = np.array([one[0] in WITHIN[kind] for one in rows.places])[rows.place]
    waits = (rows.left_s - rows.requested_s)[within]
    return np.asarray(np.bincount(rows.workflow[within], weights=waits, minlength=workflows)[rows.workflow[mine]])


def _ended_by(run: Run, rows: KnownRows, place: int) -> tuple[int, int]:
    """Workflows that ended because the place refused them, and because they gave up waiting for it."""
    turned = turned_by(rows.places, run.error_kinds)
    patience = np.array([*("timeout" in kind for kind in run.error_kinds), False])
    mine = turned[run.workflows.error] == place
    waited_out = mine & patience[run.workflows.error]
    return int((mine & ~waited_out).sum()), int(waited_out.sum())


def _demand(scenario: Scenario, run: Run, rows: KnownRows, mine: Ints, capacity: float) -> tuple[float, float]:
    """Seconds of service asked for by first attempts, and what there was over the time in which the load came.

    Bursts on a schedule come over as many intervals as there are bursts. Both are 0 where the load came at one instant
    or follows the target's own pace.
    """
    first = rows.first[mine]
    held = (rows.ended_s - rows.left_s)[mine][rows.granted[mine]]
    due = np.unique(run.workflows.due_s)
    if not is_open(scenario.load) or len(due) < 2 or not len(held):
        return 0.0, 0.0
    span = float(due[-1] - due[0]) * (len(due) / (len(due) - 1))
    return float(held.mean()) * int(first.sum()), capacity * span


def _at_once(run: Run, rows: KnownRows, mine: Ints) -> tuple[int, int]:
    """Refusals within a mean service time of the first request of their burst, and all refusals."""
    turned = mine[rows.rejected[mine] & (rows.backoff_s[mine] >= 0)]
    served = mine[rows.granted[mine]]
    if not len(turned):
        return 0, 0
    mean_s = float((rows.ended_s - rows.left_s)[served].mean()) if len(served) else 0.0
    batch = run.workflows.batch
    opens = np.full(int(batch.max()) + 1, np.inf)
    np.minimum.at(opens, batch[rows.workflow[mine]], rows.requested_s[mine])
    soon = rows.requested_s[turned] - opens[batch[rows.workflow[turned]]] <= mean_s
    return int(soon.sum()), len(turned)


def rate_of(scenario: Scenario, name: str) -> float:
    """Tokens per second of the rate limit of that name."""
    return next((one.rate_per_s for one in scenario.rate_limits if one.name == name), 0.0)
