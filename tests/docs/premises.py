"""What the documents' commands take for granted: a project with a target, scenarios, reports, a comparison."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

from click.testing import CliRunner

from harness.cli import main
from tests.docs.blocks import ROOT

_FLOWS = """
import asyncio


async def handle(workflow):
    await asyncio.sleep(0.1 * (0.5 + workflow.luck(0)))
"""
_GRAPH = """
from langgraph.graph import StateGraph

graph = StateGraph(dict)
"""
_AT = """
[scenario.at_{n}]
load = {{ law = "closed", in_flight = {n}, workflows = 300 }}
mix = {{ simple = 1 }}
pools.agents = {{ size = 60, queue = "unbounded" }}
baseline = {{ success_rate = ">= 99 %" }}
"""
_PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "my-app"
version = "1.0"
requires-python = ">=3.11"
"""


def lay_out(folder: Path) -> None:
    """Write it all into `folder`; about two seconds."""
    (folder / "examples").symlink_to(ROOT / "examples")
    package = folder / "my_app"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "flows.py").write_text(_FLOWS, encoding="utf-8")
    (package / "graph.py").write_text(_GRAPH, encoding="utf-8")
    (folder / "flow.py").write_text(_FLOWS, encoding="utf-8")
    (folder / "pyproject.toml").write_text(_PROJECT, encoding="utf-8")
    (folder / "my_repository").mkdir()
    with contextlib.chdir(folder):
        for side, name in (("base", "old.json"), ("head", "new.json")):
            _command("run", "10_concurrent_workflows", "-c", "virtual", "--report-dir", side)
            (made,) = Path(side).glob("*.json")
            shutil.copy(made, name)
        Path("comparison.json").write_text(_command("compare", "base", "head", "--json"), encoding="utf-8")
        Path("my.toml").write_text(_command("show", "10_concurrent_workflows"), encoding="utf-8")
        Path("at.toml").write_text("".join(_AT.format(n=n) for n in (10, 25, 50, 60)), encoding="utf-8")
        Path("reports").mkdir()
        for n in (10, 25, 50, 60):
            own = ("-t", "my_app.flows:handle", "-c", "virtual", "--report-dir", "made")
            _command("run", f"at_{n}", "-f", "at.toml", *own)
            (made,) = Path("made").glob("*.json")
            made.rename(f"reports/at_{n}.json")
        Path("made").rmdir()
        subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], check=True)


def _command(*words: str) -> str:
    return CliRunner().invoke(main, words, catch_exceptions=False).stdout
