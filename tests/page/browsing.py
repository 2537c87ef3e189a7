"""A real browser, and what it noticed: one for all tests, a page of one's own for each that is opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# nothing of the browser's own may ask the network, and a container gives it no sandbox
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


def browser_path() -> str:
    """The browser that is installed; a build server without one fails, everybody else skips."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = "no Chromium or Chrome is installed (Debian: apt-get install chromium)"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@dataclass(slots=True)
class Shown:
    """A page in the browser, and what happened while it was there."""

    page: Any
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    """Why requests failed."""

    @property
    def clean(self) -> bool:
        """Whether nothing was said on the console and nothing was asked but the page itself."""
        assert not self.console, self.console
        assert len(self.requests) == 1, self.requests
        assert self.requests[0].startswith("file://")
        return True

    def text(self, selector: str) -> str:
        """The text that is shown, spaces as they are typed."""
        return str(self.page.locator(selector).first.inner_text()).replace("\u00a0", " ").replace("\u202f", " ")

    def until(self, expected: Callable[[Any], bool], script: str, given: Any = None) -> Any:
        """What `script` gives once it is as `expected`; the policy of a page forbids waiting within it."""
        for _ in range(3000):
            found = self.page.evaluate(script, given)
            if expected(found):
                return found
            self.page.wait_for_timeout(20)
        raise AssertionError(found)

    def drawn(self) -> None:
        """Wait until every chart is there."""
        self.page.wait_for_selector("html[data-drawn=all]", state="attached")


def barriers(shown: Shown) -> list[str]:
    """What keeps people out, by the rules of axe-core: contrast, names of controls, order of headings, …"""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - not needed where there is no browser

    found = Axe().run(shown.page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def show(browser: Any, path: Path, *, size: dict[str, int] = DESK, **how: Any) -> Shown:
    """Open the file in a context of its own; `how` is Playwright's (`color_scheme`, `java_script_enabled`, …)."""
    context = browser.new_context(viewport=size, **how)
    context.set_default_timeout(30_000)
    shown = Shown(context.new_page())
    shown.page.on("console", lambda said: shown.console.append(f"{said.type}: {said.text}"))
    shown.page.on("pageerror", lambda error: shown.console.append(f"error: {error}"))
    shown.page.on("dialog", lambda dialog: (shown.console.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    shown.page.on("request", lambda asked: None if asked.url == "data:," else shown.requests.append(asked.url))
    shown.page.on("requestfailed", lambda asked: shown.stopped.append(asked.failure))
    shown.page.goto(path.resolve().as_uri())
    return shown
