"""The document against its schema, and against what it promises beyond what a schema can say."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from harness.errors import NotEnoughError, ReportError
from harness.judge.baseline import judge_baseline
from harness.measure.metrics import Estimate, summarise
from harness.measure.record import Series
from harness.report.build import public_target
from harness.report.document import build_report, json_document, report_mistakes, write_report
from harness.schema import load_schema
from tests.report.made_reports import (
    MACHINE,
    RUN_ID,
    UNSEEN,
    WHEN,
    make_metrics,
    make_pool,
    make_replication,
    make_report,
    make_resources,
    make_run,
    make_scenario,
    make_suite,
    seen,
)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(load_schema("report"))


def declared(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    return {**root["$defs"][schema["$ref"].rpartition("/")[2]], **schema} if "$ref" in schema else schema


def described(schema: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    schema = declared(schema, root)
    yield path, schema
    for key, inner in schema.get("properties", {}).items():
        yield from described(inner, root, f"{path}.{key}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from described(schema[key], root, f"{path}[]")


def test_every_field_is_described_and_every_number_has_its_unit() -> None:
    root = load_schema("report")
    units = ("seconds", "bytes", "share", "per second", "count", "cores", "no unit", "unit")
    for path, schema in described(root, root, "$"):
        assert schema.get("description"), path
        if "number" in str(schema.get("type")) or "integer" in str(schema.get("type")):
            assert any(unit in schema["description"].lower() for unit in units), path


def undeclared(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[str]:
    schema = declared(schema, root)
    if isinstance(value, dict):
        for key, inner in value.items():
            known = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
            if isinstance(known, dict):
                yield from undeclared(inner, known, root, f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(value, list):
        for inner in value:
            yield from undeclared(inner, schema["items"], root, f"{path}[]")


def test_nothing_is_written_that_the_schema_does_not_declare() -> None:
    root = load_schema("report")
    for report in make_suite():
        assert report_mistakes(report.document) == []
        assert list(undeclared(report.document, root, root, "$")) == []


def test_fields_may_be_added_within_a_version() -> None:
    document = {**make_report().document, "added_later": {"anything": 1}}
    assert report_mistakes(document) == []


def nulls(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from nulls(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from nulls(inner, f"{path}[{index}]")


MAY_BE_NULL = ("machine", "commit", "stopped", "baseline", "confidence_intervals", "over_time", "latency.quantiles")


def test_every_figure_that_is_null_says_why() -> None:
    for report in make_suite():
        missing = {path for path in nulls(report.document, "") if not path.startswith(MAY_BE_NULL)}
        assert missing == set(report.document["not_observable"])


def test_what_is_said_about_a_figure_stands_under_its_path() -> None:
    document = make_report().document
    percentiles = "response_time_percentiles"
    assert document[percentiles] == {"p50": 0.5, "p95": 3.1, "p99": 4.2}
    assert document["confidence_intervals"][f"{percentiles}.p95"] == {"low": 2.5, "high": 4.0}
    assert document["confidence_intervals"][f"{percentiles}.p99"] == {"low": 3.5, "high": None}
    assert document["figure_doubts"][f"{percentiles}.p99"].startswith("p99 of 40 workflows")
    assert f"{percentiles}.p50" not in document["figure_doubts"]
    assert document["not_observable"]["latency.parts.service"] == "not observable on this target"


def test_the_names_of_the_design_stand_at_the_top() -> None:
    document = make_report().document
    assert document["throughput_stats"] == {
        "mean": 4.0,
        "max": 6.0,
        "min": 2.0,
        "window_s": 1.0,
        "excluded": "the first 1 s and the last 2 s",
    }
    assert document["queue_metrics"] == {"max_depth": 6.0, "avg_depth": 1.25}
    assert document["pool_metrics"] == {"max_utilization": 1.0, "avg_utilization": 0.75}
    assert document["resource_usage"]["memory_peaks"] == [300.0 * 2**20]
    assert (document["error_rate"], document["concurrent_workflows"]) == (0.05, 10)
    assert document["timestamp"] == "2026-03-04T05:06:07.890123Z"


def test_the_headline_of_pools_is_that_of_the_worst_agent_pool() -> None:
    pools = (
        make_pool("writers", max_depth=seen(2.0)),
        make_pool("reviewers", max_depth=seen(9.0), avg_depth=UNSEEN),
        make_pool("cores", kind="cores", max_depth=seen(50.0)),
    )
    document = make_report(metrics={"pools": pools}).document
    assert document["queue_metrics"] == {"max_depth": 9.0, "avg_depth": 1.25}
    assert [pool["kind"] for pool in document["pools"]] == ["agents", "agents", "cores"]
    assert "pools[1].avg_depth" in document["not_observable"]


def test_a_target_without_pools_has_no_zero_in_their_place() -> None:
    document = make_report(metrics={"pools": ()}).document
    assert document["queue_metrics"] == {"max_depth": None, "avg_depth": None}
    assert document["rejection_rate"] is None
    assert document["replications"][0]["rejection_rate"] is None
    assert document["not_observable"]["queue_metrics.max_depth"] == "not observable on this target"


def test_a_virtual_clock_keeps_the_real_machine_out() -> None:
    measured = {"resources": make_resources(modelled=False, fds_max=seen(12.0))}
    sampled = Series(np.arange(3.0), {"rss_b": np.array([1e6, 2e6, 3e6])})
    virtual = make_report(metrics=measured, run={"resources": sampled}).document
    assert virtual["driver"] == {"cpu_s": None, "real_s": None}
    assert virtual["replications"][0]["driver_cpu_per_workflow_s"] is None
    assert virtual["resource_usage"]["fds_max"] is virtual["resource_usage"]["memory_peaks"] is None
    assert virtual["series"]["resources"] is None
    wall = make_report(metrics=measured, run={"resources": sampled, "clock": "wall"}).document
    assert wall["driver"] == {"cpu_s": 6e-4, "real_s": 0.01}
    assert wall["resource_usage"]["fds_max"] == 12.0
    assert wall["series"]["resources"]["rss_b"] == {"samples": 3, "t_s": [0, 1, 2], "values": [1e6, 2e6, 3e6]}


def test_a_series_that_was_never_seen_is_null() -> None:
    gauges = Series(np.arange(2.0), {"agents.busy": np.full(2, math.nan), "waiters": np.ones(2)})
    document = make_report(run={"gauges": gauges}).document
    assert document["series"]["gauges"]["agents.busy"] is None
    assert 'series.gauges["agents.busy"]' in document["not_observable"]


def test_status_says_whether_the_run_may_be_believed() -> None:
    assert make_report().document["status"] == "valid"
    stopped = make_report(run={"stopped": "interrupted"})
    assert (stopped.document["status"], stopped.document["stopped"]) == (
        "invalid: stopped early: interrupted",
        "interrupted",
    )
    limited = make_report(invalid="generator-limited")
    assert (limited.document["status"], limited.valid, limited.verdict) == (
        "invalid: generator-limited",
        False,
        "invalid",
    )
    both = make_report(run={"stopped": "run timeout"}, invalid="the target never let the clock go on")
    assert both.document["status"] == "invalid: stopped early: run timeout; the target never let the clock go on"
    assert both.document["stopped"] == "run timeout"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("builtin", "builtin"),
        ("orders.flow:run", "orders.flow:run"),
        ("https://user:secret@host:8443/run?key=secret#secret", "https://host:8443/run"),
        ("HTTP://secret@host", "HTTP://host"),
        ("http://host/a@b", "http://host/a@b"),
        ("https://a@b@host/x", "https://host/x"),
    ],
)
def test_a_target_is_shown_without_its_secrets(target: str, shown: str) -> None:
    assert public_target(target) == shown


def test_figures_that_json_cannot_hold_are_not_written() -> None:
    strange = make_metrics(makespan=Estimate(math.nan), attempts_per_workflow=Estimate(1.0, -math.inf, math.inf))
    scenario = make_scenario()
    report = build_report(
        scenario, [make_run(scenario)], strange, judge_baseline(scenario, strange), harness_version="0",
        commit=None, machine=MACHINE, timestamp=WHEN, run_id=RUN_ID,
    )  # fmt: skip
    assert report.document["makespan_s"] is None
    assert "attempts_per_workflow" not in report.document["confidence_intervals"]
    json.loads(json_document([report]), parse_constant=pytest.fail)


def test_without_a_run_there_is_no_report() -> None:
    with pytest.raises(NotEnoughError, match="test_steady: no run"):
        build_report(
            make_scenario(), [], make_metrics(), (), harness_version="0", commit=None, machine=MACHINE, timestamp=WHEN,
            run_id=RUN_ID,
        )  # fmt: skip


def test_errors_are_ordered_by_count_and_texts_that_unicode_refuses_are_written_out() -> None:
    errors = {"b": 1, "a": 1, "\udc80": 5}
    assert list(make_report(metrics={"errors": errors}).document["errors"].items()) == [
        ("\\udc80", 5),
        ("a", 1),
        ("b", 1),
    ]


def test_a_workflow_lost_is_refused(tmp_path: Any) -> None:
    report = make_report(metrics={"outcomes": {"succeeded": 39}})
    with pytest.raises(ReportError, match=r"outcomes: expected the sum 40 \(offered\), found counts that sum to 39"):
        write_report(report, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_json_for_standard_output_is_one_document() -> None:
    reports = make_suite()
    text = json_document(reports)
    assert text.endswith("}\n")
    assert json.loads(text) == {"schema_version": 1, "reports": [report.document for report in reports]}
    assert json.loads(json_document([])) == {"schema_version": 1, "reports": []}


def test_the_histogram_counts_what_the_percentiles_are_taken_of() -> None:
    scenario = make_scenario()
    runs = [make_run(scenario), make_run(scenario, seed=2)]
    metrics = summarise(scenario, runs)
    report = build_report(
        scenario, runs, metrics, judge_baseline(scenario, metrics), harness_version="0", commit=None, machine=MACHINE,
        timestamp=WHEN, run_id=RUN_ID,
    )  # fmt: skip
    assert report_mistakes(report.document) == []
    histogram = report.document["latency"]["histogram"]
    assert sum(one["count"] for one in histogram) == report.document["latency"]["samples"] == metrics.latency.samples
    assert report.document["seeds"] == [1, 2]


HERE = str(Path(__file__).parent)


def test_the_same_run_gives_the_same_bytes_in_two_processes() -> None:
    program = (
        "import sys; from harness.report.document import json_document\n"
        "from made_reports import make_suite\n"
        "sys.stdout.write(json_document(make_suite()))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": HERE},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_building_reports_needs_neither_a_validator_nor_a_screen() -> None:
    program = (
        "import sys, harness.report.document, harness.report.rows, harness.report.terminal, harness.report.markdown,"
        "harness.report.progress, harness.report.provenance;"
        "sys.exit(str([m for m in ('jsonschema', 'rich', 'scipy', 'psutil') if m in sys.modules] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_shorthands() -> None:
    report = make_report()
    assert (report.scenario, report.target, report.clock) == ("test_steady", "builtin", "virtual")
    assert report.figure("latency", "mean") == 0.9
    assert report.figure("latency", "parts", "service") is None
    with pytest.raises(KeyError):
        report.figure("nothing")


def test_replications_are_kept_one_by_one() -> None:
    both = (make_replication(1), make_replication(2, latency_p99_s=None))
    samples = make_report(metrics={"replications": both}).document["replications"]
    assert [one["seed"] for one in samples] == [1, 2]
    assert samples[1]["latency_p99_s"] is None
