"""From commits to comments: the workflows' own steps, a real measurement, a real HTTP server in GitHub's place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.compare.toy import git
from tests.github import toy
from tests.github.fake_api import TOKEN, FakeGitHub
from tests.github.made import event
from tests.github.workflow_runner import Job, NotUnderstoodError, workflow

pytestmark = pytest.mark.slow

PULL = 7


INSTALLED = frozenset({"Install"})


def measured(
    folder: Path, source: Path, head: str, options: str = toy.OPTIONS, already: frozenset[str] = frozenset()
) -> Job:
    """benchmark-pr.yml on the head of a pull request against main."""
    pull = {"number": PULL, "head": {"sha": head}, "base": {"ref": "main"}}
    job = Job(
        workflow=workflow("benchmark-pr.yml"),
        name="measure",
        folder=folder,
        context={"github": {"event": {"pull_request": pull}, "sha": head}},
        source=source,
        overrides={"BENCHMARK_OPTIONS": options},
        already=already,
    )
    return job.run()


def commented(folder: Path, source: Path, github: FakeGitHub, run: int, head: str, **fields: Any) -> Job:
    """benchmark-comment.yml, set off by the end of `run`."""
    folder.mkdir()
    already = fields.pop("already", frozenset())
    path = event(folder / "event.json", run, head, **fields)
    context = {"event": json.loads(path.read_text()), "token": TOKEN, "sha": "0" * 40}
    environment = github.environment(GITHUB_EVENT_PATH=str(path))
    del environment["GITHUB_TOKEN"]  # it is there only where a step's env names it
    job = Job(
        workflow=workflow("benchmark-comment.yml"),
        name="comment",
        folder=folder,
        context={"github": context},
        source=source,
        environment=environment,
        already=already,
    )
    return job.run()


def test_a_slower_commit_is_commented_on_and_its_mend_resolves_the_comment(github: FakeGitHub, tmp_path: Path) -> None:
    source = toy.made(tmp_path / "repository")
    git(source, "checkout", "-q", "-b", "topic")
    slower = toy.paced(source, 0.013)
    mended = toy.paced(source, 0.01)
    git(source, "checkout", "-q", "main")
    toy.paced(source, 0.02)  # main moves on: what counts is where the branch left it
    github.add_pull(PULL, slower)

    first = measured(tmp_path / "first", source, slower)
    assert [step.name for step in first.steps if step.outcome == "failure"] == ["Verdict"], first.log
    assert first.outputs["measure"] == {"code": "1", "written": "true"}
    assert "### Regressed: 5 of 6 metrics; 6 of 6 compared" in first.summary
    github.add_artifact(1, first.uploads["harness-comparison"])
    shown = commented(tmp_path / "shown", source, github, 1, slower)
    assert shown.succeeded, shown.log
    (comment,) = github.ours(PULL)
    assert "### Regressed: 5 of 6 metrics; 6 of 6 compared" in comment["body"]
    assert re.search(r"\| \*\*regressed\*\* \| `few.latency_p50` \| [^|]+ ms \| [^|]+ ms \| \+30 % \|", comment["body"])
    again = "`harness run few --target flow.py:handle --clock virtual --seed 0 --replications 2 --file load.toml`"
    assert again in comment["body"]
    number = comment["id"]

    second = measured(tmp_path / "second", source, mended, already=INSTALLED)
    assert second.succeeded, second.log
    github.pulls[0]["head"]["sha"] = mended
    github.add_artifact(2, second.uploads["harness-comparison"])
    shown = commented(tmp_path / "shown-again", source, github, 2, mended, conclusion="success", already=INSTALLED)
    assert shown.succeeded, shown.log
    (comment,) = github.ours(PULL)
    assert comment["id"] == number
    assert "### Resolved: 5 that had regressed are fine again; 6 of 6 compared" in comment["body"]
    assert f"`few.latency_p50` had regressed at `{slower[:10]}`, is fine since `{mended[:10]}`" in comment["body"]
    assert github.leaked == []


def test_what_cannot_be_measured_leaves_no_artifact_and_fails_the_check(github: FakeGitHub, tmp_path: Path) -> None:
    source = toy.made(tmp_path / "repository")
    git(source, "checkout", "-q", "-b", "topic")
    head = toy.paced(source, 0.01)
    job = measured(tmp_path / "job", source, head, "--clock virtual --target nowhere.py:handle", INSTALLED)
    assert job.outputs["measure"] == {"code": "2"}
    assert [step.outcome for step in job.steps[-3:]] == ["skipped", "skipped", "failure"]
    assert job.uploads == {}
    github.add_pull(PULL, head)
    shown = commented(tmp_path / "shown", source, github, 1, head, already=INSTALLED)
    assert not shown.succeeded
    assert "run 1 has no artifact harness-comparison" in shown.log
    assert github.comments == {}


def test_the_comment_runs_nothing_of_the_pull_request(github: FakeGitHub, tmp_path: Path) -> None:
    """The head would leave a file behind, whatever of it were imported, installed or run."""
    source = toy.made(tmp_path / "repository")
    git(source, "checkout", "-q", "-b", "topic")
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\n"
    for name in ("sitecustomize.py", "harness.py", "backend.py", "setup.py", "conftest.py"):
        (source / name).write_text(trap)
    git(source, "add", ".")
    git(source, "commit", "-q", "-m", "a trap")
    head = git(source, "rev-parse", "HEAD")
    git(source, "checkout", "-q", "main")
    github.add_pull(PULL, head)
    github.add_artifact(1, b"PK no archive")
    shown = commented(tmp_path / "shown", source, github, 1, head)
    assert "expected a zip archive" in shown.log
    assert not (tmp_path / "sprung").exists()
    assert not (shown.workspace / "setup.py").exists()


@pytest.mark.parametrize("fields", [{"event": "push"}, {"conclusion": "cancelled"}])
def test_the_comment_s_job_is_not_run_for_anything_else(
    github: FakeGitHub, tmp_path: Path, fields: dict[str, str]
) -> None:
    shown = commented(tmp_path / "shown", tmp_path, github, 1, "b" * 40, **fields)
    assert shown.steps == []


def test_the_runner_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    def job(step: dict[str, Any]) -> Job:
        document = {"jobs": {"one": {"steps": [step]}}}
        return Job(workflow=document, name="one", folder=tmp_path, context={"github": {}}, source=tmp_path)

    for step in (
        {"uses": "acme/unknown@v1"},
        {"run": "echo ${{ github.actor }}"},
        {"run": "true", "if": "contains(github.actor, 'x')"},
        {"run": "true", "if": "secrets.TOKEN != ''"},
        {"run": "true", "continue-on-error": True},
    ):
        with pytest.raises(NotUnderstoodError):
            job(step).run()


def test_the_runner_s_shells_differ_as_github_s_do(tmp_path: Path) -> None:
    def job(shell: str | None) -> Job:
        step = {"run": "false | true\necho on"} | ({"shell": shell} if shell else {})
        document = {"jobs": {"one": {"steps": [step]}}}
        made = Job(workflow=document, name="one", folder=tmp_path, context={"github": {}}, source=tmp_path)
        return made.run()

    assert job(None).succeeded
    assert not job("bash").succeeded
