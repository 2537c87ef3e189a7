"""The OpenMetrics file, read back by prometheus_client's strict parser; the example's rules ask for what is there."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from harness.errors import ExitCode, ReportError
from harness.report.model import Report
from harness.report.openmetrics import FIGURES, LABELS, LINE_STATES, openmetrics_text
from tests.compare.made import command
from tests.report.made_reports import make_report, make_suite
from tests.report.test_hostile_texts import HOSTILE

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "examples" / "monitoring"


def samples(text: bytes) -> list[Sample]:
    return [one for family in text_string_to_metric_families(text.decode()) for one in family.samples]


def values(text: bytes, name: str, **labels: str) -> list[float]:
    return [
        one.value
        for one in samples(text)
        if one.name == name and all(one.labels[key] == value for key, value in labels.items())
    ]


def test_figures_are_those_of_the_report_with_units_and_help() -> None:
    report = make_report()
    text = openmetrics_text([report])
    assert text.endswith(b"# EOF\n")
    families = {family.name: family for family in text_string_to_metric_families(text.decode())}
    for figure in FIGURES:
        value = report.figure(*figure.path.split("."))
        name = f"harness_{figure.name}" + (f"_{figure.unit}" if figure.unit else "")
        assert [one.value for one in families[name].samples] == [value] if value is not None else name not in families
    assert all(family.documentation for family in families.values())
    assert all(family.name.endswith(family.unit) for family in families.values())
    assert families["harness_latency_mean_seconds"].unit == "seconds"
    assert {family.type for family in families.values()} == {"gauge", "counter"}
    for one in samples(text):
        assert set(LABELS) <= set(one.labels)
        assert one.labels["commit"] == "0" * 40


def test_percentiles_come_with_their_intervals_and_an_open_end_is_absent() -> None:
    text = openmetrics_text([make_report()])
    found = {
        (one.name.removeprefix("harness_latency_percentile_"), one.labels["percentile"]): one.value
        for one in samples(text)
        if one.name.startswith("harness_latency_percentile_")
    }
    assert found == {
        ("seconds", "p50"): 0.5,
        ("low_seconds", "p50"): 0.4,
        ("high_seconds", "p50"): 0.6,
        ("seconds", "p95"): 3.1,
        ("low_seconds", "p95"): 2.5,
        ("high_seconds", "p95"): 4.0,
        ("seconds", "p99"): 4.2,
        ("low_seconds", "p99"): 3.5,
    }
    assert values(text, "harness_error_low_ratio") == [0.01]


def test_states_and_outcomes() -> None:
    text = openmetrics_text(make_suite())
    states = {
        (one.labels["scenario"], one.labels["metric"]): one.labels["state"]
        for one in samples(text)
        if one.name == "harness_baseline_line" and one.value == 1
    }
    assert states["test_steady", "latency_p95"] == "held"
    assert states["test_too_slow", "latency_p95"] == "broken"
    assert states["test_unseen", "memory_peak"] == "cannot_tell"
    assert {state for (name, _), state in states.items() if name == "test_cut_short"} == {"invalid"}
    assert len(values(text, "harness_baseline_line")) == len(states) * len(LINE_STATES)
    assert sum(values(text, "harness_workflows_total", scenario="test_steady")) == 40
    assert values(text, "harness_workflows_total", scenario="test_steady", outcome="succeeded") == [38]
    verdicts = {
        one.labels["scenario"]: one.labels["verdict"]
        for one in samples(text)
        if one.name == "harness_verdict" and one.value
    }
    assert list(verdicts.values()) == ["held", "broken", "cannot_tell", "invalid"]


def test_an_invalid_run_has_no_figures() -> None:
    names = {one.name for one in samples(openmetrics_text([make_suite()[3]]))}
    assert names == {
        "harness_run_info",
        "harness_run_timestamp_seconds",
        "harness_run_valid",
        "harness_verdict",
        "harness_baseline_line",
        "harness_doubts",
        "harness_workflows_total",
    }


@pytest.mark.parametrize("hostile", [*HOSTILE, 'a"} 1\nharness_run_valid 1 #', "\\", '\\"', "\x00"])
def test_no_name_ends_a_label(hostile: str) -> None:
    document = copy.deepcopy(dict(make_report().document)) | {"scenario": hostile, "target": hostile}
    document["baseline"]["lines"][0]["text"] = hostile
    text = openmetrics_text([Report(document)])
    assert len(samples(text)) == len(samples(openmetrics_text([make_report()])))
    assert len({one.labels["scenario"] for one in samples(text)}) == 1


def test_two_reports_with_the_same_labels_are_refused() -> None:
    with pytest.raises(ReportError, match="found two: scenario 'test_steady', target 'builtin', clock 'virtual'"):
        openmetrics_text([make_report(), make_report(run_id="f" * 32)])


def test_the_rules_ask_for_metrics_labels_and_states_that_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command("run", "10_concurrent_workflows", "--clock", "virtual", "--openmetrics", "load.prom", "-q")
    written: dict[str, dict[str, set[str]]] = {}
    for one in samples(Path("load.prom").read_bytes()):
        labels = written.setdefault(one.name, {})
        for key, value in one.labels.items():
            labels.setdefault(key, set()).add(value)
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
    assert len(rules) == 8
    for rule in rules:
        names = re.findall(r"\bharness_\w+", rule["expr"])
        assert names
        for name in names:
            assert name in written, f"{rule['alert']}: {name} is not written"
        for name, inside in re.findall(r"\b(harness_\w+)\{([^}]*)\}", rule["expr"]):
            for key, value in re.findall(r'(\w+)="([^"]*)"', inside):
                assert value in written[name][key], f"{rule['alert']}: {key}={value} of {name}"
        grouped = {label for names in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in names.split(", ")}
        assert all(grouped <= set(written[name]) for name in names), rule["alert"]
    tested = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"][0]
    asked = {one["series"].partition("{")[0] for one in tested["input_series"]}
    assert asked <= set(written)
    assert {one["alertname"] for one in tested["alert_rule_test"]} <= {rule["alert"] for rule in rules}


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian's and Ubuntu's package prometheus) is not installed")
@pytest.mark.parametrize("asked", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_the_rules_do_what_their_tests_say(asked: tuple[str, ...]) -> None:
    done = subprocess.run(
        [str(PROMTOOL), *asked], cwd=MONITORING, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_every_metric_is_documented() -> None:
    told = set(re.findall(r"`(harness_\w+)`", (ROOT / "docs" / "exports.md").read_text())) - {"harness_version"}
    seen = {one.name for one in samples(openmetrics_text([make_report()]))}
    every = {f"harness_{one.name}" + (f"_{one.unit}" if one.unit else "") for one in FIGURES}
    every |= {f"harness_{one.name}_{end}_{one.unit}" for one in FIGURES if one.bounded for end in ("low", "high")}
    assert told == seen | every


def test_a_missing_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.report.openmetrics.find_spec", lambda _: None)
    done = command("run", "--openmetrics", tmp_path / "x.prom", "--report-dir", tmp_path / "reports")
    assert done.exit_code == ExitCode.USAGE
    assert "agent-load-harness[openmetrics]" in done.output
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
