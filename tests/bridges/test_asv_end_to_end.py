"""asv itself, on a small project whose second commit is slower: does it see that, and keep the samples?

The project is not built: an environment of our own, by asv's plugin mechanism, puts its one module in place and runs
this Python. So the test needs no network, and takes the time of asv's processes only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.bridges.asv_replications import Conditions, replicate
from harness.scenario.load import load_scenarios

pytestmark = pytest.mark.slow

TARGET = """
import asyncio

async def handle(workflow):
    await asyncio.sleep({seconds} * (1 + workflow.luck(0)))
"""

SCENARIO = """
[scenario.small]
extends = "test_10_concurrent_workflows"
load = { law = "closed", in_flight = 4, workflows = 40 }
"""

SUITE = """
from pathlib import Path as _Path

from harness.bridges.asv_suite import ScenarioSuite as _ScenarioSuite

class Small(_ScenarioSuite):
    scenario = "small"
    file = _Path(__file__).with_name("small.toml")
    target = "tiny:handle"
"""

INIT = """
import os as _os
import sys as _sys

from harness.bridges import asv_type as _asv_type

_asv_type.register()
_sys.path.insert(0, _os.environ["ASV_ENV_DIR"])
"""

ENVIRONMENT = """
import os
import sys

from asv.environment import Environment


class ThisPython(Environment):
    tool_name = "thispython"

    def __init__(self, conf, python, requirements, tagged_env_vars):
        self._python = python
        self._requirements = requirements
        super().__init__(conf, python, requirements, tagged_env_vars)

    @classmethod
    def matches(cls, python):
        return True

    def check_presence(self):
        return os.path.isdir(self._path)

    def _setup(self):
        os.makedirs(self._path)

    def find_executable(self, executable):
        return sys.executable

    def run(self, args, **kwargs):
        return self.run_executable("python", args, **kwargs)
"""

CONFIGURATION = {
    "version": 1,
    "project": "tiny",
    "repo": ".",
    "branches": ["main"],
    "environment_type": "thispython",
    # without the dot, asv looks among its own plugins only, and says nothing when it finds none
    "plugins": [".this_python"],
    "build_command": [],
    "install_command": ["python -c \"import shutil; shutil.copy('tiny.py', r'{env_dir}')\""],
    "uninstall_command": [],
    "env_dir": ".asv/env",
    "results_dir": ".asv/results",
    "html_dir": ".asv/html",
}


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def asv(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HARNESS_", "ASV_"))}
    environment["HOME"] = str(folder / "home")
    command = [sys.executable, "-m", "asv", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    for name, text in {
        ".gitignore": ".asv/\nhome/\n__pycache__/\n",
        "asv.conf.json": json.dumps(CONFIGURATION),
        "this_python.py": ENVIRONMENT,
        "benchmarks/__init__.py": INIT,
        "benchmarks/load.py": SUITE,
        "benchmarks/small.toml": SCENARIO,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "home").mkdir()
    git(folder, "init", "-q", "-b", "main")
    for seconds in (0.1, 0.15):
        (folder / "tiny.py").write_text(TARGET.format(seconds=seconds))
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", f"{seconds} s")
    assert asv(folder, "machine", "--yes").returncode == 0
    return folder


@pytest.fixture(scope="module")
def continuous(project: Path) -> subprocess.CompletedProcess[str]:
    return asv(project, "continuous", "HEAD~1", "HEAD", "--record-samples", "--show-stderr", "--bench", "p50|rate|cpu")


def results_of(project: Path, commit: str) -> dict[str, dict[str, Any]]:
    """An asv results file as {benchmark: {column: value}}."""
    (path,) = (project / ".asv/results").glob(f"*/{git(project, 'rev-parse', commit)[:8]}-*.json")
    document = json.loads(path.read_text())
    columns = document["result_columns"]
    return {name: dict(zip(columns, row, strict=False)) for name, row in document["results"].items()}


def test_asv_check_finds_no_problem(project: Path) -> None:
    done = asv(project, "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_asv_continuous_sees_the_slower_commit(continuous: subprocess.CompletedProcess[str]) -> None:
    assert continuous.returncode == 1, continuous.stdout + continuous.stderr
    (changed,) = [line for line in continuous.stdout.splitlines() if line.startswith("| +")]
    assert "load.Small.load_latency_p50" in changed
    assert "PERFORMANCE DECREASED" in continuous.stdout


def test_the_results_file_keeps_one_honest_sample_per_replication(
    project: Path, continuous: subprocess.CompletedProcess[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert continuous.returncode == 1
    monkeypatch.syspath_prepend(project)
    small = load_scenarios(project / "benchmarks/small.toml")["small"]
    head = results_of(project, "HEAD")
    ours = replicate(small, Conditions("tiny:handle", "virtual", tuple(range(10))))
    assert head["load.Small.load_latency_p50"]["samples"] == [ours["latency_p50_s"]]
    assert head["load.Small.load_latency_p50"]["stats_number"] == [1]
    assert head["load.Small.load_latency_p50"]["version"] == f"{small.digest} tiny:handle virtual 0-9"
    base = results_of(project, "HEAD~1")["load.Small.load_latency_p50"]["samples"][0]
    ratios = [after / before for before, after in zip(base, ours["latency_p50_s"], strict=True)]
    assert ratios == pytest.approx([1.5] * 10)


def test_what_is_not_observable_is_skipped_and_not_zero(
    project: Path, continuous: subprocess.CompletedProcess[str]
) -> None:
    assert "n/a" in continuous.stdout
    head = results_of(project, "HEAD")
    for name in ("load_driver_cpu_per_workflow", "load_rejection_rate"):
        assert "NaN" in json.dumps(head[f"load.Small.{name}"]["result"])


def test_asv_compare_and_publish_work_on_what_was_measured(
    project: Path, continuous: subprocess.CompletedProcess[str]
) -> None:
    assert continuous.returncode == 1
    compared = asv(project, "compare", "HEAD~1", "HEAD")
    # asv compare says so, and succeeds all the same: it is no gate
    assert compared.returncode == 0
    assert "| +" in compared.stdout
    published = asv(project, "publish")
    assert published.returncode == 0, published.stdout + published.stderr
    assert (project / ".asv/html/index.html").is_file()
