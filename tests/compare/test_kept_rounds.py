"""What continuous measured is kept, and judged again from its files it has the same verdict."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.bridges.kept_rounds import Keeper, Kept, kept_rounds
from harness.bridges.rounds_of_commits import Load, Rounds, StoppedError
from harness.errors import ReportError
from harness.judge.metrics_form import Measured
from tests.compare.toy import command, harness, repository

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = {"looks": 2, "seed": 7, "clock": "wall", "base": "b" * 40, "head": "h" * 40}


def _report(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(name)
    return path


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_round_counts_once_both_sides_are_whole(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "reports", FACTS, NOW)
    assert not (tmp_path / "reports").exists()
    keeper.measured("base", 0, [_report(tmp_path / "out", "few-1.json"), _report(tmp_path / "out", "more-1.json")])
    folder = tmp_path / "reports" / "rounds-20260301T120000.000000Z"
    assert keeper.folder == folder
    alone = ["aside/round-0001-base-few-1.json", "aside/round-0001-base-more-1.json", "rounds.toml"]
    assert _names(folder) == alone
    keeper.measured("head", 0, [_report(tmp_path / "out", "few-2.json")])
    keeper.completed(0)
    whole = ["base/round-0001-few-1.json", "base/round-0001-more-1.json", "head/round-0001-few-2.json", "rounds.toml"]
    assert _names(folder) == whole
    keeper.measured("head", 1, [_report(tmp_path / "out", "few-3.json")])
    keeper.set_aside(1)
    keeper.measured("head", 1, [_report(tmp_path / "out", "few-4.json")])
    keeper.completed(1)
    assert _names(folder) == sorted([*whole, "aside/again-round-0002-head-few-3.json", "head/round-0002-few-4.json"])
    assert kept_rounds(str(folder / "base"), str(folder / "head")) == Kept(looks=2, seed=7)
    assert kept_rounds(str(folder / "head"), str(folder / "base")) is None
    assert kept_rounds(str(folder / "aside"), str(folder / "head")) is None
    another = Keeper(tmp_path / "reports", FACTS, NOW)
    another.measured("base", 0, [])
    assert another.folder == folder.with_name(folder.name + "-2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("looks = ", "Invalid value"),
        ("looks = 0\nseed = 1", "looks: expected a whole number from 1 to 1000, found 0"),
        ("looks = true\nseed = 1", "looks: expected a whole number from 1 to 1000, found True"),
        ("looks = 1", "seed: expected a whole number from 0"),
        ("looks = 1\nseed = 'x'", "found 'x'"),
        ("\ud800", "rounds.toml"),
    ],
)
def test_a_file_of_facts_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    for side in ("base", "head"):
        (tmp_path / side).mkdir()
    (tmp_path / "rounds.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ReportError, match=r"rounds\.toml") as refused:
        kept_rounds(str(tmp_path / "base"), str(tmp_path / "head"))
    assert said in str(refused.value)


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(ReportError, match="cannot keep what was measured"):
        Keeper(tmp_path / "reports", FACTS, NOW).measured("base", 0, [])


# --------------------------------------------------------------------------- rounds that are measured again

VALID = Measured(metric="p50", scenario="few", unit="s", processes=((1.0,),))
INVALID = replace(VALID, invalid=True, unfit="the run is invalid")


def _rounds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: str, fails: Callable[[str, int], bool]) -> Rounds:
    load = Load(scenarios=(), files={}, target="t", clock=clock, seed=0, replications=1)
    calls: dict[str, int] = {"base": 0, "head": 0}

    def one(_rounds: Rounds, side: str) -> list[Measured]:
        calls[side] += 1
        return [INVALID if fails(side, calls[side]) else VALID]

    monkeypatch.setattr(Rounds, "_one", one)
    unused: Any = SimpleNamespace()
    keep = {"repository": unused, "checkouts": {}, "interpreters": {}, "asked": []}
    return Rounds(**keep, load=load, folder=tmp_path, advanced=lambda _: None)


def test_a_round_with_an_invalid_run_is_measured_again_on_both_sides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rounds = _rounds(monkeypatch, tmp_path, "wall", lambda side, call: side == "head" and call == 3)
    rounds.run(10)
    assert rounds.done == 10
    assert rounds.repeated == ["head"]
    assert rounds.measured == {"base": [VALID] * 10, "head": [VALID] * 10}


@pytest.mark.parametrize(("clock", "repeated"), [("wall", 2), ("hybrid", 2), ("virtual", 0)])
def test_runs_that_are_invalid_again_and_again_are_no_accident(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: str, repeated: int
) -> None:
    rounds = _rounds(monkeypatch, tmp_path, clock, lambda side, _: side == "head")
    rounds.run(10)
    assert len(rounds.repeated) == repeated
    assert rounds.measured["head"] == [INVALID] * 10


# --------------------------------------------------------------------------- as a user meets it


def _kept(folder: Path) -> Path:
    (found,) = (folder / "reports").glob("rounds-*")
    return found


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return repository(tmp_path / "repo")


@pytest.mark.slow
@pytest.mark.parametrize("clock", ["virtual", "hybrid"])
def test_the_kept_rounds_judged_again_have_the_same_verdicts(own: Path, clock: str) -> None:
    options = ("-f", "load.toml", "-t", "flow.py:handle", "-c", clock, "--rounds", "4", "--max-rounds", "8", "--json")
    measured = harness(own, "continuous", "HEAD~2", "HEAD~1", *options)
    assert measured.returncode == 1, measured.stdout + measured.stderr
    kept = _kept(own)
    assert f"every round's reports: {kept.relative_to(own)}" in measured.stderr
    again = harness(own, "compare", str(kept / "base"), str(kept / "head"), "--json")
    assert again.returncode == 1, again.stderr
    there, here = json.loads(measured.stdout), json.loads(again.stdout)
    left_out = {"command", "notes"}
    assert [{k: v for k, v in one.items() if k not in left_out} for one in there["metrics"]] == [
        {k: v for k, v in one.items() if k not in left_out} for one in here["metrics"]
    ]


@pytest.mark.slow
def test_what_was_measured_when_a_signal_came_is_kept(own: Path) -> None:
    options = ("--target", "flow.py:handle", "-f", "load.toml", "--rounds", "500", "--clock", "hybrid")
    running = command(own, "continuous", "HEAD~2", "HEAD~1", *options)
    for _ in range(600):
        if list((own / "reports").glob("rounds-*/aside/round-0002-*.json")):
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 143, out + err
    kept = _kept(own)
    sides = [len(list((kept / side).glob("*.json"))) for side in ("base", "head")]
    assert sides[0] == sides[1] >= 1
    assert not list(kept.rglob("*.part"))
    assert harness(own, "compare", str(kept / "base"), str(kept / "head")).returncode == 3


@pytest.mark.slow
def test_a_target_that_cannot_be_measured_leaves_no_folder(own: Path) -> None:
    done = harness(own, "continuous", "HEAD~2", "HEAD~1", "-f", "load.toml", "-t", "flow.py:missing")
    assert done.returncode == 2
    assert not (own / "reports").exists()


def test_a_stopped_side_is_kept_as_far_as_it_came(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rounds = _rounds(monkeypatch, tmp_path, "wall", lambda *_: False)
    monkeypatch.undo()
    rounds.keeper = Keeper(tmp_path / "reports", FACTS, NOW)
    monkeypatch.setattr(Rounds, "_job", lambda *_: {})
    monkeypatch.setattr(rounds, "interpreters", {"base": SimpleNamespace(python="python")})

    def stopped(_self: Rounds, _side: str, _words: list[str], out: Path) -> None:
        _report(out, "few-1.json")
        _report(out, ".more.part")
        raise StoppedError("interrupted")

    monkeypatch.setattr(Rounds, "_wait", stopped)
    with pytest.raises(StoppedError):
        rounds._one("base")
    assert rounds.keeper.folder is not None
    assert _names(rounds.keeper.folder) == ["aside/round-0001-base-few-1.json", "rounds.toml"]
