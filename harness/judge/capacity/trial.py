"""One trial: the runs at one level of the load, their steady state, and the baseline's verdict on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from harness.judge.baseline import LineVerdict, judge_baseline, overall_of, satisfies
from harness.judge.bottleneck.limiting import limiting
from harness.judge.bottleneck.records import Limitation
from harness.judge.capacity.busy import mean_busy
from harness.judge.capacity.record import Trial, Verdict
from harness.judge.capacity.steady import Steady, steady_part
from harness.judge.observed import METRICS, finite
from harness.measure import estimates
from harness.measure.metrics import Estimate, MultiAgentLoadMetrics, summarise
from harness.measure.percentiles import nearest_rank
from harness.measure.record import Run
from harness.scenario.model import BASELINE_METRICS, BaselineLine, Scenario

MOST_REFUSED = 0.01
"""With more than 1 % turned away, the number in flight is not what was asked for: no knee is fitted to it.

Nor is one where 1 % more end by a timeout than at the lowest load: what they took of the agents before they gave up is
in no throughput, and the fall that this makes is not the target's.
"""
_ENOUGH_TO_NAME = 3
_WHATEVER_THE_LOAD = {"pool_overcommit", "queue_overflow"}
"""Promises that a pool keeps under any load: they say nothing of how much it holds."""


def searched_lines(scenario: Scenario) -> tuple[BaselineLine, ...]:
    """The baseline's lines that more load can break."""
    return tuple(line for line in scenario.baseline if line.op != "recorded" and line.metric not in _WHATEVER_THE_LOAD)


# long: one line for each field of the record
def trial_of(
    level: float,
    steady: Scenario,
    runs: Sequence[Run],
    judged: Scenario | None,
    judged_runs: Sequence[Run],
    *,
    lowest: Trial | None = None,
) -> Trial:
    """The trial at `level`: `runs` of the scenario `steady`, `judged_runs` of `judged` (None: no line to judge).

    `lowest` is the trial at the lowest load (None: it is this one).
    """
    parts = tuple(steady_part(steady, run) for run in runs)
    usable = [part for part in parts if part.usable]
    verdict, settled, broken, unseen = _judged(judged, judged_runs)
    refused = float(np.mean([part.refused for part in parts])) if parts else 0.0
    return Trial(
        level=level,
        replications=len(parts or judged_runs),
        offered=sum(len(run.workflows) for run in runs or judged_runs),
        in_flight=estimates.mean((part.in_flight for part in usable), "nothing was in a steady state"),
        throughput=estimates.mean((part.throughput for part in usable), "nothing was in a steady state"),
        latency_p50=_percentile(parts, 0.50),
        latency_p95=_percentile(parts, 0.95),
        refused=refused,
        verdict=verdict,
        settled=settled,
        broken=broken,
        unseen=unseen,
        busy=mean_busy(part.busy for part in parts),
        why_not=_why_not(parts, runs, refused, 1.0 if lowest is None else _timed_out(lowest.parts)),
        invalid=next((run.invalid for run in (*runs, *judged_runs) if run.invalid), None),
        parts=parts,
        limited=_limited(steady, runs) if parts else None if judged is None else _limited(judged, judged_runs),
    )


def _limited(scenario: Scenario, runs: Sequence[Run]) -> Limitation | None:
    """What limited the first few of `runs`; a resource that limits a load limits every replication of it."""
    if not runs or any(run.invalid for run in runs):
        return None
    return limiting(scenario, runs[:_ENOUGH_TO_NAME])


def _timed_out(parts: Sequence[Steady]) -> float:
    return float(np.mean([part.timed_out for part in parts])) if parts else 0.0


def _why_not(parts: Sequence[Steady], runs: Sequence[Run], refused: float, usual: float) -> str | None:
    stopped = next((run.stopped for run in runs if run.stopped), None)
    if not parts:
        return "this load has no steady state"
    if stopped is not None:
        return f"it ended early: {stopped}"
    if refused > MOST_REFUSED:
        return f"{100 * refused:.3g} % of the workflows were turned away"
    if (late := _timed_out(parts)) > usual + MOST_REFUSED:
        return f"{100 * late:.3g} % of the workflows timed out ({100 * usual:.3g} % at the lowest load)"
    return None if all(part.usable for part in parts) else "too little was done to measure a throughput"


def _percentile(parts: Iterable[Steady], q: float) -> Estimate:
    """Of each replication, then over them."""
    ordered = [np.sort(part.latency_s) for part in parts if len(part.latency_s)]
    return estimates.mean((float(one[nearest_rank(len(one), q) - 1]) for one in ordered), "no workflow finished")


# --------------------------------------------------------------------------- the baseline


def _judged(
    scenario: Scenario | None, runs: Sequence[Run]
) -> tuple[Verdict | None, bool, tuple[str, ...], tuple[str, ...]]:
    """Verdict, whether it is settled, what broke, and what could not be seen."""
    if scenario is None or not runs:
        return None, True, (), ()
    if stopped := next((run.stopped for run in runs if run.stopped), None):
        return "broken", True, (f"it did not come to its end: {stopped}",), ()
    metrics = summarise(scenario, runs)
    wanted = searched_lines(scenario)
    lines = [one for one in judge_baseline(scenario, metrics) if one.line in wanted]
    seen = [one for one in lines if one.verdict != "cannot_tell"]
    verdict = overall_of(one.verdict for one in seen)
    return (
        verdict,
        _settled(scenario, metrics, seen, verdict),
        tuple(one.reason for one in seen if one.verdict == "broken"),
        tuple(one.reason for one in lines if one.verdict == "cannot_tell"),
    )


def _settled(
    scenario: Scenario, metrics: MultiAgentLoadMetrics, lines: Sequence[LineVerdict], verdict: Verdict
) -> bool:
    """Held: every line with its whole interval. Broken: at least one with its whole interval."""
    whole = [_whole(scenario, metrics, one) for one in lines]
    return (
        any(whole[k] for k, one in enumerate(lines) if one.verdict == "broken") if verdict == "broken" else all(whole)
    )


def _whole(scenario: Scenario, metrics: MultiAgentLoadMetrics, one: LineVerdict) -> bool:
    estimate = METRICS[one.line.metric].extract(scenario, metrics).estimate
    held = one.verdict == "held"
    unit = BASELINE_METRICS[one.line.metric]
    bounds = [bound for bound in (finite(estimate.low), finite(estimate.high)) if bound is not None]
    return all(satisfies(one.line.op, bound, one.line.limit, unit) == held for bound in bounds)
