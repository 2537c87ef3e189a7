"""`summarise_totals`: from the totals of long runs to `MultiAgentLoadMetrics`, as `summarise` does from rows.

What rows alone can tell (the parts of the latency but for the lag, queue and pool of the orchestrator) is not
observable here, and every such figure says so.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from harness.measure import estimates
from harness.measure.histogram import Histogram
from harness.measure.latency import NONE_CARRIED_OUT
from harness.measure.metrics import ERRORS, all_doubts, policy_doubts, summarise
from harness.measure.record import Floats, Ints, Outcome, Run, no_attempts, no_workflows
from harness.measure.summary import (
    Estimate,
    LatencyMetrics,
    MultiAgentLoadMetrics,
    ReplicationMetrics,
    ResourceMetrics,
    ThroughputMetrics,
)
from harness.measure.totals.measured import figures_of
from harness.measure.totals.quantiles import quantiles_of_windows
from harness.measure.totals.record import BESIDE, Totals
from harness.measure.trend import theil_sen
from harness.measure.uses import Uses
from harness.measure.uses_all import uses_of
from harness.scenario.model import Scenario

NO_ROWS = "not observable where no rows are kept"
_WARM_UP = 0.2


# long: one line for each field of the record
def summarise_totals(scenario: Scenario, runs: Sequence[Totals]) -> MultiAgentLoadMetrics:
    """What `runs`, replications of `scenario`, amount to; the definitions are those of `metrics.summarise`.

    Percentiles are read off histograms (within 0.1 %). Raises `AssertionError` where the totals contradict themselves.
    """
    counts = np.sum([run.outcomes for run in runs], axis=0)
    offered = sum(run.offered for run in runs)
    if int(counts.sum()) != offered:
        raise AssertionError(f"{offered} workflows were offered, but {counts.sum()} have an outcome")
    shells = [shell_of(run) for run in runs]
    beside = summarise(scenario, shells)
    errors: Counter[str] = sum((Counter(run.errors) for run in runs), Counter())
    metrics = dataclasses.replace(
        beside,
        offered=offered,
        outcomes={outcome.name.lower(): int(counts[outcome]) for outcome in Outcome},
        errors=dict(sorted(errors.items(), key=lambda item: (-item[1], item[0]))),
        success_rate=estimates.share(int(counts[Outcome.SUCCEEDED]), offered),
        error_rate=estimates.share(sum(int(counts[outcome]) for outcome in ERRORS), offered),
        rejection_rate=estimates.share(int(counts[Outcome.REJECTED]), offered),
        concurrent_workflows=max(run.most_in_flight for run in runs),
        attempts_per_workflow=Estimate(None, doubt=NO_ROWS),
        latency=_latency(beside.latency, runs),
        throughput=_throughput(runs),
        resources=_resources(beside.resources, runs),
        replications=tuple(map(_replication, beside.replications, runs)),
        uses=_uses(scenario, shells, runs),
        little=None,
    )
    doubts, measured = all_doubts(shells, metrics, False), figures_of([run.measured for run in runs])
    doubts = (*policy_doubts(scenario, shells), *doubts)
    return dataclasses.replace(metrics, warm_up=None, doubts=(*doubts, *_said(scenario, runs)), measured=measured)


def _uses(scenario: Scenario, shells: Sequence[Run], runs: Sequence[Totals]) -> Uses:
    seen = uses_of(scenario, shells, [run.latency_sum_s for run in runs])
    return dataclasses.replace(seen, carried_out=sum(run.carried_out for run in runs))


def shell_of(totals: Totals) -> Run:
    """A `Run` of all that totals have beside the workflows, without a single row: for what looks only at that."""
    return Run(
        type_names=(),
        pool_names=(),
        pool_sizes=(),
        pool_queues=(),
        error_kinds=(),
        workflows=no_workflows(),
        attempts=no_attempts(),
        **{name: getattr(totals, name) for name in BESIDE},
    )


def _said(scenario: Scenario, runs: Sequence[Totals]) -> list[str]:
    said = ["no rows were kept: percentiles are read off histograms, within 0.1 %"]
    if scenario.warm_up_s or scenario.warm_up_workflows:
        said.append("no rows were kept: warm-up is not left out")
    if any(len(run.shares) > 1 for run in runs):
        said.append("concurrent workflows: the sum of each worker's largest number, so an upper bound")
    return said


def _latency(empty: LatencyMetrics, runs: Sequence[Totals]) -> LatencyMetrics:
    samples = sum(run.carried_out for run in runs)
    if not samples:
        return empty
    windows = np.concatenate([run.windows.latency[run.windows.carried_out > 0] for run in runs])
    largest_s = max(run.latency_max_s for run in runs)
    p50, p95, p99 = quantiles_of_windows(windows, (0.50, 0.95, 0.99), largest_s)
    started = [len(run.lag) for run in runs]
    unseen = Estimate(None, doubt=NO_ROWS)
    parts = {field.name: unseen for field in dataclasses.fields(empty)}
    return LatencyMetrics(
        **parts
        | {
            "samples": samples,
            "p50": p50,
            "p95": p95,
            "p99": p99,
            "mean": estimates.mean(_means(runs), NONE_CARRIED_OUT),
            "max": Estimate(largest_s),
            "lag": estimates.mean((run.lag_sum_s / n if n else None for run, n in zip(runs, started, strict=True)), ""),
        }  # type: ignore[arg-type]  # mypy gives all values of a dict one type
    )


def _means(runs: Sequence[Totals]) -> list[float | None]:
    return [run.latency_sum_s / run.carried_out if run.carried_out else None for run in runs]


def _throughput(runs: Sequence[Totals]) -> ThroughputMetrics:
    """Over whole windows, without the first (ramp-up) and the one that the run ended in (drain), if others are left."""
    rates = [_rates(run) for run in runs]
    width_s = max(run.windows.width_s for run in runs)
    if any(len(found) < 2 for found in rates):
        short = "the run is too short for a steady part: ramp-up and drain are included"
        whole = (int(run.outcomes[Outcome.SUCCEEDED]) / run.ended_s if run.ended_s > 0 else None for run in runs)
        mean = estimates.mean(whole, "the run took no time", short)
        extreme = Estimate(mean.value, doubt=f"{short}; fewer than two windows")
        return ThroughputMetrics(mean, extreme, extreme, width_s, "")
    everywhere = np.concatenate(rates)
    return ThroughputMetrics(
        mean=estimates.mean((float(found.mean()) for found in rates), ""),
        max=Estimate(float(everywhere.max())),
        min=Estimate(float(everywhere.min())),
        window_s=width_s,
        excluded="the first window (ramp-up) and the last one (drain)",
    )


def _rates(run: Totals) -> Floats:
    last = min(run.windows.used(), int(run.ended_s // run.windows.width_s))
    return np.asarray(run.windows.succeeded[1:last] / run.windows.width_s)


def _resources(empty: ResourceMetrics, runs: Sequence[Totals]) -> ResourceMetrics:
    groups = [growth for run in runs if (growth := _growth(run)) is not None]
    slope = theil_sen(groups, "points after warm-up") if groups else empty.memory_slope_b_per_100
    return dataclasses.replace(empty, memory_slope_b_per_100=slope)


def _growth(run: Totals) -> tuple[Floats, Floats] | None:
    """Workflows done, in hundreds, and the memory then, after warm-up; inside a window they end at an even pace."""
    memory = run.resources.values.get("rss_b")
    if memory is None or not run.carried_out:
        return None
    edges = np.arange(len(run.windows.carried_out) + 1) * run.windows.width_s
    done: Ints = np.concatenate([[0], np.cumsum(run.windows.carried_out)])
    ended = np.minimum(edges, run.ended_s)
    seen = ~np.isnan(memory) & (run.resources.t_s <= run.ended_s)
    at = np.interp(run.resources.t_s[seen], ended, done)
    warm = at >= _WARM_UP * run.carried_out
    return at[warm] / 100, memory[seen][warm]


def _replication(empty: ReplicationMetrics, run: Totals) -> ReplicationMetrics:
    latency, succeeded = run.latency(), int(run.outcomes[Outcome.SUCCEEDED])
    errors = sum(int(run.outcomes[outcome]) for outcome in ERRORS)
    return dataclasses.replace(
        empty,
        offered=run.offered,
        succeeded=succeeded,
        latency_p50_s=_quantile(run, latency, 0.50),
        latency_p95_s=_quantile(run, latency, 0.95),
        latency_p99_s=_quantile(run, latency, 0.99),
        seconds_per_workflow=run.ended_s / succeeded if succeeded else None,
        error_rate=errors / run.offered if run.offered else 0.0,
        rejection_rate=int(run.outcomes[Outcome.REJECTED]) / run.offered if run.offered else 0.0,
        driver_cpu_per_workflow_s=_per_workflow(run),
    )


def _per_workflow(run: Totals) -> float | None:
    return None if math.isnan(run.driver_cpu_s) or not run.offered else run.driver_cpu_s / run.offered


def _quantile(run: Totals, latency: Histogram, q: float) -> float | None:
    return min(latency.percentile(q), run.latency_max_s) if len(latency) else None
