"""`--html` on the command line, what it refuses, and that a wheel holds all that a page needs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.errors import ExitCode
from harness.report.document import write_report
from harness.report.model import Report
from tests.page.changed import broken, invalid

ROOT = Path(__file__).resolve().parents[2]


def _called(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    """`harness run` in a process of its own: in this one the browser's driver keeps an event loop."""
    run = [sys.executable, "-m", "harness", "run", "10_concurrent_workflows", "--clock", "virtual", "--quiet"]
    return subprocess.run([*run, *map(str, words)], capture_output=True, text=True, check=False)


@pytest.fixture
def written(eight: tuple[Report, ...], tmp_path: Path) -> Path:
    """A file with the report of one scenario."""
    return write_report(eight[0], tmp_path / "reports")


def test_a_run_writes_its_page_beside_the_reports(tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.html"
    done = _run("--report-dir", tmp_path, "--html", page)
    assert done.returncode == ExitCode.HELD
    assert f"html: {page}" in done.stderr
    assert page.read_text("utf-8").startswith('<!doctype html>\n<html lang="en">')
    assert [one.name for one in page.parent.iterdir()] == ["page.html"]


def test_a_page_takes_the_place_of_an_older_one(written: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.htm"
    page.write_text("old", encoding="utf-8")
    assert _called("report", written, "--html", page).exit_code == ExitCode.HELD
    assert "Does it hold?" in page.read_text("utf-8")


@pytest.mark.parametrize(("change", "code"), [(broken, ExitCode.BASELINE_BROKEN), (invalid, ExitCode.RUN_INVALID)])
def test_the_exit_code_is_the_run_s(change, code: ExitCode, eight: tuple[Report, ...], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # a function of Report
    path = write_report(change(eight[0]), tmp_path)
    done = _called("report", path, "--html", tmp_path / "page.html")
    assert done.exit_code == code
    assert (tmp_path / "page.html").exists()


def _refused(words: Sequence[object], page: Path, *parts: str) -> None:
    """One line of error that holds `parts`, exit code 2, and no page, whole or partial."""
    done = _called(*words, "--html", page)
    assert done.exit_code == ExitCode.USAGE
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not done.stdout
    for part in parts:
        assert part in done.stderr
    assert not page.is_file()
    if page.parent.is_dir():
        assert not [one for one in page.parent.iterdir() if one.name.endswith(".part")]


def test_a_place_that_cannot_be_written_is_refused_first(written: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    _refused(["report", written], tmp_path / "file" / "page.html", "--html", "cannot write there")
    done = _run("--report-dir", tmp_path / "none", "--html", tmp_path / "file" / "page.html")
    assert done.returncode == ExitCode.USAGE
    assert not list((tmp_path / "none").glob("*.json"))


def test_a_folder_is_no_page(written: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").mkdir()
    _refused(["report", written], tmp_path / "page.html", "found a folder")


@pytest.mark.parametrize("name", ["page.pdf", "page", "page.html.gz"])
def test_another_ending_is_refused(name: str, written: Path, tmp_path: Path) -> None:
    _refused(["report", written], tmp_path / name, "--html", ".html, .htm")


@pytest.mark.parametrize(
    ("text", "found"),
    [("", "the end of the file"), ("[]", "top level"), ("<html>", "expected JSON"), ('{"schema_version": 9}', "9")],
)
def test_what_is_no_report_is_refused(text: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(text, encoding="utf-8")
    _refused(["report", path], tmp_path / "page.html", "report.json", found)


def test_a_wheel_holds_all_that_a_page_needs(written: Path, tmp_path: Path) -> None:
    build = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(tmp_path / built.stdout.split()[-1]) as wheel:
        assert any(name.endswith("uPlot.LICENSE") for name in wheel.namelist())
        wheel.extractall(tmp_path / "site")
    page = tmp_path / "page.html"
    where = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    show = "import harness, sys; print(harness.__file__); from harness.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", show, "report", str(written), "--html", str(page)],
        cwd=tmp_path, env=where, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(tmp_path / "site") in done.stdout
    assert "uPlot" in page.read_text("utf-8")
