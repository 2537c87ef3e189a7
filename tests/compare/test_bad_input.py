"""Every kind of input that may not pass for a comparison: named, with its exit code, without a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.compare.made import Document, command, real_report, scaled, variant, write

Case = Callable[[Document, Path], tuple[Any, Any]]


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return real_report(tmp_path_factory.mktemp("virtual"))


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Document:
    # noisy as on the wall clock, and valid too on a machine that does much else
    return real_report(tmp_path_factory.mktemp("wall"), "hybrid")


def _pytest_file(**fields: Any) -> Document:
    benchmark = {"fullname": "t.py::t", "extra_info": {}, "options": {}, "stats": {"median": 1.0, "data": [1.0, 1.1]}}
    machine = {"node": "n", "cpu": {}}
    return {"machine_info": machine, "commit_info": {}, "benchmarks": [{**benchmark, **fields}], "datetime": "x"}


def _machine(document: Document, **facts: Any) -> Document:
    return variant(document, machine={**document["machine"], **facts})


VIRTUAL: dict[str, tuple[Case, int, str]] = {
    "another scenario digest": (lambda r, _: (r, variant(r, scenario_digest="f" * 64)), 3, "scenario digest: base"),
    "another target": (lambda r, _: (r, variant(r, target="m:f")), 3, "target: base builtin, head m:f"),
    "another clock": (lambda r, _: (r, variant(r, clock="hybrid")), 3, "clock: base virtual, head hybrid"),
    "other seeds": (
        lambda r, _: (
            r,
            variant(r, seeds=r["seeds"][:4], replications=r["replications"][:4]),
        ),
        3,
        "seeds: base 0 to 4, head 0 to 3",
    ),
    "an invalid run": (lambda r, _: (r, variant(r, status="invalid: stopped early")), 3, "head: the run is invalid"),
    "nothing in common": (
        lambda r, _: (r, variant(r, scenario="another")),
        3,
        "Nothing could be compared: 8 metrics are missing, 8 new.",
    ),
    "a scenario gone": (
        lambda r, _: ([r, variant(r, scenario="another")], variant(r)),
        3,
        "missing: another.latency_p50, ",
    ),
    "the same runs on both sides": (lambda r, _: (r, r), 2, "found 1 that stand on both sides"),
    "the same run twice on one side": (lambda r, _: ([r, r], variant(r)), 2, "the same run twice"),
    "two commits on one side": (
        lambda r, _: ([r, variant(r, commit={"id": "a" * 40, "dirty": False})], variant(r)),
        2,
        "expected results of one commit",
    ),
    "two tools on one side": (lambda r, _: ([r, _pytest_file()], r), 2, "expected results of one tool"),
    "two tools on two sides": (
        lambda r, _: (r, _pytest_file()),
        3,
        "Nothing could be compared: 8 metrics are missing, 1 new.",
    ),
    "an empty folder": (lambda r, _: ([], r), 3, "no results (*.json) in this folder"),
    "truncated JSON": (lambda r, _: (r, json.dumps(r)[:-40]), 2, "(is it truncated?)"),
    "NaN in a report": (lambda r, _: (r, json.dumps(r).replace('"offered": 40', '"offered": NaN', 1)), 2, "NaN"),
    "a list": (lambda r, _: (r, "[]"), 2, "found JSON of another form"),
    "an empty file": (lambda r, _: (r, ""), 2, "expected JSON"),
    "a report of another version": (lambda r, _: (r, variant(r, schema_version=9)), 2, "schema_version: expected 1"),
    "Infinity in pytest-benchmark": (
        lambda r, _: (r, json.dumps(_pytest_file(stats={"median": 1.0, "data": [float("inf")]}))),
        2,
        "the number Infinity, which is not JSON",
    ),
    "a pytest-benchmark file without figures": (
        lambda r, _: (r, _pytest_file(stats={})),
        2,
        "benchmarks[0] (t.py::t): expected pytest-benchmark's form: nothing at 'median'",
    ),
}

WALL: dict[str, tuple[Case, int, str]] = {
    "another machine": (lambda r, _: (r, _machine(r, processor="abacus")), 3, "machine (processor): base"),
    "another number of cores": (lambda r, _: (r, _machine(r, cpu_usable=512)), 3, "machine (cpu_usable): base"),
    "another Python": (lambda r, _: (r, _machine(r, python="2.7.18")), 3, "machine (python): base"),
    "too few runs": (
        lambda r, _: (variant(r, replications=r["replications"][:1], seeds=[0]), variant(r)),
        3,
        "nothing is concluded below 4",
    ),
}


def _put(found: Any, path: Path) -> Path:
    """One file, or a folder where it is a list."""
    if not isinstance(found, list):
        return write(path.with_suffix(".json"), found)
    path.mkdir()
    for k, one in enumerate(found):
        write(path / f"{k}.json", one)
    return path


def _check(case: tuple[Case, int, str], document: Document, folder: Path) -> None:
    make, code, said = case
    base, head = make(document, folder)
    done = command("compare", _put(base, folder / "base"), _put(head, folder / "head"))
    assert said in done.output
    assert done.exit_code == code, done.output


@pytest.mark.parametrize("case", VIRTUAL.values(), ids=VIRTUAL)
def test_it_never_passes(case: tuple[Case, int, str], virtual: Document, tmp_path: Path) -> None:
    _check(case, virtual, tmp_path)


@pytest.mark.parametrize("case", WALL.values(), ids=WALL)
def test_it_never_passes_on_the_wall_clock(case: tuple[Case, int, str], wall: Document, tmp_path: Path) -> None:
    _check(case, wall, tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "found nothing of that name"),
        ("asv:nowhere@1234567", "expected a folder of asv results"),
        ("asv:nowhere", "expected asv:RESULTS_DIR@COMMIT"),
        ("asv:nowhere@main", "COMMIT being 7 or more digits of a hash"),
        (".@1234567", "expected the hash of a commit with results"),
        (".@main", "expected the hash of a commit with results"),
    ],
)
def test_a_side_that_is_not_there(
    name: str, said: str, virtual: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.json", virtual)
    done = command("compare", "a.json", name)
    assert done.exit_code == 2
    assert said in done.output


def test_one_folder_two_commits(virtual: Document, tmp_path: Path) -> None:
    commits = ["a" * 40, "ab" + "c" * 38]
    for commit, factor in zip(commits, (1, 1.01), strict=True):
        write(tmp_path / f"{commit}.json", scaled(virtual, factor, commit={"id": commit, "dirty": False}))
    done = command("compare", f"{tmp_path}@aaaa", f"{tmp_path}@abcc")
    assert done.exit_code == 1
    assert "+1 %" in done.output
    ambiguous = command("compare", f"{tmp_path}@a", f"{tmp_path}@abcc")
    assert ambiguous.exit_code == 2


WAIVER = """[[waiver]]
metric = "latency_*"
reason = "known"
approved_by = "Ada"
expires = 2999-01-01
max_effect = "20 %"
"""


def test_every_mistake_of_a_waiver_file_is_said_at_once(tmp_path: Path) -> None:
    bad = WAIVER + '\n[[waiver]]\nmetric = ""\nmetrics = "x"\nexpires = "soon"\naccepts = "all"\nreason = " "\n'
    waivers = write(tmp_path / "w.toml", bad)
    done = command("compare", "a", "b", "--waivers", waivers)
    assert done.exit_code == 2
    for where in ("metric", "metrics", "expires", "accepts", "reason", "approved_by", "max_effect"):
        assert f"waiver[1].{where}: expected" in done.output
    assert "(nearest: metric)" in done.output


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("2999-01-01", '"2999-13-01"', "waiver[0].expires: expected a date of the calendar"),
        ("2999-01-01", "2999-01-01T10:00:00", "waiver[0].expires: expected a date such as"),
        ('"20 %"', '"a lot"', "waiver[0].max_effect"),
        ('"20 %"', "20", "waiver[0].max_effect: expected a share"),
        ("[[waiver]]", "[waiver]", "waiver: expected a list of tables"),
        ('"known"', '"known', "expected TOML, found a syntax error"),
    ],
)
def test_waivers_that_make_no_sense(tmp_path: Path, old: str, new: str, said: str) -> None:
    waivers = write(tmp_path / "w.toml", WAIVER.replace(old, new))
    done = command("compare", "a", "b", "--waivers", waivers)
    assert done.exit_code == 2
    assert said in done.output


def test_a_waiver_file_that_is_named_must_exist(tmp_path: Path) -> None:
    done = command("compare", "a", "b", "--waivers", tmp_path / "none.toml")
    assert done.exit_code == 2
    assert "no such file" in done.output


def test_expired_and_unused_waivers_are_said(virtual: Document, tmp_path: Path) -> None:
    base = write(tmp_path / "base.json", virtual)
    head = write(tmp_path / "head.json", scaled(virtual, 1.1))
    old = WAIVER.replace("2999", "2001")
    idle = WAIVER.replace("latency_*", "nothing*")
    waivers = write(tmp_path / "w.toml", old + idle)
    done = command("compare", base, head, "--waivers", waivers)
    assert done.exit_code == 1
    assert "its waiver expired on 2001-01-01" in done.output
    assert "note: the waiver for * / latency_* expired on 2001-01-01" in done.output
    assert "note: the waiver for * / nothing* was not needed" in done.output


def test_noisy_sides_measured_one_after_the_other_say_so(wall: Document, tmp_path: Path) -> None:
    base = write(tmp_path / "base.json", wall)
    later = variant(wall, timestamp="2999-01-01T00:00:00.000000Z")
    done = command("compare", base, write(tmp_path / "head.json", later))
    assert "note: one side was measured after the other" in done.output
