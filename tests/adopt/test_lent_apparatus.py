"""The commit that brings the first load test can be measured: what base lacks of it is lent, and that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.bridges.apparatus import lend_target, scenario_files
from harness.bridges.checkout import checked_out, find_repository
from harness.errors import DeclarationError
from tests.compare.toy import SCENARIOS, TARGET, commit, git, harness

SETTINGS = 'file = "load/scenarios.toml"\ntarget = "load/stub.py:handle"\nclock = "virtual"\n'
STUB = "import work\n\nasync def handle(workflow):\n    await work.handle(workflow)\n"
APPARATUS = {"harness.toml": SETTINGS, "load/scenarios.toml": SCENARIOS, "load/stub.py": STUB}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two commits without a load test; the second changes nothing that matters."""
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path, {"work.py": TARGET.format(seconds=0.01), ".gitignore": "reports/\n__pycache__/\n"})
    commit(tmp_path, {"notes.txt": "nothing that matters\n"})
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def looked_up(folder: Path, *, same: bool = False) -> tuple[dict[str, str], tuple[str, ...]]:
    """What each side's file of scenarios and target file hold, and what was lent; without measuring anything."""
    repository = find_repository(folder)
    with checked_out(repository, {"base": "HEAD~1", "head": "HEAD"}) as (_, checkouts):
        scenarios = scenario_files(Path("load/scenarios.toml"), repository, checkouts, same=same)
        lent = lend_target("load/stub.py:handle", repository, checkouts)
        places = {side: (Path(str(scenarios.files[side])), checkouts[side].root / "load/stub.py") for side in checkouts}
        held = {f"{side} {p.name}": p.read_text() if p.exists() else "-" for side in places for p in places[side]}
    return held, (*scenarios.notes, *lent)


def test_before_the_first_commit_of_it_both_sides_are_lent_the_working_tree_s(project: Path) -> None:
    write(project, APPARATUS)
    held, lent = looked_up(project)
    assert set(held.values()) == {SCENARIOS, STUB}
    assert lent == tuple(
        f"{side} has no {name}: it was measured with that of the working tree, which is not committed"
        for name in ("load/scenarios.toml", "load/stub.py")
        for side in ("base", "head")
    )


def test_the_commit_that_brings_it_lends_it_to_its_parent(project: Path) -> None:
    commit(project, APPARATUS)
    held, lent = looked_up(project)
    assert set(held.values()) == {SCENARIOS, STUB}
    assert lent == tuple(
        f"base has no {name}: it was measured with head's" for name in ("load/scenarios.toml", "load/stub.py")
    )


def test_the_code_is_still_each_side_s_own(project: Path) -> None:
    commit(project, APPARATUS | {"work.py": TARGET.format(seconds=0.02)})
    done = harness(project, "continuous", "HEAD~1", "HEAD", "--rounds", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "+100 %" in done.stdout
    assert "base has no load/stub.py: it was measured with head's" in done.stdout
    # the command that does it again needs no settings, and names no folder that is gone by then
    assert "again: harness continuous --file load/scenarios.toml --target load/stub.py:handle" in done.stdout


def test_what_both_have_is_each_side_s_own(project: Path) -> None:
    commit(project, APPARATUS)
    commit(project, {"load/stub.py": "slower", "load/scenarios.toml": "other"})
    held, lent = looked_up(project)
    assert held == {
        "base scenarios.toml": SCENARIOS,
        "base stub.py": STUB,
        "head scenarios.toml": "other",
        "head stub.py": "slower",
    }
    assert lent == ()


def test_a_head_that_takes_it_away_is_lent_nothing(project: Path) -> None:
    commit(project, APPARATUS)
    git(project, "rm", "-q", "load/scenarios.toml", "load/stub.py")
    git(project, "commit", "-q", "-m", "no more load tests")
    write(project, APPARATUS)  # that they still lie about does not count
    held, lent = looked_up(project)
    assert held["base stub.py"] == STUB
    assert (held["head scenarios.toml"], held["head stub.py"]) == ("-", "-")
    assert lent == ()


def test_the_same_scenarios_are_no_loan(project: Path) -> None:
    commit(project, {"load/stub.py": STUB})
    commit(project, APPARATUS)
    held, lent = looked_up(project, same=True)
    assert held["base scenarios.toml"] == held["head scenarios.toml"] == SCENARIOS
    assert lent == ()


@pytest.mark.parametrize(("same", "where"), [(False, "base or head"), (True, "head")])
def test_a_file_that_is_nowhere_is_refused(project: Path, same: bool, where: str) -> None:
    with pytest.raises(DeclarationError, match=f"--file: expected a file of {where}, found 'load/scenarios.toml'"):
        looked_up(project, same=same)
