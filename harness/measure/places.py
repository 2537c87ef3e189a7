"""Connection pools, rate limits and the memory that workflows are admitted to: as pools, from the rows they left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.measure import estimates
from harness.measure.known_rows import KnownRows, known_rows
from harness.measure.record import Flags, Floats, Ints, Run
from harness.measure.summary import Estimate, PoolMetrics
from harness.measure.timeline import seconds_at_or_above
from harness.scenario.model import RateLimit, Scenario

_NO_TIME = "the run took no time"
_NO_REQUEST = "no workflow asked this pool"
_AGENTS_ONLY = "a figure of agent pools"
_ROUNDING_S = 1e-9


@dataclass(frozen=True, slots=True)
class _Place:
    """One of them in one run; None where the figure does not exist."""

    max_utilization: float
    avg_utilization: float | None
    saturated_s: float
    max_depth: float
    avg_depth: float | None
    max_wait_s: float
    drops: float
    overcommit: float
    overflow: float


@dataclass(frozen=True, slots=True)
class Stays:
    """The rows at one place, shape (m,). `amount` is how much a row takes: bytes of memory, one of all else."""

    requested_s: Floats
    left_s: Floats
    ended_s: Floats
    depth: Ints
    busy: Ints
    granted: Flags
    rejected: Flags
    amount: Ints


def place_metrics(scenario: Scenario, runs: Sequence[Run]) -> tuple[PoolMetrics, ...]:
    """Every place of `runs` that is neither a pool of agents nor the cores."""
    kinds = runs[0].pool_kinds
    places = [k for k, kind in enumerate(kinds) if kind not in ("agents", "cores")]
    if not places:
        return ()
    rows = [known_rows(scenario, run) for run in runs]
    return tuple(_summarised(scenario, runs, rows, pool) for pool in places)


def _summarised(scenario: Scenario, runs: Sequence[Run], rows: Sequence[KnownRows], pool: int) -> PoolMetrics:
    """Peaks are the largest of all runs, counts their sum, means the mean over runs."""
    seen = [_of_run(scenario, run, of, pool) for run, of in zip(runs, rows, strict=True)]
    return PoolMetrics(
        name=runs[0].pool_names[pool],
        size=runs[0].pool_sizes[pool],
        queue=runs[0].pool_queues[pool],
        max_utilization=estimates.largest((one.max_utilization for one in seen), _NO_REQUEST),
        avg_utilization=estimates.mean((one.avg_utilization for one in seen), _NO_TIME),
        saturated_s=estimates.mean((one.saturated_s for one in seen), _NO_REQUEST),
        max_depth=estimates.largest((one.max_depth for one in seen), _NO_REQUEST),
        avg_depth=estimates.mean((one.avg_depth for one in seen), _NO_TIME),
        max_wait_s=estimates.largest((one.max_wait_s for one in seen), _NO_REQUEST),
        drops=estimates.total((one.drops for one in seen), _NO_REQUEST),
        overcommit=estimates.total((one.overcommit for one in seen), _NO_REQUEST),
        overflow=estimates.total((one.overflow for one in seen), _NO_REQUEST),
        exhausted_at=Estimate(None, doubt=_AGENTS_ONLY),
        kind=runs[0].pool_kinds[pool],
    )


def _of_run(scenario: Scenario, run: Run, rows: KnownRows, pool: int) -> _Place:
    kind, size, length = run.pool_kinds[pool], run.pool_sizes[pool], run.ended_s
    stays = stays_of(scenario, run, rows, pool)
    wait = stays.left_s - stays.requested_s
    if kind == "rate_limit":
        limit = next(one for one in scenario.rate_limits if one.name == run.pool_names[pool])
        largest, average, saturated, beyond = _tokens(limit, stays, length)
    else:
        held = (stays.ended_s - stays.left_s) * stays.amount
        largest, beyond = float(stays.busy.max(initial=0)) / size, float((stays.busy[stays.granted] > size).sum())
        average = float(held[stays.granted].sum()) / (length * size) if length > 0 else None
        saturated = _saturated_s(stays, kind, size)
    return _Place(
        max_utilization=largest,
        avg_utilization=average,
        saturated_s=saturated,
        max_depth=float(stays.depth.max(initial=0)),
        avg_depth=float(wait.sum()) / length if length > 0 else None,
        max_wait_s=float(wait.max(initial=0.0)),
        drops=float(stays.rejected.sum()),
        overcommit=beyond,
        overflow=0.0,
    )


def stays_of(scenario: Scenario, run: Run, rows: KnownRows, pool: int) -> Stays:
    """The rows of `run` at the pool with this index, which is no pool of agents."""
    mine = np.flatnonzero(rows.pool == pool)
    amount = np.ones(len(mine), dtype=np.int64)
    if run.pool_kinds[pool] == "memory":
        asked = {kind.name: max(step.hold_b for step in kind.steps) for kind in scenario.types}
        amount = np.array([asked[name] for name in run.type_names])[run.workflows.type[rows.workflow[mine]]]
    return Stays(
        requested_s=rows.requested_s[mine],
        left_s=rows.left_s[mine],
        ended_s=rows.ended_s[mine],
        depth=run.attempts.depth[mine],
        busy=run.attempts.busy[mine],
        granted=rows.granted[mine],
        rejected=rows.rejected[mine],
        amount=amount,
    )


def _saturated_s(stays: Stays, kind: str, size: int) -> float:
    """Seconds in which all of it was in use; of memory, in which somebody waited, for it need not come out even."""
    if kind == "memory":
        waited = stays.left_s > stays.requested_s
        return seconds_at_or_above(stays.requested_s[waited], stays.left_s[waited], 1)
    return seconds_at_or_above(stays.left_s[stays.granted], stays.ended_s[stays.granted], size)


def _tokens(limit: RateLimit, stays: Stays, length_s: float) -> tuple[float, float | None, float, float]:
    """Of a token bucket: largest and mean share that was used, seconds without a token, grants beyond the limit.

    The bucket is played again from its grants (GCRA, as `RateLimit` has it); tokens that were waited for in vain left
    no time, and are not in it.
    """
    at, full_s = bucket_of(limit, stays)
    if not len(at):
        return 0.0, 0.0 if length_s > 0 else None, 0.0, 0.0
    token_s = 1.0 / limit.rate_per_s
    slack_s = (limit.burst - 1) * token_s
    again_s = np.minimum(full_s - slack_s, length_s)
    since_s = np.maximum(at, np.concatenate(([0.0], again_s[:-1])))
    early = full_s - token_s - slack_s - at > _ROUNDING_S * np.maximum(1.0, at)
    used = np.minimum((full_s - at) / (token_s * limit.burst), 1.0)
    mean = len(at) / (limit.burst + limit.rate_per_s * length_s)
    return float(used.max()), mean, float(np.maximum(again_s - since_s, 0.0).sum()), float(early.sum())


def bucket_of(limit: RateLimit, stays: Stays) -> tuple[Floats, Floats]:
    """When tokens were granted, ascending, and when the bucket would be full again after each; shape (k,) both."""
    at = np.sort(stays.left_s[stays.granted])
    token_s = 1.0 / limit.rate_per_s
    steps = np.arange(len(at)) * token_s
    return at, np.maximum.accumulate(at - steps) + steps + token_s


def waits_for(kind: str, run: Run, rows: KnownRows) -> Floats:
    """Seconds that each workflow of `run` waited at places of this kind, shape (n,)."""
    mine = np.flatnonzero(np.isin(rows.pool, [k for k, one in enumerate(run.pool_kinds) if one == kind]))
    wait = rows.left_s[mine] - rows.requested_s[mine]
    return np.asarray(np.bincount(rows.workflow[mine], weights=wait, minlength=len(run.workflows)), dtype=np.float64)
