"""What a reader does with a page: point, zoom, use the keyboard, choose colours, print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.report.model import Report
from harness.report.page.run import run_page
from harness.report.page.shell import write_page
from tests.page.browsing import PHONE, Shown, barriers
from tests.page.changed import broken, invalid

Open = Callable[..., Shown]
_PAPER = "getComputedStyle(document.body).backgroundColor"
_INK_OF_CHART = """() => {
  const canvas = document.querySelector(".plot canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
  const seen = new Set();
  for (let at = 0; at < pixels.length; at += 4) {
    if (pixels[at + 3] === 255) seen.add(pixels.slice(at, at + 3).join());
  }
  return [...seen];
}"""
_ZOOMS = """group => [...harnessPage.drawn.values()].filter(one => one.chart.group === group)
  .map(one => [one.plot.scales.x.min, one.plot.scales.x.max])"""


def _over_time(shown: Shown) -> tuple[Any, str]:
    """The plot of latencies over time of the first scenario, and its group."""
    frame = shown.page.locator("#scenario-1 figure", has_text="Latency over time")
    return frame.locator(".plot"), "scenario-1"


def test_colours_follow_the_system_and_the_button(eight_page: Path, opened: Open) -> None:
    shown = opened(eight_page, color_scheme="dark")
    shown.drawn()
    assert shown.page.evaluate(_PAPER) == "rgb(16, 20, 24)"
    dark = set(shown.page.evaluate(_INK_OF_CHART))
    assert "71,149,214" in dark
    shown.page.get_by_role("button", name="Show in light colours").click()
    assert shown.page.evaluate(_PAPER) == "rgb(255, 255, 255)"
    shown.until(lambda inks: "0,114,178" in inks, _INK_OF_CHART)
    assert shown.page.get_by_role("button", name="Show in dark colours").inner_text() == "Dark"
    shown.page.emulate_media(color_scheme="light")
    assert shown.page.evaluate(_PAPER) == "rgb(255, 255, 255)"
    assert shown.clean


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anybody_out(scheme: str, eight: tuple[Report, ...], tmp_path: Path, opened: Open) -> None:
    path = write_page(run_page([broken(eight[1]), invalid(eight[2]), eight[7]]), tmp_path / "three.html")
    shown = opened(path, color_scheme=scheme)
    shown.drawn()
    assert barriers(shown) == []


def test_a_chart_tells_what_is_pointed_at(desk: Shown) -> None:
    shown = desk
    plot, _ = _over_time(shown)
    plot.locator(".u-over").hover(position={"x": 150, "y": 60})
    told = """key => { const one = harnessPage.drawn.get(key); const at = one.plot.cursor.idx;
      const instant = at == null ? "" : harnessPage.inWords(one.x[at], "s");
      return [at, one.legend.querySelector(".at").textContent, instant]; }"""
    _, said, instant = shown.until(lambda found: found[0] is not None, told, plot.get_attribute("id"))
    assert said == f"at {instant}"
    # the other charts of the scenario point at the same instant
    other = shown.page.locator("#scenario-1 figure", has_text="How workflows ended").locator(".plot")
    shown.until(lambda found: found[0] is not None, told, other.get_attribute("id"))


def test_a_drag_zooms_all_charts_of_the_scenario_and_a_button_goes_back(desk: Shown) -> None:
    shown = desk
    plot, group = _over_time(shown)
    whole = shown.page.evaluate(_ZOOMS, group)
    assert len(whole) >= 4
    assert len({tuple(one) for one in whole}) == 1
    plot.scroll_into_view_if_needed()
    box = plot.locator(".u-over").bounding_box()
    shown.page.mouse.move(box["x"] + 100, box["y"] + 50)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + 200, box["y"] + 60, steps=3)
    shown.page.mouse.up()
    zoomed = shown.until(lambda found: found != whole, _ZOOMS, group)
    assert len({tuple(one) for one in zoomed}) == 1
    low, high = zoomed[0]
    span = (whole[0][1] - whole[0][0]) / box["width"]
    assert abs(low - 100 * span) <= 2 * span
    assert abs(high - 200 * span) <= 2 * span
    shown.page.locator("#scenario-1").get_by_role("button", name="Reset zoom").first.click()
    shown.until(lambda found: found == whole, _ZOOMS, group)
    assert shown.clean


def test_a_name_in_the_legend_hides_its_series(desk: Shown) -> None:
    shown = desk
    button = shown.page.locator("#scenario-7 figure", has_text="How workflows ended").get_by_role("button").first
    name = shown.page.locator("#scenario-7 figure", has_text="How workflows ended").locator(".plot").get_attribute("id")
    top = "key => Math.max(...harnessPage.drawn.get(key).plot.data[1])"
    before = shown.page.evaluate(top, name)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert shown.page.evaluate(top, name) < before
    button.click()
    assert shown.page.evaluate(top, name) == before


def test_the_keyboard_reaches_everything_and_the_focus_shows(eight_page: Path, opened: Open) -> None:
    shown = opened(eight_page)
    shown.drawn()
    shown.page.keyboard.press("Tab")
    assert shown.page.evaluate("document.activeElement.className") == "skip"
    assert shown.page.locator(".skip").bounding_box()["y"] >= 0
    reach = """() => [...document.querySelectorAll("a[href], button, summary, [tabindex='0']")]
      .filter(one => one.checkVisibility()).map((one, k) => { one.dataset.at = k; return k; })"""
    wanted = set(map(str, shown.page.evaluate(reach)))
    reached = set()
    for _ in range(len(wanted) + 5):
        at, outlined = shown.page.evaluate(
            "[document.activeElement.dataset.at, getComputedStyle(document.activeElement).outlineStyle]"
        )
        if at is not None:
            assert outlined == "solid", at
            reached.add(at)
        shown.page.keyboard.press("Tab")
    assert wanted == reached


def test_a_chart_is_read_and_zoomed_with_keys(desk: Shown) -> None:
    shown = desk
    plot, group = _over_time(shown)
    whole = shown.page.evaluate(_ZOOMS, group)
    plot.focus()
    shown.page.keyboard.press("Home")
    shown.page.keyboard.press("ArrowRight")
    live = plot.locator("xpath=following-sibling::p[@aria-live]")
    assert "p95" in live.inner_text()
    shown.page.keyboard.press("+")
    shown.until(lambda found: found != whole, _ZOOMS, group)
    shown.page.keyboard.press("Escape")
    shown.until(lambda found: found == whole, _ZOOMS, group)


def test_the_numbers_behind_a_chart_are_a_table(desk: Shown) -> None:
    shown = desk
    frame = shown.page.locator("#scenario-1 figure", has_text="How workflows ended")
    frame.locator("summary").click()
    windows = shown.page.evaluate("harnessPage.drawn.get('chart-2').chart.tables[0].x.length")
    assert frame.locator("details tr").count() == windows + 1


def test_printed_it_is_whole_and_on_white(eight_page: Path, opened: Open) -> None:
    shown = opened(eight_page, color_scheme="dark")
    shown.page.evaluate("""() => addEventListener("beforeprint", () => {
      window.printed = {
        theme: document.documentElement.dataset.theme,
        charts: document.querySelectorAll(".plot canvas").length,
        wide: document.querySelector(".plot canvas").width,
      };
    })""")
    paper = shown.page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    printed = shown.page.evaluate("window.printed")
    assert printed["theme"] == "light"
    assert printed["charts"] == shown.page.locator(".plot").count()
    assert printed["wide"] == 680
    shown.drawn()
    assert shown.page.evaluate("document.documentElement.dataset.theme === undefined")
    assert shown.clean


def test_a_phone_that_is_turned_has_wider_charts(eight_page: Path, opened: Open) -> None:
    shown = opened(eight_page, size=PHONE)
    shown.drawn()
    width = "document.querySelector('.plot canvas').getBoundingClientRect().width"
    upright = shown.page.evaluate(width)
    shown.page.set_viewport_size({"width": 844, "height": 390})
    shown.until(lambda found: found > upright + 300, width)
