"""What other repositories call does what our own workflows do, with the harness of the commit that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.adopt.steps import read_yaml

WORKFLOWS = Path(__file__).resolve().parents[2] / ".github" / "workflows"


def jobs(name: str) -> dict[str, Any]:
    return dict(read_yaml(WORKFLOWS / name)["jobs"])


def essence(job: dict[str, Any]) -> list[tuple[str, str]]:
    """What its steps do, but for where the harness is from."""
    steps = [step for step in job["steps"] if step.get("name") != "Install"]
    done = [("run", step["run"]) if "run" in step else ("uses", step["uses"]) for step in steps]
    return [one for one in done if not one[1].startswith("actions/checkout@")]


@pytest.mark.parametrize("name", ["comment", "main"])
def test_it_does_what_our_own_does(name: str) -> None:
    own, reusable = jobs(f"benchmark-{name}.yml"), jobs(f"reusable-{name}.yml")
    assert own.keys() == reusable.keys()
    for job, steps in own.items():
        assert essence(reusable[job]) == essence(steps)
        for key in ("permissions", "runs-on", "timeout-minutes", "defaults", "needs"):
            assert reusable[job].get(key) == steps.get(key)


@pytest.mark.parametrize("name", ["comment", "main"])
def test_its_harness_is_that_of_the_commit_the_caller_names(name: str) -> None:
    workflow = read_yaml(WORKFLOWS / f"reusable-{name}.yml")
    assert list(workflow["on"]) == ["workflow_call"]
    for job in workflow["jobs"].values():
        checkouts = [step["with"] for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        (ours,) = [given for given in checkouts if given.get("repository") == "${{ job.workflow_repository }}"]
        assert ours["ref"] == "${{ job.workflow_sha }}"
        (install,) = [step["run"] for step in job["steps"] if step.get("name") == "Install"]
        place = f"./{ours['path']}" if "path" in ours else "."
        assert f"'{place}[" in install


def test_the_trusted_job_takes_nothing_of_the_caller_s_repository() -> None:
    (job,) = jobs("reusable-comment.yml").values()
    assert len([step for step in job["steps"] if "checkout" in step.get("uses", "")]) == 1
