"""Documents edited by hand in ways that schemas allow: each is refused by a path, with no traceback and no page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ExitCode
from tests.compare.made import command

Document = dict[str, Any]
HUGE = 10**400
COMMANDS = {
    "report": ("run", "10_concurrent_workflows"),
    "capacity": ("capacity", "10_concurrent_workflows", "-n", "1", "--to", "16"),
    "sweep": ("sweep", "10_concurrent_workflows", "--set", "agents=20,40", "--processes", "1"),
    "advice": ("advise", "10_concurrent_workflows", "-n", "2"),
}
EDITED: dict[str, tuple[str, Callable[[Document], object], str]] = {
    "a line that observed a number of 401 digits": (
        "report",
        lambda made: made["baseline"]["lines"][0].update(observed=HUGE),
        "a number of 401 digits, which is too large for a float",
    ),
    "a window longer than any time": (
        "report",
        lambda made: made["over_time"].update(window_s=1e308),
        "over_time.window_s: expected from 1e-15 to 1e+15 s, found 1e+308",
    ),
    "a window of no length to speak of": (
        "report",
        lambda made: made["over_time"].update(window_s=1e-310),
        "over_time.window_s: expected from 1e-15 to 1e+15 s, found 1e-310",
    ),
    "a load of 401 digits": (
        "capacity",
        lambda made: made["trials"][0]["throughput_per_s"].update(value=HUGE),
        "a number of 401 digits, which is too large for a float",
    ),
    "a curve with a point too few": (
        "capacity",
        lambda made: made["fits"][0]["curve"]["throughput_per_s"].pop(),
        "fits[0].curve.throughput_per_s: expected 120, one for each of in_flight, found 119 values",
    ),
    "a row without what was varied": (
        "sweep",
        lambda made: made["rows"][1].update(settings={}),
        "rows[1].settings: expected the paths of axes: 'agents', found nothing",
    ),
    "advice to do what was not tried": (
        "advice",
        lambda made: made.update(best=2**63),
        "best: expected an index in tried, below ",
    ),
    "what helps without figures": (
        "advice",
        lambda made: made["tried"][0].update(does="helps", then=None),
        "tried[0].then: expected figures, because it helps, found null",
    ),
    "advice to do what failed": (
        "advice",
        lambda made: (made["tried"][0].update(does="failed", then=None), made.update(best=0)),
        "best: expected one that did not fail, found 0",
    ),
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One of each kind as JSON, on the virtual clock."""
    folder = tmp_path_factory.mktemp("made")
    more = ("--clock", "virtual", "--quiet", "--json")
    made = {}
    for kind, words in COMMANDS.items():
        kept = () if kind in ("sweep", "advice") else ("--report-dir", str(folder))
        made[kind] = command(*words, *more, *kept).stdout
    return made


@pytest.mark.parametrize("case", sorted(EDITED))
def test_it_is_refused_by_its_path(case: str, documents: dict[str, str], tmp_path: Path) -> None:
    kind, edit, says = EDITED[case]
    document = json.loads(documents[kind])
    edit(document["reports"][0] if kind == "report" else document)
    given, page = tmp_path / "given.json", tmp_path / "page.html"
    given.write_text(json.dumps(document), encoding="utf-8")
    done = command("report", given, "--html", page)
    assert done.exit_code == ExitCode.USAGE
    assert says in done.stderr
    assert not page.exists()


@pytest.mark.parametrize("kind", sorted(COMMANDS))
def test_what_nobody_edited_is_not_refused(kind: str, documents: dict[str, str], tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    given.write_text(documents[kind], encoding="utf-8")
    assert command("report", given, "--html", tmp_path / "page.html").exit_code != ExitCode.USAGE
    assert (tmp_path / "page.html").exists()
