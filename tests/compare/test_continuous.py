"""`harness continuous` on a repository with three commits, as its user meets it."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from harness.report.comparison import read_comparison
from tests.compare.toy import TARGET, command, commit, git, harness, repository

pytestmark = pytest.mark.slow

VIRTUAL = ("--clock", "virtual", "--target", "flow.py:handle", "-f", "load.toml")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("toy") / "repo")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A repository to be changed."""
    return repository(tmp_path / "repo")


def document(folder: Path) -> dict[str, Any]:
    return read_comparison(max((folder / "reports").glob("comparison-*.json")))


def left_behind(folder: Path) -> list[str]:
    """Worktrees and temporary folders that are still there."""
    worktrees = git(folder, "worktree", "list", "--porcelain").count("worktree ")
    return ["a worktree"] * (worktrees - 1) + [path.name for path in Path(tempfile.gettempdir()).glob("harness-cont*")]


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_slower_commit_is_a_regression_and_the_next_one_mends_it(toy: Path) -> None:
    slower = harness(toy, "continuous", "HEAD~2", "HEAD~1", *VIRTUAL)
    assert slower.returncode == 1, slower.stdout + slower.stderr
    assert slower.stdout.startswith("5 of 6 metrics regressed; 1 of 1 others compared")
    found = {metric["metric"]: metric for metric in document(toy)["metrics"]}
    assert found["latency_p50"]["effect"] == pytest.approx(0.3, abs=1e-6)
    assert found["throughput"]["direction"] == "higher"
    assert found["error_rate"]["verdict"] == "unchanged"
    mended = harness(toy, "continuous", "HEAD~1", "HEAD", *VIRTUAL)
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "no metric regressed; 6 of 6 compared (5 improved, 1 unchanged)" in mended.stdout.lower()
    back = harness(toy, "continuous", "HEAD~2", "HEAD", *VIRTUAL)
    assert back.returncode == 0
    assert "(6 unchanged)" in back.stdout
    assert left_behind(toy) == []


def test_on_a_noisy_clock_rounds_are_added_until_it_is_settled(toy: Path) -> None:
    options = ("few", "-f", "load.toml", "--target", "flow.py:handle", "--rounds", "5", "--max-rounds", "10")
    # hybrid: as noisy, and valid too on a machine that does much else
    done = harness(toy, "continuous", "HEAD~2", "HEAD~1", *options, "--clock", "hybrid", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads(done.stdout)
    latency = next(metric for metric in found["metrics"] if metric["metric"] == "latency_p50")
    assert latency["verdict"] == "regressed"
    assert latency["interval"]["low"] < 0.3 < latency["interval"]["high"] + 0.05
    assert found["looks"]["planned"] == 2
    assert "alpha / 2 looks" in latency["correction"]
    assert latency["base"]["n"] == latency["head"]["n"] == found["rounds"]
    assert left_behind(toy) == []


def test_the_command_in_the_document_names_commits_not_branches(toy: Path) -> None:
    harness(toy, "continuous", "main~2", "main", *VIRTUAL)
    words = document(toy)["command"].split()
    assert words[:2] == ["harness", "continuous"]
    assert git(toy, "rev-parse", "main~2").startswith(words[2])
    assert git(toy, "rev-parse", "main").startswith(words[3])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_measuring_and_what_there_is_is_judged(own: Path, number: signal.Signals, code: int) -> None:
    options = ("--target", "flow.py:handle", "-f", "load.toml", "--rounds", "500", "--clock", "hybrid")
    running = command(own, "continuous", "HEAD~2", "HEAD~1", *options)
    folder = Path(tempfile.gettempdir())
    for _ in range(300):
        if list(folder.glob("harness-continuous-*/round-1-*")):
            break
        time.sleep(0.1)
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert running.returncode == code, out + err
    found = document(own)
    assert found["stopped"] == {130: "interrupted", 143: "terminated"}[code]
    assert found["rounds"] >= 1
    assert "Measuring was stopped" in out
    assert "ending what is under way, then writing what was measured" in err
    assert left_behind(own) == []


def test_a_target_that_does_not_repeat_itself_is_not_called_exact(own: Path) -> None:
    shaky = "import asyncio, random\nasync def handle(w):\n    await asyncio.sleep(random.random())\n"
    commit(own, {"flow.py": shaky})
    done = harness(own, "continuous", "HEAD~1", "HEAD", *VIRTUAL)
    assert done.returncode == 3, done.stdout
    assert "head: not repeatable: seed 0 gave" in done.stdout


def test_a_scenario_that_changed_is_incomparable_unless_both_run_the_same(own: Path) -> None:
    commit(own, {"load.toml": (own / "load.toml").read_text().replace("workflows = 40", "workflows = 44")})
    done = harness(own, "continuous", "HEAD~1", "HEAD", *VIRTUAL)
    assert done.returncode == 3
    assert "scenario digest: base" in done.stdout
    same = harness(own, "continuous", "HEAD~1", "HEAD", *VIRTUAL, "--same-scenarios")
    assert same.returncode == 0, same.stdout + same.stderr


def test_a_scenario_that_only_one_side_has_is_new_or_missing(own: Path) -> None:
    more = (own / "load.toml").read_text() + '\n[scenario.more]\nextends = "few"\n'
    commit(own, {"load.toml": more})
    new = harness(own, "continuous", "HEAD~1", "HEAD", *VIRTUAL)
    assert new.returncode == 0, new.stdout
    assert "6 of 6 compared (6 new, 6 unchanged)" in new.stdout
    gone = harness(own, "continuous", "HEAD", "HEAD~1", *VIRTUAL)
    assert gone.returncode == 3
    assert "6 of 12 compared (6 missing, 6 unchanged)" in gone.stdout
    only = harness(own, "continuous", "HEAD~1", "HEAD", "more", *VIRTUAL)
    assert only.returncode == 3
    assert "nothing was compared, 6 metrics are new" in only.stdout.lower()
    assert "base: the scenario more is not declared there" in only.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("HEAD", "nowhere", *VIRTUAL), "HEAD: commit: expected a commit of this repository"),
        ((*VIRTUAL, "--", "-q", "HEAD"), "BASE: commit: expected a commit of this repository"),
        (("HEAD~1", "HEAD", "--clock", "virtual"), "--target: expected code of this repository"),
        (("HEAD~1", "HEAD", "-t", "http://localhost:1"), "'http://localhost:1', a service"),
        (("HEAD~1", "HEAD", "-t", "flow.py:missing"), "has no attribute 'missing'"),
        (("HEAD~1", "HEAD", "-t", "absent.py:f"), "expected a Python file, found nothing at absent.py"),
        (("HEAD~1", "HEAD", "-t", "json:dumps", "-c", "virtual"), "both sides would measure the same code"),
        (("HEAD~1", "HEAD", "-t", "flow.py:handle", "-f", "no.toml"), "--file: expected a file of base or head"),
        (("HEAD~1", "HEAD", "no_such", *VIRTUAL), "'no_such'"),
        (("HEAD~1", "HEAD", *VIRTUAL, "--budget", "soon"), "--budget: expected a duration"),
        (("HEAD~1", "HEAD", *VIRTUAL, "--rounds", "5", "--max-rounds", "4"), "--max-rounds: expected at least"),
    ],
)
def test_bad_input_is_refused_by_name(toy: Path, arguments: tuple[str, ...], said: str) -> None:
    done = harness(toy, "continuous", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert left_behind(toy) == []


def test_outside_a_repository(tmp_path: Path) -> None:
    done = harness(tmp_path, "continuous", "a", "b", *VIRTUAL)
    assert done.returncode == 2
    assert "not a git repository" in done.stderr


def test_code_in_the_working_tree_that_hides_the_checkout_is_found_out(own: Path) -> None:
    # an absolute path on which the working tree stands, as an editable install puts it there
    lazy = f"import sys\nsys.path.insert(0, {str(own / 'lib')!r})\nfrom work import handle\n"
    commit(own, {"flow.py": lazy, "lib/work.py": TARGET.format(seconds=0.01)})
    commit(own, {"lib/work.py": TARGET.format(seconds=0.02)})
    done = harness(own, "continuous", "HEAD~1", "HEAD", *VIRTUAL)
    assert done.returncode == 2
    assert "the module work was imported from the working tree" in done.stderr


def test_a_package_below_src_is_measured_from_each_checkout(own: Path) -> None:
    for seconds in (0.01, 0.02):
        commit(own, {"src/my_app/__init__.py": "", "src/my_app/flows.py": TARGET.format(seconds=seconds)})
    options = ("--clock", "virtual", "--target", "my_app.flows:handle", "-f", "load.toml")
    done = harness(own, "continuous", "HEAD~1", "HEAD", *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "+100 %" in done.stdout


def test_a_folder_called_harness_in_the_checkout_does_not_hide_this_one(own: Path) -> None:
    commit(own, {"harness/__init__.py": "raise SystemExit('the wrong one')\n"})
    done = harness(own, "continuous", "HEAD~1", "HEAD", *VIRTUAL)
    assert done.returncode == 0, done.stdout + done.stderr


def test_uncommitted_changes_are_said_not_to_be_measured(own: Path) -> None:
    (own / "flow.py").write_text("this is no Python")
    done = harness(own, "continuous", "HEAD~2", "HEAD", *VIRTUAL)
    assert done.returncode == 0
    assert "note: the working tree has changes that are not committed: they were not measured" in done.stdout


def test_a_waiver_in_the_repository_accepts_the_regression(own: Path) -> None:
    waiver = """[[waiver]]
metric = "{metric}"
reason = "a better model"
approved_by = "Ada"
expires = 2999-01-01
max_effect = "40 %"
"""
    (own / "harness-waivers.toml").write_text(waiver.format(metric="*"))
    done = harness(own, "continuous", "HEAD~2", "HEAD~1", *VIRTUAL)
    assert done.returncode == 0, done.stdout
    assert "5 of 6 metrics regressed (5 of them waived)" in done.stdout
    assert "waived until 2999-01-01 by Ada: a better model" in done.stdout
    (own / "harness-waivers.toml").write_text(waiver.format(metric="latency_*"))
    assert harness(own, "continuous", "HEAD~2", "HEAD~1", *VIRTUAL).returncode == 1
