"""Runs written by hand for the tests of `harness.measure`: short to write, every column spelled out once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from harness.measure.record import AttemptColumns, Outcome, Run, Series, WorkflowColumns, empty_series
from harness.scenario.model import BurstLoad, Constant, Load, Pool, Scenario, Step, WorkflowType

NAN = math.nan


def scenario(
    load: Load | None = None,
    *,
    steps: Sequence[Step] = (Step("only", wait=Constant(1.0)),),
    pools: Sequence[Pool] = (Pool("agents", 1, 10),),
    cores: int = 2,
) -> Scenario:
    """One workflow type, one burst of one workflow unless told otherwise."""
    load = BurstLoad((1,)) if load is None else load
    kind = WorkflowType("simple", tuple(steps))
    return Scenario("made", load, (kind,), (("simple", 1.0),), tuple(pools), cores=cores)


def workflows(rows: Sequence[tuple[float, float, float, Outcome]], batches: Sequence[int] = ()) -> WorkflowColumns:
    """Rows of (due, started, finished, outcome)."""
    count = len(rows)
    columns = [np.array([row[k] for row in rows], dtype=np.float64) for k in range(3)]
    return WorkflowColumns(
        *columns,
        outcome=np.array([row[3] for row in rows], dtype=np.int64),
        type=np.zeros(count, dtype=np.int64),
        error=np.full(count, -1, dtype=np.int64),
        batch=np.array(batches or [0] * count, dtype=np.int64),
        held_s=np.zeros(count),
    )


def attempts(rows: Sequence[Mapping[str, float]] = ()) -> AttemptColumns:
    """Rows by column name; what is left out is 0 (step, pool, depth, busy), 1 (attempt), NaN (times) or succeeded."""
    times = ("requested_s", "granted_s", "released_s")
    default = {"attempt": 1, "error": -1, **dict.fromkeys(times, NAN)}
    names = AttemptColumns.__slots__
    return AttemptColumns(
        **{
            name: np.array(
                [row.get(name, default.get(name, 0)) for row in rows], dtype=np.float64 if name in times else np.int64
            )
            for name in names
        }
    )


def run(
    of: WorkflowColumns,
    tries: AttemptColumns | None = None,
    *,
    ended_s: float = 10.0,
    seed: int = 1,
    pool: Pool | None = None,
    cores: int | None = None,
    error_kinds: tuple[str, ...] = (),
    resources: Series | None = None,
    gauges: Series | None = None,
    **more: object,
) -> Run:
    """A run on a virtual clock with one pool (one agent, ten places) and, where `cores` is given, modelled cores."""
    pool = Pool("agents", 1, 10) if pool is None else pool
    return Run(
        scenario="made",
        digest="",
        target="builtin",
        clock="virtual",
        seed=seed,
        type_names=("simple",),
        pool_names=(pool.name, *(("cores",) if cores else ())),
        pool_sizes=(pool.size, *((cores,) if cores else ())),
        pool_queues=(pool.queue, *((None,) if cores else ())),
        error_kinds=error_kinds,
        workflows=of,
        attempts=attempts() if tries is None else tries,
        resources=empty_series(modelled=True) if resources is None else resources,
        gauges=empty_series() if gauges is None else gauges,
        ended_s=ended_s,
        **more,  # type: ignore[arg-type]
    )


def series(t_s: Sequence[float], **values: Sequence[float]) -> Series:
    """A measured series."""
    return Series(np.array(t_s, dtype=np.float64), {k: np.array(v, dtype=np.float64) for k, v in values.items()})
