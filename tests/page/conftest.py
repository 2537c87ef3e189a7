"""One browser for all tests of pages, and reports that were really measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.assess import assess
from harness.report.model import Report
from harness.report.page.run import run_page
from harness.report.page.shell import write_page
from harness.scenario.load import find_scenario, load_scenarios
from harness.scenario.model import ClosedLoad
from tests.page.browsing import OPTIONS, Shown, browser_path, show


@pytest.fixture(scope="session")
def eight() -> tuple[Report, ...]:
    """The eight scenarios on the built-in target, in virtual time."""
    catalog = load_scenarios(None)
    done = (assess(one, range(1), target="builtin", clock="virtual") for one in catalog.declared_here())
    return tuple(Report(json.loads(json.dumps(report.document))) for report in done)


@pytest.fixture(scope="session")
def large() -> Report:
    """Twenty thousand workflows of the first of them."""
    first = find_scenario(load_scenarios(None), "10_concurrent_workflows")
    many = replace(first, load=ClosedLoad(10, workflows=20_000), run_timeout_s=24 * 3600.0)
    return Report(json.loads(json.dumps(assess(many, range(1), target="builtin", clock="virtual").document)))


@pytest.fixture(scope="package")
def browser(eight: tuple[Report, ...], large: Report) -> Iterator[Any]:  # noqa: ARG001 - measured before: see below
    """Chromium, driven by Playwright; skipped or failed where there is none.

    Playwright keeps an event loop running in this thread for as long as it lives: no test of another folder may find
    it there, and nothing may be run in this process meanwhile.
    """
    path = browser_path()
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not needed where there is no browser

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def eight_page(eight: tuple[Report, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their page."""
    return write_page(run_page(eight), tmp_path_factory.mktemp("page") / "eight.html")


@pytest.fixture(scope="package")
def desk(browser: Any, eight_page: Path) -> Iterator[Shown]:
    """The page of the eight scenarios with every chart drawn, for tests that only look."""
    shown = show(browser, eight_page)
    shown.drawn()
    yield shown
    shown.page.context.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Shown]]:
    """Opens pages, and closes them after the test."""
    pages: list[Shown] = []

    def _open(path: Path, **how: Any) -> Shown:
        pages.append(show(browser, path, **how))
        return pages[-1]

    yield _open
    for one in pages:
        one.page.context.close()
