"""What fingers do: two zoom a chart, one moves what is zoomed and points where nothing is; the page scrolls as ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.page.browsing import PHONE, Shown, show

Points = Sequence[tuple[float, float]]
_SEEN = """key => { const one = harnessPage.drawn.get(key);
  return [one.plot.scales.x.min, one.plot.scales.x.max, ...one.reach]; }"""
_GROUP = """group => [...harnessPage.drawn.values()].filter(one => one.chart.group === group)
  .map(one => [one.plot.scales.x.min, one.plot.scales.x.max])"""
_SCROLLED = "scrollY"


class Hand:
    """Fingers on one chart; places are shares of its width and height."""

    def __init__(self, shown: Shown, key: str) -> None:
        self.shown = shown
        self.key = key
        self._over = shown.page.locator(f"#{key} .u-over")
        self._cdp = shown.page.context.new_cdp_session(shown.page)

    def drag(self, begun: Points, ended: Points, steps: int = 6) -> None:
        """From one place to another, finger by finger, and up again."""
        box = self._over.bounding_box()
        self._touch("touchStart", begun, box)
        for step in range(1, steps + 1):
            share = step / steps
            pairs = zip(begun, ended, strict=True)
            self._touch("touchMove", [(a + (c - a) * share, b + (d - b) * share) for (a, b), (c, d) in pairs], box)
        self._touch("touchEnd", [], box)

    def _touch(self, kind: str, points: Points, box: dict[str, float]) -> None:
        at = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": k}
            for k, (x, y) in enumerate(points)
        ]
        self._cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    def seen(self) -> list[float]:
        """[least, most] that the chart shows, and all there is."""
        found: list[float] = self.shown.page.evaluate(_SEEN, self.key)
        return found

    def until(self, expected: Callable[[list[float]], bool]) -> list[float]:
        found: list[float] = self.shown.until(expected, _SEEN, self.key)
        return found


def is_whole(seen: list[float]) -> bool:
    return seen[:2] == seen[2:]


@pytest.fixture(scope="module")
def phone(browser: Any, eight_page: Path) -> Iterator[Shown]:
    """The page of the eight scenarios on a phone."""
    shown = show(browser, eight_page, size=PHONE, has_touch=True, is_mobile=True, reduced_motion="reduce")
    shown.drawn()
    yield shown
    shown.page.context.close()


def over(shown: Shown, key: str) -> Hand:
    """A hand over a chart that stands still in the middle of the screen."""
    shown.page.evaluate("key => document.getElementById(key).scrollIntoView({ block: 'center' })", key)
    at_rest(shown)
    return Hand(shown, key)


def at_rest(shown: Shown) -> float:
    """Where the page stands once it scrolls no more."""
    places = [-1.0]

    def still(now: float) -> bool:
        places.append(now)
        return len(places) > 5 and len(set(places[-5:])) == 1

    found: float = shown.until(still, _SCROLLED)
    return found


@pytest.fixture
def hand(phone: Shown) -> Iterator[Hand]:
    """A hand over the latencies over time of the first scenario, in the middle of the screen; nothing is zoomed."""
    frame = phone.page.locator("#scenario-1 figure", has_text="Latency over time")
    key = frame.locator(".plot").get_attribute("id")
    found = over(phone, key)
    assert is_whole(found.seen())
    yield found
    frame.locator(".plot").press("Escape")
    found.until(is_whole)
    assert phone.clean


def zoomed(hand: Hand) -> list[float]:
    """After two fingers spread to the whole width what lay between 0.4 and 0.6 of it."""
    hand.drag([(0.4, 0.5), (0.6, 0.5)], [(0.1, 0.5), (0.9, 0.5)])
    return hand.until(lambda seen: not is_whole(seen))


def close(found: float, wanted: float, of: list[float]) -> bool:
    return abs(found - wanted) <= 0.02 * (of[3] - of[2])


def test_two_fingers_zoom_all_charts_of_the_scenario_about_what_is_under_them(hand: Hand) -> None:
    least, most = hand.seen()[2:]
    seen = zoomed(hand)
    # 0.4 and 0.6 of the whole lie at 0.1 and 0.9 of what is seen
    span = (most - least) * 0.25
    middle = (least + most) / 2
    seen = hand.until(lambda seen: close(seen[1] - seen[0], span, seen))
    assert close((seen[0] + seen[1]) / 2, middle, seen)
    group = hand.shown.page.evaluate(_GROUP, "scenario-1")
    assert len(group) >= 4
    assert {tuple(one) for one in group} == {tuple(seen[:2])}


def test_fingers_that_close_show_all_of_it_again(hand: Hand) -> None:
    zoomed(hand)
    hand.drag([(0.1, 0.5), (0.9, 0.5)], [(0.45, 0.5), (0.55, 0.5)])
    hand.until(is_whole)


def test_one_finger_moves_what_is_zoomed_and_not_beyond_its_ends(hand: Hand) -> None:
    before = zoomed(hand)
    hand.drag([(0.8, 0.5)], [(0.3, 0.52)])
    span = before[1] - before[0]
    after = hand.until(lambda seen: close(seen[0], before[0] + span / 2, seen))
    assert close(after[1] - after[0], span, after)
    for _ in range(3):
        hand.drag([(0.95, 0.5)], [(0.05, 0.5)])
    end = hand.until(lambda seen: close(seen[1], seen[3], seen))
    assert end[1] <= end[3]
    assert close(end[1] - end[0], span, end)
    # it was no fling, which the next tap would only stop
    hand.shown.page.locator(f"figure:has(#{hand.key})").get_by_role("button", name="Reset zoom").tap()
    hand.until(is_whole)


def test_one_finger_points_where_nothing_is_zoomed(hand: Hand) -> None:
    told = "key => harnessPage.drawn.get(key).legend.querySelector('.at').textContent"
    hand.drag([(0.2, 0.5)], [(0.7, 0.5)])
    hand.shown.until(lambda said: said.startswith("at "), told, hand.key)
    assert is_whole(hand.seen())


def test_an_axis_of_logarithms_keeps_what_is_under_the_fingers(phone: Shown) -> None:
    key = phone.page.evaluate("[...harnessPage.drawn.values()].find(one => one.chart.logarithmic).key")
    hand = over(phone, key)
    least, most = hand.seen()[2:]
    hand.drag([(0.4, 0.5), (0.6, 0.5)], [(0.1, 0.5), (0.9, 0.5)])
    ratio = (most / least) ** 0.25
    seen = hand.until(lambda seen: abs(seen[1] / seen[0] / ratio - 1) < 0.05)
    assert abs((seen[0] * seen[1]) / (least * most) - 1) < 0.2
    hand.drag([(0.1, 0.5), (0.9, 0.5)], [(0.45, 0.5), (0.55, 0.5)])
    hand.until(is_whole)


@pytest.mark.parametrize("zoom_first", [False, True])
def test_one_finger_up_and_down_scrolls_the_page(hand: Hand, zoom_first: bool) -> None:
    before = zoomed(hand) if zoom_first else hand.seen()
    if zoom_first:
        before = hand.until(lambda seen: close(seen[1] - seen[0], (seen[3] - seen[2]) * 0.25, seen))
    scrolled = hand.shown.page.evaluate(_SCROLLED)
    hand.drag([(0.5, 0.9)], [(0.5, -0.6)])
    hand.shown.until(lambda now: now > scrolled + 50, _SCROLLED)
    at_rest(hand.shown)
    assert hand.seen() == before
