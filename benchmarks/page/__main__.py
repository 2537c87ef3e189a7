"""How large a page is and how soon it is there: `python -m benchmarks.page [OPENINGS]`, about a minute.

Needs Playwright and a Chromium or Chrome. Times are the browser's own, from the start of the navigation: text laid out
and first screen painted (load), and every chart of the page drawn, also those far below.
"""

# ruff: noqa: T201 - a script that prints a table

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.assess import assess
from harness.report.model import Report
from harness.report.page.run import run_page
from harness.report.page.shell import write_page
from harness.scenario.load import find_scenario, load_scenarios
from harness.scenario.model import RateLoad

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
_OPTIONS += ("--disable-background-networking", "--disable-component-update")
_TIMES = """() => [performance.getEntriesByType("navigation")[0].loadEventEnd,
                   performance.getEntriesByName("drawn")[0].startTime]"""
_MILLION = 1_000_000


def pages(folder: Path) -> Iterator[tuple[str, Path]]:
    """The eight scenarios, five times as many, and one of a million workflows, all in virtual time."""
    eight = [_assessed(one) for one in load_scenarios(None).declared_here()]
    yield "eight scenarios", write_page(run_page(eight), folder / "eight.html")
    yield "forty scenarios", write_page(run_page(eight * 5), folder / "forty.html")
    small = find_scenario(load_scenarios(None), "agent_pool_exhaustion")
    load = RateLoad(rate_per_s=150.0, workflows=_MILLION, law="poisson")
    large = replace(small, name="a_million", load=load, run_timeout_s=24 * 3600.0)
    yield "a million workflows", write_page(run_page([_assessed(large)]), folder / "million.html")


def _assessed(scenario: Any) -> Report:
    return assess(scenario, range(1), target="builtin", clock="virtual")


def opened(browser: Any, path: Path) -> tuple[float, float]:
    """Milliseconds to the load event and to the last chart, in a profile that has not seen the page."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-drawn=all]", state="attached")
    load, drawn = page.evaluate(_TIMES)
    context.close()
    return load, drawn


def line(name: str, path: Path, times: Sequence[tuple[float, float]]) -> str:
    """One row: the size, and of each time the median with the least and the most."""
    cells = [
        f"{statistics.median(each):.0f} ({min(each):.0f} to {max(each):.0f}) ms" for each in zip(*times, strict=True)
    ]
    return f"| {name} | {path.stat().st_size / 1e6:.2f} MB | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - asv imports every file here

    openings = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    executable = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if executable is None:
        sys.exit("no Chromium or Chrome is installed")
    with tempfile.TemporaryDirectory() as folder:
        written = list(pages(Path(folder)))
        print(f"| page | size | loaded, of {openings} | every chart drawn |\n|---|--:|--:|--:|")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=executable, args=list(_OPTIONS))
            for name, path in written:
                print(line(name, path, [opened(browser, path) for _ in range(openings)]))


if __name__ == "__main__":
    main()
