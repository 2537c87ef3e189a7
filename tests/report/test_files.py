"""Reports on disk: round trip, names, two writers at once, failures in the middle, and files that are no reports."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ExitCode, ReportError
from harness.report.document import json_document, read_report, read_reports, refuse_folder, write_report
from tests.report.made_reports import make_report, make_suite

NAME = "test_steady-builtin-virtual-20260304T050607.890123Z-01234567"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    for report in make_suite():
        path = write_report(report, tmp_path / "deep" / "folder")
        assert read_report(path).document == report.document
        assert read_report(str(path)) == report
    assert {path.suffix for path in (tmp_path / "deep" / "folder").iterdir()} == {".json"}


def test_the_name_says_what_it_is(tmp_path: Path) -> None:
    assert write_report(make_report(), tmp_path).name == f"{NAME}.json"


@pytest.mark.parametrize(
    ("scenario", "target", "start"),
    [
        ("../../etc/passwd", "builtin", "..-etc-passwd-builtin"),
        ("a/b\\c:d*e?f", "builtin", "a-b-c-d-e-f-builtin"),
        ("ünï", "https://host:80/run", "n-https-host-80-run"),
        ("...", "///", "unnamed-unnamed"),
        ("x" * 300, "y" * 300, "x" * 60 + "-" + "y" * 60),
        ("-rf", "langgraph:app.graph:g", "rf-langgraph-app.graph-g"),
    ],
)
def test_names_are_safe_on_any_disk(tmp_path: Path, scenario: str, target: str, start: str) -> None:
    path = write_report(make_report(scenario, run={"target": target}), tmp_path)
    assert path.parent == tmp_path
    assert path.name.lstrip(".-").startswith(start.lstrip(".-"))
    assert len(path.name.encode()) < 255


def test_a_name_that_is_taken_is_never_taken_over(tmp_path: Path) -> None:
    first = write_report(make_report(), tmp_path)
    before = first.read_bytes()
    other = make_report(harness_version="9.9")
    names = [write_report(other, tmp_path).name for _ in range(2)]
    assert names == [f"{NAME}-2.json", f"{NAME}-3.json"]
    assert first.read_bytes() == before


WRITERS = """
import sys, pathlib
from harness.report.document import Report, report_mistakes, write_report
from made_reports import make_report
document = make_report().document
report_mistakes(document)  # what is imported and compiled at the first call is there before the race begins
print("ready", flush=True)
sys.stdin.readline()
for version in range(25):
    write_report(Report({**document, "harness_version": f"{sys.argv[1]}.{version}"}), pathlib.Path(sys.argv[2]))
"""


def test_two_processes_that_write_the_same_name_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITERS]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    writers = [
        subprocess.Popen(
            [*command, str(k), str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )
        for k in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n", timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    versions = {read_report(path).document["harness_version"] for path in tmp_path.iterdir()}
    assert versions == {f"{k}.{version}" for k in range(2) for version in range(25)}


# --------------------------------------------------------------------------- what fails while writing


def failing(code: int) -> Callable[..., Any]:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(
    ("call", "code", "says"),
    [
        ("fsync", errno.ENOSPC, "No space left on device"),
        ("fsync", errno.EIO, "Input/output error"),
        ("link", errno.ENOSPC, "No space left on device"),
        ("link", errno.EDQUOT, "quota"),
    ],
)
def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, says: str
) -> None:
    monkeypatch.setattr(os, call, failing(code))
    with pytest.raises(ReportError, match=f"(?i)cannot write the report {NAME}.json: .*{says}") as refusal:
        write_report(make_report(), tmp_path)
    assert str(tmp_path) in str(refusal.value)
    assert refusal.value.exit_code == ExitCode.USAGE
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_hard_links_is_written_to_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    first = write_report(make_report(), tmp_path)
    second = write_report(make_report(harness_version="9.9"), tmp_path)
    assert [first.name, second.name] == [f"{NAME}.json", f"{NAME}-2.json"]
    assert read_report(first).document["harness_version"] == "0.1.0"
    monkeypatch.setattr(os, "replace", failing(errno.EIO))
    with pytest.raises(ReportError, match="Input/output error"):
        write_report(make_report(), tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([first, second])


def test_ctrl_c_while_writing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_report(make_report(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/no-such-folder")):
        with pytest.raises(ReportError, match="cannot write the report") as refusal:
            write_report(make_report(), folder)
        assert str(refusal.value).startswith(f"{folder}: ")


def test_a_folder_is_tried_before_a_run_and_left_as_it_was(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "new", tmp_path / "new" / "below"):
        refuse_folder(folder)
        assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    wrong = [tmp_path / "file", tmp_path / "file" / "below", tmp_path / "dangling", tmp_path / "new" / ("x" * 300)]
    before = set(tmp_path.iterdir())
    for folder in (*wrong, Path("/proc/no-such-folder")):
        with pytest.raises(ReportError, match=f"{folder}: cannot write there"):
            refuse_folder(folder)
    assert set(tmp_path.iterdir()) == before


def test_no_name_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReportError, match=r"--report-dir: expected the name of a folder .*, found nothing"):
        refuse_folder("")
    with pytest.raises(ReportError, match="found nothing"):
        write_report(make_report(), "")
    assert list(tmp_path.iterdir()) == []
    refuse_folder(".")
    assert write_report(make_report(), ".").exists()


# --------------------------------------------------------------------------- several in one file


def several(*documents: Any, **fields: Any) -> str:
    return json.dumps({"schema_version": 1, "reports": list(documents), **fields})


def test_what_is_printed_as_json_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "reports.json"
    path.write_text(json_document(make_suite()))
    assert read_reports(path) == tuple(make_suite())
    with pytest.raises(ReportError, match=f"{path}: expected one report, found 4"):
        read_report(path)
    path.write_text(json_document(make_suite()[:1]))
    assert read_reports(path) == (read_report(path),) == (make_suite()[0],)
    path.write_text(json.dumps(make_report().document))
    assert read_reports(path) == (make_report(),)


ONE = dict(make_report().document)
SEVERAL_UNREADABLE = {
    "a mistake in the second": (several(ONE, {**ONE, "offered": -1}), r": reports\[1\].offered: expected .*found -1"),
    "a contradiction": (several({**ONE, "offered": 41}), r": reports\[0\].outcomes: expected the sum 41"),
    "no object": (several(ONE, 7), r": reports\[1\]: expected a report of one load scenario, found 7"),
    "another version in one": (
        several(ONE, {**ONE, "schema_version": 2}),
        r"reports\[1\].schema_version: expected 1, .*2",
    ),
    "another version": (several(ONE, schema_version=2), "schema_version: expected 1, the version .*, found 2"),
    "a version that is no number": (several(ONE, schema_version=True), "schema_version: expected 1, .*, found True"),
    "no version": (json.dumps({"reports": [ONE]}), "schema_version: expected 1, .*, found nothing"),
    "none": (several(), "reports: expected one report or more, found an empty list"),
    "no list": (
        json.dumps({"schema_version": 1, "reports": ONE}),
        "reports: expected one report or more, found no list",
    ),
    "a thousand": (several(*[{}] * 1000), "and 37940 more mistakes"),
}


@pytest.mark.parametrize("case", SEVERAL_UNREADABLE)
def test_a_mistake_in_one_of_several_is_named_with_its_place(tmp_path: Path, case: str) -> None:
    text, says = SEVERAL_UNREADABLE[case]
    path = tmp_path / "reports.json"
    path.write_text(text)
    with pytest.raises(ReportError, match=says) as refusal:
        read_reports(path)
    assert all(line.startswith(f"{path}: ") for line in str(refusal.value).splitlines())


# --------------------------------------------------------------------------- what is no report


def changed(**changes: Any) -> str:
    return json.dumps({**make_report().document, **changes})


def without(*keys: str) -> str:
    return json.dumps({key: value for key, value in make_report().document.items() if key not in keys})


GOOD = json.dumps(make_report().document)
UNREADABLE = {
    "empty": ("", r"line 1, column 1: expected JSON, found the end of the file \(is it truncated\?\)"),
    "blank": (" \n\n", "the end of the file"),
    "truncated": (GOOD[: len(GOOD) // 2], "truncated"),
    "truncated in a text": ('{"scenario": "tes', "line 1, column 14: expected JSON"),
    "not JSON": ("scenario: x", "line 1, column 1: expected JSON, found Expecting value"),
    "two documents": (GOOD + GOOD, "expected JSON, found Extra data"),
    "NaN": (GOOD.replace('"error_rate": 0.05', '"error_rate": NaN'), "the number NaN, which is not JSON"),
    "infinity": (GOOD.replace('"error_rate": 0.05', '"error_rate": -Infinity'), "the number -Infinity"),
    "overflow": (GOOD.replace('"error_rate": 0.05', '"error_rate": 1e999'), "1e999, which is too large"),
    "a key twice": (GOOD.replace('"offered": 40', '"offered": 40, "offered": 41', 1), "the key 'offered' twice"),
    "too deep": ("[" * 200_000, "brackets nested too deeply|expected JSON"),
    "digits without end": (GOOD.replace('"offered": 40', '"offered": ' + "9" * 5000, 1), "expected strict JSON"),
    "a list": ("[]", "expected a table|expected an? object|found"),
    "null": ("null", "found null"),
    "a newer schema": (
        changed(schema_version=2, harness_version="7.0"),
        r"schema_version: expected 1, .*, found 2 \(written by harness 7.0\)",
    ),
    "an older schema": (changed(schema_version=0), "schema_version: expected 1"),
    "a version that is a text": (changed(schema_version="1"), "schema_version: expected 1"),
    "no version": (without("schema_version"), "schema_version: expected .*, found nothing"),
    "a field missing": (without("response_time_percentiles"), "response_time_percentiles: expected .*, found nothing"),
    "a share above one": (changed(success_rate=1.5), "success_rate: expected .*1.*, found 1.5"),
    "a wrong type": (changed(offered="40"), "offered: expected .*whole number.*, found '40'"),
    "an unknown clock": (changed(clock="sundial"), "clock: expected one of wall, virtual, hybrid.*, found 'sundial'"),
    "a wrong verdict": (changed(baseline={"verdict": "fine", "lines": []}), "baseline.verdict: expected one of held"),
    "an outcome unknown": (
        changed(outcomes={**make_report().document["outcomes"], "lost": 1}),
        "outcomes.lost: expected .*, found an unknown key",
    ),
    "a workflow lost": (changed(offered=41), r"outcomes: expected the sum 41 \(offered\), found counts that sum to 40"),
    "a timestamp of another form": (changed(timestamp="yesterday"), "timestamp: expected .*, found 'yesterday'"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_report_is_refused_in_words(tmp_path: Path, case: str) -> None:
    text, says = UNREADABLE[case]
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(ReportError, match=says) as refusal:
        read_report(path)
    assert all(line.startswith(f"{path}: ") for line in str(refusal.value).splitlines())
    assert len(str(refusal.value)) < 2000


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(changed(offered=-1, clock="sundial", seeds=[]))
    with pytest.raises(ReportError) as refusal:
        read_report(path)
    assert len(str(refusal.value).splitlines()) == 3


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    cases = {
        tmp_path: "expected a report file, found a folder",
        tmp_path / "missing.json": "cannot read the report: No such file",
        fifo: "found something that is not a regular file",
        Path("/dev/zero"): "found something that is not a regular file",
    }
    for path, says in cases.items():
        with pytest.raises(ReportError, match=says) as refusal:
            read_report(path)
        assert str(refusal.value).startswith(f"{path}: ")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(ReportError, match="expected UTF-8 text, found byte 0xff at offset 0"):
        read_report(path)


def test_a_byte_order_mark_is_not_json(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(GOOD, encoding="utf-8-sig")
    with pytest.raises(ReportError, match="expected"):
        read_report(path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_report(make_report(), tmp_path)
    monkeypatch.setattr(Path, "read_bytes", failing(errno.EACCES))  # root may read anything
    with pytest.raises(ReportError, match="cannot read the report: Permission denied"):
        read_report(path)


def test_a_report_that_the_schema_refuses_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="run_id"):
        write_report(make_report(run_id="short"), tmp_path)
    assert list(tmp_path.iterdir()) == []
