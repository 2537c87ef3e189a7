"""The plugin in real pytest sessions: what it records, how it fails, and every mode of pytest-benchmark."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from harness.execute import run
from harness.report.document import read_report
from harness.scenario.load import find_scenario, load_scenarios
from tests.bridges.sessions import ALONE, reports, session, write_test

pytest_plugins = ["pytester"]


def strict_json(path: Path) -> Any:
    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{path.name} holds {name}, which is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def finite(value: Any) -> Iterator[bool]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from finite(item)
    else:
        yield not isinstance(value, float) or math.isfinite(value)


# --------------------------------------------------------------------------- what is recorded


def test_the_json_holds_the_virtual_makespan_of_each_seed(project: pytest.Pytester) -> None:
    assert session(project, "--benchmark-json", "out/bench.json", "--load-seeds", "3,7-8").ret == 0
    (bench,) = strict_json(project.path / "out/bench.json")["benchmarks"]
    quick = find_scenario(load_scenarios(project.path / "scenarios.toml"), "quick")
    runs = [run(quick, clock="virtual", seed=seed) for seed in (3, 7, 8)]
    assert bench["stats"]["data"] == [one.ended_s for one in runs] == bench["extra_info"]["makespan_s"]
    assert bench["stats"]["iterations"] == 1
    assert bench["options"]["timer"] == "makespan"
    info = bench["extra_info"]
    assert (info["scenario"], info["clock"], info["target"]) == ("quick", "virtual", "builtin")
    assert info["seeds"] == [3, 7, 8]
    assert info["scenario_digest"] == quick.digest
    assert all(len(info[name]) == 3 for name in ("latency_p50_s", "latency_p95_s", "latency_p99_s", "throughput_per_s"))
    assert info["error_rate"] == info["rejection_rate"] == [0, 0, 0]
    assert all(finite(info))
    report = project.path / info["report"]
    assert report.parent == project.path / "out"
    assert read_report(report).document["seeds"] == [3, 7, 8]


def test_on_the_wall_clock_a_round_is_the_makespan_in_real_seconds(project: pytest.Pytester) -> None:
    began = time.monotonic()
    assert session(project, "--benchmark-json", "bench.json", "--load-clock", "wall").ret == 0
    took_s = time.monotonic() - began
    (bench,) = strict_json(project.path / "bench.json")["benchmarks"]
    assert bench["stats"]["data"] == bench["extra_info"]["makespan_s"]
    # two after the other, each of 5 ms at least; start-up and the reading out of the monitor are not in it
    assert all(0.01 <= makespan_s < took_s for makespan_s in bench["stats"]["data"])
    assert sum(bench["stats"]["data"]) < took_s


def test_the_settings_of_the_tests_own_marker_are_kept(project: pytest.Pytester) -> None:
    session(project, "--benchmark-json", "bench.json")
    (bench,) = strict_json(project.path / "bench.json")["benchmarks"]
    assert bench["group"] == "mine"


def test_a_figure_that_was_not_seen_is_null(project: pytest.Pytester) -> None:
    assert session(project, "--benchmark-json", "bench.json", "--load-target", "targets:handle").ret == 0
    (bench,) = strict_json(project.path / "bench.json")["benchmarks"]
    assert bench["extra_info"]["rejection_rate"] == [None, None, None]
    assert bench["extra_info"]["target"] == "targets:handle"


def test_saved_runs_can_be_compared_with_the_plugins_own_command(project: pytest.Pytester) -> None:
    session(project, "--benchmark-autosave", "--benchmark-save-data")
    session(project, "--benchmark-autosave", "--load-seed", "10")
    saved = sorted((project.path / ".benchmarks").rglob("*.json"))
    assert len(saved) == 2
    assert len(strict_json(saved[0])["benchmarks"][0]["stats"]["data"]) == 3
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare"],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "test_quick" in done.stdout


# --------------------------------------------------------------------------- every mode


@pytest.mark.parametrize(
    ("arguments", "passed", "skipped", "rounds"),
    [
        ((), 2, 0, 3),
        (("--benchmark-only",), 1, 1, 3),
        (("--benchmark-skip",), 1, 1, 0),
        (("--benchmark-disable",), 2, 0, 1),
        (("--benchmark-cprofile=tottime",), 2, 0, 3),
        (("-p", "no:benchmark"), 2, 0, 3),
    ],
)
def test_the_modes_of_pytest_benchmark(
    project: pytest.Pytester, arguments: tuple[str, ...], passed: int, skipped: int, rounds: int
) -> None:
    result = session(project, *arguments)
    result.assert_outcomes(passed=passed, skipped=skipped)
    seeds = [seed for path in reports(project) for seed in read_report(path).document["seeds"]]
    assert seeds == list(range(rounds))


def test_workers_of_xdist_run_one_replication_and_the_terminal_shows_it(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess(*ALONE, "-n", "2", "--load-clock", "wall", "-v")
    result.assert_outcomes(passed=2, warnings=0)
    result.stdout.fnmatch_lines(["*load scenarios*", "quick * held", "doubt: *run beside other tests*"])
    (path,) = reports(project)
    assert read_report(path).document["seeds"] == [0]


CODSPEED = """
import types
import pytest

class Fixture:
    def __init__(self):
        self.extra_info = {}

    def pedantic(self, target, args=(), kwargs={}, setup=None, teardown=None, rounds=1, warmup_rounds=0, iterations=1):
        for _ in range(rounds + 1):  # once more, for the result
            setup()
            target()

@pytest.fixture
def benchmark():
    return Fixture()

def pytest_configure(config):
    config.pluginmanager.register(types.SimpleNamespace(is_codspeed_enabled=True), "codspeed_plugin")

def pytest_runtest_call(item):
    for marker in item.iter_markers("benchmark"):
        assert "timer" not in marker.kwargs, "pytest-codspeed refuses it"
"""


def test_a_fixture_that_measures_in_its_own_way_is_left_to_it(project: pytest.Pytester) -> None:
    project.makepyfile(**{"pytest_codspeed/__init__": "", "pytest_codspeed/plugin": CODSPEED})
    project.syspathinsert()
    result = session(project, "-p", "pytest_codspeed.plugin", "-p", "no:benchmark")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["quick * held", "pytest-codspeed timed the replications in real seconds*"])
    # the call beyond the rounds asked for is not a fourth replication
    assert read_report(reports(project)[0]).document["seeds"] == [0, 1, 2]


# --------------------------------------------------------------------------- cost and manners


def test_a_session_without_load_pays_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); import harness.bridges.pytest_plugin; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"numpy", "scipy", "psutil", "rich", "jsonschema", "asyncio", "click"}
    assert not heavy & set(done.stdout.split())


def test_ctrl_c_writes_what_was_measured(project: pytest.Pytester) -> None:
    write_test(project, 'load_scenario("endless", target=targets.tell)')
    command = [sys.executable, "-m", "pytest", *ALONE, "--load-clock", "wall"]
    with subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, text=True) as child:
        patience = time.monotonic() + 60
        while not (project.path / "under_way").exists() and time.monotonic() < patience:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=30)
    assert child.returncode == pytest.ExitCode.INTERRUPTED, said
    report = read_report(reports(project)[0])
    assert report.document["stopped"] == "interrupted"
    assert report.document["outcomes"]["succeeded"] >= 20
