"""The composite action, its own steps run as a runner runs them, in a repository of somebody else's."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import harness
from tests.adopt.steps import Done, Runner, read_yaml
from tests.compare.toy import SCENARIOS, TARGET, commit, git

ACTION = Path(__file__).resolve().parents[2] / ".github" / "actions" / "compare"
DECLARED = read_yaml(ACTION / "action.yml")
(INSTALL,) = (step for step in DECLARED["runs"]["steps"] if "install.sh" in step.get("run", ""))
PROJECT = (
    '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "theirs"\n'
)
PROJECT += 'version = "1"\n[tool.setuptools]\npy-modules = ["theirs"]\n'
FLOW = {"target": "flow.py:handle", "file": "load.toml", "clock": "virtual", "rounds": "1", "replications": "2"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Four commits: as it was, 30 % slower, mended, and one on a branch that leaves from the first."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, {"load.toml": SCENARIOS, "flow.py": TARGET.format(seconds=0.01)})
    git(folder, "tag", "first")
    commit(folder, {"flow.py": TARGET.format(seconds=0.013)})
    git(folder, "tag", "slower")
    git(folder, "checkout", "-q", "-b", "topic", "first")
    commit(folder, {"notes.txt": "nothing that matters"})
    git(folder, "checkout", "-q", "main")
    return folder


@pytest.fixture(scope="module")
def installed(installable: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment after the action's own step that installs, in a project that is itself to be installed."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "theirs.py").write_text("")
    (temporary := folder / "temporary").mkdir()
    environment = {**installable, "GITHUB_ACTION_PATH": str(ACTION)}
    done = Runner(folder, temporary, {"inputs": {"install": "auto"}}, environment).run([INSTALL])
    assert done.code == 0, done.said
    assert f"harness, version {harness.__version__}" in done.said
    ask = "import harness, theirs; print(harness.__file__); print(theirs.__file__)"
    found = subprocess.run(["python", "-P", "-c", ask], env=installable, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(installable["VIRTUAL_ENV"]), "not the harness of the action's checkout, installed"
    assert str(folder / "theirs.py") in found.stdout
    return environment


def action(
    repository: Path, folder: Path, installed: dict[str, str], inputs: dict[str, str], **event: Any
) -> tuple[Done, dict[str, str]]:
    """Run it as `uses:` with `inputs`, once it is installed; what its steps did, and its outputs."""
    defaults = {name: one["default"] for name, one in DECLARED["inputs"].items()}
    assert inputs.keys() <= defaults.keys()
    folder.mkdir()
    github = {"event_name": event.pop("event_name", "workflow_dispatch"), "event": event}
    runner = Runner(
        workspace=repository,
        folder=folder,
        contexts={"inputs": {**defaults, **inputs}, "github": github},
        environment={**installed, "GITHUB_SHA": git(repository, "rev-parse", "HEAD")},
    )
    done = runner.run([step for step in DECLARED["runs"]["steps"] if step is not INSTALL])
    return done, {name: runner.filled(one["value"]) for name, one in DECLARED["outputs"].items()}


def test_after_a_push_it_finds_the_regression(repository: Path, tmp_path: Path, installed: dict[str, str]) -> None:
    slower, first = git(repository, "rev-parse", "slower"), git(repository, "rev-parse", "first")
    done, outputs = action(repository, tmp_path / "run", installed, FLOW, event_name="push", before=first)
    assert done.code == 1, done.said
    assert (outputs["verdict"], outputs["exit-code"]) == ("regression", "1")
    assert (outputs["base"], outputs["head"]) == (first, slower)
    document = json.loads(Path(outputs["comparison"]).read_text())
    assert document["verdict"] == "regressed"
    assert "regressed" in done.summary
    assert done.summary.startswith("#") or "**" in done.summary
    # uploaded although the verdict fails the step, and under the name that the job which comments looks for
    (setup, upload) = done.used
    assert setup[0].startswith("actions/setup-python@")
    assert setup[1] == {"python-version": "3.13"}
    assert upload[1]["name"] == "harness-comparison"
    assert upload[1]["path"] == outputs["comparison"]
    assert Path(outputs["comparison"]).name == "comparison.json"


def test_in_a_pull_request_base_is_where_it_left_the_target_branch(
    repository: Path, tmp_path: Path, installed: dict[str, str]
) -> None:
    main, topic = git(repository, "rev-parse", "main"), git(repository, "rev-parse", "topic")
    pull = {"base": {"sha": main}, "head": {"sha": topic}}
    given = {**FLOW, "scenarios": "few\n", "artifact": "", "python-version": ""}
    done, outputs = action(repository, tmp_path / "run", installed, given, event_name="pull_request", pull_request=pull)
    assert done.code == 0, done.said
    assert (outputs["verdict"], outputs["exit-code"]) == ("held", "0")
    assert outputs["base"] == git(repository, "rev-parse", "first")
    assert outputs["head"] == topic
    assert done.used == []


def test_bad_input_ends_with_its_own_code_and_without_an_upload(
    repository: Path, tmp_path: Path, installed: dict[str, str]
) -> None:
    given = {**FLOW, "base": "-q", "clock": "virtual"}
    done, outputs = action(repository, tmp_path / "run", installed, given)
    assert done.code == 2, done.said
    assert outputs == {**outputs, "verdict": "usage", "exit-code": "2", "comparison": "", "base": ""}
    assert "BASE: commit: expected a commit of this repository" in done.said
    assert [name for name, _ in done.used if "upload" in name] == []


@pytest.mark.parametrize(("fail", "code"), [("false", 0), ("true", 3)])
def test_a_verdict_fails_the_step_unless_it_is_not_to(tmp_path: Path, fail: str, code: int) -> None:
    measure = {"id": "measure", "run": "echo exit-code=3 >> $GITHUB_OUTPUT; echo verdict=not-enough >> $GITHUB_OUTPUT"}
    runner = Runner(tmp_path, tmp_path, {"inputs": {"fail": fail}}, {"PATH": "/usr/bin:/bin"})
    done = runner.run([measure, DECLARED["runs"]["steps"][-1]])
    assert done.code == code
    assert "verdict: not-enough (exit code 3)" in done.said


@pytest.mark.parametrize(("present", "fetched"), [(True, False), (False, True)])
def test_it_checks_out_where_nobody_did(tmp_path: Path, present: bool, fetched: bool) -> None:
    if present:
        git(tmp_path, "init", "-q")
    look, checkout = DECLARED["runs"]["steps"][:2]
    folder = tmp_path / "run"
    folder.mkdir()
    runner = Runner(tmp_path, folder, {}, {"PATH": "/usr/bin:/bin"})
    done = runner.run([look, checkout])
    assert bool(done.used) is fetched
    assert not fetched or done.used[0][1] == {"fetch-depth": "0", "persist-credentials": "false"}


def test_nothing_of_an_event_is_part_of_a_script() -> None:
    for step in DECLARED["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert step.get("shell", "bash") == "bash"
        assert "uses" not in step or re.search(r"@[0-9a-f]{40}$", step["uses"])


def test_every_input_reaches_a_step() -> None:
    steps = json.dumps(DECLARED["runs"]["steps"])
    assert [name for name in DECLARED["inputs"] if f"inputs.{name}" not in steps] == []
