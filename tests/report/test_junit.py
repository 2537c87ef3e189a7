"""JUnit XML, read back by junitparser: it fails where the command fails, and no name can break it."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from junitparser import TestCase as JUnitCase

from harness.assess import exit_code
from harness.errors import ExitCode
from harness.judge.compare import exit_code_of
from harness.report.junit import junit_xml, suites_of_comparison, suites_of_reports
from harness.report.model import Report
from tests.compare.made import Document, command, real_report, scaled, variant, write
from tests.report.made_reports import make_report, make_scenario, make_suite
from tests.report.test_hostile_texts import HOSTILE


def read(data: bytes) -> JUnitXml:
    return JUnitXml.fromstring(data)


def ends(data: bytes) -> dict[str, list[str]]:
    """Suite -> how each of its cases ended."""
    kinds = {Failure: "failure", Error: "error", Skipped: "skipped"}
    return {
        suite.name: [kinds[type(case.result[0])] if case.result else "passed" for case in suite] for suite in read(data)
    }


def fails(data: bytes) -> bool:
    found = read(data)
    return bool(found.failures or found.errors)


def test_each_line_is_a_case_and_nothing_unseen_or_invalid_passes() -> None:
    found = ends(junit_xml(suites_of_reports(make_suite())))
    assert found["test_steady"] == ["passed"] * 5
    assert found["test_too_slow"] == ["passed", "passed", "failure", "passed", "passed"]
    assert found["test_unseen"] == ["passed", "passed", "passed", "error", "error"]
    assert found["test_cut_short"] == ["error"] * 5


def test_properties_times_and_reasons_are_read_back() -> None:
    report = make_report("test_too_slow")
    whole = read(junit_xml(suites_of_reports([report])))
    (suite,) = whole
    assert {one.name: one.value for one in suite.properties()} == {
        "scenario_digest": "0011223344556677",
        "commit": "0" * 40,
        "dirty": "false",
        "clock": "virtual",
        "target": "builtin",
        "seeds": "1",
        "run_id": report.document["run_id"],
        "harness_version": "0.1.0",
    }
    assert suite.timestamp == report.document["timestamp"]
    assert suite.time == whole.time == sum(case.time for case in suite) == 10.0  # the makespan of its one replication
    cases: list[JUnitCase] = list(suite)
    assert [case.name for case in cases][:2] == ["the run is valid", "success_rate >= 80 %"]
    assert cases[2].system_out == report.document["baseline"]["lines"][1]["reason"]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_it_fails_exactly_where_the_command_does(count: int) -> None:
    bare = make_report("bare", scenario={"baseline": ()})
    invalid = make_report("bare_and_cut", scenario={"baseline": ()}, run={"stopped": "run timeout"})
    for chosen in itertools.combinations([*make_suite(), bare, invalid], count):
        assert fails(junit_xml(suites_of_reports(chosen))) == (exit_code(chosen) is not ExitCode.HELD)


def test_two_reports_of_one_scenario_are_told_apart() -> None:
    twice = [make_report(), make_report(run_id="f" * 32)]
    assert list(ends(junit_xml(suites_of_reports(twice)))) == [
        "test_steady (builtin, virtual, run 01234567)",
        "test_steady (builtin, virtual, run ffffffff)",
    ]


EVERY_CONTROL = "".join(map(chr, [*range(32), *range(127, 160), 0xFFFE, 0xFFFF, 0x1FFFE]))


@pytest.mark.parametrize("hostile", [*HOSTILE, EVERY_CONTROL, "]]><x/>", "<!DOCTYPE a>", "a&#0;b", "\"'><failure/>"])
def test_no_text_breaks_the_document(hostile: str) -> None:
    document = copy.deepcopy(dict(make_suite()[1].document))
    document |= {"scenario": hostile, "target": hostile, "status": f"invalid: {hostile}"}
    document["baseline"]["lines"][0] |= {"text": hostile, "reason": hostile, "metric": hostile}
    valid = document | {"status": "valid"}
    for one in (document, valid):
        data = junit_xml(suites_of_reports([Report(one)]))
        root = ElementTree.fromstring(data)  # expat refuses what XML 1.0 does
        assert [child.tag for child in root] == ["testsuite"]
        assert {child.tag for child in root[0]} == {"properties", "testcase"}
        assert len(ends(data).popitem()[1]) == 5


# --------------------------------------------------------------------------- comparisons


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Document:
    from harness.report.comparison import read_comparison  # noqa: PLC0415 - of one fixture

    folder = tmp_path_factory.mktemp("compared")
    report = real_report(folder)
    write(folder / "base" / "0.json", report)
    write(folder / "base" / "1.json", variant(report, scenario="gone"))
    write(folder / "head" / "0.json", scaled(report, 1.1))
    done = command(
        "compare", folder / "base", folder / "head", "--report-dir", folder, "--junit", folder / "compared.xml"
    )
    assert done.exit_code == ExitCode.REGRESSION
    (path,) = folder.glob("comparison-*.json")
    document = read_comparison(path)
    assert (folder / "compared.xml").read_bytes() == junit_xml(suites_of_comparison(document))
    return document


def test_a_comparison_has_a_case_per_metric_and_one_for_the_whole(compared: Document) -> None:
    data = junit_xml(suites_of_comparison(compared))
    found = ends(data)
    assert found["comparison"] == ["failure"]
    assert found["few"].count("failure") == compared["counts"]["regressed"] == 5
    assert found["gone"] == ["error"] * 8
    few = next(suite for suite in read(data) if suite.name == "few")
    known = {one.name: one.value for one in few.properties()}
    assert known["clock"] == "virtual"
    assert known["scenario_digest"] == compared["metrics"][0]["identity"]["scenario_digest"]


WORDS = ("regressed", "improved", "unchanged", "inconclusive", "missing", "incomparable", "new")
VARIANTS: list[dict[str, Any]] = [{"verdict": word} for word in WORDS]
VARIANTS += [{"verdict": word, "waiver": {"accepted": True, "reason": "known"}} for word in ("regressed", "missing")]
VARIANTS += [{"verdict": "regressed", "waiver": {"accepted": False, "reason": "expired"}}]
VARIANTS += [{"verdict": "inconclusive", "no_worse": True}, {"verdict": "inconclusive", "advisory": "nobody waits"}]


@pytest.mark.parametrize("allowed", [False, True])
def test_a_comparison_fails_exactly_where_its_command_does(compared: Document, allowed: bool) -> None:
    plain = {"waiver": None, "no_worse": False, "advisory": ""}
    for count in (0, 1, 2, 3):
        for chosen in itertools.combinations(VARIANTS, count):
            metrics = [{**compared["metrics"][0], **plain, **one} for one in chosen]
            awaited = [one for one in metrics if not one["advisory"] or one["no_worse"]]
            accepted = [bool(one["waiver"] and one["waiver"]["accepted"]) or one["no_worse"] for one in awaited]
            code = exit_code_of([one["verdict"] for one in awaited], accepted, allow_inconclusive=allowed)
            verdict = {0: "held", 1: "regressed"}.get(int(code), "not_enough")
            document = compared | {
                "metrics": metrics,
                "exit_code": int(code),
                "verdict": verdict,
                "allow_inconclusive": allowed,
            }
            assert fails(junit_xml(suites_of_comparison(document))) == (code is not ExitCode.HELD), chosen


def test_one_metric_on_two_clocks_is_two_cases(compared: Document) -> None:
    one = compared["metrics"][0]
    other = one | {"identity": one["identity"] | {"clock": "hybrid"}}
    data = junit_xml(suites_of_comparison(compared | {"metrics": [one, other]}))
    names = [case.name for suite in read(data) if suite.name == "few" for case in suite]
    assert names == [f"{one['metric']} (builtin, {clock})" for clock in ("virtual", "hybrid")]


def test_a_comparison_that_was_stopped_is_no_success(compared: Document) -> None:
    document = compared | {"metrics": [], "exit_code": 0, "verdict": "held", "stopped": "interrupted"}
    assert ends(junit_xml(suites_of_comparison(document))) == {"comparison": ["error"]}


def test_run_and_report_write_the_same_and_replace_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.xml").write_text("old")
    done = command("run", "10_concurrent_workflows", "--clock", "virtual", "--junit", "a.xml", "-q")
    assert done.exit_code == ExitCode.HELD
    again = command("report", *Path("reports").iterdir(), "--junit", "new/b.xml")
    assert again.exit_code == ExitCode.HELD
    assert Path("a.xml").read_bytes() == Path("new/b.xml").read_bytes()
    assert not list(Path().rglob("*.part"))
    assert make_scenario().name not in Path("a.xml").read_text()


@pytest.mark.parametrize("verb", ["run", "report", "compare"])
def test_a_file_that_cannot_be_written_is_refused_first(verb: str, tmp_path: Path) -> None:
    (tmp_path / "folder.xml").mkdir()
    words = {"run": [], "report": [tmp_path / "no.json"], "compare": [tmp_path / "no", tmp_path / "nor"]}[verb]
    for name, told in (("a.txt", "one of .xml, found '.txt'"), ("folder.xml", "found a folder")):
        done = command(verb, *words, "--junit", tmp_path / name)
        assert done.exit_code == ExitCode.USAGE
        assert "--junit" in done.output
        assert told in done.output
