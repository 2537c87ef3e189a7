"""Whenever a command is stopped, and whatever fails on the way: the right code, and nothing measured is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import ExitCode
from harness.report.document import read_report

TARGETS = """
import asyncio, time

async def fine(workflow):
    await asyncio.sleep(0.01)

class SlowStart:
    async def start(self):
        await asyncio.sleep(1.2)
    async def run(self, workflow):
        await asyncio.sleep(0.01)

class FailsAtSecond:
    made = 0
    def __init__(self):
        type(self).made += 1
        if self.made == 2:
            raise OSError("no second one")
    async def run(self, workflow):
        await asyncio.sleep(0.01)

async def stops_the_loop(workflow):
    asyncio.get_running_loop().stop()
    await asyncio.sleep(60)

async def cancels_all(workflow):
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(60)

async def overruns(workflow):
    time.sleep(0.4)

def nested(workflow):
    return fine(workflow)

async def hands_on(workflow):
    return fine(workflow)
"""
SCENARIO = """
[scenario.one]
load = { law = "closed", in_flight = 2, workflows = 4 }
mix = { simple = 1 }
pools = { agents = { size = 2 } }
timeout = "300 ms"
run_timeout = "1 s"
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("targets.py").write_text(TARGETS, encoding="utf-8")
    Path("one.toml").write_text(SCENARIO, encoding="utf-8")


def harness(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def run_one(target: str, *more: str) -> subprocess.CompletedProcess[str]:
    return harness("run", "--file", "one.toml", "--target", f"targets.py:{target}", *more)


@pytest.mark.parametrize("delay_s", [0.6, 1.0, 1.6])
def test_ctrl_c_at_any_moment_of_virtual_runs_ends_as_interrupted(delay_s: float) -> None:
    command = [sys.executable, "-m", "harness", "run", "--clock", "virtual", "-n", "3000", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            time.sleep(delay_s)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()  # or one that did not stop would run on beside all later tests
    # CPython ends itself by SIGINT, which is 130 to a shell, where one came within an exec() of text that an import did
    assert process.returncode in (ExitCode.INTERRUPTED, -signal.SIGINT), errors
    assert "Traceback" not in errors
    for path in Path("reports").glob("*.json"):
        assert read_report(path).document["outcomes"]


def test_a_slow_start_does_not_count_against_the_run() -> None:
    done = run_one("SlowStart", "--clock", "wall")
    assert "run timeout" not in done.stdout + done.stderr
    (path,) = Path("reports").glob("*.json")
    assert read_report(path).document["status"] == "valid"


def test_a_replication_that_fails_leaves_the_ones_before() -> None:
    done = run_one("FailsAtSecond", "-n", "3")
    assert done.returncode == ExitCode.RUN_INVALID
    assert "ended after 1 of 3 replications" in done.stdout
    assert "no second one" in done.stdout
    (path,) = Path("reports").glob("*.json")
    assert read_report(path).document["outcomes"]["succeeded"] == 4


@pytest.mark.parametrize("target", ["stops_the_loop", "cancels_all"])
def test_a_target_that_stops_the_loop_is_an_invalid_run_and_not_a_traceback(target: str) -> None:
    done = run_one(target)
    assert "Traceback" not in done.stderr
    assert done.returncode in {ExitCode.RUN_INVALID, ExitCode.HELD}
    (path,) = Path("reports").glob("*.json")
    report = read_report(path)
    assert report.document["offered"] == sum(report.document["outcomes"].values())
    assert report.document["outcomes"]["succeeded"] == 0


def test_a_workflow_that_overran_its_timeout_behind_a_blocked_loop_timed_out() -> None:
    run_one("overruns")
    (path,) = Path("reports").glob("*.json")
    outcomes = read_report(path).document["outcomes"]
    assert outcomes["succeeded"] == 0
    assert outcomes["timed_out"] > 0


@pytest.mark.parametrize("target", ["nested", "hands_on"])
def test_what_is_still_to_be_awaited_is_awaited(target: str) -> None:
    done = run_one(target)
    assert "never awaited" not in done.stderr
    (path,) = Path("reports").glob("*.json")
    assert read_report(path).document["response_time_percentiles"]["p50"] >= 0.01


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
@pytest.mark.parametrize("arguments", ["show 10_concurrent_workflows", "run 10_concurrent_workflows --clock virtual"])
def test_a_full_disk_on_the_output_is_said(arguments: str) -> None:
    command = f"{sys.executable} -m harness {arguments} > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.USAGE
    assert "the output cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = (
        "import os, sys; os.rmdir(os.getcwd()); "
        "from harness.cli import main; main(['run', '--target', 'os:getcwd', '--report-dir', sys.argv[1]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "reports")],
        cwd=gone,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.returncode == ExitCode.USAGE, done.stderr
    assert "Traceback" not in done.stderr
