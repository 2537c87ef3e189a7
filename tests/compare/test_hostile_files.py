"""Files with anything in them: each is a verdict or a refusal, never an exception, and one process never passes."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ExitCode
from tests.compare.made import Document, command, real_report, variant, write

STRANGE = [None, True, -1, 0, 1e308, "x", "", [], {}, [1], {"a": 1}, math.nan, [[1]], "\ud800", "\x1b[2J", 10**30]
COMMIT = "ab" * 20

PYTEST: Document = {
    "machine_info": {"node": "n", "system": "Linux", "cpu": {"brand_raw": "one", "count": 2}},
    "commit_info": {"id": COMMIT, "dirty": False},
    "datetime": "2026-01-01T00:00:00+00:00",
    "benchmarks": [
        {
            "fullname": "t.py::t",
            "extra_info": {},
            "options": {"timer": "perf_counter"},
            "stats": {"median": 1.0, "data": [1.0, 1.1]},
        }
    ],
}
ASV: Document = {
    "commit_hash": COMMIT,
    "env_name": "py3",
    "date": 1e12,
    "params": {"machine": "here", "cpu": "one"},
    "result_columns": ["result", "params", "version", "samples"],
    "results": {"a.time": [[1.0, 2.0], [["1", "2"]], "v", [[1.0, 1.1], [2.0, 2.1]]], "a.track": [[3], [], "w"]},
}
BENCHMARKS = {
    "a.time": {"type": "time", "unit": "seconds", "rounds": 2},
    "a.track": {"type": "track", "unit": "unit", "rounds": 1},
}


def places(document: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inner:
        yield (*place, key)
        yield from places(value, (*place, key))


def mutated(document: Document, draw: random.Random) -> Document:
    changed = copy.deepcopy(document)
    *route, last = draw.choice(list(places(changed)))
    holder: Any = changed
    for key in route:
        holder = holder[key]
    if draw.random() < 0.3:
        del holder[last]
    else:
        holder[last] = draw.choice(STRANGE)
    return changed


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return real_report(tmp_path_factory.mktemp("virtual"))


@pytest.mark.parametrize("seed", range(60))
def test_reports(seed: int, report: Document, tmp_path: Path) -> None:
    head = variant(mutated(report, random.Random(seed)))
    done = command("compare", write(tmp_path / "a.json", report), write(tmp_path / "b.json", head))
    assert done.exit_code in (ExitCode.HELD, ExitCode.REGRESSION, ExitCode.USAGE, ExitCode.NOT_ENOUGH)
    assert "\x1b" not in done.output


@pytest.mark.parametrize("seed", range(60))
def test_pytest_benchmark_files(seed: int, tmp_path: Path) -> None:
    head = mutated(PYTEST, random.Random(seed))
    base = {**PYTEST, "datetime": "2026-01-02T00:00:00+00:00"}
    done = command("compare", write(tmp_path / "a.json", base), write(tmp_path / "b.json", head))
    assert done.exit_code in (ExitCode.USAGE, ExitCode.NOT_ENOUGH)
    assert "\x1b" not in done.output


@pytest.mark.parametrize("seed", range(60))
def test_asv_results(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    name = f"here/{COMMIT[:8]}-py3.json"
    for side, change in (("a", lambda document: document), ("b", lambda document: mutated(document, draw))):
        (tmp_path / side / "here").mkdir(parents=True)
        listing = change(BENCHMARKS) if draw.random() < 0.3 else BENCHMARKS
        (tmp_path / side / "benchmarks.json").write_text(json.dumps(listing))
        (tmp_path / side / name).write_text(json.dumps(change(ASV)))
    done = command("compare", *(f"asv:{tmp_path / side}@{COMMIT}" for side in "ab"))
    assert done.exit_code in (ExitCode.USAGE, ExitCode.NOT_ENOUGH)
    assert "\x1b" not in done.output
    assert command("history", f"asv:{tmp_path / 'b'}").exit_code in (ExitCode.USAGE, ExitCode.NOT_ENOUGH)
