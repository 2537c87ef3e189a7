"""benchmark-main.yml's own steps on a small repository with a bare one as its remote: asv itself measures."""

from __future__ import annotations

import copy
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bridges.test_asv_end_to_end import CONFIGURATION, ENVIRONMENT, INIT, SCENARIO, SUITE, TARGET
from tests.compare.toy import commit, git
from tests.github import toy
from tests.github.fake_api import REPOSITORY, TOKEN, FakeGitHub
from tests.github.workflow_runner import Job, workflow

pytestmark = pytest.mark.slow

COMMITS = 20


def made(folder: Path) -> Path:
    """A repository with a package, asv benchmarks, and a past of commits that change nothing."""
    files = {
        ".gitignore": ".asv/\n__pycache__/\n*.egg-info/\nbuild/\n",
        "pyproject.toml": toy.PYPROJECT,
        "backend.py": toy.BACKEND,
        "asv.conf.json": json.dumps(CONFIGURATION),
        "this_python.py": ENVIRONMENT,
        "benchmarks/__init__.py": INIT,
        "benchmarks/load.py": SUITE,
        "benchmarks/small.toml": SCENARIO,
        "tiny.py": TARGET.format(seconds=0.1),
    }
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, files)
    return folder


def further(folder: Path, number: int) -> str:
    """A further commit, some seconds after the last: commits of one second have no order."""
    began_s = 1_780_000_000
    os.environ["GIT_COMMITTER_DATE"] = f"{began_s + 60 * number} +0000"
    try:
        return commit(folder, {"note.txt": str(number)})
    finally:
        del os.environ["GIT_COMMITTER_DATE"]


INSTALLED = frozenset({"Install"})


def job(folder: Path, name: str, github: FakeGitHub, server: Path, already: frozenset[str]) -> Job:
    """One job of benchmark-main.yml, set off by the newest commit of the repository on `server`."""
    source = server / REPOSITORY
    given = github.environment(GITHUB_SHA=git(source, "rev-parse", "HEAD"), GITHUB_SERVER_URL=f"file://{server}")
    del given["GITHUB_TOKEN"]  # it is there only where a step's env names it
    return Job(
        workflow=workflow("benchmark-main.yml"),
        name=name,
        folder=folder,
        context={"github": {"sha": given["GITHUB_SHA"], "token": TOKEN}},
        source=source,
        environment=given,
        overrides={"MOST_COMMITS": "1"},
        already=already,
    ).run()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's folder, in which the repository is where a URL of GitHub's would find it."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def remote(place: Path) -> Path:
    """What the jobs clone from and push to."""
    source = made(place / "work")
    for number in range(1, COMMITS):
        further(source, number)
    bare = place / f"{REPOSITORY}"
    bare.parent.mkdir()
    git(place, "clone", "-q", "--bare", str(source), str(bare))
    return bare


def shown(remote: Path, branch: str, path: str) -> Any:
    return json.loads(git(remote, "show", f"{branch}:{path}"))


def results(remote: Path) -> list[str]:
    """Names of the results that are kept on the branch."""
    names = git(remote, "ls-tree", "-r", "--name-only", "benchmark-history").splitlines()
    return [name for name in names if name.startswith("github/") and not name.endswith("machine.json")]


def test_main_is_measured_kept_published_and_alerted(
    github: FakeGitHub, place: Path, remote: Path, tmp_path: Path
) -> None:
    first = job(tmp_path / "first", "measure", github, place, frozenset())
    assert first.succeeded, first.log
    assert "to measure: 1" in first.log
    head = git(remote, "rev-parse", "main")
    (kept,) = results(remote)
    assert kept.startswith(f"github/{head[:8]}-")
    assert shown(remote, "benchmark-history", kept)["commit_hash"] == head
    site = git(remote, "ls-tree", "-r", "--name-only", "benchmark-site").splitlines()
    assert {"index.html", ".nojekyll"} <= set(site)
    assert "benchmark-site" in first.uploads
    for branch in ("benchmark-history", "benchmark-site"):
        assert git(remote, "log", "-1", "--format=%an", branch) == "github-actions[bot]"
        assert TOKEN not in git(remote, "log", "-p", branch)
    assert TOKEN not in first.log

    short = job(tmp_path / "short", "alert", github, place, frozenset())
    assert short.succeeded, short.log
    assert "too few commits to tell" in short.log
    assert github.issues == []

    again = job(tmp_path / "again", "measure", github, place, INSTALLED)
    assert again.succeeded, again.log
    assert "to measure: 0" in again.log
    assert "nothing new for benchmark-history" in again.log
    assert git(remote, "rev-list", "--count", "benchmark-site") == "1"

    _issue_follows(github, place, remote, tmp_path)


def _issue_follows(github: FakeGitHub, place: Path, remote: Path, tmp_path: Path) -> None:
    """The issue is opened once, updated once, and closed on recovery, as more and more results are there."""
    (kept,) = results(remote)
    original = shown(remote, "benchmark-history", kept)
    names = git(remote, "rev-list", "--reverse", "main").split()

    def after(label: str, *factors: float) -> str:
        _keep(place, remote, {kept: original}, dict(zip(names, factors, strict=False)))
        done = job(tmp_path / label, "alert", github, place, INSTALLED)
        assert done.succeeded, done.log
        return done.log

    steady, worse = [1.0] * 8, [1.3] * 4
    assert "opened issue" in after("worse", *steady, *worse)
    assert "edited issue" in after("much-worse", *steady, *worse, *[1.6] * 4)
    assert "closed issue" in after("recovered", *steady, *worse, *[1.6] * 4, *[1.0] * 4)
    (issue,) = github.issues
    assert (issue["state"], issue["title"]) == ("closed", "Benchmarks: every metric has recovered")
    told = [one["body"].partition(":")[0] for one in github.comments[issue["number"]]]
    assert told == ["Got worse", "Recovered"]


def _keep(place: Path, remote: Path, measured: dict[str, Any], factors: dict[str, float]) -> None:
    """Put results on the history branch: those that asv measured, under other commits, all times scaled."""
    folder = place / f"results-{time.monotonic_ns()}"
    git(place, "clone", "-q", "--branch", "benchmark-history", str(remote), str(folder))
    ((kept, original),) = measured.items()
    (folder / kept).unlink(missing_ok=True)
    for number, (name, factor) in enumerate(factors.items()):
        document = copy.deepcopy(original)
        document |= {"commit_hash": name, "date": original["date"] + 60_000 * number}
        columns = document["result_columns"]
        for row in document["results"].values():
            for column in ("result", "samples"):
                at = columns.index(column)
                if at < len(row) and row[at]:
                    row[at] = _scaled(row[at], factor)
        path = folder / kept.replace(original["commit_hash"][:8], name[:8])
        path.write_text(json.dumps(document), encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "more results")
    git(folder, "push", "-q", "origin", "HEAD:benchmark-history")


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, list):
        return [_scaled(one, factor) for one in value]
    return value * factor if isinstance(value, float) else value
