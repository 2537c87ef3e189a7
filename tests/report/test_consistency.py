"""What a schema accepts and cannot be true: refused with its path as a report is read, and as it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ReportError
from harness.judge.baseline import judge_baseline
from harness.measure.metrics import summarise
from harness.measure.record import Recorder
from harness.report.build import build_report
from harness.report.document import read_report, report_mistakes, write_report
from harness.scenario.model import BaselineLine, BurstLoad
from tests.report.made_reports import (
    MACHINE,
    RUN_ID,
    UNSEEN,
    WHEN,
    make_latency,
    make_pool,
    make_report,
    make_run,
    make_scenario,
    make_suite,
    seen,
)


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    """The document of a good report with one value replaced."""
    document: dict[str, Any] = json.loads(json.dumps(make_report().document))
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return document


PERCENTILES = "response_time_percentiles"
CONTRADICTIONS = {
    "a broken line in a held block": (
        {"verdict": "broken", "observed": 6.0},
        ["baseline.verdict: expected broken, which follows from the lines, found held"],
    ),
    "a line that was not seen in a held block": (
        {"verdict": "cannot_tell", "observed": None},
        ["baseline.verdict: expected cannot_tell, which follows from the lines, found held"],
    ),
    "a figure that breaks a held line": (
        {"observed": 6.0},
        ["baseline.lines[1].verdict: expected broken (observed 6.0, < 5.0), found held"],
    ),
    "a held line that is called unseen": (
        {"verdict": "cannot_tell"},
        [
            "baseline.verdict: expected cannot_tell, which follows from the lines, found held",
            "baseline.lines[1].verdict: expected held (observed 3.1, < 5.0), found cannot_tell",
        ],
    ),
    "no limit": (
        {"limit": None},
        ["baseline.lines[1].limit: expected a number to hold the figure < against, found null"],
    ),
    "recorded, and not seen": (
        {"op": "recorded", "limit": None, "observed": None},
        ["baseline.lines[1].verdict: expected cannot_tell (not observed, recorded), found held"],
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_verdict_follows_from_what_stands_beside_it(case: str, tmp_path: Path) -> None:
    changes, says = CONTRADICTIONS[case]
    line = make_report().document["baseline"]["lines"][1]
    assert (line["op"], line["limit"], line["observed"], line["verdict"]) == ("<", 5.0, 3.1, "held")
    document = changed("baseline", "lines", 1, to={**line, **changes})
    assert [str(mistake) for mistake in report_mistakes(document)] == says
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ReportError, match=f"{path}: baseline"):
        read_report(path)


@pytest.mark.parametrize("verdict", ["broken", "cannot_tell"])
def test_a_block_is_not_worse_than_its_lines(verdict: str) -> None:
    (mistake,) = report_mistakes(changed("baseline", "verdict", to=verdict))
    assert str(mistake) == f"baseline.verdict: expected held, which follows from the lines, found {verdict}"


@pytest.mark.parametrize("verdict", ["held", "broken"])
def test_at_the_limit_a_report_from_before_that_rule_is_read(verdict: str) -> None:
    line = {**make_report().document["baseline"]["lines"][1], "op": "<=", "limit": 0.03, "observed": 0.03 + 3e-16}
    document = changed("baseline", "lines", 1, to={**line, "verdict": verdict})
    document["baseline"]["verdict"] = verdict
    assert report_mistakes(document) == []


@pytest.mark.parametrize(
    ("path", "to", "says"),
    [
        ((PERCENTILES, "p50"), 99.0, f"{PERCENTILES}.p95: expected at least 99.0 ({PERCENTILES}.p50), found 3.1"),
        ((PERCENTILES, "p99"), 3.0, f"{PERCENTILES}.p99: expected at least 3.1 ({PERCENTILES}.p95), found 3.0"),
        (("latency", "max"), 4.0, f"latency.max: expected at least 4.2 ({PERCENTILES}.p99), found 4.0"),
        (
            ("throughput_stats", "max"),
            1.0,
            "throughput_stats.max: expected at least 2.0 (throughput_stats.min), found 1.0",
        ),
        (
            ("replications", 0, "latency_p95_s"),
            0.1,
            "replications[0].latency_p95_s: expected at least 0.5 (replications[0].latency_p50_s), found 0.1",
        ),
    ],
)
def test_what_ascends_ascends(path: tuple[str | int, ...], to: float, says: str) -> None:
    assert says == str(report_mistakes(changed(*path, to=to))[0])


def test_a_figure_that_was_not_seen_is_stepped_over() -> None:
    assert report_mistakes(changed(PERCENTILES, "p95", to=None)) == []
    skipped = changed(PERCENTILES, "p95", to=None)
    skipped[PERCENTILES]["p50"] = 5.0
    del skipped["latency"]["quantiles"]  # they would contradict that too
    assert [mistake.where for mistake in report_mistakes(skipped)] == [f"{PERCENTILES}.p99"]
    unseen = make_latency(samples=0, p50=UNSEEN, p95=UNSEEN, p99=UNSEEN, max=UNSEEN)
    assert report_mistakes(make_report(metrics={"latency": unseen}).document) == []


def test_what_the_harness_itself_says_does_not_contradict_itself() -> None:
    never = {"pools": (make_pool(exhausted_at=UNSEEN),)}
    reached = [(BaselineLine("pool_exhausted_at", op, 1.0, f"{op} 1"),) for op in (">", "<", "=")]  # type: ignore[arg-type]  # operators
    reports = [make_report(scenario={"baseline": lines}, metrics=never) for lines in reached]
    assert [report.verdict for report in reports] == ["held", "broken", "broken"]
    for report in (*reports, *make_suite(), make_report(scenario={"baseline": ()})):
        assert report_mistakes(report.document) == []


def test_a_contradiction_is_not_written_either(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"p95: expected at least 9\.0"):
        write_report(make_report(metrics={"latency": make_latency(p50=seen(9.0))}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_mean_throughput_may_lie_above_that_of_every_whole_window() -> None:
    scenario = make_scenario(load=BurstLoad((40,), every_s=None))
    recorder = Recorder()
    for index in range(40):
        recorder.offer(0.0, 0, 0)
        recorder.started[index] = 0.0
        recorder.end(index, 10.9, 0, None)  # all in what is left after the last whole window
    run = make_run(scenario, workflows=recorder.workflow_columns(), ended_s=10.9)
    metrics = summarise(scenario, [run])
    report = build_report(
        scenario, [run], metrics, judge_baseline(scenario, metrics), harness_version="0", commit=None, machine=MACHINE,
        timestamp=WHEN, run_id=RUN_ID,
    )  # fmt: skip
    rates = report.document["throughput_stats"]
    assert rates["mean"] > rates["max"] == rates["min"] == 0.0
    assert report_mistakes(report.document) == []
