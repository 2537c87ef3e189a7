"""Every pool of one run over time: how much of it was in use and who waited for it, in the windows of a `Cut`.

From rows where the target left them (exact), from the attempts that it reported of itself where those tell what they
waited for, else from its gauges, which are samples: a peak between two of them is not seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.measure.agents import AgentAttempts, agent_attempts, agent_pools
from harness.measure.cut import Cut, Level, Marks
from harness.measure.gauges import PoolSamples, connection_samples, pool_samples
from harness.measure.known_rows import known_rows
from harness.measure.places import Stays, bucket_of, stays_of
from harness.measure.record import Floats, Outcome, Run
from harness.measure.sizes import sizes_of
from harness.measure.tries import TryColumns
from harness.scenario.model import RateLimit, Scenario

REPORTED = "the steps it reports"
"""What attempts that a target reports of itself are said to wait for, where it names nothing."""


@dataclass(frozen=True, slots=True)
class PoolOverTime:
    """`busy` is what was in use of `size` (of the shape (w,), the largest in each window), `waiting` who waited for it.

    Agents, connections, cores: counts; memory: bytes, and the workflows that waited; a rate limit: tokens of its bucket
    that were gone. None: this target does not show it.
    """

    name: str
    kind: str
    busy: Level | None
    waiting: Level | None
    size: Floats | None


def pools_over_time(scenario: Scenario, run: Run, cut: Cut) -> tuple[PoolOverTime, ...]:
    """Every pool that `run` shows, in the order of its pools; a replica is a pool of its own."""
    if len(run.attempts):
        return tuple(_of_rows(scenario, run, cut))
    return gauged_over_time(scenario, run, cut)


# --------------------------------------------------------------------------- rows


def _of_rows(scenario: Scenario, run: Run, cut: Cut) -> Iterator[PoolOverTime]:
    attempts = agent_attempts(scenario, run)
    agents = agent_pools(scenario, run)
    for pool in agents:
        yield _exact(run, pool, "agents", _agents(attempts, pool), cut, blocks=_blocks(scenario, run.pool_names[pool]))
    others = [k for k in range(len(run.pool_kinds)) if k not in agents]
    if not others:
        return
    rows = known_rows(scenario, run)
    for pool in others:
        stays, kind = stays_of(scenario, run, rows, pool), run.pool_kinds[pool]
        one = _exact(run, pool, kind, stays, cut)
        limit = next((x for x in scenario.rate_limits if x.name == one.name), None) if kind == "rate_limit" else None
        yield one if limit is None else dataclasses.replace(one, busy=_tokens(limit, stays, cut))


def _exact(run: Run, pool: int, kind: str, stays: Stays, cut: Cut, *, blocks: bool = False) -> PoolOverTime:
    sizes = sizes_of(run, pool)
    granted = slice(None) if stays.granted.all() else stays.granted
    begun_s, ended_s = stays.left_s[granted], stays.ended_s[granted]
    amount = stays.amount[granted] if kind == "memory" else None
    waiting, busy = Marks(stays.requested_s, stays.depth), Marks(begun_s, stays.busy[granted])
    # a thread begins and ends beside the event loop, which hears of it later: what its row saw is not all there was
    if real_cores := kind == "cores" and run.clock != "virtual":
        busy = _at_least_counted(busy, ended_s)
    if blocks or real_cores:
        waiting = _at_least_counted(waiting, stays.left_s)
    return PoolOverTime(
        name=run.pool_names[pool],
        kind=kind,
        busy=cut.held(begun_s, ended_s, busy, amount),
        waiting=cut.held(stays.requested_s, stays.left_s, waiting),
        size=cut.largest(sizes.t_s, sizes.size),
    )


def _blocks(scenario: Scenario, name: str) -> bool:
    return any(
        pool.overflow == "block" and name in (pool.name, f"{pool.name}[{name.rpartition('[')[2]}")
        for pool in scenario.pools
    )


def _agents(attempts: AgentAttempts, pool: int) -> Stays:
    """The rows at one pool of agents; what an open breaker refused never came there."""
    columns, asked = attempts.columns, ~attempts.by_breaker
    mine = slice(None) if attempts.pools == 1 and asked.all() else np.flatnonzero((columns.pool == pool) & asked)
    return Stays(
        requested_s=columns.requested_s[mine],
        left_s=attempts.left_s[mine],
        ended_s=attempts.ended_s[mine],
        depth=columns.depth[mine],
        busy=columns.busy[mine],
        granted=attempts.granted[mine],
        rejected=columns.ended[mine] == Outcome.REJECTED,
        amount=np.empty(0, dtype=np.int64),
    )


def _at_least_counted(told: Marks, closed_s: Floats) -> Marks:
    """What rows tell at their openings, and at least as many as are open then: who waits outside a queue that blocks
    is in no row's `depth`."""
    came = np.searchsorted(np.sort(told.t_s), told.t_s, side="right")
    still = came - np.searchsorted(np.sort(closed_s), told.t_s, side="right")
    return Marks(told.t_s, np.maximum(still, told.level))


def _tokens(limit: RateLimit, stays: Stays, cut: Cut) -> Level:
    """Tokens gone from the bucket: each grant takes one, and time gives them back at the limit's rate."""
    at, full_s = bucket_of(limit, stays)
    if not len(at):
        return Level(np.zeros(len(cut)), np.zeros(len(cut)))
    token_s = 1.0 / limit.rate_per_s
    gone = np.minimum((full_s - at) / token_s, limit.burst)
    # from each grant on the number gone falls in a line, until nothing is gone or the next one takes another
    integral = np.concatenate(([0.0], np.cumsum(_triangle(gone, np.append(np.diff(at), np.inf), token_s))))
    last = np.searchsorted(at, cut.edges_s, side="right") - 1
    since = np.where(last >= 0, cut.edges_s - at[last], 0.0)
    reached = np.where(last >= 0, integral[last] + _triangle(gone[last], since, token_s), 0.0)
    begins = np.where(last >= 0, np.maximum(gone[last] - since / token_s, 0.0), 0.0)[:-1]
    np.maximum.at(begins, cut.window_of(at), gone)
    return Level(np.maximum(np.diff(reached) / np.diff(cut.edges_s), 0.0), begins)


def _triangle(gone: Floats, for_s: Floats, token_s: float) -> Floats:
    """The integral of what is gone over the time after a grant, in which it falls by one per `token_s`."""
    left = np.maximum(gone - for_s / token_s, 0.0)
    return np.asarray((gone**2 - left**2) * token_s / 2)


# --------------------------------------------------------------------------- reported attempts and gauges


def gauged_over_time(scenario: Scenario, run: Run, cut: Cut) -> tuple[PoolOverTime, ...]:
    """What a target without rows shows: attempts that it reports, and gauges of its pool and its connections."""
    name = scenario.pools[0].name if len(scenario.pools) == 1 else "target"
    agents = _gauged(name, "agents", pool_samples(run), cut)
    connections = _gauged("connections", "connections", connection_samples(run), cut)
    if run.tries is not None:
        # an attempt tells one wait only: for a connection where the target shows connections, else for its pool
        if connections is not None:
            connections = _with_told(connections, run, run.tries, cut)
        else:
            agents = _with_told(agents or PoolOverTime(REPORTED, "agents", None, None, None), run, run.tries, cut)
    return tuple(one for one in (agents, connections) if one is not None)


def _gauged(name: str, kind: str, samples: PoolSamples | None, cut: Cut) -> PoolOverTime | None:
    if samples is None:
        return None

    def level(values: Floats | None) -> Level | None:
        return None if values is None or np.isnan(values).all() else cut.sampled(samples.t_s, values)

    size = level(samples.size)
    return PoolOverTime(name, kind, level(samples.busy), level(samples.depth), None if size is None else size.max)


def _with_told(pool: PoolOverTime, run: Run, tries: TryColumns, cut: Cut) -> PoolOverTime:
    """The pool with what its attempts tell: who waits until an attempt is granted, who is in use until it is over."""
    finished = np.where(np.isnan(run.workflows.finished_s), run.ended_s, run.workflows.finished_s)
    ended = np.where(np.isnan(tries.ended_s), finished[tries.workflow], tries.ended_s)
    granted = ~np.isnan(tries.granted_s)
    if not granted.any():
        # no wait is told: all that can be said is how many attempts were under way
        return pool if pool.busy is not None else dataclasses.replace(pool, busy=_counted(tries.begun_s, ended, cut))
    left = np.where(granted, tries.granted_s, ended)
    return dataclasses.replace(
        pool, busy=_counted(left[granted], ended[granted], cut), waiting=_counted(tries.begun_s, left, cut)
    )


def _counted(opened_s: Floats, closed_s: Floats, cut: Cut) -> Level:
    """Intervals without rows that tell the level: it is counted at each opening; at equal times closings come first."""
    lasting = closed_s > opened_s
    opened, closed = np.sort(opened_s[lasting]), np.sort(closed_s[lasting])
    level = np.arange(1, len(opened) + 1) - np.searchsorted(closed, opened, side="right")
    return cut.held(opened, closed, Marks(opened, level))
