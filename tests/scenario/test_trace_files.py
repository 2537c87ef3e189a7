"""Trace files: what is read from each form, and the line of every mistake."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.errors import DeclarationError
from harness.scenario.load import load_scenarios
from harness.scenario.model import TraceLoad, packed_times

A_TIME = "a number, or a date and time such as 2026-01-31 12:00:00.5"

SCENARIO = """
[scenario.x]
extends = "10_concurrent_workflows"
mix = {{ simple = 1, complex = 1 }}
pools = {{ agents = {{ size = 1 }}, researchers = {{ size = 1 }}, tools = {{ size = 1 }} }}
load = {{ law = "trace", file = "{name}"{more} }}
"""


def loaded(folder: Path, name: str, content: str | bytes, more: str = "") -> TraceLoad:
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    (folder / "mine.toml").write_text(text(name, more), encoding="utf-8")
    load = load_scenarios(folder / "mine.toml")["x"].load
    assert isinstance(load, TraceLoad)
    return load


def text(name: str, more: str = "") -> str:
    body = SCENARIO.format(name=name, more=f", {more}" if more else "")
    # the pools are those that the two types use, whatever the catalog calls them
    from harness.scenario.load import load_catalog  # noqa: PLC0415 - beside its one use

    types = load_catalog().types
    used = dict.fromkeys(step.pool for kind in ("simple", "complex") for step in types[kind].steps)
    pools = ", ".join(f"{pool} = {{ size = 1 }}" for pool in used)
    return "\n".join(f"pools = {{ {pools} }}" if line.startswith("pools") else line for line in body.splitlines())


def refused(folder: Path, name: str, content: str | bytes, more: str = "") -> list[str]:
    with pytest.raises(DeclarationError) as refusal:
        loaded(folder, name, content, more)
    return [
        line.removeprefix(f"{folder / 'mine.toml'}: scenario.x.load.file: ") for line in str(refusal.value).splitlines()
    ]


@pytest.mark.parametrize(
    ("name", "content", "more", "times"),
    [
        ("a.csv", "time\n0\n0.5\n2\n", "", [0, 0.5, 2]),
        ("a.csv", "0\n0.5\n\n# note\n2\n", "", [0, 0.5, 2]),
        ("a.csv", "\ufefftime,tokens\r\n0,7\r\n1,8\r\n", "", [0, 1]),
        ("a.csv", "id,at\n7,1\n3,4\n", 'time_column = "at"', [1, 4]),
        ("a.csv.gz", "time\n0\n3\n", "", [0, 3]),
        ("a.csv", "ms\n0\n1500\n", 'time_unit = "ms"', [0, 1.5]),
        ("a.csv", "epoch\n1700000000.25\n1700000001.25\n", "", [0, 1]),
        ("a.csv", "epoch\n1700000000250\n1700000001250\n", 'time_unit = "ms"', [0, 1]),
        ("a.csv", "TIMESTAMP\n2023-11-16 18:17:03.9799600\n2023-11-16 18:17:04.0319600\n", "", [0, 0.052]),
        ("a.csv", "t\n2026-03-29T01:30:00+01:00\n2026-03-29T03:30:00+02:00\n", "", [0, 3600]),
        ("a.jsonl", '{"time": 0}\n\n{"time": 1.5, "more": []}\n', "", [0, 1.5]),
        ("a.ndjson", '{"at": "2026-01-01T00:00:00Z"}\n{"at": "2026-01-01T00:00:02Z"}', 'time_column = "at"', [0, 2]),
    ],
)
def test_each_form_is_read(tmp_path: Path, name: str, content: str, more: str, times: list[float]) -> None:
    load = loaded(tmp_path, name, content, more)
    assert packed_times(load.due).tolist() == pytest.approx(times)


def test_the_types_of_a_trace_are_those_that_occur(tmp_path: Path) -> None:
    load = loaded(tmp_path, "a.csv", "t,kind\n0,complex\n1,complex\n", 'type_column = "kind"')
    assert load.type_names == ("complex",)
    assert load.kinds == b"\0\0\0\0"


def test_the_same_trace_is_the_same_scenario_wherever_it_lies(tmp_path: Path) -> None:
    digests = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        loaded(tmp_path / folder, f"{folder}.csv", "t\n0\n1\n")
        digests.append(load_scenarios(tmp_path / folder / "mine.toml")["x"].digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("name", "content", "more", "lines"),
    [
        (
            "a.csv",
            "t\n0\n2\n1\n",
            "",
            ["expected times that ascend, found '1', which is before the one above in line 4"],
        ),
        ("a.csv", "t\n-1\n", "", ["expected a time that is finite and not negative, found '-1' in line 2"]),
        ("a.csv", "t\nnan\n", "", ["expected a time that is finite and not negative, found 'nan' in line 2"]),
        (
            "a.csv",
            "t\n0\nsoon\n1\nlater\n",
            "",
            [
                f"expected {A_TIME}, found 'soon' in line 3",
                f"expected {A_TIME}, found 'later' in line 5",
            ],
        ),
        ("a.csv", "", "", ["expected at least one row with a time, found 'a.csv', which has no row"]),
        ("a.csv", "t\n", "", ["expected at least one row with a time, found 'a.csv', which has no row"]),
        (
            "a.csv",
            "t,u\n0,1\n",
            'time_column = "v"',
            ["expected one of its columns: t, u, found 'a.csv': no column 'v'"],
        ),
        (
            "a.csv",
            "t,kind\n0,simple\n1,smiple\n2\n",
            'type_column = "kind"',
            [
                "expected one of the mix: simple, complex, found the type 'smiple' in line 3",
                "expected one of the mix: simple, complex, found the type nothing in line 4",
            ],
        ),
        ("a.csv", "t\n0\n3e6\n", "", ["expected at most 2592000 s, found 3000000 s from the start in line 3"]),
        (
            "a.csv",
            "t\n0\n2026-01-01 00:00:00\n",
            "",
            ["expected a number, as above, found '2026-01-01 00:00:00' in line 3"],
        ),
        ("a.jsonl", '{"time": 0}\n{"time"\n', "", ["expected an object in JSON, found '{\"time\"' in line 2"]),
        ("a.jsonl", '{"at": 0}\n', "", ["expected one of its keys: at, found no key 'time' in line 1"]),
        ("a.jsonl", "[1]\n", "", ["expected an object, found '[1]' in line 1"]),
        ("a.jsonl", '{"time": true}\n', "", [f"expected {A_TIME}, found True in line 1"]),
        (
            "a.txt",
            "0\n",
            "",
            ["expected a file that ends in .csv, .jsonl, .ndjson, or .gz after it, found 'a.txt': the ending '.txt'"],
        ),
        ("a.csv", b"\xff\xfe0\n", "", ["expected a text file, found 'a.csv', which is not UTF-8"]),
    ],
)
def test_each_mistake_is_told_with_its_line(
    tmp_path: Path, name: str, content: str | bytes, more: str, lines: list[str]
) -> None:
    assert refused(tmp_path, name, content, more) == lines


def test_a_file_that_is_cut_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"t\n" + b"0\n" * 5000)[:-20])
    for name, said in (("a.csv.gz", "gzip cannot read"), ("b.csv", "No such file")):
        (tmp_path / "mine.toml").write_text(text(name), encoding="utf-8")
        with pytest.raises(DeclarationError, match=said):
            load_scenarios(tmp_path / "mine.toml")


def test_of_a_file_full_of_mistakes_the_first_are_told(tmp_path: Path) -> None:
    lines = refused(tmp_path, "a.csv", "t\n" + "x\n" * 100_000)
    assert len(lines) == 11
    assert lines[-1] == "expected a trace without them, found more lines like these"
