"""From what was measured and judged to the document of `schemas/report.schema.json`.

On a virtual clock two runs of the same scenario and seeds give the same bytes, apart from timestamp, run id and
machine: what was read from the real machine beside the run (CPU time of the driver, real seconds, resources that are
not modelled) is left out there, and the report says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import numpy as np

from harness.errors import NotEnoughError
from harness.judge.baseline import LineVerdict, overall
from harness.judge.observed import UNSEEN, agent_pools, rejections_seen
from harness.measure.latency import latencies
from harness.measure.metrics import Estimate, MultiAgentLoadMetrics, ReplicationMetrics
from harness.measure.record import Outcome, Run, Series, Share
from harness.measure.totals.record import Totals
from harness.measure.totals.summarised import shell_of
from harness.measure.warm_up import counted_part
from harness.report.bottlenecks import bottlenecks_block
from harness.report.figures import Figures, below, estimates_of, largest, number, text
from harness.report.model import SCHEMA_VERSION, Report
from harness.report.over_time import over_time_block, quantiles_block
from harness.report.series import coarser, log_linear, thin
from harness.report.service_times import service_times_block
from harness.report.signals import signals_block
from harness.scenario.model import BASELINE_METRICS, Scenario

_OUTSIDE = "read from the real machine, and so left out on a virtual clock"
_NO_SAMPLE = "no sample of it on this target or clock"
_UNITS = {"share": "share", "duration": "s", "size": "B", "rate": "/s", "count": "count", "ratio": "ratio"}


def build_report(
    scenario: Scenario,
    kept: Sequence[Run | Totals],
    metrics: MultiAgentLoadMetrics,
    lines: Sequence[LineVerdict],
    *,
    harness_version: str,
    commit: Mapping[str, Any] | None,
    machine: Mapping[str, Any],
    timestamp: datetime,
    run_id: str,
    invalid: str | None = None,
) -> Report:
    """The report of one scenario: `kept` are its replications, `metrics` their summary, `lines` the judged baseline.

    `commit` and `machine` come from `harness.report.provenance`; `timestamp` has a time zone; `run_id` is any text
    that tells runs apart, its first eight characters go into the file's name. `invalid` says why the run may not be
    believed; a run that was stopped early is invalid in any case. Raises `NotEnoughError` without a run.
    """
    if not kept:
        raise NotEnoughError(f"{scenario.name}: no run to report")
    runs = [shell_of(one) if isinstance(one, Totals) else one for one in kept]
    document = {
        "schema_version": SCHEMA_VERSION,
        "scenario": text(scenario.name),
        "description": text(scenario.description),
        "timestamp": timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "run_id": run_id,
        "harness_version": harness_version,
        "commit": dict(commit) if commit is not None else None,
        "machine": dict(machine),
        **_identity(runs),
        **_status(runs, invalid),
        "baseline": _baseline(lines),
        **_measured(scenario, runs, metrics),
        **_workers([share for run in runs for share in run.shares]),
        **over_time_block(scenario, kept[0]),
        **service_times_block(scenario, kept),
    }
    document["latency"]["histogram"] = _histogram(scenario, kept)
    document["latency"] |= quantiles_block(scenario, kept)
    return Report(document)


def _histogram(scenario: Scenario, kept: Sequence[Run | Totals]) -> list[dict[str, float | int]]:
    """Latencies of all replications without warm-up; those without rows have a finer histogram of the same layout."""
    totals = [one.latency() for one in kept if isinstance(one, Totals)]
    if totals:
        return coarser(sum(totals[1:], totals[0]))
    rows = [latencies(counted_part(scenario, one)) for one in kept if isinstance(one, Run)]
    return log_linear(np.concatenate(rows))


def _workers(shares: Sequence[Share]) -> dict[str, Any]:
    """What each worker did, replication after replication; no block for a run that one process drove."""
    if not shares:
        return {}
    return {"workers": [{name: getattr(share, name) for name in Share.__slots__} for share in shares]}


def _identity(runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "target": public_target(runs[0].target),
        "clock": runs[0].clock,
        "seeds": [run.seed for run in runs],
        "scenario_digest": runs[0].digest,
    }


def _status(runs: Sequence[Run], invalid: str | None) -> dict[str, Any]:
    stopped = next((run.stopped for run in runs if run.stopped), None)
    # the stop first: it is short, and no renderer cuts it off behind a long reason
    reason = "; ".join(said for said in (f"stopped early: {stopped}" if stopped else None, invalid) if said)
    return {"status": f"invalid: {text(reason)}" if reason else "valid", "stopped": stopped}


def _measured(scenario: Scenario, runs: Sequence[Run], metrics: MultiAgentLoadMetrics) -> dict[str, Any]:
    figures = Figures()
    return {
        **_counts(scenario, metrics, figures),
        **_warm_up(metrics),
        **_latency(metrics, figures),
        **_throughput(metrics, figures),
        **_by_target(metrics, figures),
        "resource_usage": _resources(runs, metrics, figures),
        **_pools(scenario, metrics, figures),
        **signals_block(metrics, figures),
        **bottlenecks_block(metrics),
        "driver": {**_driver(runs, figures), **_schedule(runs, metrics, figures)},
        "replications": _replications(scenario, runs, metrics, figures),
        "series": _series(runs[0], figures),
        "doubts": [text(doubt) for doubt in metrics.doubts],
        **figures.said(),
    }


def public_target(target: str) -> str:
    """A target as it may be shown: a URL loses its user, password, query and fragment, where secrets are kept."""
    url = re.match(r"(https?://)(?:[^/?#]*@)?([^?#]*)", target, re.IGNORECASE)
    return text(url[1] + url[2] if url else target)


def _baseline(lines: Sequence[LineVerdict]) -> dict[str, Any]:
    return {
        "verdict": overall(lines),
        "lines": [
            {
                "metric": verdict.line.metric,
                "op": verdict.line.op,
                "limit": None if verdict.line.op == "recorded" else verdict.line.limit,
                "unit": _UNITS[BASELINE_METRICS[verdict.line.metric]],
                "text": text(verdict.line.text),
                "verdict": verdict.verdict,
                "observed": number(verdict.observed),
                "reason": text(verdict.reason),
            }
            for verdict in lines
        ],
    }


def _counts(scenario: Scenario, metrics: MultiAgentLoadMetrics, figures: Figures) -> dict[str, Any]:
    """Who was offered and how it ended. Outcomes always have all five keys; errors are the most frequent first."""
    rejection = metrics.rejection_rate if rejections_seen(scenario, metrics) else Estimate(None)
    errors: dict[str, int] = {}
    for kind, count in metrics.errors.items():
        errors[text(kind)] = errors.get(text(kind), 0) + int(count)
    return {
        "concurrent_workflows": int(metrics.concurrent_workflows),
        "offered": int(metrics.offered),
        "outcomes": {o.name.lower(): int(metrics.outcomes.get(o.name.lower(), 0)) for o in Outcome},
        "errors": dict(sorted(errors.items(), key=lambda item: (-item[1], item[0]))),
        "success_rate": figures.put("success_rate", metrics.success_rate),
        "error_rate": figures.put("error_rate", metrics.error_rate),
        "rejection_rate": figures.put("rejection_rate", rejection),
        "attempts_per_workflow": figures.put("attempts_per_workflow", metrics.attempts_per_workflow),
    }


def _latency(metrics: MultiAgentLoadMetrics, figures: Figures) -> dict[str, Any]:
    latency = metrics.latency
    percentiles = {"p50": latency.p50, "p95": latency.p95, "p99": latency.p99}
    names = ("lag", "admission_wait", "queue_wait", "service", "backoff", "overhead")
    parts = {name: getattr(latency, name) for name in names}
    within = {"connection_wait": latency.connection_wait, "rate_limit_wait": latency.rate_limit_wait}
    parts |= {name: estimate for name, estimate in within.items() if estimate is not None}
    return {
        "response_time_percentiles": figures.block("response_time_percentiles", percentiles),
        "latency": {
            "samples": latency.samples,
            **figures.block("latency", {"mean": latency.mean, "max": latency.max}),
            "parts": figures.block("latency.parts", parts),
        },
    }


def _warm_up(metrics: MultiAgentLoadMetrics) -> dict[str, Any]:
    """What was kept out of the figures; no block at all where nothing was."""
    kept_out = metrics.warm_up
    if kept_out is None:
        return {}
    return {
        "warm_up": {
            "text": text(kept_out.text),
            "offered": kept_out.offered,
            "outcomes": {name: int(count) for name, count in kept_out.outcomes.items()},
        }
    }


def _throughput(metrics: MultiAgentLoadMetrics, figures: Figures) -> dict[str, Any]:
    rates = metrics.throughput
    return {
        "throughput_stats": {
            **figures.block("throughput_stats", {"mean": rates.mean, "max": rates.max, "min": rates.min}),
            "window_s": number(rates.window_s),
            "excluded": text(rates.excluded),
        },
        "makespan_s": figures.put("makespan_s", metrics.makespan),
    }


def _by_target(metrics: MultiAgentLoadMetrics, figures: Figures) -> dict[str, Any]:
    """What the target measured itself; no block at all for a target that measures nothing."""
    blocks = {
        text(one.name): {
            "samples": one.samples,
            **figures.block(
                f"measured_by_target.{text(one.name)}",
                {name: getattr(one, name) for name in ("p50", "p95", "p99", "mean", "max")},
            ),
        }
        for one in metrics.measured
    }
    return {"measured_by_target": blocks} if blocks else {}


def _resources(runs: Sequence[Run], metrics: MultiAgentLoadMetrics, figures: Figures) -> dict[str, Any]:
    usage = metrics.resources
    outside = _is_outside(runs[0], usage.modelled)
    reason = _OUTSIDE if outside else _NO_SAMPLE
    estimates = estimates_of(usage)
    if outside:
        estimates = dict.fromkeys(estimates, Estimate(None, doubt=_OUTSIDE))
    return {
        "modelled": usage.modelled,
        "memory_peaks": _peaks("memory_peaks", () if outside else usage.memory_peaks_b, reason, figures),
        "cpu_peaks": _peaks("cpu_peaks", () if outside else usage.cpu_peaks, reason, figures),
        **figures.block("resource_usage", estimates),
    }


def _peaks(name: str, peaks: Iterable[float], reason: str, figures: Figures) -> list[float | None] | None:
    values = [number(peak) for peak in peaks]
    if not values:
        figures.unseen(f"resource_usage.{name}", reason)
    return values or None


def _pools(scenario: Scenario, metrics: MultiAgentLoadMetrics, figures: Figures) -> dict[str, Any]:
    """Every pool by itself, and the headline of queue and pool: the agent pool in which each figure is worst."""
    pools = agent_pools(scenario, metrics)
    blocks = [
        {
            "name": text(pool.name),
            "kind": pool.kind,
            "size": pool.size,
            "queue": pool.queue,
            **figures.block(f"pools[{index}]", estimates_of(pool)),
        }
        for index, pool in enumerate(metrics.pools)
    ]
    queue = {name: largest(getattr(pool, name) for pool in pools) for name in ("max_depth", "avg_depth")}
    use = {name: largest(getattr(pool, name) for pool in pools) for name in ("max_utilization", "avg_utilization")}
    return {
        "queue_metrics": figures.block("queue_metrics", queue),
        "pool_metrics": figures.block("pool_metrics", use),
        "pools": blocks,
    }


def _driver(runs: Sequence[Run], figures: Figures) -> dict[str, float | None]:
    outside = _OUTSIDE if runs[0].clock == "virtual" else _NO_SAMPLE
    totals = {"cpu_s": sum(run.driver_cpu_s for run in runs), "real_s": sum(run.real_s for run in runs)}
    if runs[0].clock == "virtual":
        totals = dict.fromkeys(totals, float("nan"))
    return figures.block(
        "driver", {name: Estimate(value, doubt=_doubt(value, outside)) for name, value in totals.items()}
    )


def _schedule(runs: Sequence[Run], metrics: MultiAgentLoadMetrics, figures: Figures) -> dict[str, float | None]:
    """How well the load generator kept to its schedule; virtual time is never late."""
    kept = metrics.generator
    if kept is None or runs[0].clock == "virtual":
        return {}
    lag = {"lag_p50_s": kept.lag_p50, "lag_p99_s": kept.lag_p99, "lag_max_s": kept.lag_max}
    return figures.block("driver", {**lag, "planned_per_s": kept.planned, "achieved_per_s": kept.achieved})


def _doubt(value: float | None, reason: str) -> str | None:
    return reason if number(value) is None else None


def _replications(
    scenario: Scenario, runs: Sequence[Run], metrics: MultiAgentLoadMetrics, figures: Figures
) -> list[dict[str, Any]]:
    unseen = {}
    if runs[0].clock == "virtual":
        unseen["driver_cpu_per_workflow_s"] = _OUTSIDE
    if not rejections_seen(scenario, metrics):
        unseen["rejection_rate"] = UNSEEN
    return [_replication(f"replications[{k}]", one, unseen, figures) for k, one in enumerate(metrics.replications)]


def _replication(path: str, one: ReplicationMetrics, unseen: Mapping[str, str], figures: Figures) -> dict[str, Any]:
    """One replication's figures; `unseen` maps a field that this target or clock does not show to the reason."""
    block: dict[str, Any] = {}
    for field in fields(one):
        value = getattr(one, field.name)
        if isinstance(value, int):
            block[field.name] = value
            continue
        value = None if field.name in unseen else value
        estimate = Estimate(value, doubt=_doubt(value, unseen.get(field.name, _NO_SAMPLE)))
        block[field.name] = figures.put(f"{path}.{field.name}", estimate)
    return block


def _series(run: Run, figures: Figures) -> dict[str, Any]:
    """The sampled series of one replication: overlaying thirty would show nothing, averaging them would hide peaks."""
    return {
        "seed": run.seed,
        "resources": _thinned("series.resources", run, run.resources, figures),
        "gauges": _thinned("series.gauges", run, run.gauges, figures),
    }


def _thinned(path: str, run: Run, series: Series, figures: Figures) -> dict[str, Any] | None:
    if len(series.t_s) and path.endswith("resources") and _is_outside(run, series.modelled):
        figures.unseen(path, _OUTSIDE)
        return None
    thinned: dict[str, Any] = {}
    for name in sorted(series.values):
        points = thin(series.t_s, series.values[name])
        thinned[text(name)] = points if points["samples"] else None
        if not points["samples"]:
            figures.unseen(below(path, text(name)), _NO_SAMPLE)
    return thinned


def _is_outside(run: Run, modelled: bool) -> bool:
    return run.clock == "virtual" and not modelled
