"""Reports as an OpenMetrics text file: for a monitoring that runs the load again and again and looks at the last run.

A figure that was not observed is absent, never 0. An invalid run gives its verdict, its outcomes and its time, and no
figure: nobody is to draw a curve through numbers that may not be believed. `docs/exports.md` lists every metric.

Gauges and counters only: node_exporter's textfile collector, which most would hand such a file to, reads the older text
format, and refuses a whole file that has the types `info` or `stateset` in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import MissingExtraError, ReportError
from harness.report.model import Report
from harness.report.replacing import refuse_file, replace_file
from harness.report.rows import VERDICTS, verdict_of
from harness.report.text import visible

OPTION = "--openmetrics"
ENDINGS = (".prom", ".om", ".txt")
LABELS = ("scenario", "target", "clock", "commit")
"""Of every sample; `commit` is empty outside a checkout."""
PERCENTILES = ("p50", "p95", "p99")
_INFO = ("scenario_digest", "harness_version", "run_id", "modelled", "dirty")
LINE_STATES = ("held", "broken", "cannot_tell", "invalid")
_LONGEST_LABEL = 200
Family = Any
"""A `prometheus_client.Metric`: the package is imported only where such a file is written."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A gauge made from the figure at `path` of a report; its name ends in `unit`, where it has one."""

    name: str
    path: str
    unit: str
    help: str
    bounded: bool = False
    """Whether the ends of its 95 % interval are gauges of their own (`…_low_…`, `…_high_…`)."""


FIGURES = (
    Figure("success", "success_rate", "ratio", "Share of offered workflows that succeeded.", True),
    Figure("error", "error_rate", "ratio", "Share that failed, timed out or were cancelled.", True),
    Figure("rejection", "rejection_rate", "ratio", "Share that a full queue or a limit turned away.", True),
    Figure("latency_mean", "latency.mean", "seconds", "Mean latency, from when a workflow was due."),
    Figure("latency_max", "latency.max", "seconds", "Largest latency, from when a workflow was due."),
    Figure("throughput_mean", "throughput_stats.mean", "per_second", "Workflows completed per second, steady part."),
    Figure("throughput_min", "throughput_stats.min", "per_second", "Least of the windows of the steady part."),
    Figure("throughput_max", "throughput_stats.max", "per_second", "Most of the windows of the steady part."),
    Figure("makespan", "makespan_s", "seconds", "From the start to the end of the last workflow."),
    Figure("in_flight_max", "concurrent_workflows", "", "Most workflows in flight at one instant."),
    Figure("queue_depth_max", "queue_metrics.max_depth", "", "Deepest queue, of the pool where it is deepest."),
    Figure("queue_depth_mean", "queue_metrics.avg_depth", "", "Time-weighted mean depth of that queue."),
    Figure("pool_utilization_max", "pool_metrics.max_utilization", "ratio", "Largest share of agents busy."),
    Figure("pool_utilization_mean", "pool_metrics.avg_utilization", "ratio", "Time-weighted mean share busy."),
    Figure("memory_peak", "resource_usage.memory_peak_b", "bytes", "Largest resident memory."),
    Figure("cpu_mean", "resource_usage.cpu_mean", "ratio", "Mean CPU of the whole machine."),
    Figure("cpu_max", "resource_usage.cpu_max", "ratio", "Largest CPU of the whole machine."),
    Figure("loop_lag_max", "resource_usage.loop_lag_max_s", "seconds", "Largest lag of the event loop."),
)


def refuse_openmetrics(path: Path) -> None:
    """Raise before anything is run where no such file can be written; `MissingExtraError` without the library."""
    refuse_file(path, OPTION, ENDINGS)
    if find_spec("prometheus_client") is None:
        raise MissingExtraError("prometheus-client", "openmetrics", f"{OPTION} {path.name}")


def write_openmetrics(reports: Sequence[Report], path: Path) -> Path:
    """Write the reports' figures to `path`; what was there is replaced whole. Raises `ReportError`."""
    return replace_file(path, openmetrics_text(reports))


def openmetrics_text(reports: Sequence[Report]) -> bytes:
    """The exposition in UTF-8, ended by `# EOF`.

    Raises `ReportError` for two reports with the same labels: one would hide the other.
    """
    _refuse_twice(reports)
    try:
        exposition = import_module("prometheus_client.openmetrics.exposition")
        core = import_module("prometheus_client.core")
    except ImportError as error:
        raise MissingExtraError("prometheus-client", "openmetrics", "an OpenMetrics file") from error
    text: bytes = exposition.generate_latest(_Collected(list(_families(core, reports))))
    return text


class _Collected:
    """What the library's writer asks of a registry."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> list[Family]:
        return [family for family in self._families if family.samples]


def _refuse_twice(reports: Sequence[Report]) -> None:
    seen: set[tuple[str, ...]] = set()
    for labels in map(_labels, reports):
        if labels in seen:
            said = ", ".join(f"{name} {value!r}" for name, value in zip(LABELS, labels, strict=True))
            raise ReportError(
                f"{OPTION}: expected one report of each scenario, target, clock and commit, found two: {said}"
            )
        seen.add(labels)


def _labels(report: Report) -> tuple[str, ...]:
    commit = (report.document["commit"] or {}).get("id") or ""
    return tuple(
        visible(str(value), _LONGEST_LABEL) for value in (report.scenario, report.target, report.clock, commit)
    )


# --------------------------------------------------------------------------- metrics


def _families(core: Any, reports: Sequence[Report]) -> Iterator[Family]:
    yield _info(core, reports)
    yield from _states(core, reports)
    yield _outcomes(core, reports)
    believed = [report for report in reports if report.valid]
    for figure in FIGURES:
        yield from _gauges(core, figure, believed)
    yield from _percentiles(core, believed)


def _info(core: Any, reports: Sequence[Report]) -> Family:
    told = "Always 1: what the last run was made with."
    family = core.GaugeMetricFamily("harness_run_info", told, labels=(*LABELS, *_INFO))
    for report in reports:
        document = report.document
        dirty = (document["commit"] or {}).get("dirty")
        known = (
            document["scenario_digest"],
            document["harness_version"],
            document["run_id"],
            str(document["resource_usage"]["modelled"]).lower(),
            "unknown" if dirty is None else str(dirty).lower(),
        )
        family.add_metric((*_labels(report), *(visible(str(value), _LONGEST_LABEL) for value in known)), 1.0)
    return family


def _states(core: Any, reports: Sequence[Report]) -> Iterator[Family]:
    when = core.GaugeMetricFamily(
        "harness_run_timestamp", "When the run was started, since 1970.", labels=LABELS, unit="seconds"
    )
    valid = core.GaugeMetricFamily("harness_run_valid", "1 where the run may be believed, else 0.", labels=LABELS)
    verdict = core.GaugeMetricFamily(
        "harness_verdict", "1 at the verdict on the baseline.", labels=(*LABELS, "verdict")
    )
    told = "1 at the state of a baseline line; all lines are invalid where the run is."
    lines = core.GaugeMetricFamily("harness_baseline_line", told, labels=(*LABELS, "metric", "limit", "state"))
    doubts = core.GaugeMetricFamily("harness_doubts", "Reasons for care with the figures.", labels=LABELS)
    for report in reports:
        labels, document = _labels(report), report.document
        when.add_metric(labels, datetime.fromisoformat(document["timestamp"]).timestamp())
        valid.add_metric(labels, float(report.valid))
        for word in VERDICTS:
            verdict.add_metric((*labels, word), float(word == verdict_of(report)))
        doubts.add_metric(labels, float(len(document["doubts"])))
        for line in document["baseline"]["lines"]:
            found = line["verdict"] if report.valid else "invalid"
            which = (visible(line["metric"], _LONGEST_LABEL), visible(line["text"], _LONGEST_LABEL))
            for state in LINE_STATES:
                lines.add_metric((*labels, *which, state), float(state == found))
    yield from (when, valid, verdict, lines, doubts)


def _outcomes(core: Any, reports: Sequence[Report]) -> Family:
    told = "Workflows offered in the run, by how they ended."
    family = core.CounterMetricFamily("harness_workflows", told, labels=(*LABELS, "outcome"))
    for report in reports:
        for outcome, count in report.document["outcomes"].items():
            family.add_metric((*_labels(report), outcome), float(count))
    return family


def _gauges(core: Any, figure: Figure, reports: Sequence[Report]) -> Iterator[Family]:
    path = figure.path.split(".")
    yield _gauge(core, figure.name, figure, reports, lambda report: report.figure(*path))
    if figure.bounded:
        for end in ("low", "high"):
            yield _gauge(core, f"{figure.name}_{end}", figure, reports, _bound(figure.path, end))


def _gauge(
    core: Any, name: str, figure: Figure, reports: Sequence[Report], value_of: Callable[[Report], float | None]
) -> Family:
    end = name.removeprefix(figure.name)
    told = (
        figure.help
        + {"": "", "_low": " Lower end of its 95 % interval.", "_high": " Upper end of its 95 % interval."}[end]
    )
    family = core.GaugeMetricFamily(f"harness_{name}", told, labels=LABELS, unit=figure.unit)
    for report in reports:
        value = value_of(report)
        if value is not None:
            family.add_metric(_labels(report), value)
    return family


def _bound(path: str, end: str) -> Callable[[Report], float | None]:
    def bound(report: Report) -> float | None:
        interval: Mapping[str, float | None] = report.document["confidence_intervals"].get(path, {})
        return interval.get(end)

    return bound


def _percentiles(core: Any, reports: Sequence[Report]) -> Iterator[Family]:
    told = "Percentile of latency, from when a workflow was due."
    for end, more in (("", ""), ("_low", " Lower end of its 95 % interval."), ("_high", " Upper end of it.")):
        family = core.GaugeMetricFamily(
            f"harness_latency_percentile{end}", told + more, labels=(*LABELS, "percentile"), unit="seconds"
        )
        for report in reports:
            for name in PERCENTILES:
                path = f"response_time_percentiles.{name}"
                value = _bound(path, end[1:])(report) if end else report.figure("response_time_percentiles", name)
                if value is not None:
                    family.add_metric((*_labels(report), name), value)
        yield family
