"""Latency and its parts, of the workflows that were carried out.

Carried out is what succeeded, failed or timed out. A rejected workflow was turned away and a cancelled one was cut by
the harness: neither has a latency, and both are counted where they belong, in the outcomes. Failures stay in, so that a
target cannot look fast by failing slowly, nor lose its timeouts from the tail.

Latency = lag + admission wait + queue wait + service + backoff + overhead, which is what the orchestrator itself takes
(nothing on a virtual clock). Admission is by the load's own cap, by a queue that blocks, and by memory; what an attempt
with its agent waits for a connection or a token is in its service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.measure import estimates
from harness.measure.agents import AgentAttempts
from harness.measure.known_rows import known_rows
from harness.measure.places import waits_for
from harness.measure.record import Flags, Floats, Outcome, Run
from harness.measure.replicated import percentiles_of_runs
from harness.measure.summary import Estimate, LatencyMetrics
from harness.scenario.model import Scenario

NOT_ON_TARGET = "not observable on this target"
NONE_CARRIED_OUT = "no workflow was carried out"
_LAG_SHARE = 0.1
"""A mean lag above this share of the mean latency is said."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Mean seconds per carried-out workflow of one run."""

    queue_wait_s: float
    service_s: float
    backoff_s: float
    overhead_s: float


@dataclass(frozen=True, slots=True)
class Within:
    """Seconds that each workflow of one run waited for memory, connections and tokens; shape (n,) each."""

    memory_s: Floats
    connection_s: Floats
    rate_limit_s: Floats


def carried_out(run: Run) -> Flags:
    """Which workflows succeeded, failed or timed out; shape (n,)."""
    return np.asarray(run.workflows.outcome <= Outcome.TIMED_OUT)


def latencies(run: Run) -> Floats:
    """Finished - due of the carried-out workflows, ascending, seconds."""
    return np.sort(in_turn(run))


def in_turn(run: Run) -> Floats:
    """The same in the order in which the workflows came, shape (k,)."""
    chosen = carried_out(run)
    return np.asarray(run.workflows.finished_s[chosen] - run.workflows.due_s[chosen])


# long: one line for each field of the record
def latency_metrics(
    scenario: Scenario,
    runs: Sequence[Run],
    ordered: Sequence[Floats],
    attempts: Sequence[AgentAttempts],
    observable: bool,
) -> LatencyMetrics:
    """Percentiles over all runs' latencies (`ordered`, one per run) and the mean parts; `attempts` is one per run."""
    within = [_within(scenario, run) for run in runs]
    kinds = runs[0].pool_kinds if runs else ()
    pooled = ordered[0] if len(ordered) == 1 else np.sort(np.concatenate([*ordered, np.empty(0)]))
    average = estimates.mean((float(x.mean()) if len(x) else None for x in ordered), NONE_CARRIED_OUT)
    parts = [_parts(*three) for three in zip(runs, attempts, within, strict=True)] if observable else []
    missing = NONE_CARRIED_OUT if observable else NOT_ON_TARGET
    p50, p95, p99 = percentiles_of_runs([in_turn(run) for run in runs], pooled, (0.50, 0.95, 0.99))
    return LatencyMetrics(
        samples=len(pooled),
        p50=p50,
        p95=p95,
        p99=p99,
        mean=average,
        max=Estimate(float(pooled[-1])) if len(pooled) else Estimate(None, doubt=NONE_CARRIED_OUT),
        lag=_lag(runs, average.value),
        queue_wait=estimates.mean((part.queue_wait_s for part in parts if part), missing),
        service=estimates.mean((part.service_s for part in parts if part), missing),
        backoff=estimates.mean((part.backoff_s for part in parts if part), missing),
        admission_wait=estimates.mean(map(_held_s, runs, within), NONE_CARRIED_OUT),
        overhead=estimates.mean((part.overhead_s for part in parts if part), missing),
        connection_wait=_mean_of("connections", kinds, runs, [of.connection_s for of in within]),
        rate_limit_wait=_mean_of("rate_limit", kinds, runs, [of.rate_limit_s for of in within]),
    )


def _within(scenario: Scenario, run: Run) -> Within:
    if set(run.pool_kinds) <= {"agents", "cores"}:
        none = np.zeros(len(run.workflows))
        return Within(none, none, none)
    rows = known_rows(scenario, run)
    return Within(*(waits_for(kind, run, rows) for kind in ("memory", "connections", "rate_limit")))


def _mean_of(kind: str, kinds: Sequence[str], runs: Sequence[Run], waits: Sequence[Floats]) -> Estimate | None:
    """The mean over carried-out workflows of their waits at places of this kind; None where there are none."""
    if kind not in kinds:
        return None
    chosen = (of[carried_out(run)] for run, of in zip(runs, waits, strict=True))
    return estimates.mean((float(of.mean()) if len(of) else None for of in chosen), NONE_CARRIED_OUT)


def _lag(runs: Sequence[Run], mean_latency: float | None) -> Estimate:
    """Started - due, mean over carried-out workflows that started."""
    means: list[float | None] = []
    for run in runs:
        lag = (run.workflows.started_s - run.workflows.due_s - run.workflows.held_s)[carried_out(run)]
        lag = lag[~np.isnan(lag)]
        means.append(float(lag.mean()) if len(lag) else None)
    lag_s = estimates.mean(means, NONE_CARRIED_OUT)
    if lag_s.value is None or mean_latency is None or lag_s.value <= _LAG_SHARE * mean_latency:
        return lag_s
    share = 100 * lag_s.value / mean_latency
    return Estimate(
        lag_s.value, lag_s.low, lag_s.high, f"{share:.0f} % of the mean latency is lag, from due to started"
    )


def _held_s(run: Run, within: Within) -> float | None:
    """How long a carried-out workflow was held back before its first step, mean."""
    held = (run.workflows.held_s + within.memory_s)[carried_out(run)]
    return float(held.mean()) if len(held) else None


def _parts(run: Run, attempts: AgentAttempts, within: Within) -> Parts | None:
    """Queue wait, service and backoff of one run; None where nothing was carried out."""
    chosen = carried_out(run)
    count = int(chosen.sum())
    if not count:
        return None
    mine: Flags | slice = slice(None) if chosen.all() else chosen[attempts.columns.workflow]
    waited = float((attempts.left_s - attempts.columns.requested_s)[mine].sum())
    served = float((attempts.ended_s - attempts.left_s)[mine].sum())  # an attempt without an agent left as it ended
    inside = float((run.workflows.finished_s - run.workflows.started_s)[chosen].sum())
    backoff = _backoff_s(run, attempts)
    admitted = float(within.memory_s[chosen].sum())
    overhead = (inside - admitted - waited - served - backoff) / count
    return Parts(waited / count, served / count, backoff / count, overhead)


def _backoff_s(run: Run, attempts: AgentAttempts) -> float:
    """Seconds between an attempt's end and the next attempt at the same step, summed over carried-out workflows.

    A workflow that timed out while it backed off spent the time from its last attempt's end in backoff too.
    """
    columns = attempts.columns
    if not len(columns) or columns.attempt.max() == columns.attempt.min():
        gaps = 0.0
    else:
        again = np.zeros(len(run.workflows), dtype=bool)
        again[columns.workflow[columns.attempt > columns.attempt.min()]] = True
        rows = np.flatnonzero((again & carried_out(run))[columns.workflow])
        rows = rows[np.lexsort((columns.attempt[rows], columns.step[rows], columns.workflow[rows]))]
        same = (np.diff(columns.workflow[rows]) == 0) & (np.diff(columns.step[rows]) == 0)
        gaps = float((columns.requested_s[rows[1:]] - attempts.ended_s[rows[:-1]])[same].sum())
    return gaps + _cut_backoff_s(run, attempts)


def _cut_backoff_s(run: Run, attempts: AgentAttempts) -> float:
    timed_out = run.workflows.outcome == Outcome.TIMED_OUT
    rows = np.flatnonzero(timed_out[attempts.columns.workflow])
    if not len(rows):
        return 0.0
    last = np.full(len(run.workflows), -np.inf)
    np.maximum.at(last, attempts.columns.workflow[rows], attempts.ended_s[rows])
    seen = timed_out & (last > -np.inf)
    return float((run.workflows.finished_s[seen] - last[seen]).sum())
