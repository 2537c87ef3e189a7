"""`harness continuous --build-environments`: each commit installed by pip, without a network."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.compare.toy import TARGET, commit, harness, repository

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "toy-flows"
version = "1"

[tool.hatch.build.targets.wheel]
packages = ["code/toy_flows"]
"""
OPTIONS = ("--clock", "virtual", "--target", "toy_flows:handle", "-f", "load.toml")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A package in a folder that only its build knows."""
    folder = repository(tmp_path / "repo")
    for seconds in (0.01, 0.02):
        commit(folder, {"pyproject.toml": PROJECT, "code/toy_flows/__init__.py": TARGET.format(seconds=seconds)})
    return folder


@pytest.mark.slow
def test_each_commit_is_installed_in_an_environment_of_its_own(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # hatchling is in the present environment: no index is asked
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    done = harness(project, "continuous", "HEAD~1", "HEAD", *OPTIONS, "--build-environments")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "+100 %" in done.stdout
    assert "building an environment for base HEAD~1" in done.stderr


def test_without_it_such_a_package_is_not_found_instead_of_measured_twice(project: Path) -> None:
    done = harness(project, "continuous", "HEAD~1", "HEAD", *OPTIONS)
    assert done.returncode == 2
    assert "importing toy_flows failed" in done.stderr


def test_a_commit_that_cannot_be_installed_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    commit(project, {"pyproject.toml": "[project]\nname = 3\n"})
    done = harness(project, "continuous", "HEAD~1", "HEAD", *OPTIONS, "--build-environments")
    assert done.returncode == 2
    assert "head HEAD" in done.stderr
    assert "cannot build its environment" in done.stderr
    listed = subprocess.run(["git", "worktree", "list"], cwd=project, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1
