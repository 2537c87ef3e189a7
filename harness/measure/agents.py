"""Attempts at steps that asked an agent pool: what every figure about waiting, service and pools is derived from."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from harness.measure.record import CORES, AttemptColumns, Flags, Floats, Ints, Outcome, Run
from harness.scenario.model import Scenario

BREAKER_OPEN = "breaker_open:"


@dataclass(frozen=True, slots=True)
class AgentAttempts:
    """The attempts of one run at agent pools (not at the modelled cores), with every ending known; shape (m,).

    `pools` is the number of agent pools. `left_s` is when the attempt left the queue, granted or not; `ended_s` when it
    gave its agent back, or gave up. `by_breaker` marks what an open breaker refused, which never asked its pool.
    """

    columns: AttemptColumns
    pools: int
    left_s: Floats
    ended_s: Floats
    by_breaker: Flags

    def __len__(self) -> int:
        return len(self.left_s)

    @property
    def granted(self) -> Flags:
        """Which attempts got an agent."""
        return ~np.isnan(self.columns.granted_s)


def agent_attempts(scenario: Scenario, run: Run) -> AgentAttempts:
    """The attempts of `run` at agent pools.

    The columns hold no time for the end of a wait that was cut off. It ended when the pool's wait timeout ran out or
    the workflow ended, whichever came first; one that was rejected never waited, unless it has a time of release, when
    it was dropped from the queue. A hold that was cut off ended with its workflow, and with the run where that has no
    end.
    """
    columns, pools = _of_agents(scenario, run), len(agent_pools(scenario, run))
    left, ended = columns.granted_s.copy(), columns.released_s.copy()
    cut = np.flatnonzero(np.isnan(ended))
    ended[cut] = _workflow_ends(run)[columns.workflow[cut]]
    waiting = np.flatnonzero(np.isnan(left))
    left[waiting] = _given_up(scenario, run, columns, waiting)
    ended[waiting] = left[waiting]
    return AgentAttempts(columns, pools, left, ended, _by_breaker(run, columns))


def _by_breaker(run: Run, columns: AttemptColumns) -> Flags:
    kinds = [k for k, kind in enumerate(run.error_kinds) if kind.startswith(BREAKER_OPEN)]
    return np.isin(columns.error, kinds) if kinds else np.zeros(len(columns), dtype=bool)


def agent_pools(scenario: Scenario, run: Run) -> tuple[int, ...]:
    """Indices of the pools of `run` that are pools of agents; they come first.

    Of a run that does not say what its pools are, all but the cores, which come last where they are.
    """
    if run.pool_kinds:
        return tuple(k for k, kind in enumerate(run.pool_kinds) if kind == "agents")
    names = run.pool_names
    declared = sum(pool.name == CORES for pool in scenario.pools)  # nothing forbids to call a pool of agents so
    return tuple(range(len(names) - (names.count(CORES) > declared)))


def core_attempts(scenario: Scenario, run: Run) -> AttemptColumns:
    """The rows of `run` that held a core; empty where no step burns CPU."""
    last = len(run.pool_names) - 1
    cores = run.pool_kinds[last:] == ("cores",) if run.pool_kinds else len(agent_pools(scenario, run)) <= last
    mine = (run.attempts.pool == last) & ~np.isnan(run.attempts.granted_s) & cores
    return _rows(run.attempts, np.flatnonzero(mine))


def _of_agents(scenario: Scenario, run: Run) -> AttemptColumns:
    agents = len(agent_pools(scenario, run))
    if agents == len(run.pool_names):
        return run.attempts
    return _rows(run.attempts, np.flatnonzero(run.attempts.pool < agents))


def _rows(columns: AttemptColumns, rows: Ints) -> AttemptColumns:
    return AttemptColumns(*(getattr(columns, field.name)[rows] for field in dataclasses.fields(columns)))


def _workflow_ends(run: Run) -> Floats:
    finished = run.workflows.finished_s
    return np.where(np.isnan(finished), run.ended_s, finished)


def _given_up(scenario: Scenario, run: Run, columns: AttemptColumns, rows: Ints) -> Floats:
    """When each of `rows`, never granted, left the queue."""
    requested, released = columns.requested_s[rows], columns.released_s[rows]
    patience = np.array([_patience_s(scenario, name) for name in run.pool_names])
    until = np.minimum(_workflow_ends(run)[columns.workflow[rows]], requested + patience[columns.pool[rows]])
    refused_s = np.where(np.isnan(released), requested, released)
    return np.where(columns.ended[rows] == Outcome.REJECTED, refused_s, np.maximum(until, requested))


def _patience_s(scenario: Scenario, pool: str) -> float:
    for declared in scenario.pools:
        mine = declared.name == pool or (declared.replicas is not None and pool.startswith(f"{declared.name}["))
        if mine and declared.wait_timeout_s is not None:
            return declared.wait_timeout_s
    return math.inf
