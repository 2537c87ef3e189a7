"""Raw workflows as CSV and Parquet, read back by csv and pyarrow: the rows of the run, whole or not at all."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.errors import ExitCode, ReportError
from harness.execute import run
from harness.measure.record import Outcome, Run
from harness.report.rows_file import COLUMNS, rows_of, write_rows
from harness.scenario.load import find_scenario, load_catalog, load_scenarios
from tests.compare.made import command
from tests.report.made_reports import make_run, make_scenario

OVERFLOW = "test_queue_overflow_handling"
WARM = '[scenario.warm]\nextends = "10_concurrent_workflows"\nwarm_up = "0.5 s"\n'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read_csv(path: str) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_parquet(path: str) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


def test_both_files_have_the_rows_of_the_runs() -> None:
    done = command(
        *("run", OVERFLOW, "10_concurrent_workflows", "--clock", "virtual", "-n", "2", "--seed", "7"),
        *("--csv", "w.csv", "--parquet", "w.parquet", "-q"),
    )
    assert done.exit_code == ExitCode.HELD
    catalog = load_catalog()
    expected = [
        run(catalog[name], clock="virtual", seed=seed)
        for name in (OVERFLOW, "test_10_concurrent_workflows")
        for seed in (7, 8)
    ]
    table = pq.read_table("w.parquet")
    assert tuple(table.column_names) == COLUMNS
    rows = table.to_pylist()
    assert len(rows) == sum(len(one.workflows) for one in expected)
    at = 0
    for one in expected:
        found = rows[at : at + len(one.workflows)]
        at += len(one.workflows)
        assert {row["scenario"] for row in found} == {one.scenario}
        assert {row["seed"] for row in found} == {one.seed}
        assert [row["number"] for row in found] == list(range(len(found)))
        for name in ("due_s", "started_s", "finished_s", "held_s"):
            column = np.array([row[name] for row in found], dtype=float)  # None becomes NaN
            np.testing.assert_array_equal(column, getattr(one.workflows, name))
        assert [row["outcome"] for row in found] == [Outcome(value).name.lower() for value in one.workflows.outcome]
        assert [row["type"] for row in found] == [one.type_names[kind] for kind in one.workflows.type]
        kinds = [None if kind < 0 else one.error_kinds[kind] for kind in one.workflows.error]
        assert [row["error"] for row in found] == kinds
    text = read_csv("w.csv")
    for row, same in zip(rows, text, strict=True):
        for name, value in row.items():
            if value is None:
                assert same[name] == ""
            else:
                assert type(value)(same[name]) == value  # floats to the last bit


def test_rows_and_report_agree() -> None:
    command("run", OVERFLOW, "--clock", "virtual", "--parquet", "w.parquet", "-q")
    (path,) = Path("reports").iterdir()
    report = json.loads(path.read_text())
    rows = read_parquet("w.parquet")
    for outcome, count in report["outcomes"].items():
        assert sum(row["outcome"] == outcome for row in rows) == count
    assert report["outcomes"]["rejected"] == 100
    latency = [row["latency_s"] for row in rows if row["latency_s"] is not None]
    assert len(latency) == report["latency"]["samples"] == 100
    assert max(latency) == report["latency"]["max"]
    assert all(row["latency_s"] is None for row in rows if row["outcome"] == "rejected")


def test_a_warm_up_has_its_rows() -> None:
    Path("warm.toml").write_text(WARM)
    scenario = find_scenario(load_scenarios(Path("warm.toml")), "warm")
    assert command("run", "warm", "-f", "warm.toml", "--clock", "virtual", "--csv", "w.csv", "-q").exit_code == 0
    (path,) = Path("reports").iterdir()
    report = json.loads(path.read_text())
    assert report["warm_up"]["offered"] > 0
    rows = read_csv("w.csv")
    assert len(rows) == report["offered"] + report["warm_up"]["offered"]
    assert sum(float(row["due_s"]) >= scenario.warm_up_s for row in rows) == report["offered"]


def hostile_run(kinds: tuple[str, ...]) -> Run:
    done = make_run(make_scenario("=cmd()"), error_kinds=kinds)
    error = np.full(len(done.workflows), -1)
    error[: len(kinds)] = range(len(kinds))
    return replace(done, workflows=replace(done.workflows, error=error))


def test_texts_of_strangers_stay_in_their_cell() -> None:
    kinds = ("=HYPERLINK(1)", "+1", "-1", "@x", 'a"b,c', "x\r\ny", "\x00\x1b[31mred", "\ud800", "ok")
    done = hostile_run(kinds)
    write_rows([rows_of(done)], Path("w.csv"))
    write_rows([rows_of(done)], Path("w.parquet"))
    found = [row["error"] for row in read_csv("w.csv")[: len(kinds)]]
    assert found == ["'=HYPERLINK(1)", "'+1", "'-1", "'@x", 'a"b,c', "x y", "\\x00red", "\\ud800", "ok"]
    assert read_csv("w.csv")[0]["scenario"] == "'=cmd()"
    told = [row["error"] for row in read_parquet("w.parquet")[: len(kinds)]]
    assert told == [text.removeprefix("'") for text in found]


@pytest.mark.parametrize("name", ["w.csv", "w.parquet"])
def test_more_rows_than_one_piece(name: str) -> None:
    done = make_run(make_scenario())
    columns = {
        key: np.tile(getattr(done.workflows, key), 1700)  # 68,000 rows: two pieces
        for key in ("due_s", "started_s", "finished_s", "outcome", "type", "error", "batch", "held_s")
    }
    rows = replace(rows_of(done), workflows=type(done.workflows)(**columns))
    write_rows([rows, rows_of(done)], Path(name))
    numbers = (
        pq.read_table(name)["number"].to_pylist() if "parquet" in name else [int(r["number"]) for r in read_csv(name)]
    )
    assert numbers == [*range(68_000), *range(40)]


@pytest.mark.parametrize("option", ["--csv", "--parquet"])
def test_a_soak_has_no_rows_and_says_so(option: str) -> None:
    done = command("run", "10_concurrent_workflows", "--clock", "virtual", "--soak", option, f"w.{option[2:]}")
    assert done.exit_code == ExitCode.USAGE
    assert f"options: {option}: expected a run that keeps a row for each workflow" in done.output
    assert not [path for path in Path().rglob("*") if path.is_file()]


def test_what_was_there_stays_where_writing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("w.csv").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ReportError, match=r"w\.csv: cannot write it: No space left on device"):
        write_rows([rows_of(make_run(make_scenario()))], Path("w.csv"))
    assert Path("w.csv").read_text() == "old"
    assert [path.name for path in Path().iterdir()] == ["w.csv"]


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.report.rows_file.find_spec", lambda _: None)
    done = command("run", "--parquet", "w.parquet")
    assert done.exit_code == ExitCode.USAGE
    assert "agent-load-harness[parquet]" in done.output
    assert not [path for path in Path().rglob("*") if path.is_file()]
