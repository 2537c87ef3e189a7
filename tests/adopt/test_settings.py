"""`harness.toml` and `[tool.harness]`: what is not typed comes from there, and every mistake is told by its place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.bridges.settings import read_settings
from harness.cli import main
from harness.errors import DeclarationError
from tests.compare.toy import SCENARIOS, TARGET

SETTINGS = 'file = "load.toml"\ntarget = "flow.py:handle"\nclock = "virtual"\nseed = 3\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "load.toml").write_text(SCENARIOS)
    (tmp_path / "flow.py").write_text(TARGET.format(seconds=0.01))
    (tmp_path / "harness.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def harness(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


def report_of(*words: str) -> dict[str, object]:
    done = harness("run", "--json", "--quiet", *words)
    assert done.exit_code in {0, 3}, done.output
    (report,) = json.loads(done.stdout)["reports"]
    return dict(report)


@pytest.mark.usefixtures("project")
def test_what_is_not_typed_comes_from_the_settings() -> None:
    found = report_of()
    assert (found["scenario"], found["target"], found["clock"]) == ("few", "flow.py:handle", "virtual")
    assert found["seeds"] == [3]


def test_what_is_typed_goes_before_them(project: Path) -> None:
    (project / "other.py").write_text(TARGET.format(seconds=0.02))
    found = report_of("--seed", "5", "--target", "other.py:handle")
    assert (found["target"], found["seeds"]) == ("other.py:handle", [5])


def test_the_table_of_a_command_is_only_for_that_command(project: Path) -> None:
    (project / "harness.toml").write_text(SETTINGS + "[run]\nreplications = 2\n[continuous]\nreplications = 7\n")
    assert report_of()["seeds"] == [3, 4]


def test_they_may_stand_in_pyproject(project: Path) -> None:
    (project / "harness.toml").unlink()
    (project / "pyproject.toml").write_text(
        '[tool.harness]\nfile = "load.toml"\ntarget = "flow.py:handle"\nclock = "virtual"\n'
    )
    assert report_of()["target"] == "flow.py:handle"


def test_capacity_takes_what_is_shared(project: Path) -> None:
    done = harness("capacity", "few", "--replications", "1", "--from", "2", "--to", "4", "--json", "--quiet")
    found = json.loads(done.stdout)
    assert (found["scenario"], found["target"], found["clock"]) == ("few", "flow.py:handle", "virtual")
    assert found["seeds"][0] == 3
    assert (project / "reports").is_dir()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("words", [("sweep", "few", "--set", "in_flight=1,2"), ("advise", "few", "-n", "2")])
def test_sweep_and_advise_know_the_file(words: tuple[str, ...]) -> None:
    done = harness(*words, "--quiet")
    assert done.exit_code in {0, 3}, done.output
    assert "few" in done.output


@pytest.mark.usefixtures("project")
def test_list_and_show_know_the_file_too() -> None:
    assert "few" in harness("list").output
    assert "[scenario.few" in harness("show", "few").output


@pytest.mark.usefixtures("project")
def test_it_is_said_what_was_taken_from_where() -> None:
    done = harness("run")
    assert "harness.toml: --file load.toml --target flow.py:handle --clock virtual --seed 3" in done.stderr.splitlines()


def test_a_folder_without_settings_is_as_before(tmp_path: Path) -> None:
    assert read_settings(tmp_path).of_command("run") == {}


MISTAKES = [
    ('report_dir = "a\\u0000b"', "report_dir: expected a text without a NUL"),
    ('[continuous]\nwaivers = "a\\u0000b"', "continuous.waivers: expected a text without a NUL"),
    ('clock = "warp"', "clock: expected one of wall, virtual, hybrid (nearest: wall), found 'warp'"),
    ('tarbet = "a:b"', "tarbet: expected one of file, target"),
    ("seed = -1", "seed: expected"),
    ("file = 3", "file: expected the path of a TOML file of scenarios, found 3"),
    ("[run]\nreplications = 0", "run.replications: expected at least 1"),
    ('[continuous]\nbudget = "soon"', "continuous.budget: expected a duration"),
    ("[continuous]\nrounds = 5\nmax_rounds = 4", "continuous.max_rounds: expected at least continuous.rounds, 5"),
    ("clock = =", "line 1, column 9: expected TOML"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
@pytest.mark.parametrize("in_pyproject", [False, True])
def test_every_mistake_names_file_and_field(project: Path, text: str, said: str, in_pyproject: bool) -> None:
    if in_pyproject:
        (project / "harness.toml").unlink()
        text, said = f"[tool.harness]\n{text.replace('[', '[tool.harness.')}", said.replace("line 1", "line 2")
    name = "pyproject.toml" if in_pyproject else "harness.toml"
    (project / name).write_text(text)
    done = harness("run")
    assert done.exit_code == 2
    prefix = "" if said.startswith("line") or not in_pyproject else "tool.harness."
    assert f"error: {name}: {prefix}{said}" in done.output


def test_settings_in_both_files_are_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.harness]\nclock = "wall"\n')
    done = harness("run")
    assert done.exit_code == 2
    assert "error: pyproject.toml: tool.harness: expected settings in one of the two" in done.output


@pytest.mark.parametrize("garbage", [b"\xff\xfe\x00", b"\x00", b"[" * 5000])
def test_garbage_is_named(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "harness.toml").write_bytes(garbage)
    with pytest.raises(DeclarationError, match=r"harness\.toml"):
        read_settings(tmp_path)


def test_help_is_shown_whatever_stands_there(project: Path) -> None:
    (project / "harness.toml").write_text("no TOML")
    assert harness("run", "--help").exit_code == 0
    assert harness("report", "--help").exit_code == 0


def test_pytest_goes_by_the_same_settings(project: Path) -> None:
    (project / "test_few.py").write_text(
        "def test_few(load_scenario):\n"
        "    found = load_scenario('few').report\n"
        "    assert (found.target, found.clock) == ('flow.py:handle', 'hybrid')\n"
    )
    (project / "pytest.ini").write_text("[pytest]\nload_clock = hybrid\n")  # an ini option goes before them
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
