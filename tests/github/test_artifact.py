"""Artifacts as an enemy makes them: each is refused with its reason, at once, and nothing is written anywhere."""

from __future__ import annotations

import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import schema
from harness.bridges.github_artifact import MOST_PACKED_B, MOST_UNPACKED_B, comparison_in
from harness.errors import ReportError
from tests.github.made import comparison, metric, packed, slower, zipped

GOOD = json.dumps(slower())


def with_mode(mode: int, name: str = "comparison.json") -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def doctored(offset_in_central: int, form: str, value: int, local: tuple[int, str, int] | None = None) -> bytes:
    """A good artifact with one number of its directory changed."""
    content = bytearray(packed(GOOD))
    at = content.index(b"PK\x01\x02") + offset_in_central
    struct.pack_into(form, content, at, value)
    if local:
        struct.pack_into(local[1], content, local[0], local[2])
    return bytes(content)


def bomb() -> bytes:
    """Small, and a gigabyte when it is unpacked; the directory tells the truth."""
    return zipped([("comparison.json", b"\0" * (64 * 2**20))])


def lying_bomb() -> bytes:
    """The same, and the directory says that it is a hundred bytes."""
    content = bytearray(bomb())
    at = content.index(b"PK\x01\x02")
    struct.pack_into("<L", content, at + 24, 100)
    struct.pack_into("<L", content, 22, 100)
    return bytes(content)


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def changed(**fields: Any) -> bytes:
    return packed({**slower(), **fields})


def of_metric(**fields: Any) -> bytes:
    return packed(comparison([metric("few.p50", "regressed", **fields)]))


ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "expected a zip archive"),
    "no zip": (lambda: b"GIF89a" * 100, "expected a zip archive"),
    "truncated": (lambda: packed(GOOD)[:-30], "expected a zip archive"),
    "empty zip": (lambda: zipped([]), "expected one member, comparison.json, found 0"),
    "too large": (lambda: b"x" * (MOST_PACKED_B + 1), f"expected at most {MOST_PACKED_B} bytes"),
    "another name": (lambda: packed(GOOD, "other.json"), 'found "other.json"'),
    "a path": (lambda: packed(GOOD, "a/comparison.json"), 'found "a/comparison.json"'),
    "up and out": (lambda: packed(GOOD, "../comparison.json"), r'found "\.\./comparison.json"'),
    "absolute": (lambda: packed(GOOD, "/etc/comparison.json"), 'found "/etc/comparison.json"'),
    "drive": (lambda: packed(GOOD, "C:\\comparison.json"), "expected the member comparison.json"),
    "backslashes": (lambda: packed(GOOD, "..\\comparison.json"), "expected the member comparison.json"),
    "zero byte": (
        lambda: packed(GOOD, "comparison.json?.sh").replace(b"?.sh", b"\0.sh"),
        "expected the member comparison.json",
    ),
    "name with colours": (lambda: packed(GOOD, "\x1b[31mcomparison.json"), "expected the member comparison.json"),
    "name as a command": (lambda: packed(GOOD, "::error::x"), "expected the member comparison.json"),
    "two members": (lambda: zipped([("comparison.json", GOOD), ("run.sh", "x")]), "found 2"),
    "the same twice": (lambda: zipped([("comparison.json", GOOD), ("comparison.json", "{}")]), "found 2"),
    "many members": (lambda: zipped([(f"{k}", "") for k in range(2000)]), "found 2000"),
    "symbolic link": (lambda: zipped([(with_mode(stat.S_IFLNK | 0o777), "/etc/passwd")]), "found a link"),
    "device": (lambda: zipped([(with_mode(stat.S_IFCHR | 0o600), GOOD)]), "found something else"),
    "folder": (lambda: zipped([("comparison.json/", "")]), "expected the member comparison.json"),
    "folder by its mode": (lambda: zipped([(with_mode(stat.S_IFDIR | 0o755), GOOD)]), "found something else"),
    "encrypted": (lambda: doctored(8, "<H", 1), "found an encrypted one"),
    "bzip2": (lambda: zipped([("comparison.json", GOOD)], zipfile.ZIP_BZIP2), "found compression method 12"),
    "unknown method": (lambda: doctored(10, "<H", 77), "found compression method 77"),
    "wrong checksum": (lambda: doctored(16, "<L", 12345), "broken: Bad CRC-32"),
    "local name differs": (lambda: packed(GOOD).replace(b"comparison.json", b"comparisoX.json", 1), "broken"),
    "points beyond the end": (lambda: doctored(42, "<L", 2**31), "broken"),
    "bomb": (bomb, f"at most {MOST_UNPACKED_B} bytes, found one of 67108864 bytes"),
    "lying bomb": (lying_bomb, "broken|more"),
    "zip in a zip": (lambda: packed(packed(GOOD)), "expected UTF-8|expected JSON"),
}

DOCUMENTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "not UTF-8": (lambda: packed(b'{"a": "\xff"}'), "expected UTF-8 text, found byte 0xff"),
    "UTF-16": (lambda: packed(GOOD.encode("utf-16")), "expected UTF-8"),
    "nothing": (lambda: packed(""), "expected JSON"),
    "truncated JSON": (lambda: packed(GOOD[:-20]), "expected JSON"),
    "a list": (lambda: packed("[]"), "top level"),
    "null": (lambda: packed("null"), "top level"),
    "deep objects": (lambda: packed(deep(100_000)), "nested too deeply|levels"),
    "less deep": (lambda: packed(deep(30)), "at most 24 levels"),
    "deep lists": (lambda: packed("[" * 100_000), "expected (strict )?JSON|nested"),
    "NaN": (lambda: packed(GOOD.replace('"seed": 0', '"seed": NaN')), "the number NaN"),
    "infinity": (lambda: packed(GOOD.replace('"effect": 0.3', '"effect": Infinity')), "the number Infinity"),
    "1e999": (lambda: packed(GOOD.replace('"effect": 0.3', '"effect": 1e999')), "too large for a float"),
    "ten thousand digits": (lambda: packed(GOOD.replace('"seed": 0', '"seed": ' + "9" * 10_000)), "expected"),
    "four hundred digits": (lambda: of_metric(effect=10**400), "too large for a float"),
    "two hundred digits": (lambda: of_metric(effect=10**200), "expected whole numbers up to"),
    "a key twice": (lambda: packed(GOOD.replace('"seed": 0', '"seed": 0, "seed": 1')), "the key 'seed' twice"),
    "very many keys, one twice": (
        lambda: packed("{" + ",".join(f'"{k}":1' for k in range(150_000)) + ',"149999":1}'),
        "the key '149999' twice",
    ),
    "very many keys": (
        lambda: packed("{" + ",".join(f'"{k}":1' for k in range(150_000)) + "}"),
        "keys in an object",
    ),
    "keys of counts": (
        lambda: changed(counts={**slower()["counts"], **{str(k): 1 for k in range(10_000)}}),
        "keys in an object",
    ),
    "too many metrics": (
        lambda: packed(comparison([{"name": "x", "verdict": "new", "waiver": None, "no_worse": False}] * 6000)),
        "metrics: expected at most 5000, found 6000",
    ),
    "a long text": (lambda: of_metric(reason="x" * 100_000), "characters in a text"),
    "a newer version": (lambda: changed(schema_version=2), "schema_version: expected 1, found 2"),
    "no version": (lambda: packed({k: v for k, v in slower().items() if k != "schema_version"}), "schema_version"),
    "another kind": (lambda: changed(kind="history"), "kind: expected 'comparison'|kind: expected"),
    "a text as a number": (lambda: of_metric(effect="0.3"), r"metrics\[0\].effect: expected a number"),
    "true as a number": (lambda: changed(rounds=True), "rounds: expected a whole number"),
    "a commit that is none": (
        lambda: changed(head={**slower()["head"], "commit": "$(touch x)"}),
        "head.commit: expected the hexadecimal hash",
    ),
    "counts that lie": (
        lambda: changed(counts={**slower()["counts"], "regressed": 0, "unchanged": 3}),
        "counts.regressed: expected 2, as in metrics, found 0",
    ),
    "a verdict that lies": (lambda: changed(verdict="held", exit_code=0), "exit_code: expected 1, as the metrics say"),
    "no worse, and regressed": (
        lambda: packed({**comparison([metric("a.b", "regressed", no_worse=True)]), "verdict": "held", "exit_code": 0}),
        r"metrics\[0\].no_worse: expected false where the verdict is regressed",
    ),
}


def test_a_good_artifact_is_read() -> None:
    assert comparison_in(packed(GOOD), "artifact") == json.loads(GOOD)


def test_there_are_enough_of_them() -> None:
    assert len(ARCHIVES) + len(DOCUMENTS) >= 30


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [*ARCHIVES, *DOCUMENTS])
def test_a_hostile_artifact_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, said = {**ARCHIVES, **DOCUMENTS}[name]
    content = made()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReportError, match=said) as raised:
        comparison_in(content, "artifact")
    assert raised.value.exit_code == 2
    told = str(raised.value)
    assert all(line.startswith("artifact: ") for line in told.splitlines())
    assert told.replace("\n", "").isprintable()
    assert len(told) < 20_000
    assert os.listdir(tmp_path) == []


def test_a_large_honest_artifact_is_read() -> None:
    rows = [metric(f"scenario_{k}.p50", "unchanged") for k in range(800)]
    assert len(comparison_in(packed(comparison(rows)), "artifact")["metrics"]) == 800


def test_the_search_for_mistakes_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the largest size whose every row has every mistake: looking at all of them would take a minute."""
    looked_at: list[object] = []
    real = schema._mistakes

    def counted(error: Any, root: Any) -> Any:
        looked_at.append(error)
        return real(error, root)

    monkeypatch.setattr(schema, "_mistakes", counted)
    row = {"name": "", "verdict": 7, "waiver": {}, "no_worse": "x", "interval": {"low": "x"}}
    content = packed({**slower(), "metrics": [row] * 5000})
    with pytest.raises(ReportError, match=r"and \d+ more mistakes"):
        comparison_in(content, "artifact")
    assert 60 < len(looked_at) < 1000
