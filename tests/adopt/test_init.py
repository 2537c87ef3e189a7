"""`harness init` in four repositories: what it writes runs; what is the user's is not touched unasked."""

from __future__ import annotations

import json
import os
import pty
import runpy
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.adopt.project import detect
from harness.adopt.writing import write_all
from harness.cli import main
from harness.errors import HarnessError
from tests.adopt.projects import HATCHLING, POETRY, SETUPTOOLS, SHAPES, UV, Shape
from tests.adopt.steps import Runner, clean_environment, read_yaml
from tests.compare.toy import commit, git, harness

SCRIPTS = Path(sysconfig.get_path("scripts"))
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def command(folder: Path, *words: str) -> Result:
    before = Path.cwd()
    os.chdir(folder)
    try:
        return CliRunner().invoke(main, words, catch_exceptions=False)
    finally:
        os.chdir(before)


def init(folder: Path, *words: str) -> Result:
    return command(folder, "init", *words)


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts)
    return {path.relative_to(folder).as_posix(): path.read_text(errors="replace") for path in files}


def ran(folder: Path, *words: str | Path, **more: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=clean_environment(**more),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_what_it_writes_runs(shape: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shape.made(tmp_path / "theirs")
    assert (done := init(folder, *shape.arguments)).exit_code == 0, done.output
    written = contents(folder)
    again = init(folder, *shape.arguments)
    assert again.exit_code == 0
    assert "there already" in again.output
    assert "written" not in again.output
    assert contents(folder) == written

    # as after `pip install --editable .`
    monkeypatch.setenv("PYTHONPATH", str((folder / shape.source).parent))
    monkeypatch.syspath_prepend((folder / shape.source).parent)
    head = commit(folder, {})
    run = command(folder, "run", "--quiet")
    assert run.exit_code == 0, run.output
    assert f"target {shape.target}, clock virtual" in run.output
    tests = ran(folder, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", PYTHONPATH=str(folder))
    assert "3 passed" in tests  # their own, and one for each scenario
    if shape.target.endswith("handle"):  # the others' suites differ from these in nothing but a name
        the_suite_is_found(folder, tmp_path / "home", run_too=shape is HATCHLING)
    the_workflow_measures(folder, shape, head, tmp_path)
    assert command(folder, "doctor").exit_code == 0
    # the runs left nothing that git would see
    assert git(folder, "status", "--porcelain") == ""


def the_suite_is_found(folder: Path, home: Path, *, run_too: bool) -> None:
    """`home` is that of a new machine, of which asv has to be told before it runs anything."""
    here = f"existing:{sys.executable}"
    home.mkdir()

    def asv(*words: str) -> str:
        return ran(folder, sys.executable, "-m", "asv", *words, HOME=str(home))

    if not run_too:
        assert "No problems found" in asv("check", "-E", here)
        return
    asv("machine", "--yes")
    said = asv("run", "--quick", "-E", here, "--bench", "Steady.load_latency_p95")
    assert "load_scenarios.Steady.load_latency_p95" in said
    assert "ms" in said.splitlines()[-1]


def test_the_workflows_it_writes_are_sound(tmp_path: Path) -> None:
    for shape in SHAPES:
        init(shape.made(tmp_path / shape.name), *shape.arguments)
    init(HATCHLING.made(tmp_path / "action"), "--action", f"someone/harness@{COMMIT}")
    files = sorted(tmp_path.glob("*/.github/workflows/*.yml"))
    assert len(files) == 3 * 5
    for name in ("comment", "main", "pr"):
        assert len([path for path in files if path.name == f"benchmark-{name}.yml"]) == 5
    ran(tmp_path, SCRIPTS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files)
    ran(tmp_path, SCRIPTS / "actionlint", "-shellcheck", SCRIPTS / "shellcheck", *files)
    ran(tmp_path, SCRIPTS / "zizmor", "--offline", "--quiet", *files)


def the_workflow_measures(folder: Path, shape: Shape, head: str, temporary: Path) -> None:
    """The job of a pull request, its own steps, on the commit that brings all this."""
    git(folder, "update-ref", f"refs/remotes/origin/{shape.branch}", "HEAD~1")
    workflow = read_yaml(folder / ".github" / "workflows" / "benchmark-pr.yml")
    (job,) = workflow["jobs"].values()
    (temporary / "runner").mkdir()
    event = {"pull_request": {"number": "1", "base": {"ref": shape.branch}, "head": {"sha": head}}}
    environment = clean_environment(
        PATH=f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
        PYTHONPATH=os.environ["PYTHONPATH"],
        **workflow["env"] | {"BENCHMARK_OPTIONS": "--rounds 1"},
    )
    contexts = {"github": {"event": event}, "runner": {"temp": str(temporary / "runner")}}
    runner = Runner(folder, temporary / "runner", contexts, environment)
    install = next(step for step in job["steps"] if step.get("name") == "Install")
    assert install["run"].endswith("--editable . -r benchmarks/requirements.txt")
    done = runner.run([step for step in job["steps"] if step is not install])
    assert done.code == 0, done.said
    assert done.outputs["measure"]["code"] == "0"
    assert [uses.partition("@")[0] for uses, _ in done.used][-1] == "actions/upload-artifact"
    measured = json.loads((temporary / "runner" / "comparison.json").read_text())
    assert measured["counts"]["unchanged"] == 12
    assert any("base has no benchmarks/load.toml" in note for note in measured["notes"])


def test_two_commands_from_nothing_to_a_green_check(tmp_path: Path) -> None:
    folder = HATCHLING.made(tmp_path / "theirs")
    assert init(folder).exit_code == 0
    done = harness(folder, "continuous", "HEAD~1", "HEAD")  # nothing of it is committed
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 of 12 compared (12 unchanged)" in done.stdout


# --------------------------------------------------------------------------- what it makes of a project


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (HATCHLING, ("desk-agents", "desk_agents", "src", "hatchling", "pip", "main", "tests")),
        (SETUPTOOLS, ("Flow.Desk", "flow_desk", "flat", "setuptools", "pip", "trunk", "checks")),
        (POETRY, ("poetic-agents", "poems", "flat", "poetry", "poetry", "main", "tests")),
        (UV, ("quick-desk", "quick_desk", "src", "uv", "uv", "main", "tests")),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_a_project_is_is_told_from_its_files(shape: Shape, expected: tuple[str, ...], tmp_path: Path) -> None:
    found = detect(shape.made(tmp_path / "theirs"))
    told = (found.name, found.package, found.layout, found.backend, found.manager, found.branch, str(found.tests))
    assert told == expected


def test_the_workflows_run_a_python_that_the_project_takes(tmp_path: Path) -> None:
    folder = UV.made(tmp_path / "theirs")
    present = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert detect(folder).python == (present if present != "3.11" else "3.14")
    commit(folder, {"pyproject.toml": '[project]\nname = "quick-desk"\nrequires-python = "<3.11"\n'})
    done = init(folder)
    assert done.exit_code == 2
    assert "project.requires-python: expected a Python that the harness runs on" in done.output


def test_the_default_branch_is_the_remote_s(tmp_path: Path) -> None:
    folder = HATCHLING.made(tmp_path / "theirs")
    git(folder, "update-ref", "refs/remotes/origin/stable", "HEAD")
    git(folder, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/stable")
    init(folder)
    assert 'branches: ["stable"]' in (folder / ".github/workflows/benchmark-main.yml").read_text()
    assert '"branches": ["stable"]' in (folder / "asv.conf.json").read_text()


def test_a_target_that_blocks_is_measured_on_the_wall_clock(tmp_path: Path) -> None:
    folder = HATCHLING.made(tmp_path / "theirs")
    init(folder, "--target", "desk_agents.flows:block")
    assert tomllib.loads((folder / "harness.toml").read_text())["clock"] == "wall"
    assert not (folder / "benchmarks/load_target.py").exists()


def test_the_stub_says_what_could_be_a_target(tmp_path: Path) -> None:
    folder = HATCHLING.made(tmp_path / "theirs")
    init(folder)
    stub = (folder / "benchmarks/load_target.py").read_text()
    assert "harness init --target desk_agents.flows:Desk\n" in stub
    assert "harness init --target desk_agents.flows:handle\n" in stub


def test_scripts_without_a_package_get_all_but_asv(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path, {"flow.py": "async def handle(workflow):\n    pass\n"})
    done = init(tmp_path, "--target", "flow.py:handle")
    assert done.exit_code == 0, done.output
    assert "nothing for asv to install" in done.output
    assert not (tmp_path / "asv.conf.json").exists()
    assert sorted(path.name for path in (tmp_path / ".github/workflows").iterdir()) == [
        "benchmark-comment.yml",
        "benchmark-pr.yml",
    ]
    assert "--editable" not in (tmp_path / ".github/workflows/benchmark-pr.yml").read_text()


def test_with_the_action_the_workflow_has_one_step(tmp_path: Path) -> None:
    folder = HATCHLING.made(tmp_path / "theirs")
    assert init(folder, "--action", f"someone/harness@{COMMIT}").exit_code == 0
    workflow = read_yaml(folder / ".github/workflows/benchmark-pr.yml")
    checkout, step = workflow["jobs"]["measure"]["steps"]
    assert checkout["uses"].startswith("actions/checkout@")
    assert step["uses"] == f"someone/harness/.github/actions/compare@{COMMIT}"
    wanted = f"agent-load-harness[asv,github,pytest] @ git+https://github.com/someone/harness@{COMMIT}"
    assert wanted in (folder / "benchmarks/requirements.txt").read_text().splitlines()


def test_an_asv_that_is_there_is_left_and_its_folder_is_used(tmp_path: Path) -> None:
    folder = HATCHLING.made(tmp_path / "theirs")
    theirs = '{"version": 1, "repo": ".", /* theirs */ "benchmark_dir": "perf/suites", "build_command": []}'
    commit(folder, {"asv.conf.json": theirs})
    done = init(folder)
    assert done.exit_code == 0
    assert (folder / "asv.conf.json").read_text() == theirs
    assert "asv.conf.json was there and is left as it is" in done.output
    assert tomllib.loads((folder / "harness.toml").read_text())["file"] == "perf/suites/load.toml"
    assert "perf.suites.load_target:handle" in (folder / "perf/suites/load_scenarios.py").read_text()
    assert "-r perf/suites/requirements.txt" in (folder / ".github/workflows/benchmark-comment.yml").read_text()


# --------------------------------------------------------------------------- nothing of the user's


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """After init and some work: two files differ, one is gone."""
    folder = HATCHLING.made(tmp_path / "theirs")
    init(folder)
    (folder / "benchmarks/load_target.py").write_text("# mine\n")
    (folder / "harness.toml").write_text('clock = "wall"\n')
    (folder / "benchmarks/load.toml").unlink()
    return folder


def test_without_a_terminal_every_such_file_is_named_and_nothing_written(edited: Path) -> None:
    before = contents(edited)
    done = init(edited)
    assert done.exit_code == 2
    for name in ("benchmarks/load_target.py", "harness.toml"):
        assert f"init: {name}: expected what init writes there (--force replaces it" in done.output
    assert "nothing was written" in done.output
    assert contents(edited) == before


@pytest.mark.parametrize(("option", "mine"), [("--force", False), ("--skip-existing", True)])
def test_it_is_said_beforehand_what_happens_to_them(edited: Path, option: str, mine: bool) -> None:
    done = init(edited, option)
    assert done.exit_code == 0
    assert ((edited / "benchmarks/load_target.py").read_text() == "# mine\n") is mine
    assert (edited / "benchmarks/load.toml").exists()
    assert ("kept" if mine else "replaced") in done.output


THEIRS = """
[workflow.call]
steps = [{ name = "answer", wait = "5 ms" }]

[scenario.rush-hour]
load = { law = "closed", in_flight = 2, workflows = 5 }
mix = { call = 1 }
pools.agents.size = 2

[scenario.night]
load = { law = "closed", in_flight = 1, workflows = 3 }
mix = { call = 1 }
pools.agents.size = 2
"""
PYPROJECT = (HATCHLING.files["pyproject.toml"]).replace("@package@", HATCHLING.package)
SETTINGS = 'file = "load/theirs.toml"\ntarget = "builtin"\nclock = "hybrid"\n'


def theirs(tmp_path: Path, settings: dict[str, str], **files: str) -> Path:
    folder = HATCHLING.made(tmp_path / "theirs")
    commit(folder, {"load/theirs.toml": THEIRS, **settings, **files})
    return folder


def of_the_suite(folder: Path) -> list[tuple[str, str, str]]:
    """Scenario, target and clock of each class that asv would find; a scenario that is not declared is refused."""
    found = runpy.run_path(str(folder / "benchmarks/load_scenarios.py")).values()
    suites = [one() for one in found if isinstance(one, type) and getattr(one, "scenario", "")]
    return [(one.declared.name, one.target, one.clock) for one in suites]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"harness.toml": SETTINGS}, ("--skip-existing",)),
        ({"pyproject.toml": PYPROJECT + "\n[tool.harness]\n" + SETTINGS}, ()),
    ],
    ids=["kept settings", "settings in pyproject.toml"],
)
def test_what_it_writes_is_of_the_scenarios_that_stay(
    tmp_path: Path, settings: dict[str, str], words: tuple[str, ...]
) -> None:
    folder = theirs(tmp_path, settings)
    done = init(folder, *words)
    assert done.exit_code == 0, done.output
    assert not (folder / "benchmarks/load.toml").exists(), "nothing would read it"
    assert not (folder / "benchmarks/load_target.py").exists(), "the settings name a target"
    tests = (folder / "tests/performance/test_load_scenarios.py").read_text()
    assert '("scenario", ["rush-hour", "night"])' in tests
    assert "load_scenario(scenario)" in tests
    assert of_the_suite(folder) == [("rush-hour", "builtin", "hybrid"), ("night", "builtin", "hybrid")]
    if words:
        assert "2 passed" in ran(
            folder, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/performance"
        )
    again = init(folder, *words)
    assert "written" not in again.output, again.output


def test_settings_that_name_no_scenarios_leave_it_to_the_tests_to_name_them(edited: Path) -> None:
    done = init(edited, "--skip-existing")
    assert 'the settings name no file of scenarios: file = "benchmarks/load.toml" there makes it theirs' in done.output
    assert "kept          tests/performance/test_load_scenarios.py" in done.output
    (edited / "tests/performance/test_load_scenarios.py").unlink()
    assert init(edited, "--skip-existing").exit_code == 0
    tests = (edited / "tests/performance/test_load_scenarios.py").read_text()
    assert 'load_scenario(scenario, file="../../benchmarks/load.toml")' in tests


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"harness.toml": 'file = "load/none.toml"\n'}, "harness.toml: file: expected a TOML file of scenarios, found"),
        ({"harness.toml": SETTINGS, "load/theirs.toml": "[scenario.x]\n"}, "load/theirs.toml: scenario.x"),
        ({"benchmarks/load.toml": "not [toml"}, "benchmarks/load.toml"),
    ],
)
def test_scenarios_that_stay_and_cannot_be_read_are_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    folder = theirs(tmp_path, {}, **files)
    before = contents(folder)
    done = init(folder, "--skip-existing")
    assert done.exit_code == 2
    assert said in done.output
    assert contents(folder) == before
    assert init(folder, "--force").exit_code == 0


def test_a_dry_run_that_keeps_files_shows_no_change_of_them(edited: Path) -> None:
    assert "benchmarks/load_target.py" not in init(edited, "--dry-run", "--skip-existing").output
    assert "benchmarks/load_target.py" in init(edited, "--dry-run").output


def test_to_replace_and_to_keep_are_not_asked_for_at_once(edited: Path) -> None:
    before = contents(edited)
    assert init(edited, "--force", "--skip-existing").exit_code == 2
    assert contents(edited) == before


def on_a_terminal(folder: Path, answers: bytes) -> tuple[int, str]:
    """Run `harness init` on a terminal, and type; a question more than there are answers finds the end of the input."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "harness", "init"]
    with subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as one:
        os.close(theirs)
        os.write(ours, answers + b"\x04")
        said = b""
        while chunk := _read(ours):
            said += chunk
        code = one.wait(60)
    os.close(ours)
    return code, said.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_on_a_terminal_each_is_shown_and_asked_for(edited: Path) -> None:
    code, said = on_a_terminal(edited, b"n\ny\nn\ny\n")
    assert code == 0, said
    asked = [line.rpartition(": replace it?")[0] for line in said.splitlines() if ": replace it?" in line]
    test = "tests/performance/test_load_scenarios.py"
    assert asked == ["harness.toml", "benchmarks/load_target.py", "benchmarks/load_scenarios.py", test]
    assert "harness.toml: replace it? [y/N]" in said
    assert "-# mine" in said
    assert "+async def handle(workflow):" in said
    assert (edited / "harness.toml").read_text() == 'clock = "wall"\n'
    assert "# mine" not in (edited / "benchmarks/load_target.py").read_text()
    assert (edited / "benchmarks/load.toml").exists()
    assert 'clock = "virtual"' in (edited / "benchmarks/load_scenarios.py").read_text()
    assert "load.toml" in (edited / test).read_text(), "the settings that stay name none"


def test_an_answer_that_is_withheld_writes_nothing(edited: Path) -> None:
    before = contents(edited)
    code, said = on_a_terminal(edited, b"y\n")
    assert code == 130, said
    assert contents(edited) == before


def test_what_a_dry_run_prints_is_a_patch_of_all_of_it(tmp_path: Path) -> None:
    folder, twin = HATCHLING.made(tmp_path / "theirs"), HATCHLING.made(tmp_path / "twin")
    before = contents(folder)
    done = init(folder, "--dry-run")
    assert (done.exit_code, contents(folder)) == (0, before)
    (tmp_path / "patch").write_text(done.stdout)
    git(twin, "apply", str(tmp_path / "patch"))
    init(folder)
    assert contents(twin) == contents(folder)


def test_a_gitignore_is_only_added_to(tmp_path: Path) -> None:
    folder = HATCHLING.made(tmp_path / "theirs")
    init(folder)
    assert (folder / ".gitignore").read_text() == "__pycache__/\nreports/\n.venv\n.asv/\n"


def test_what_cannot_all_be_written_is_not_written_at_all(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("before")
    (tmp_path / "folder").mkdir()
    before = contents(tmp_path)
    for last in (Path("x" * 300), Path("folder")):  # one fails while it is prepared, one while it is put in place
        with pytest.raises(HarnessError, match="cannot be written"):
            write_all(tmp_path, {Path("kept"): "after", Path("new/file"): "text", last: "text"})
        assert contents(tmp_path) == before
        assert not (tmp_path / "new").exists()


# --------------------------------------------------------------------------- refusals

REFUSED = [
    (("--target", "flow"), {}, "--target: expected module:attribute or path/to/file.py:attribute of this repository"),
    (("--target", "json:dumps"), {}, "--target: expected module:attribute"),
    (("--target", "desk_agents.flows:hadle"), {}, "--target: expected a name of"),
    (("--target", "../outside.py:x"), {}, "--target: expected"),
    (("--package", "nowhere"), {}, "--package: expected the name the project is imported by (packages there: desk_ag"),
    (("--action", "someone/harness@v1"), {}, "--action: expected OWNER/REPO@COMMIT with all 40 digits"),
    (("--requirement", "a\nb"), {}, "--requirement: expected one line of a requirements file"),
    ((), {"pyproject.toml": "= 3"}, "pyproject.toml: line 1"),
    ((), {"pyproject.toml": '[project]\nname = "other"\n', "src/second/__init__.py": ""}, "--package: expected"),
    ((), {"pyproject.toml": '[project]\nname = "harness"\n', "src/harness/__init__.py": ""}, "the name of this tool"),
    ((), {"pyproject.toml": '[project]\nname = "desk-agents"\nrequires-python = "3"\n'}, "requires-python: expected"),
    ((), {"pyproject.toml": '[project]\nname = "a\\"b"\n'}, "project.name: expected letters, digits, dots"),
    ((), {"asv.conf.json": "{"}, "asv.conf.json: file: expected JSON, comments allowed"),
    ((), {"asv.conf.json": '{"benchmark_dir": "../perf"}'}, "benchmark_dir: expected a folder of the repository"),
    ((), {".github": "a file"}, ".github: expected a folder, or a name that is still free, found no folder"),
    ((), {"harness.toml/x": ""}, "harness.toml: expected a file, or a name that is still free, found no plain file"),
]


@pytest.mark.parametrize(("words", "files", "said"), REFUSED)
def test_what_cannot_be_is_refused_by_name(
    tmp_path: Path, words: tuple[str, ...], files: dict[str, str], said: str
) -> None:
    folder = HATCHLING.made(tmp_path / "theirs")
    commit(folder, files)
    before = contents(folder)
    done = init(folder, *words)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert contents(folder) == before


def test_it_is_for_the_top_of_a_repository(tmp_path: Path) -> None:
    assert "expected the top of a git repository" in init(tmp_path).output
    folder = HATCHLING.made(tmp_path / "theirs")
    done = init(folder / "src")
    assert done.exit_code == 2
    assert f"found a folder of the repository {folder}" in done.output


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    folder = HATCHLING.made(tmp_path / "theirs")
    (tmp_path / "elsewhere").mkdir()
    (folder / "benchmarks").symlink_to(tmp_path / "elsewhere")
    done = init(folder)
    assert done.exit_code == 2
    assert "found a link that leads out of the repository" in done.output
    assert list((tmp_path / "elsewhere").iterdir()) == []
