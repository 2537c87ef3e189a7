"""The pages that `harness continuous` and `harness history` write themselves: their documents' figures, and no more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.errors import ExitCode
from harness.report.model import Report
from tests.compare.toy import git, harness, repository
from tests.page.browsing import Shown

Open = Callable[..., Shown]
RUN = "window.run=1"
BRANCH = f'a"><img/src=x/onerror={RUN}>'
"""A name that git takes."""
_ROWS = """rows => rows.map(row => [row.querySelector("th").childNodes[0].textContent,
  ...[...row.querySelectorAll("data")].map(one => one.value)])"""
_POINTS = """() => [...harnessPage.drawn.values()].map(one => [one.chart.title, [...one.values[0]]])"""


def clean(shown: Shown) -> bool:
    """Nothing on the console, nothing asked for, and nothing that a name brought along."""
    assert shown.page.evaluate("window.run === undefined")
    assert [shown.page.locator(tag).count() for tag in ("script", "style", "img", "iframe")] == [3, 1, 0, 0]
    return shown.clean


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What `harness continuous` prints for a commit that is slower than a branch of a hostile name, and its page."""
    folder = tmp_path_factory.mktemp("continuous")
    toy = repository(folder / "repo")
    git(toy, "branch", BRANCH, "HEAD~2")
    words = ["continuous", BRANCH, "HEAD~1", "-f", "load.toml", "-t", "flow.py:handle", "--clock", "virtual"]
    done = harness(toy, *words, "--rounds", "2", "-n", "2", "--quiet", "--json", "--html", str(folder / "page.html"))
    assert done.returncode == ExitCode.REGRESSION, done.stderr
    return json.loads(done.stdout), folder / "page.html"


def test_the_page_of_continuous_has_the_figures_that_it_prints(
    measured: tuple[dict[str, Any], Path], opened: Open
) -> None:
    document, page = measured
    shown = opened(page)
    shown.drawn()
    assert clean(shown)
    assert BRANCH in shown.page.locator("body").text_content()
    for group in shown.page.locator("details.group").all():
        group.evaluate("one => { one.open = true; }")
    rows = shown.page.locator("table.compared tbody tr").evaluate_all(_ROWS)
    found = {name: list(map(float, values)) for name, *values in rows}
    metrics = document["metrics"]
    assert found == {one["name"]: [one["base"]["value"], one["head"]["value"], one["effect"]] for one in metrics}
    assert len(found) == document["counts"]["total"] == 6


def test_the_page_of_a_history_has_the_figures_that_it_prints(
    eight: tuple[Report, ...], tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(f"<img src=x onerror={RUN}>")
    folder.mkdir()
    for k in range(3):
        mine = {"commit": {"id": f"{k:x}" * 40, "dirty": False}, "timestamp": f"2026-01-0{k + 1}T00:00:00.000000Z"}
        (folder / f"{k}.json").write_text(json.dumps({**eight[k % 2].document, **mine}), encoding="utf-8")
    done = CliRunner().invoke(main, ["history", str(folder), "--json", "--html", "page.html"])
    document = json.loads(done.stdout)
    assert done.exit_code == ExitCode.NOT_ENOUGH, "two commits of the one, one of the other"
    shown = opened(tmp_path / "page.html")
    shown.drawn()
    assert clean(shown)
    assert folder.name in shown.page.locator("body").text_content()
    drawn = dict(shown.page.evaluate(_POINTS))
    assert drawn == {one["name"]: one["points"]["values"] for one in document["series"]}
    assert {len(values) for values in drawn.values()} == {1, 2}
