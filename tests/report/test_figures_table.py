"""Reports as a table, read back by csv and pyarrow: the figures are those of the reports, and null is nothing."""

from __future__ import annotations

import copy
import csv
import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harness.errors import ExitCode
from harness.report.document import write_report
from harness.report.figures_table import BOUNDED, COLUMNS, PLAIN, write_figures
from harness.report.model import Report
from harness.schema import load_schema
from tests.compare.made import command
from tests.report.made_reports import make_suite
from tests.report.test_hostile_texts import HOSTILE


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))


def figure(document: dict[str, Any], path: str) -> Any:
    for key in path.split("."):
        document = document[key]
    return document


def test_both_tables_have_the_figures_of_every_report() -> None:
    suite = make_suite()
    texts = read_csv(write_figures(suite, Path("f.csv")))
    table = pq.read_table(write_figures(suite, Path("f.parquet")))
    rows = table.to_pylist()
    assert tuple(texts[0]) == tuple(table.column_names) == COLUMNS
    assert len(texts) == len(rows) == len(suite)
    for report, text, row in zip(suite, texts, rows, strict=True):
        document: Any = report.document
        for name, path in (BOUNDED | PLAIN).items():
            assert row[name] == figure(document, path)
        for name, path in BOUNDED.items():
            interval = document["confidence_intervals"].get(path, {"low": None, "high": None})
            assert (row[f"{name}_low"], row[f"{name}_high"]) == (interval["low"], interval["high"])
        assert (row["offered"], row["failed"], row["doubts"]) == (40, 1, len(document["doubts"]))
        assert (row["scenario"], row["seeds"], row["dirty"]) == (report.scenario, "1", "false")
        assert text == {name: "" if value is None else str(value) for name, value in row.items()}
    assert [row["verdict"] for row in rows] == ["held", "broken", "cannot_tell", "invalid"]


def test_every_column_is_a_figure_that_every_report_has() -> None:
    """Those that the schema asks for at each step of the path: an old report has them too."""
    for path in (BOUNDED | PLAIN).values():
        schema = load_schema("report")
        for key in path.split("."):
            assert key in schema["required"], path
            schema = schema["properties"][key]


@pytest.mark.parametrize("hostile", [*HOSTILE, "=1+1", "@x", 'a","b', "a\r\nb"])
def test_no_name_breaks_a_row_or_is_run(hostile: str) -> None:
    document = copy.deepcopy(dict(make_suite()[0].document)) | {"scenario": hostile, "target": hostile}
    (row,) = read_csv(write_figures([Report(document)], Path("f.csv")))
    assert tuple(row) == COLUMNS
    assert not row["scenario"].startswith(("=", "+", "-", "@"))
    assert "\n" not in row["target"]
    assert row["offered"] == "40"
    assert pq.read_table(write_figures([Report(document)], Path("f.parquet"))).num_rows == 1


def test_the_command_writes_both() -> None:
    path = write_report(make_suite()[1], "reports")
    done = command("report", path, "--csv", "f.csv", "--parquet", "f.parquet")
    assert done.exit_code == ExitCode.BASELINE_BROKEN
    assert [row["scenario"] for row in read_csv(Path("f.csv"))] == ["test_too_slow"]
    assert pq.read_table("f.parquet").num_rows == 1


@pytest.mark.parametrize(
    ("option", "name", "says"),
    [
        ("--csv", "f.parquet", "--csv: expected a file that ends in one of .csv"),
        ("--parquet", "f.csv", "--parquet: expected a file that ends in one of .parquet"),
        ("--csv", "reports/", "found a name without an ending"),
        ("--csv", "none.json/f.csv", "--csv none.json/f.csv: cannot write there"),
        ("--parquet", "", "found a name without an ending"),
    ],
)
def test_a_wrong_name_is_refused_first(option: str, name: str, says: str) -> None:
    Path("none.json").write_text("{")
    done = command("report", "none.json", option, name)
    assert done.exit_code == ExitCode.USAGE
    assert says in done.output
    assert [path.name for path in Path().iterdir()] == ["none.json"]


def test_a_report_that_cannot_be_read_leaves_no_table() -> None:
    Path("none.json").write_text("{")
    done = command("report", "none.json", "--csv", "f.csv")
    assert done.exit_code == ExitCode.USAGE
    assert "none.json: line 1" in done.output
    assert [path.name for path in Path().iterdir()] == ["none.json"]
