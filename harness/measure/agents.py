"""Attempts at steps that asked an agent pool: what every figure about waiting, service and pools is derived from."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from harness.measure.record import CORES, AttemptColumns, Flags, Floats, Ints, Outcome, Run
from harness.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class AgentAttempts:
    """The attempts of one run at agent pools (not at the modelled cores), with every ending known; shape (m,).

    `pools` is the number of agent pools. `left_s` is when the attempt left the queue, granted or not; `ended_s` when it
    gave its agent back, or gave up.
    """

    columns: AttemptColumns
    pools: int
    left_s: Floats
    ended_s: Floats

    def __len__(self) -> int:
        return len(self.left_s)

    @property
    def granted(self) -> Flags:
        """Which attempts got an agent."""
        return ~np.isnan(self.columns.granted_s)


def agent_attempts(scenario: Scenario, run: Run) -> AgentAttempts:
    """The attempts of `run` at agent pools.

    The columns hold no time for the end of a wait that was cut off. It ended when the pool's wait timeout ran out or
    the workflow ended, whichever came first (a rejected attempt never waited); a hold that was cut off ended with its
    workflow, and with the run where that has no end.
    """
    columns, pools = _of_agents(scenario, run), len(agent_pools(scenario, run))
    left, ended = columns.granted_s.copy(), columns.released_s.copy()
    cut = np.flatnonzero(np.isnan(ended))
    ended[cut] = _workflow_ends(run)[columns.workflow[cut]]
    waiting = np.flatnonzero(np.isnan(left))
    left[waiting] = _given_up(scenario, run, columns, waiting)
    ended[waiting] = left[waiting]
    return AgentAttempts(columns, pools, left, ended)


def agent_pools(scenario: Scenario, run: Run) -> tuple[int, ...]:
    """Indices of the pools of `run` that are pools of agents: all but the cores, which come last where they are."""
    names = run.pool_names
    declared = sum(pool.name == CORES for pool in scenario.pools)  # nothing forbids to call a pool of agents so
    return tuple(range(len(names) - (names.count(CORES) > declared)))


def core_attempts(scenario: Scenario, run: Run) -> AttemptColumns:
    """The rows of `run` that held a core; empty where no step burns CPU."""
    agents = len(agent_pools(scenario, run))
    return _rows(run.attempts, np.flatnonzero((run.attempts.pool >= agents) & ~np.isnan(run.attempts.granted_s)))


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
    requested = columns.requested_s[rows]
    patience = np.array([_patience_s(scenario, name) for name in run.pool_names])
    until = np.minimum(_workflow_ends(run)[columns.workflow[rows]], requested + patience[columns.pool[rows]])
    return np.where(columns.ended[rows] == Outcome.REJECTED, requested, np.maximum(until, requested))


def _patience_s(scenario: Scenario, pool: str) -> float:
    for declared in scenario.pools:
        if declared.name == pool and declared.wait_timeout_s is not None:
            return declared.wait_timeout_s
    return math.inf
