"""Where a command is to write is tried before it does anything: what cannot be written costs no work."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.errors import ExitCode

READ = {"--file", "--resume", "--waivers", "--check", "--comparison"}
"""Options with a file that is read."""
ENDINGS = {
    "--apply": ".toml",
    "--csv": ".csv",
    "--html": ".html",
    "--junit": ".xml",
    "--openmetrics": ".prom",
    "--out": ".csv",
    "--output": ".toml",
    "--parquet": ".parquet",
    "--plot": ".svg",
    "--report-dir": "",
}
TYPED = {
    "run": "run 10_concurrent_workflows -c virtual",
    "report": "report nowhere.json",
    "compare": "compare nowhere nowhere",
    "continuous": "continuous HEAD HEAD",
    "history": "history nowhere",
    "calibrate": "calibrate nowhere.json",
    "sweep": "sweep 10_concurrent_workflows --set agents=1",
    "advise": "advise 10_concurrent_workflows",
    "capacity": "capacity 10_concurrent_workflows -c virtual",
}
WORK = (
    "harness.assess.assess",
    "harness.report.given.read_given",
    "harness.bridges.sides.read_sides",
    "harness.bridges.continuous.continuous",
    "harness.bridges.series.read_past",
    "harness.report.calibration_input.read_measured",
    "harness.sweep.sweep",
    "harness.judge.advice.advise.advise",
    "harness.judge.capacity.result.find_capacity",
)


def outputs() -> Iterator[tuple[str, str]]:
    """(command, option) for every option that takes a file or a folder to write into."""
    for name, command in main.commands.items():
        for one in command.params:
            if isinstance(one, click.Option) and one.metavar in {"FILE", "DIR"} and not READ & set(one.opts):
                yield name, one.opts[-1]


@pytest.fixture(autouse=True)
def _no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def worked(*_arguments: object, **_more: object) -> None:
        raise AssertionError("it began to work")

    monkeypatch.chdir(tmp_path)
    (tmp_path / "txt").write_text("no folder")
    for name in WORK:
        monkeypatch.setattr(name, worked)


@pytest.mark.parametrize(("command", "option"), list(outputs()))
@pytest.mark.parametrize("place", ["txt/below", "/proc/below", "x" * 300])
def test_a_place_that_cannot_be_written_to_is_refused_first(command: str, option: str, place: str) -> None:
    if place.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("a folder that lets nobody write, not even root, is known on Linux only")
    place += ENDINGS[option]
    done = CliRunner().invoke(main, [*shlex.split(TYPED[command]), option, place])
    assert done.exit_code == ExitCode.USAGE, done.output
    assert done.stderr.startswith(f"error: {option} {place}: "), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout
    assert [one.name for one in Path().iterdir()] == ["txt"]


def test_a_checkpoint_that_none_could_follow_is_refused_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.report.checkpoint.read_checkpoint", lambda _path: object())
    place = Path("c" * 250 + ".json")  # a name that a file may have, but not one with anything added
    place.write_text("{}")
    done = CliRunner().invoke(main, [*shlex.split(TYPED["run"]), "--resume", str(place)])
    assert done.exit_code == ExitCode.USAGE
    assert done.stderr.startswith(f"error: --resume {place}: cannot write there: File name too long")


@pytest.mark.parametrize("command", ["sweep", "capacity"])
def test_a_picture_does_not_take_the_place_of_the_page(command: str) -> None:
    words = ["--html", "both.html", "--plot", "./both.html"]
    done = CliRunner().invoke(main, [*shlex.split(TYPED[command]), *words])
    assert done.exit_code == ExitCode.USAGE
    assert "--plot: expected a file of its own, found the file of --html (both.html)" in done.stderr


@pytest.mark.parametrize("command", ["run", "compare", "continuous", "capacity"])
def test_no_name_is_no_folder(command: str) -> None:
    done = CliRunner().invoke(main, [*shlex.split(TYPED[command]), "--report-dir", ""])
    assert done.exit_code == ExitCode.USAGE
    assert "--report-dir: expected the name of a folder" in done.stderr


def test_every_way_to_work_is_watched() -> None:
    assert {command for command, _ in outputs()} == set(TYPED)
