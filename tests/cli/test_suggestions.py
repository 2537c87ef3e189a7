"""What was refused, or was not hoped for, says what to type next: in one place, and only where somebody reads it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.cli_suggestions import (
    after_advice,
    after_calibration,
    after_capacity,
    after_comparison,
    after_error,
    after_history,
    after_reports,
)
from harness.errors import ExitCode, HarnessError, Topic
from harness.report.document import read_report
from tests.terminal.screens import on_a_terminal

BROKEN = '[scenario.strict]\nextends = "10_concurrent_workflows"\nbaseline = { latency_p95 = "< 1 ms" }\n'
SLACK = """
[workflow.one]
steps = [{ name = "answer", wait = "10 ms" }]

[scenario.slack]
load = { law = "closed", in_flight = 1, workflows = 5 }
mix = { one = 1 }
pools.agents.size = 4
"""
FLOW = "async def handle(workflow):\n    return None\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(BROKEN, encoding="utf-8")
    Path("flow.py").write_text(FLOW, encoding="utf-8")


def harness(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def tried(done: Result) -> list[str]:
    return [line.removeprefix("try: ") for line in done.stderr.splitlines() if line.startswith("try: ")]


WRONG = [
    (
        ("run", "10_concurent", "--clock", "virtual"),
        "harness run test_10_concurrent_workflows --clock virtual",
    ),
    (("run", "strikt", "-f", "mine.toml"), "harness run strict -f mine.toml"),
    (("run", "strikt", "--file=mine.toml"), "harness list -f mine.toml"),
    (("show", "nothing at all"), "harness list"),
    (("advise", "queue_overflo"), "harness advise test_queue_overflow_handling"),
    (
        ("sweep", "queue_overflow_handling", "--set", "agents=1,2", "--metric", "latency_p59_s"),
        "harness sweep queue_overflow_handling --set agents=1,2 --metric latency_p95_s",
    ),
    (
        ("sweep", "queue_overflow_handling", "--set", "agents=1,2", "--metric=latency_p59_s"),
        "harness sweep queue_overflow_handling --set agents=1,2 --metric=latency_p95_s",
    ),
    (("schema", "scenarios"), "harness schema scenario"),
    (("report", "missing.json"), "harness run --clock virtual     it writes a report of each scenario into reports/"),
    (
        ("compare", "old", "new"),
        "harness continuous HEAD~1 HEAD --clock virtual     it measures both commits, here and now",
    ),
    (("history", "."), "harness run --clock virtual     once on each commit: reports of at least eight are needed"),
    (
        ("history", "nowhere"),
        "harness run --clock virtual     once on each commit: reports of at least eight are needed",
    ),
    (("run", "-t", "nowhere:run"), "--target path/to/file.py:attribute        one in a file"),
    (("run", "-t", "nowhere.py:run"), "--target builtin                          the reference orchestrator"),
    (("run", "-t", "nonsense"), "--target http://127.0.0.1:8080/workflows  a service"),
]


@pytest.mark.parametrize(("arguments", "suggested"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_a_refusal_says_what_to_type_next(arguments: tuple[str, ...], suggested: str) -> None:
    done = harness(*arguments)
    assert done.exit_code in {ExitCode.USAGE, ExitCode.NOT_ENOUGH}
    assert suggested in tried(done)
    assert done.stdout == ""


def test_a_module_that_is_not_there_is_told_where_it_was_looked_for() -> None:
    said = harness("run", "-t", "nowhere:run").stderr
    assert f"looked in this folder ({Path.cwd()})" in said
    Path("imports.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    said = harness("run", "-t", "imports:run").stderr
    assert "No module named 'nothing_of_that_name'" in said
    assert "looked in" not in said


def test_a_missing_extra_is_answered_with_the_line_for_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert "pip install 'agent-load-harness[provider]'" in harness("fake-llm").stderr


def test_every_topic_is_answered_and_what_is_typed_stays_text() -> None:
    for topic in Topic:
        lines = after_error(HarnessError("x").leads(topic, "a\x1b[31m", ["b\x1b[2J"]), ["run", "a\x1b[31m"])
        assert lines, topic
        assert not any("\x1b" in line for line in lines)
    assert after_error(HarnessError("x"), ["run"]) == []


# --------------------------------------------------------------------------- after a result


def test_a_broken_baseline_leads_to_advice_on_a_terminal_only(tmp_path: Path) -> None:
    arguments = ("run", "-f", "mine.toml", "-c", "virtual")
    code, seen = on_a_terminal(*arguments, columns=120, lines=60, folder=tmp_path)
    assert code == ExitCode.BASELINE_BROKEN
    assert "next: harness advise strict -f mine.toml     what would hold the baseline" in seen.everything()
    for form in ((), ("--json",), ("--markdown",)):
        assert "next:" not in harness(*arguments, *form).output
    code, seen = on_a_terminal(*arguments, "--json", columns=120, lines=60, folder=tmp_path)
    assert code == ExitCode.BASELINE_BROKEN
    assert "next:" not in seen.everything()


def reports_of(*arguments: str) -> tuple[list, ExitCode]:
    done = harness("run", "-f", "mine.toml", "-c", "virtual", *arguments)
    return [read_report(path) for path in Path("reports").glob("*.json")], ExitCode(done.exit_code)


def test_a_target_of_ones_own_that_breaks_it_leads_to_its_capacity() -> None:
    Path("mine.toml").write_text(BROKEN.replace("test_10", "10"), encoding="utf-8")
    Path("flow.py").write_text(
        "import asyncio\nasync def handle(workflow):\n    await asyncio.sleep(1)\n", encoding="utf-8"
    )
    reports, code = reports_of("-t", "flow.py:handle")
    assert code == ExitCode.BASELINE_BROKEN
    (line,) = after_reports(reports, code, ["run", "-f", "mine.toml"])
    assert line.startswith("harness capacity strict -f mine.toml --target flow.py:handle --clock virtual ")


def test_a_name_from_a_strangers_report_cannot_become_a_command_when_it_is_pasted() -> None:
    report: Any = SimpleNamespace(verdict="broken", scenario="$(rm -rf ~)\x1b[2J; x", document={"target": "builtin"})
    (line,) = after_reports([report], ExitCode.BASELINE_BROKEN, ["report", "theirs.json"])
    assert line.startswith("harness advise '$(rm -rf ~); x' ")


def test_what_cannot_be_told_says_what_would_settle_it() -> None:
    text = '[scenario.unseen]\nextends = "queue_overflow_handling"\n'
    Path("mine.toml").write_text(text, encoding="utf-8")
    reports, code = reports_of("-t", "flow.py:handle")
    assert code == ExitCode.NOT_ENOUGH
    lines = after_reports(reports, code, ["run", "-f", "mine.toml"])
    assert any("gauges()" in line for line in lines)
    assert after_reports(reports, ExitCode.HELD, ["run"]) == []


def test_an_inconclusive_comparison_says_how_many_rounds_would_settle_it() -> None:
    metrics = [
        {"verdict": "inconclusive", "runs_needed": 40},
        {"verdict": "inconclusive", "runs_needed": None},
        {"verdict": "unchanged", "runs_needed": 80},
    ]
    document = {"exit_code": 3, "metrics": metrics}
    (line,) = after_comparison(document, ["continuous", "main", "HEAD"])
    assert line.startswith("harness continuous main HEAD --max-rounds 40 ")
    (line,) = after_comparison(document, ["compare", "a", "b"])
    assert line.startswith("harness continuous BASE HEAD --max-rounds 40 ")
    for typed in (["--max-rounds", "20"], ["--max-rounds=20"]):
        (line,) = after_comparison(document, ["continuous", *typed, "main", "HEAD"])
        assert line.startswith("harness continuous main HEAD --max-rounds 40 "), "what was typed before is replaced"
    assert after_comparison(document | {"exit_code": 1}, ["compare"]) == []
    assert after_comparison(document | {"metrics": metrics[2:]}, ["compare"]) == []


NOT_FOUND = {
    "exit_code": 3,
    "ended": None,
    "held": {"status": "never_broken", "reason": ""},
    "load": {"to": 12},
    "replications": 3,
}
UNOBSERVED = {"status": "cannot_tell", "reason": "queue depth: not observable on this target"}
SEARCH = ["capacity", "peak", "-f", "my load.toml", "--to", "8", "--budget=2min"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "harness capacity peak -f 'my load.toml' --budget=2min --to 48 "),
        ({"ended": "budget"}, "harness capacity peak -f 'my load.toml' --to 8 --budget 8min "),
        ({"held": UNOBSERVED}, "a target shows its queue and pool with gauges()"),
        ({"held": {**UNOBSERVED, "reason": "too few"}}, f"harness {' '.join(SEARCH[:3])} 'my load.toml' --to 8"),
    ],
)
def test_a_capacity_that_was_not_found_says_what_would_find_it(changed: dict[str, Any], said: str) -> None:
    (line,) = after_capacity(NOT_FOUND | changed, SEARCH)
    assert line.startswith(said)
    assert after_capacity({**NOT_FOUND, **changed, "exit_code": 0}, SEARCH) == []


def test_advice_that_helps_nothing_says_where_to_look_on() -> None:
    document: dict[str, Any] = {"scenario": "peak", "clock": "virtual", "best": None, "stopped": None, "seeds": [0, 1]}
    document["tried"] = [{"does": "nothing"}]
    of = "harness capacity peak -f load.toml --clock virtual "
    (line,) = after_advice(document, ["advise", "peak", "-f", "load.toml"])
    assert line.startswith(of)
    document["tried"] = [{"does": "unclear"}]
    unclear, line = after_advice(document, ["advise", "peak", "-n", "2", "-f", "load.toml"])
    assert line.startswith(of)
    assert unclear.startswith("harness advise peak -f load.toml -n 8 ")
    assert after_advice({**document, "best": 0}, []) == after_advice({**document, "stopped": "interrupted"}, []) == []


def test_a_history_that_is_too_short_says_how_many_commits_are_missing() -> None:
    series = [
        {"newest": "too short", "commits": 5, "ignored": ["a"]},
        {"newest": "too short", "commits": 2, "ignored": []},
    ]
    (line,) = after_history({"source": "reports/", "series": series})
    assert line == "harness run --clock virtual     once on each of 4 more commits, 8 in all, into one folder"
    (line,) = after_history({"source": "asv:results", "series": series})
    assert line == "asv run     on 4 more commits, 8 in all"
    assert after_history({"source": "reports/", "series": [*series, {"newest": "steady"}]}) == []


def test_a_prediction_that_cannot_be_told_says_which_run_was_too_short() -> None:
    told, open_one = {"verdict": "held"}, {"verdict": "cannot_tell"}
    predictions = [
        {"role": "source", "file": "at_10.json", "figures": [open_one]},
        {"role": "check", "file": "at_25.json", "figures": [told]},
        {"role": "check", "file": "at_50\x1b[2J.json", "figures": [told, open_one]},
    ]
    (line,) = after_calibration({"exit_code": 3, "predictions": predictions})
    assert line == "measure at_50.json again with --replications 10: it is too short to tell"
    assert after_calibration({"exit_code": 4, "predictions": predictions}) == []


TERMINAL = SimpleNamespace(isatty=lambda: True)
QUICK = "agent_pool_exhaustion --clock virtual"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (f"capacity {QUICK} -n 2 --from 1 --to 2", f"next: harness capacity {QUICK} -n 2 --from 1 --to 8 "),
        ("advise slack -f slack.toml -n 2", "next: harness capacity slack -f slack.toml --clock virtual "),
        ("history reports", "next: harness run --clock virtual     once on each of 7 more commits"),
    ],
)
def test_what_ends_with_3_says_what_next(typed: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cli_suggestions.sys", SimpleNamespace(stdout=TERMINAL, stderr=TERMINAL))
    Path("slack.toml").write_text(SLACK, encoding="utf-8")
    if typed.startswith("history"):
        harness("run", "slack", "-f", "slack.toml", "-c", "virtual", "-q")
        (report,) = Path("reports").iterdir()
        document = json.loads(report.read_text(encoding="utf-8")) | {"commit": {"id": "a" * 40, "dirty": False}}
        report.write_text(json.dumps(document), encoding="utf-8")
    done = harness(*typed.split())
    assert done.exit_code == ExitCode.NOT_ENOUGH, done.output
    assert [line for line in done.stderr.splitlines() if line.startswith(said)], done.stderr
    if not typed.startswith("advise"):
        assert "next:" not in harness(*typed.split(), "--markdown").output
        assert "next:" not in harness(*typed.split(), "--quiet").output


def test_the_form_for_machines_is_not_touched() -> None:
    done = harness("run", "-f", "mine.toml", "-c", "virtual", "--json")
    assert json.loads(done.stdout)["reports"]
    assert "try:" not in done.output
