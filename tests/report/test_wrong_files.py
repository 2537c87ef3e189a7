"""Files for other tools that cannot be: each is refused before anything is run, and nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.errors import ExitCode
from tests.compare.made import command

ENDINGS = {"--html": ".html", "--junit": ".xml", "--openmetrics": ".prom", "--csv": ".csv", "--parquet": ".parquet"}
WRONG = {
    "another ending": ("w.json", "expected a file that ends in one of {ending}"),
    "no ending": ("w", "found a name without an ending (w)"),
    "nothing": ("", "found a name without an ending"),
    "standard output": ("-", "found a name without an ending (-)"),
    "a folder": ("folder{ending}", "expected the name of a file, found a folder"),
    "a pipe": ("pipe{ending}", "expected the name of a file, found a pipe, a device or a socket"),
    "below a file": ("file/w{ending}", "cannot write there: "),
    "a name too long": ("w" * 300 + "{ending}", "cannot write there: File name too long"),
    "no such place": ("/proc/none/w{ending}", "cannot write there: "),
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("option", sorted(ENDINGS))
@pytest.mark.parametrize("case", sorted(WRONG))
def test_it_is_refused_before_anything_is_run(option: str, case: str) -> None:
    name, says = (text.replace("{ending}", ENDINGS[option]) for text in WRONG[case])
    Path(f"folder{ENDINGS[option]}").mkdir()
    os.mkfifo(f"pipe{ENDINGS[option]}")
    Path("file").touch()
    before = sorted(Path().rglob("*"))
    done = command("run", "10_concurrent_workflows", "--clock", "virtual", option, name)
    assert done.exit_code == ExitCode.USAGE
    assert option in done.output
    assert says in done.output
    assert done.output.count("\n") == 1
    assert [path for path in sorted(Path().rglob("*")) if path.name != "reports"] == before
    assert not list(Path().glob("reports/*"))


@pytest.mark.parametrize("option", sorted(ENDINGS))
def test_a_link_leads_to_what_is_replaced(option: str) -> None:
    link, kept = Path(f"latest{ENDINGS[option]}"), Path("kept/w")
    kept.parent.mkdir()
    kept.write_text("old")
    link.symlink_to(kept)
    done = command("run", "queue_overflow_handling", "--clock", "virtual", "-q", option, link)
    assert done.exit_code == ExitCode.HELD
    assert link.is_symlink()
    assert kept.read_bytes() == link.read_bytes() != b"old"
    assert [path.name for path in kept.parent.iterdir()] == ["w"]


@pytest.mark.parametrize(("gone", "kept"), [("--html", "--csv"), ("--junit", "--openmetrics")])
def test_a_file_that_cannot_be_written_after_the_run_keeps_no_other_from_being(gone: str, kept: str) -> None:
    """Rows are nowhere but in the file that was asked for: one full disk must not cost what another has room for."""
    Path("filled.py").write_text(
        "import pathlib, shutil\n"
        "async def handle(workflow):\n"
        "    if pathlib.Path('full').is_dir():\n"
        "        shutil.rmtree('full')\n"
        "    pathlib.Path('full').touch()\n"
    )
    Path("full").mkdir()
    asked = (gone, f"full/w{ENDINGS[gone]}", kept, f"w{ENDINGS[kept]}")
    done = command("run", "10_concurrent_workflows", "--target", "filled.py:handle", "--clock", "virtual", "-q", *asked)
    assert done.exit_code == ExitCode.USAGE
    assert f"error: full/w{ENDINGS[gone]}: cannot write" in done.stderr
    assert Path(f"w{ENDINGS[kept]}").stat().st_size > 0
    assert f"{kept.removeprefix('--')}: w{ENDINGS[kept]}" in done.stderr
    assert Path("full").stat().st_size == 0
