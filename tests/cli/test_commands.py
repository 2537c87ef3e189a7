"""The command as its user meets it: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.errors import ExitCode
from harness.report.document import read_report
from harness.scenario.load import load_catalog

CATALOG = list(load_catalog())
ROOT = Path(__file__).resolve().parents[2]


def harness(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_list_names_every_scenario_and_type() -> None:
    done = harness("list")
    assert done.exit_code == ExitCode.HELD
    for name in [*CATALOG, *load_catalog().types]:
        assert name in done.output


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from harness.cli import main; "
        "assert CliRunner().invoke(main, ['list']).exit_code == 0; "
        "print(sorted({'scipy', 'numpy', 'psutil', 'httpx', 'langgraph', 'jsonschema', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", CATALOG)
def test_what_show_prints_can_be_run_as_a_file_and_is_the_same_scenario(name: str) -> None:
    shown = harness("show", name)
    Path("mine.toml").write_text(shown.output, encoding="utf-8")
    done = harness("run", "--file", "mine.toml", "--clock", "virtual", "--json")
    (report,) = json.loads(done.stdout)["reports"]
    assert report["scenario"] == name
    assert report["scenario_digest"] == load_catalog()[name].digest
    assert done.exit_code == ExitCode.HELD


def test_all_eight_hold_on_the_virtual_clock_and_are_written() -> None:
    done = harness("run", "--clock", "virtual")
    assert done.exit_code == ExitCode.HELD, done.output
    assert "8 of 8 scenarios hold their baseline" in done.stdout
    reports = [read_report(path) for path in sorted(Path("reports").glob("*.json"))]
    assert sorted(report.scenario for report in reports) == sorted(CATALOG)
    again = harness("report", *(str(path) for path in Path("reports").glob("*.json")))
    assert again.exit_code == ExitCode.HELD


def test_two_processes_write_the_same_bytes() -> None:
    varying = {"timestamp": "", "run_id": "", "machine": {}}
    texts = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "harness", "run", "--clock", "virtual", "--seed", "5", "-n", "2", "--json"],
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        )
        reports = [report | varying for report in json.loads(done.stdout)["reports"]]
        assert len(reports) == len(CATALOG)
        texts.add(json.dumps(reports))
    assert len(texts) == 1


def test_markdown_and_replications() -> None:
    done = harness("run", "queue_overflow_handling", "--clock", "virtual", "-n", "3", "--seed", "7", "--markdown")
    assert done.exit_code == ExitCode.HELD
    assert done.stdout.startswith("**The scenario holds its baseline**.")
    assert "| `test_queue_overflow_handling` |" in done.stdout
    (path,) = Path("reports").glob("*.json")
    assert read_report(path).document["seeds"] == [7, 8, 9]


def test_a_broken_baseline_is_said_and_ends_with_its_code() -> None:
    Path("mine.toml").write_text(
        '[scenario.strict]\nextends = "10_concurrent_workflows"\nbaseline = { latency_p95 = "< 1 ms" }\n',
        encoding="utf-8",
    )
    done = harness("run", "--file", "mine.toml", "--clock", "virtual")
    assert done.exit_code == ExitCode.BASELINE_BROKEN
    assert re.search(r"broken: strict: latency p95 \d+ ms, not < 1 ms", done.stdout)


def test_what_a_target_does_not_show_is_not_held() -> None:
    Path("flow.py").write_text("async def handle(workflow):\n    pass\n", encoding="utf-8")
    done = harness("run", "queue_overflow_handling", "--target", "flow.py:handle", "--clock", "virtual")
    assert done.exit_code == ExitCode.NOT_ENOUGH
    assert "not observable on this target" in done.stdout


WRONG = [
    (("run", "10_concurent_workflows"), "did you mean|test_10_concurrent_workflows"),
    (("show", "nothing"), "expected one of test_10"),
    (("run", "--clock", "sundial"), "'sundial' is not one of 'wall', 'virtual'"),
    (("run", "--replications", "0"), "0 is not in the range 1<=x<=10000"),
    (("run", "--seed", "-1"), "-1 is not in the range x>=0"),
    (("run", "--seed", str(2**63)), r"--seed: expected a whole number from 0 to 2\*\*63 - 1"),
    (("run", "--file", "missing.toml"), "missing.toml: file: expected a readable TOML file"),
    (("run", "--target", "nowhere"), "--target: expected builtin, module:attribute"),
    (("run", "--target", "nowhere:run"), "--target nowhere:run: .*nowhere"),
    (("run", "--report-dir", "taken/sub"), "--report-dir taken/sub: cannot write there"),
    (("run", "--report-dir", ""), "--report-dir"),
    (("report", "missing.json"), "missing.json"),
    (("report", "taken"), "taken"),
    (("report",), "Missing argument"),
    (("nonsense",), "No such command 'nonsense'"),
    (("run", "--nonsense"), "No such option"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_wrong_input_is_one_screen_and_exit_code_2(arguments: tuple[str, ...], said: str) -> None:
    Path("taken").write_text("not a report", encoding="utf-8")
    done = harness(*arguments)
    assert done.exit_code == ExitCode.USAGE, done.output
    assert re.search(said, done.output), done.output
    assert "Traceback" not in done.output
    assert len(done.output.splitlines()) <= 24
    assert not Path("reports").exists() or not list(Path("reports").iterdir())


def test_every_mistake_of_a_file_is_told_at_once() -> None:
    Path("mine.toml").write_text(
        """
[scenario.bad]
load = { law = "closed", in_flight = 0, workflows = 10 }
mix = { simple = 1 }
pools = { agents = { size = -3, queue = 5 } }
timeout = "5 parsecs"
speed = 3
""",
        encoding="utf-8",
    )
    done = harness("run", "--file", "mine.toml")
    assert done.exit_code == ExitCode.USAGE
    for where in ("scenario.bad.load.in_flight", "scenario.bad.pools.agents.size", "scenario.bad.timeout", "speed"):
        assert where in done.output
    assert done.output.count("mine.toml: ") == 4


@pytest.mark.parametrize(
    ("number", "word", "code"),
    [(signal.SIGINT, "interrupted", ExitCode.INTERRUPTED), (signal.SIGTERM, "terminated", ExitCode.TERMINATED)],
)
def test_a_signal_in_the_middle_writes_what_was_run(number: signal.Signals, word: str, code: ExitCode) -> None:
    Path("slow.py").write_text(
        "import asyncio, pathlib\n"
        "async def handle(workflow):\n"
        "    await asyncio.sleep(0.05 if workflow.number < 30 else 60)\n"
        "    pathlib.Path('running').touch()\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "harness", "run", "10_concurrent_workflows", "--target", "slow.py:handle"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while not Path("running").exists() and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert word in output
    assert f"{word}: ending what is under way, then writing what was measured" in errors
    (path,) = Path("reports").glob("*.json")
    report = read_report(path)
    assert report.document["stopped"] == word
    assert report.document["offered"] == sum(report.document["outcomes"].values())
    assert report.document["outcomes"]["succeeded"] >= 10


def test_a_run_that_does_not_end_is_invalid_and_written() -> None:
    Path("stuck.py").write_text(
        "import asyncio\nasync def handle(workflow):\n    await asyncio.Event().wait()\n", encoding="utf-8"
    )
    Path("mine.toml").write_text(
        '[scenario.short]\nextends = "10_concurrent_workflows"\ntimeout = "10 s"\nrun_timeout = "300 ms"\n',
        encoding="utf-8",
    )
    done = harness("run", "--file", "mine.toml", "--target", "stuck.py:handle")
    assert done.exit_code == ExitCode.RUN_INVALID
    assert "run timeout" in done.stdout
    (path,) = Path("reports").glob("*.json")
    assert read_report(path).document["outcomes"]["cancelled"] == 10


def test_what_json_prints_can_be_shown_again() -> None:
    done = harness("run", "--clock", "virtual", "--json")
    Path("all.json").write_text(done.stdout, encoding="utf-8")
    again = harness("report", "all.json")
    assert again.exit_code == ExitCode.HELD
    assert "8 of 8 scenarios hold their baseline" in again.stdout


def test_output_can_be_cut_off_by_a_pager() -> None:
    command = f"{sys.executable} -m harness run --clock virtual | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr


def test_help_teaches_with_examples() -> None:
    for command in ((), ("run",), ("show",), ("list",), ("report",)):
        done = harness(*command, "--help")
        assert done.exit_code == 0
        assert "Usage:" in done.output
    assert "harness run --clock virtual" in harness("--help").output


def test_a_fault_of_our_own_is_no_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python ends with 1 after an exception, and 1 says that a comparison found something."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("harness.report.listing.listing", broken)
    done = harness("list")
    assert done.exit_code == ExitCode.FAULT == 70
    assert "ZeroDivisionError: a fault" in done.stderr
    assert "fault of the harness" in done.stderr.splitlines()[-1]
    assert done.stdout == ""
