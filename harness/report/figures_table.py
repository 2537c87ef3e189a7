"""Reports as one flat table, a row each, as CSV or Parquet: for a spreadsheet or a notebook.

Columns: what was run, the verdict, then the figures with their unit last in the name, and the ends of their 95 %
interval. What was not observed is empty (Parquet: null), never 0; the figures of an invalid run stand there, beside the
verdict that says so. What each figure means is in `schemas/report.schema.json`, under its path.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.errors import MissingExtraError
from harness.report.model import Report
from harness.report.replacing import replace_file
from harness.report.rows import verdict_of
from harness.report.rows_file import cell
from harness.report.text import visible

_ABOUT = ("scenario", "target", "clock", "commit", "dirty", "timestamp", "run_id", "harness_version", "scenario_digest")
_TEXTS = (*_ABOUT, "seeds", "verdict", "status")
_COUNTS = ("offered", "succeeded", "failed", "timed_out", "rejected", "cancelled", "concurrent_workflows", "doubts")
BOUNDED = {
    "success_share": "success_rate",
    "error_share": "error_rate",
    "rejection_share": "rejection_rate",
    "latency_p50_s": "response_time_percentiles.p50",
    "latency_p95_s": "response_time_percentiles.p95",
    "latency_p99_s": "response_time_percentiles.p99",
}
"""Columns with an interval, and the path of each in a report."""
PLAIN = {
    "latency_mean_s": "latency.mean",
    "latency_max_s": "latency.max",
    "queue_wait_s": "latency.parts.queue_wait",
    "service_s": "latency.parts.service",
    "backoff_s": "latency.parts.backoff",
    "throughput_mean_per_s": "throughput_stats.mean",
    "throughput_min_per_s": "throughput_stats.min",
    "throughput_max_per_s": "throughput_stats.max",
    "makespan_s": "makespan_s",
    "attempts_per_workflow": "attempts_per_workflow",
    "queue_depth_max": "queue_metrics.max_depth",
    "queue_depth_mean": "queue_metrics.avg_depth",
    "pool_utilization_max_share": "pool_metrics.max_utilization",
    "pool_utilization_mean_share": "pool_metrics.avg_utilization",
    "memory_peak_b": "resource_usage.memory_peak_b",
    "cpu_mean_share": "resource_usage.cpu_mean",
    "cpu_max_share": "resource_usage.cpu_max",
    "loop_lag_max_s": "resource_usage.loop_lag_max_s",
}
"""Columns without one."""
_FIGURES = (*(f"{name}{end}" for name in BOUNDED for end in ("", "_low", "_high")), *PLAIN)
COLUMNS = (*_TEXTS, *_COUNTS, *_FIGURES)


def write_figures(reports: Sequence[Report], path: Path) -> Path:
    """Write the table to `path`, as its ending says; what was there is replaced whole."""
    rows = [_row(report) for report in reports]
    return replace_file(path, _parquet(rows) if path.suffix.lower() == ".parquet" else _csv(rows))


def _row(report: Report) -> dict[str, Any]:
    document = report.document
    commit = document["commit"] or {}
    about = {name: document.get(name) for name in _ABOUT} | {
        "commit": commit.get("id"),
        "dirty": str(commit["dirty"]).lower() if commit else None,
        "seeds": " ".join(map(str, document["seeds"])),
        "verdict": verdict_of(report),
        "status": document["status"],
    }
    texts = {name: None if about[name] is None else visible(str(about[name])) for name in _TEXTS}
    counts = {**document["outcomes"], "offered": document["offered"], "doubts": len(document["doubts"])}
    counts["concurrent_workflows"] = document["concurrent_workflows"]
    figures = {name: report.figure(*path.split(".")) for name, path in (BOUNDED | PLAIN).items()}
    for name, path in BOUNDED.items():
        interval: Mapping[str, float | None] = document["confidence_intervals"].get(path, {})
        figures |= {f"{name}_{end}": interval.get(end) for end in ("low", "high")}
    return texts | counts | figures


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """RFC 4180, in UTF-8; a text that a spreadsheet would run gets a quotation mark before it."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([cell(row[name]) for name in COLUMNS] for row in rows)
    return stream.getvalue().encode("utf-8")


def _parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "a Parquet file") from error
    kinds = {**dict.fromkeys(_TEXTS, "string"), **dict.fromkeys(_COUNTS, "int64"), **dict.fromkeys(_FIGURES, "float64")}
    columns = {name: arrow.array([row[name] for row in rows], getattr(arrow, kinds[name])()) for name in COLUMNS}
    sink = io.BytesIO()
    parquet.write_table(arrow.table(columns), sink, compression="zstd")
    return sink.getvalue()
