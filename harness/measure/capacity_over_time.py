"""How much of a resource there was over a window, and for how long all of it was in use, where its size may change."""

from __future__ import annotations

import numpy as np

from harness.measure.known_rows import KnownRows
from harness.measure.record import Floats, Ints, Run
from harness.measure.timeline import seconds_at_or_above


def capacity_of(run: Run, rows: KnownRows, place: int, begin: float, end: float) -> float:
    """The integral of the size of `place`, all of its replicas together, over the window: units times seconds."""
    total = 0.0
    for pool in pools_in(run, rows, place):
        times, sizes = _steps(run, int(pool), begin, end)
        total += float((np.diff(times, append=end) * sizes).sum())
    return total


def saturated_s(run: Run, rows: KnownRows, place: int, begin: float, end: float) -> float:
    """Seconds of the window in which all of `place` was in use; of replicas, their mean."""
    pools = pools_in(run, rows, place)
    return sum(_full_s(run, rows, int(pool), begin, end) for pool in pools) / max(1, len(pools))


def pools_in(run: Run, rows: KnownRows, place: int) -> Ints:
    """The pools of the run that make up the place: one, or its replicas."""
    kind, name = rows.places[place]
    names = [k for k, one in enumerate(run.pool_names) if one == name or one.rpartition("[")[0] == name]
    kinds = run.pool_kinds or ("",) * len(run.pool_names)
    return np.array([k for k in names if kinds[k] in ("", kind)], dtype=np.int64)


def _full_s(run: Run, rows: KnownRows, pool: int, begin: float, end: float) -> float:
    mine = np.flatnonzero((rows.pool == pool) & rows.granted)
    opened, closed = (np.clip(of[mine], begin, end) for of in (rows.left_s, rows.ended_s))
    times, sizes = _steps(run, pool, begin, end)
    if len(sizes) == 1:
        return seconds_at_or_above(opened, closed, int(sizes[0])) if sizes[0] > 0 else 0.0
    at = np.concatenate([opened, closed, times])
    change = np.concatenate([np.ones(len(mine)), -np.ones(len(mine)), np.zeros(len(times))])
    room = np.concatenate([np.zeros(2 * len(mine)), np.diff(sizes, prepend=0)])
    order = np.argsort(at, kind="stable")
    full = np.cumsum(change[order]) >= np.cumsum(room[order])
    return float((np.diff(at[order], append=end) * full).sum())


def _steps(run: Run, pool: int, begin: float, end: float) -> tuple[Floats, Floats]:
    """From when on, within the window, the pool had which size; at least one step."""
    changes = run.pool_changes
    mine = np.flatnonzero(changes.pool == pool)
    before = mine[changes.t_s[mine] <= begin]
    first = float(changes.size[before[-1]]) if len(before) else float(run.pool_sizes[pool])
    inside = mine[(changes.t_s[mine] > begin) & (changes.t_s[mine] < end)]
    times = np.concatenate([[begin], changes.t_s[inside]])
    return times, np.concatenate([[first], changes.size[inside].astype(np.float64)])
