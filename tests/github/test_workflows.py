"""What the workflow files may not do, held to by the files themselves and by the table in docs/ci.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.github.workflow_runner import ROOT, WORKFLOWS, workflow

FILES = sorted(path.name for path in WORKFLOWS.glob("*.yml"))
OURS = [name for name in FILES if name.startswith("benchmark-")]
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")
DOCUMENT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def jobs(name: str) -> dict[str, Any]:
    return dict(workflow(name)["jobs"])


def steps(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for job, described in jobs(name).items():
        for step in described["steps"]:
            yield job, step


def text_of(name: str) -> str:
    return (WORKFLOWS / name).read_text(encoding="utf-8")


def test_the_three_are_there() -> None:
    assert OURS == ["benchmark-comment.yml", "benchmark-main.yml", "benchmark-pr.yml"]


@pytest.mark.parametrize("name", FILES)
def test_actions_are_pinned_by_commit(name: str) -> None:
    lines = [line.strip().removeprefix("- ") for line in text_of(name).splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not PINNED.match(line)] == []


def test_each_action_has_one_commit_in_all_files() -> None:
    found: dict[str, set[str]] = {}
    for path in [*WORKFLOWS.glob("*.yml"), *ROOT.glob(".github/actions/*/action.yml")]:
        for action, pin in re.findall(r"uses: ([\w./-]+)@(\S+ # \S+)", path.read_text(encoding="utf-8")):
            found.setdefault(action, set()).add(pin)
    assert {action: pins for action, pins in found.items() if len(pins) > 1} == {}


@pytest.mark.parametrize("name", FILES)
def test_no_expression_stands_in_a_script(name: str) -> None:
    assert [step["run"] for _, step in steps(name) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", FILES)
def test_every_job_is_bounded_and_starts_from_no_permission(name: str) -> None:
    document = workflow(name)
    assert document["permissions"] == {}
    assert document["concurrency"]["group"]
    for job in document["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert job["permissions"]


@pytest.mark.parametrize("name", FILES)
def test_no_checkout_leaves_a_token_behind(name: str) -> None:
    checkouts = [step for _, step in steps(name) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("name", OURS)
def test_scripts_run_where_a_pipe_s_failure_counts(name: str) -> None:
    for job in jobs(name).values():
        assert job["defaults"]["run"]["shell"] == "bash"


@pytest.mark.parametrize("name", OURS)
def test_a_token_is_only_where_it_is_used(name: str) -> None:
    holders = [step["name"] for _, step in steps(name) if "github.token" in str(step)]
    expected = {
        "benchmark-pr.yml": [],
        "benchmark-comment.yml": ["Comment"],
        "benchmark-main.yml": ["Keep the results and the site", "Alert"],
    }
    assert holders == expected[name]
    assert text_of(name).count("github.token") == len(holders)
    assert "secrets." not in text_of(name)


def test_what_runs_a_pull_request_s_code_has_nothing_to_lose() -> None:
    document = workflow("benchmark-pr.yml")
    assert document["on"] == {"pull_request": None}
    assert [job["permissions"] for job in document["jobs"].values()] == [{"contents": "read"}]


def test_what_has_a_token_takes_only_the_default_branch() -> None:
    document = workflow("benchmark-comment.yml")
    assert list(document["on"]) == ["workflow_run"]
    assert document["on"]["workflow_run"]["workflows"] == [workflow("benchmark-pr.yml")["name"]]
    (checkout,) = [step for _, step in steps("benchmark-comment.yml") if "checkout" in step.get("uses", "")]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    script = "\n".join(step.get("run", "") + str(step.get("env", "")) for _, step in steps("benchmark-comment.yml"))
    assert not re.search(r"head_(sha|branch|ref)|workflow_run|download", script)


def permissions(described: dict[str, str]) -> str:
    return ", ".join(f"{what}: {how}" for what, how in sorted(described.items()))


def test_the_table_of_permissions_is_that_of_the_files() -> None:
    table = re.findall(r"^\| `([\w.-]+)` \| `(\w+)` \| ([\w:, -]+?) \|", DOCUMENT, flags=re.MULTILINE)
    real = [(name, job, permissions(one["permissions"])) for name in OURS for job, one in jobs(name).items()]
    assert sorted(table) == sorted(real)


def test_every_test_that_the_threat_model_names_is_there() -> None:
    """`docs/ci.md` says which test holds which line: a test that is renamed must not leave it behind."""
    named = re.findall(r"`(test_\w+)\.py::(test_\w+)`", DOCUMENT)
    assert len(named) >= 12
    for file, test in named:
        path = Path(__file__).with_name(f"{file}.py")
        assert f"def {test}(" in path.read_text(encoding="utf-8"), f"{file}.py::{test}"
