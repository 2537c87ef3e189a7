"""What a comparison looks like: JSON held to its schema, lines, Markdown; names of strangers are made inert."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ReportError
from harness.report.comparison import comparison_mistakes, read_comparison
from harness.report.comparison_markdown import comparison_markdown
from harness.report.comparison_terminal import plain_comparison
from harness.report.page.comparison import comparison_page
from harness.report.pull_request_comment import Posting, comment_body
from harness.schema import load_schema
from tests.compare.made import Document, command, real_report, scaled, variant, write
from tests.github.made import comparison, metric

HOSTILE = "x|`y`\n\x1b[31m<img src=x onerror=1> @someone #1 https://e.org ::error::\u202e [a](b)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return real_report(tmp_path_factory.mktemp("virtual"))


@pytest.fixture
def compared(report: Document, tmp_path: Path) -> dict[str, Any]:
    base = [report, variant(report, scenario="gone")]
    for k, one in enumerate(base):
        write(tmp_path / "base" / f"{k}.json", one)
    write(tmp_path / "head" / "0.json", scaled(report, 1.1))
    done = command("compare", tmp_path / "base", tmp_path / "head", "--json", "--report-dir", tmp_path / "out")
    assert done.exit_code == 1
    (written,) = (tmp_path / "out").iterdir()
    return read_comparison(written)


def test_the_document_says_how_it_was_made(compared: dict[str, Any]) -> None:
    assert compared["verdict"] == "regressed"
    assert compared["command"].startswith("harness compare ")
    assert compared["counts"]["total"] == len(compared["metrics"]) == 16
    assert compared["counts"]["missing"] == 8
    latency = compared["metrics"][0]
    assert latency["command"] == "harness run few --target builtin --clock virtual --seed 0 --replications 5"
    assert latency["effect"] == pytest.approx(0.1)
    assert latency["seeds"] == [0, 1, 2, 3, 4]


def test_the_verdict_comes_first_and_what_is_well_is_folded(compared: dict[str, Any]) -> None:
    text = comparison_markdown(compared)
    assert text.startswith("**5 of 16 metrics regressed; 3 of 11 others compared**")
    above, below = text.split("<details>")
    assert above.count("**regressed**") == 5
    assert "**missing**" in above
    assert "unchanged" not in above.split("\n", 1)[1]
    assert below.count("**unchanged**") == 3
    assert plain_comparison(compared).startswith("5 of 16 metrics regressed; 3 of 11 others compared")


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["incomparable"] * 64, "Nothing could be compared: 64 metrics are incomparable"),
        (["missing"], "Nothing could be compared: 1 metric is missing"),
        (["missing", "new", "incomparable"], "Nothing could be compared: 1 metric is missing, 1 incomparable, 1 new"),
        (["new"], "Nothing was compared, 1 metric is new"),
        ([], "Nothing was compared"),
        (["unchanged", "incomparable"], "No metric regressed; 1 of 2 compared"),
    ],
)
def test_where_nothing_could_be_compared_that_is_said_first(verdicts: list[str], said: str) -> None:
    made = comparison([metric(f"few.m{k}", verdict) for k, verdict in enumerate(verdicts)])
    assert not comparison_mistakes(made)
    assert re.match(re.escape(said) + r"( \(|\.$)", plain_comparison(made).splitlines()[0])
    assert re.match(re.escape(f"**{said}**") + r"( \(|\. )", comparison_markdown(made))
    assert comparison_page(made).headline == f"{said}."
    told = said if not made["counts"]["compared"] else "Not enough to judge"
    compared = f"{made['counts']['compared']} of {made['counts']['total']} compared"
    assert f"### {told}{':' if told != said else ';'} {compared}\n" in comment_body(made, Posting())


@pytest.mark.parametrize("hostile", [HOSTILE, "::error::boom", "a" * 5000, "\\|", "``"])
def test_no_name_is_more_than_a_name(report: Document, tmp_path: Path, hostile: str) -> None:
    base = write(tmp_path / "base.json", variant(report, scenario=hostile, target=hostile))
    head = write(tmp_path / "head.json", scaled(variant(report, scenario=hostile, target=hostile), 1.2))
    text = command("compare", base, head, "--markdown").output
    lines = command("compare", base, head).output
    for shown in (text, lines):
        assert not {"\x1b", "\u202e"} & set(shown)
        assert not any(line.startswith("::") for line in shown.splitlines())
    for line in text.splitlines():
        if line.startswith("| "):
            outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", line)
            assert not any(mark in outside for mark in ("<img", "@someone", "](", "https://"))
    assert max(map(len, text.splitlines())) < 1500


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 2},
        {"kind": "report"},
        {"verdict": "fine"},
        {"exit_code": 4},
        {"counts": {}},
        {"metrics": [{}]},
    ],
)
def test_what_is_no_comparison_is_refused(compared: dict[str, Any], tmp_path: Path, change: dict[str, Any]) -> None:
    path = write(tmp_path / "changed.json", {**compared, **change})
    with pytest.raises(ReportError):
        read_comparison(path)


def test_counts_that_are_not_those_of_the_rows_are_refused(compared: dict[str, Any]) -> None:
    lying = copy.deepcopy(compared)
    lying["counts"]["regressed"] = 0
    (mistake,) = comparison_mistakes(lying)
    assert str(mistake) == "counts.regressed: expected 5, as in metrics, found 0"


@pytest.mark.parametrize("name", ["comparison", "waivers", "history"])
def test_every_field_of_the_schemas_is_described_and_has_its_unit(name: str) -> None:
    def walk(schema: dict[str, Any], path: str) -> None:
        for key, inner in schema.get("properties", {}).items():
            assert "description" in inner, f"{path}.{key}"
            walk(inner, f"{path}.{key}")
        for inner in (schema.get("items"), *schema.get("oneOf", ())):
            if inner:
                walk(inner, path)

    walk(load_schema(name), name)


def test_the_exit_code_is_in_the_document(compared: dict[str, Any]) -> None:
    assert json.loads(json.dumps(compared))["exit_code"] == 1
