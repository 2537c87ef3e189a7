"""`harness history` over folders of reports and asv results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.bridges.sides import CONCLUSIONS
from harness.report.history import headline_of
from tests.compare.made import Document, command, real_report, scaled, variant, write
from tests.compare.toy import commit, git

COMMITS = 14
STEP = 8


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return real_report(tmp_path_factory.mktemp("virtual"))


@pytest.fixture
def past(report: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A repository whose ninth commit is 20 % slower, measured from the newest commit to the oldest."""
    git(tmp_path, "init", "-q", "-b", "main")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "")
    commits = []
    for k in range(COMMITS):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-01-{k + 1:02} 12:00:00 +0000")
        commits.append(commit(tmp_path, {"code": str(k)}))
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    monkeypatch.chdir(tmp_path)
    for k, name in enumerate(commits):
        when = f"2026-02-{28 - k:02}T00:00:00.000000Z"
        factor = 1.2 if k >= STEP else 1
        found = scaled(report, factor, commit={"id": name, "dirty": False}, timestamp=when)
        write(tmp_path / "reports" / f"{name[:9]}.json", found)
    return commits


def by_name(output: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(output)["series"]}


def test_a_step_is_found_in_gits_order_not_in_that_of_the_runs(past: list[str]) -> None:
    done = command("history", "reports", "--json")
    assert done.exit_code == 0, done.output
    found = by_name(done.output)
    (step,) = found["few.latency_p50"]["steps"]
    assert (step["last_before"], step["first_after"]) == (past[STEP - 1], past[STEP])
    assert step["verdict"] == "regressed"
    assert step["effect"] == pytest.approx(0.2)
    assert found["few.throughput"]["steps"][0]["effect"] == pytest.approx(1 / 1.2 - 1)
    assert found["few.error_rate"]["steps"] == []


@pytest.mark.usefixtures("past")
def test_what_was_concluded_lies_beside_reports_and_is_no_run() -> None:
    """`continuous` and `capacity` write into the folder of reports, which is then still one."""
    before = command("history", "reports", "--json")
    for kind in sorted(CONCLUSIONS):
        write(Path("reports") / f"few-{kind}.json", {"schema_version": 1, "kind": kind, "scenario": "few"})
    assert by_name(command("history", "reports", "--json").output) == by_name(before.output)
    # compare reads a folder by the same rule, and a file that is named is never passed over
    done = command("compare", "reports/few-capacity.json", "reports")
    assert (done.exit_code, "found a document of kind 'capacity'" in done.output) == (2, True), done.output
    only = Path("only")
    write(only / "capacity.json", {"schema_version": 1, "kind": "capacity"})
    done = command("compare", "only", "reports")
    assert (done.exit_code, "only what was concluded from some" in done.output) == (3, True), done.output


@pytest.mark.parametrize(
    ("short", "says"), [(0, ""), (1, "; 1 is too short to tell"), (2, "; 2 are too short to tell")]
)
def test_the_headline_speaks_of_short_series_only_where_there_are_some(short: int, says: str) -> None:
    series = [{"steps": [1], "newest": "steady"}] + [{"steps": [], "newest": "too short"}] * short
    assert headline_of({"series": series}) == f"1 of 1 metrics changed over the commits{says}"


def test_it_reads_as_lines_and_as_markdown(past: list[str]) -> None:
    lines = command("history", "reports").output
    assert lines.startswith("5 of 8 metrics changed over the commits")
    assert f"{past[STEP - 1][:10]}..{past[STEP][:10]}" in lines
    text = command("history", "reports", "--markdown").output
    assert "| **regressed** | `few.latency_p50` |" in text


def test_the_newest_commits_are_too_early_to_tell(past: list[str]) -> None:
    for name in past[STEP : COMMITS - 2]:
        Path("reports", f"{name[:9]}.json").unlink()
    found = by_name(command("history", "reports", "--json").output)["few.latency_p50"]
    assert found["steps"] == []
    assert found["newest"] == "too early to tell"
    assert "2 of the 4 commits" in found["reason"]


def test_another_scenario_is_another_series(past: list[str], report: Document) -> None:
    for name in past[:5]:
        path = Path("reports", f"{name[:9]}.json")
        write(path, {**json.loads(path.read_text()), "scenario_digest": "e" * 64})
    done = command("history", "reports", "--json")
    assert [name for name in by_name(done.output) if name.startswith("few.latency_p50")] == [
        "few.latency_p50 (builtin, virtual, eeeeeeeeeeeeeeeeeeeeeeee...; 1 of 2)",
        f"few.latency_p50 (builtin, virtual, {report['scenario_digest']}; 2 of 2)",
    ]


def test_uncommitted_runs_and_unknown_commits_are_said(past: list[str], report: Document) -> None:
    write(Path("reports/dirty.json"), variant(report, commit={"id": past[0], "dirty": True}))
    stranger = {"id": "f" * 40, "dirty": False}
    write(Path("reports/unknown.json"), variant(report, commit=stranger, timestamp="2025-01-01T00:00:00.000000Z"))
    document = json.loads(command("history", "reports", "--json").output)
    assert document["notes"] == [
        "1 of 16 runs are of no known commit or of uncommitted changes",
        "git does not know 1 of 15 commits: they stand by their runs",
    ]
    assert document["series"][0]["first"] == "f" * 40


def test_too_short_a_past_is_not_enough(report: Document, tmp_path: Path) -> None:
    write(tmp_path / "r" / "a.json", variant(report, commit={"id": "a" * 40, "dirty": False}))
    done = command("history", tmp_path / "r")
    assert done.exit_code == 3
    assert "1 commits with a value; steps are looked for from 8" in done.output


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("nowhere", 2, "expected a folder of results"),
        ("asv:nowhere", 2, "expected a folder of asv results"),
        ("empty", 3, "no results of a commit"),
    ],
)
def test_bad_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, code: int, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = command("history", source)
    assert (done.exit_code, said in done.output) == (code, True), done.output


def test_the_noise_between_sessions_widens_a_comparison(tmp_path: Path) -> None:
    wall = real_report(tmp_path, "hybrid", 8)
    for k in range(10):
        past = scaled(wall, 1.05 if k % 2 else 0.95, commit={"id": f"{k:040x}", "dirty": False})
        write(tmp_path / "past" / f"{k}.json", past)
    base, head = write(tmp_path / "base.json", wall), write(tmp_path / "head.json", scaled(wall, 1.3))

    def width(*options: str) -> float:
        done = command("compare", str(base), str(head), "--json", *options)
        latency = json.loads(done.output)["metrics"][0]
        assert latency["metric"] == "latency_p50"
        return float(latency["interval"]["high"] - latency["interval"]["low"])

    assert width("--history", str(tmp_path / "past")) > 1.5 * width()
