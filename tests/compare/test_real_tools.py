"""Round trips: files that pytest-benchmark and asv wrote themselves, in small projects, read and compared."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.bridges.sides import read_side
from harness.judge.metrics_form import Measured
from tests.compare.made import command
from tests.compare.toy import SCENARIOS, TARGET, commit, git

pytestmark = pytest.mark.slow

TESTS = """
import flow

def test_load(load_scenario):
    load_scenario("few", file="load.toml", target=flow.handle)

def test_plain(benchmark):
    benchmark.pedantic(sum, args=(range(1000),), rounds=25, iterations=10)
"""

SUITE = """
from pathlib import Path as _Path
import sys as _sys

_sys.path.insert(0, str(_Path(__file__).resolve().parents[1]))
from harness.bridges.asv_suite import ScenarioSuite as _ScenarioSuite

class Few(_ScenarioSuite):
    scenario = "few"
    file = _Path(__file__).resolve().parents[1] / "load.toml"
    target = "flow:handle"
    seeds = "0-4"

class Plain:
    rounds = 2
    repeat = 3
    number = 10
    warmup_time = 0
    params = [10, 1000]

    def time_sum(self, n):
        sum(range(n))

def track_size():
    return 3

def track_endless():
    return float("inf")

def mem_list():
    return [0] * 100

def time_broken():
    raise ValueError
"""

INIT = "from harness.bridges import asv_type as _asv_type\n_asv_type.register()\n"
CONFIGURATION = {
    "version": 1,
    "project": "toy",
    "repo": ".",
    "branches": ["main"],
    "environment_type": "existing",
    "benchmark_dir": "benchmarks",
    "results_dir": "results",
    "env_dir": "env",
    "html_dir": "html",
}


def tool(folder: Path, *arguments: str) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HARNESS_", "ASV_", "GIT_", "PYTEST_"))
    }
    environment |= {"HOME": str(folder / "home"), "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, env=environment, check=False
    )
    # asv ends with 2 where a benchmark has failed, which one is meant to
    assert done.returncode in ((0, 2) if "asv" in arguments else (0,)), done.stdout + done.stderr


def by_name(side: str) -> dict[str, Measured]:
    return {one.name: one for one in read_side(side).measured}


# --------------------------------------------------------------------------- pytest-benchmark


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions on a commit and two on a slower one, each saved, and each written as a file."""
    folder = tmp_path_factory.mktemp("sessions")
    git(folder, "init", "-q", "-b", "main")
    for k, seconds in enumerate((0.01, 0.013)):
        commit(folder, {"flow.py": TARGET.format(seconds=seconds), "load.toml": SCENARIOS, "test_it.py": TESTS})
        for n in range(2):
            options = ("--load-clock", "virtual", "--load-seeds", "0-4", "--load-report-dir", "reports")
            saved = ("--benchmark-save", "ab"[k], "--benchmark-save-data", "--benchmark-json", f"{'ab'[k]}-{n}.json")
            plugins = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:langsmith_plugin")
            tool(folder, "pytest", "-q", *plugins, *options, *saved)
            (folder / "ab"[k]).mkdir(exist_ok=True)
            shutil.copy(folder / f"{'ab'[k]}-{n}.json", folder / "ab"[k])
    return folder


def test_a_scenario_under_pytest_benchmark_is_exact_per_replication(sessions: Path) -> None:
    found = by_name(str(sessions / "a-0.json"))
    latency = found["few.latency_p50"]
    assert (latency.kind, latency.unit, latency.seeds, len(latency.processes)) == ("exact", "s", (0, 1, 2, 3, 4), 5)
    assert latency.identity.target == "flow:handle"
    assert latency.identity.clock == "virtual"
    written = json.loads((sessions / "a-0.json").read_text())["benchmarks"]
    info = next(one["extra_info"] for one in written if one["extra_info"])
    assert [process[0] for process in latency.processes] == info["latency_p50_s"]
    assert found["few.throughput"].direction == "higher"


def test_a_plain_benchmark_is_one_process_per_file(sessions: Path) -> None:
    plain = by_name(str(sessions / "a-0.json"))["test_it.py::test_plain.time"]
    written = json.loads((sessions / "a-0.json").read_text())["benchmarks"]
    data = next(one["stats"]["data"] for one in written if not one["extra_info"])
    assert plain.processes == (tuple(data),)
    assert len(data) == 25
    assert "host" in plain.identity.machine
    side = read_side(str(sessions / "a"))
    assert side.commit == git(sessions, "rev-parse", "HEAD~1")
    assert side.tool == "pytest-benchmark"


def test_two_files_two_folders_and_two_stored_runs_give_the_same_verdict(
    sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sessions)
    for base, head in (("a-0.json", "b-0.json"), ("a", "b"), ("0001", "0003"), ("*_a", "*_b")):
        done = command("compare", base, head, "--json")
        assert done.exit_code == 1, done.output
        found = {one["name"]: one for one in json.loads(done.output)["metrics"]}
        assert found["few.latency_p50"]["verdict"] == "regressed"
        assert found["few.latency_p50"]["effect"] == pytest.approx(0.3, abs=1e-6)
        plain = found["test_it.py::test_plain.time"]
        assert plain["base"]["n"] == (1 if "0" in base else 2)


def test_a_report_and_a_pytest_benchmark_file_of_the_same_scenario_compare(sessions: Path) -> None:
    reports = sorted((sessions / "reports").glob("*.json"))
    done = command("compare", reports[0], sessions / "b-0.json", "--json")
    found = {one["name"]: one for one in json.loads(done.output)["metrics"]}
    assert found["few.latency_p50"]["verdict"] == "regressed"


# --------------------------------------------------------------------------- asv


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """asv results of two commits, the second slower."""
    folder = tmp_path_factory.mktemp("asv")
    git(folder, "init", "-q", "-b", "main")
    commits = []
    (folder / "home").mkdir()
    for seconds in (0.01, 0.013):
        files = {
            "flow.py": TARGET.format(seconds=seconds),
            "load.toml": SCENARIOS,
            "benchmarks/__init__.py": INIT,
            "benchmarks/suite.py": SUITE,
            "asv.conf.json": json.dumps(CONFIGURATION),
            ".gitignore": "home/\nresults/\n",
        }
        commits.append(commit(folder, files))
        if seconds == 0.01:
            tool(folder, "asv", "machine", "--yes", "--machine", "here")
        same = ("--environment", "existing:same", "--set-commit-hash", commits[-1], "--machine", "here")
        tool(folder, "asv", "run", *same, "--record-samples", "--bench", "p50|rejection|Plain|suite.[a-z]")
    return folder / "results", commits


def test_what_asv_kept_is_read_as_it_was_measured(measured: tuple[Path, list[str]]) -> None:
    folder, commits = measured
    side = read_side(f"asv:{folder}@{commits[0][:8]}")
    assert side.commit == commits[0]
    found = {one.name: one for one in side.measured}
    load = found["suite.Few.load_latency_p50"]
    assert (load.kind, load.unit, load.seeds) == ("exact", "s", (0, 1, 2, 3, 4))
    assert (load.identity.target, load.identity.clock) == ("flow:handle", "virtual")
    plain = found["suite.Plain.time_sum(1000).time"]
    assert (plain.kind, [len(process) for process in plain.processes]) == ("noisy", [3, 3])
    assert found["suite.mem_list.memory"].kind == "memory"
    assert found["suite.mem_list.memory"].unit == "B"
    assert found["suite.track_size.track"].processes == ((3.0,),)
    assert found["suite.time_broken.time"].unfit == "it failed"
    assert found["suite.track_endless.track"].unfit == "it holds Infinity"
    # asv writes NaN for what was skipped: it is not observable on this target or clock
    assert "suite.Few.load_rejection_rate" not in found


def test_asv_results_are_compared_and_what_is_wrong_is_named(measured: tuple[Path, list[str]]) -> None:
    folder, commits = measured
    done = command("compare", f"asv:{folder}@{commits[0]}", f"asv:{folder}@{commits[1]}", "--json")
    assert done.exit_code == 1, done.output
    found = {one["name"]: one for one in json.loads(done.output)["metrics"]}
    assert found["suite.Few.load_latency_p50"]["verdict"] == "regressed"
    assert found["suite.Few.load_latency_p50"]["effect"] == pytest.approx(0.3, abs=1e-6)
    assert found["suite.time_broken.time"]["reason"] == "base: it failed; head: it failed"
    assert found["suite.track_endless.track"]["verdict"] == "incomparable"
    assert found["suite.track_size.track"]["verdict"] == "inconclusive"


def test_the_history_of_asv_results_is_read(measured: tuple[Path, list[str]]) -> None:
    folder, commits = measured
    done = command("history", f"asv:{folder}", "--json")
    assert done.exit_code == 3
    series = {one["name"]: one for one in json.loads(done.output)["series"]}
    latency = series["suite.Few.load_latency_p50"]
    assert (latency["first"], latency["last"], latency["newest"]) == (*commits, "too short")


def _doubled(document: dict[str, Any]) -> None:
    place = document["result_columns"].index("samples")
    row = document["results"]["suite.Few.load_latency_p50"]
    row[place] = [row[place][0] * 2]
    row = document["results"]["suite.Plain.time_sum"]
    row[place] = [samples * 2 for samples in row[place]]


def _not_a_number(document: dict[str, Any]) -> None:
    place = document["result_columns"].index("samples")
    document["results"]["suite.Few.load_latency_p50"][place][0][2] = math.nan


def _another_machine(document: dict[str, Any]) -> None:
    document["params"]["cpu"] = "abacus"


def _another_version(document: dict[str, Any]) -> None:
    place = document["result_columns"].index("version")
    row = document["results"]["suite.Few.load_latency_p50"]
    row[place] = "feed" + row[place][4:]


def _other_seeds(document: dict[str, Any]) -> None:
    place = document["result_columns"].index("version")
    row = document["results"]["suite.Few.load_latency_p50"]
    row[place] = row[place].replace("0-4", "5-9")


def _gone(document: dict[str, Any]) -> None:
    del document["results"]["suite.Few.load_latency_p50"]


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        (
            _doubled,
            "suite.Few.load_latency_p50",
            "10 samples of 5 seeds: rounds that read the same replications again?",
        ),
        (_doubled, "suite.Plain.time_sum(10).time", "head: duplicated samples: the same 6 values stand 2 times"),
        (_not_a_number, "suite.Few.load_latency_p50", "head: it holds NaN"),
        (_another_machine, "suite.Plain.time_sum(10).time", "machine (cpu): base"),
        (_another_version, "suite.Few.load_latency_p50", "scenario digest: base"),
        (_other_seeds, "suite.Few.load_latency_p50", "seeds: base 0 to 4, head 5 to 9"),
        (_gone, "suite.Few.load_latency_p50", "base has values, head has none"),
    ],
)
def test_asv_results_that_may_not_be_compared(
    measured: tuple[Path, list[str]], tmp_path: Path, change: Callable[[Any], None], name: str, said: str
) -> None:
    folder, commits = measured
    (path,) = folder.glob(f"*/{commits[0][:8]}-*.json")
    for place, changed in ((tmp_path / "base", False), (tmp_path / "head", True)):
        (place / "here").mkdir(parents=True)
        shutil.copy(folder / "benchmarks.json", place)
        document = json.loads(path.read_text())
        if changed:
            change(document)
        # the same samples on both sides, in files of their own
        (place / "here" / path.name).write_text(json.dumps(document))
    sides = [f"asv:{tmp_path / side}@{commits[0]}" for side in ("base", "head")]
    done = command("compare", *sides, "--json")
    found = {one["name"]: one for one in json.loads(done.output)["metrics"]}
    assert found[name]["verdict"] in {"incomparable", "missing"}
    assert said in found[name]["reason"]
    assert done.exit_code == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-30], "(is it truncated?)"),
        (
            lambda text: text.replace('"commit_hash": "', '"commit_hash": "0000'),
            "expected the commit that its name says",
        ),
        (lambda text: text.replace('"commit_hash": "', '"commit_hash": "main'), "found commit_hash"),
        (lambda text: text.replace('"result_columns"', '"columns"'), "nothing at 'result_columns'"),
        (lambda _: "[]", "expected asv results of api version 2"),
    ],
)
def test_asv_files_that_are_none(
    measured: tuple[Path, list[str]], tmp_path: Path, change: Callable[[str], str], said: str
) -> None:
    folder, commits = measured
    shutil.copytree(folder, tmp_path / "results")
    (path,) = (tmp_path / "results").glob(f"*/{commits[1][:8]}-*.json")
    path.write_text(change(path.read_text()))
    done = command("compare", f"asv:{tmp_path}/results@{commits[0]}", f"asv:{tmp_path}/results@{commits[1]}")
    assert done.exit_code == 2
    assert said in done.output
    assert path.name in done.output


def test_a_commit_without_results_is_refused(measured: tuple[Path, list[str]]) -> None:
    folder, commits = measured
    done = command("compare", f"asv:{folder}@{commits[0]}", f"asv:{folder}@{'0' * 40}")
    assert done.exit_code == 2
    assert f"found results of {', '.join(sorted(one[:8] for one in commits))}" in done.output
    plain = command("compare", str(folder), f"asv:{folder}@{commits[0]}")
    assert plain.exit_code == 2
    assert "is a folder of asv results; name a commit" in plain.output
