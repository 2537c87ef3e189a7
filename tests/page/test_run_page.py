"""The page of a run, in a real browser: it opens by itself, and says what the JSON says."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.report.model import Report
from harness.report.page.figure import FORMS
from harness.report.page.run import run_page
from harness.report.page.shell import write_page
from harness.report.rows import VERDICTS, verdict_of
from tests.page.browsing import PHONE, Shown
from tests.page.changed import broken, changed, invalid, older, without_rows

Open = Callable[..., Shown]
LARGEST_B = 1_500_000


def test_eight_scenarios_open_from_disk_and_ask_for_nothing(eight_page: Path, desk: Shown) -> None:
    shown = desk
    assert shown.clean
    assert eight_page.stat().st_size <= LARGEST_B
    assert shown.text("h1 span:nth-child(2)") == "8 of 8 scenarios hold their baseline."
    assert shown.page.locator(".scenario").count() == 8
    frames, canvases = shown.page.locator(".plot").count(), shown.page.locator(".plot canvas").count()
    assert frames == canvases >= 8


def test_the_first_screen_answers_in_words(eight: tuple[Report, ...], tmp_path: Path, opened: Open) -> None:
    reports = (eight[0], broken(eight[1]), invalid(eight[2], "the generator fell behind"))
    shown = opened(write_page(run_page(reports), tmp_path / "three.html"))
    assert shown.text("h1 span:nth-child(2)") == "1 of 3 scenarios hold their baseline."
    held, gives_way, worse = (shown.text(f".answers > div:nth-child({k}) dd") for k in (1, 2, 3))
    assert f"{eight[1].scenario} broken" in held
    assert "Success rate 12 % >= 80 % does not hold." in held
    assert "The generator fell behind." in held
    assert gives_way.startswith("Agent pool")
    assert eight[1].scenario in gives_way
    assert "Not compared" in worse
    bottom = shown.page.locator(".answers").bounding_box()
    assert bottom["y"] + bottom["height"] < 900


def test_one_scenario_has_its_bottleneck_in_full(eight: tuple[Report, ...], tmp_path: Path, opened: Open) -> None:
    shown = opened(write_page(run_page(eight[1:2]), tmp_path / "one.html"))
    said = eight[1].document["bottlenecks"][0]["sentence"]
    assert shown.text(".answers > div:nth-child(2) dd").lower() == f"{said}.".lower()
    assert shown.text("h1 span:nth-child(2)") == "The scenario holds its baseline."


def _found(document: Any, path: str) -> Any:
    for key in path.split("."):
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def test_every_figure_is_the_number_of_the_json(eight: tuple[Report, ...], desk: Shown) -> None:
    read = """all => all.map(one => [one.closest("[data-scenario]").dataset.scenario, one.dataset.path, one.value,
                                     one.textContent])"""
    figures = desk.page.locator("data[data-path]").evaluate_all(read)
    assert len(figures) > 8 * 25
    for scenario, path, value, text in figures:
        document = eight[int(scenario.removeprefix("scenario-")) - 1].document
        assert float(value) == _found(document, path), path
        assert text in {form(float(value)) for form in FORMS.values()}
    rows = desk.page.locator(".overview tbody tr").all_inner_texts()
    for report, row in zip(eight, rows, strict=True):
        assert report.scenario in row
        assert VERDICTS[verdict_of(report)] in row


_CHARTS = """() => [...harnessPage.drawn.values()].map(one => ({
  title: one.chart.title, group: one.chart.group, tables: one.chart.tables,
  scenario: one.holder.closest("[data-scenario]").dataset.scenario,
  drawn: one.plot.data.map(column => [...column].map(value => value === undefined ? "nothing" : value)),
}))"""


def _chart(charts: list[dict[str, Any]], scenario: str, title: str) -> dict[str, Any]:
    return next(one for one in charts if (one["scenario"], one["title"]) == (scenario, title))


def test_every_curve_is_the_series_of_the_json(eight: tuple[Report, ...], desk: Shown) -> None:
    charts = desk.page.evaluate(_CHARTS)
    for k, report in enumerate(eight, 1):
        over_time, quantiles = report.document["over_time"], report.document["latency"]["quantiles"]
        latency = _chart(charts, f"scenario-{k}", "Latency over time")["tables"][0]["lines"]
        assert {line["name"]: line["values"] for line in latency}["p95"] == over_time["latency_s"]["p95"]
        distribution = _chart(charts, f"scenario-{k}", "Latency distribution")["tables"][0]
        curve = dict(zip(distribution["x"], distribution["lines"][0]["values"], strict=True))
        for value, level in dict(zip(quantiles["values_s"], quantiles["levels"], strict=True)).items():
            assert value == 0 or curve[value] == level
        ended = _chart(charts, f"scenario-{k}", "How workflows ended")
        rates = _chart(charts, f"scenario-{k}", "Throughput")["drawn"]
        assert rates[0][-1] == pytest.approx(over_time["windows"] * over_time["window_s"])  # the last step has an end
        assert rates[1][:-1] == [count * (1 / over_time["window_s"]) for count in over_time["offered"]]
        total = ended["drawn"][1]  # the topmost of the stack: all that ended in each window
        assert total == [sum(each) for each in zip(*over_time["outcomes"].values(), strict=True)]


@pytest.mark.parametrize("unit", ["s", "B", "/s", "share", "count"])
def test_a_figure_that_is_pointed_at_is_written_as_in_the_tables(unit: str, desk: Shown) -> None:
    seed = random.randrange(10**9)
    draw = random.Random(seed)
    values = [0.0, 1.0, *(10 ** draw.uniform(-7, 9) for _ in range(300))]
    if unit == "share":
        values = [0.0, 1.0, *(draw.random() ** draw.choice((1, 8)) for _ in range(300))]
    if unit in ("count", "/s"):  # neither is small, and languages write a power of ten in ways of their own
        values = [value for value in values if value >= 1e-3 or not value]
    if unit == "count":
        values = [float(round(value)) for value in values]
    told = desk.page.evaluate(
        "([values, unit]) => values.map(value => harnessPage.inWords(value, unit))", [values, unit]
    )
    for value, text in zip(values, told, strict=True):
        assert text == FORMS[unit](value), f"{value!r} with seed {seed}"


def test_reports_of_earlier_versions_have_a_page_too(eight: tuple[Report, ...], tmp_path: Path, opened: Open) -> None:
    shown = opened(write_page(run_page([older(report) for report in eight]), tmp_path / "old.html"))
    shown.drawn()
    assert shown.clean
    assert shown.page.get_by_text("This report holds no figures over time").count() == 8
    assert shown.page.get_by_role("heading", name="Latency distribution").count() == 8


def test_what_a_target_without_windows_shows_is_drawn(eight: tuple[Report, ...], tmp_path: Path, opened: Open) -> None:
    gauge = {"samples": 3, "t_s": [0.0, 1.0, 2.0], "values": [1.0, 4.0, 2.0]}

    def show(document: dict[str, Any]) -> None:
        document["series"]["gauges"] = {"a.b['c']": gauge, "queue_depth": gauge, "none": None}

    shown = opened(write_page(run_page([changed(older(eight[0]), show)]), tmp_path / "gauges.html"))
    shown.drawn()
    assert shown.clean
    chart = _chart(shown.page.evaluate(_CHARTS), "scenario-1", "What the target shows")
    assert [table["lines"][0]["name"] for table in chart["tables"]] == ["a.b['c']", "queue_depth"]
    assert chart["drawn"] == [[0, 1, 2], [1, 4, 2], [1, 4, 2]]


def test_a_long_run_that_kept_no_rows_has_a_page(eight: tuple[Report, ...], tmp_path: Path, opened: Open) -> None:
    shown = opened(write_page(run_page([without_rows(eight[6])]), tmp_path / "soak.html"))
    shown.drawn()
    assert shown.clean
    titles = shown.page.locator(".chart h3").all_inner_texts()
    assert titles == ["Latency distribution", "Latency over time", "Throughput"]
    found = eight[6].document["over_time"]
    rates = _chart(shown.page.evaluate(_CHARTS), "scenario-1", "Throughput")["tables"][0]["lines"]
    assert [line["name"] for line in rates] == ["succeeded"]
    assert rates[0]["values"] == [k * (1 / found["window_s"]) for k in found["outcomes"]["succeeded"]]


def test_memory_that_workflows_hold_is_in_bytes(eight: tuple[Report, ...], tmp_path: Path, opened: Open) -> None:
    def hold(document: dict[str, Any]) -> None:
        level = [2**20] * document["over_time"]["windows"]
        held = {
            "name": "memory",
            "kind": "memory",
            "busy": {"mean": level, "max": level},
            "waiting": None,
            "size": None,
        }
        document["over_time"]["pools"].append(held)

    shown = opened(write_page(run_page([changed(eight[0], hold)]), tmp_path / "memory.html"))
    shown.drawn()
    assert shown.clean
    frame = shown.page.locator("figure", has_text="Memory that workflows hold")
    frame.locator("summary").click()
    assert frame.locator("td").nth(1).inner_text() == "1 MiB"


def test_many_workflows_are_drawn_with_their_extremes_in_the_same_room(
    eight: tuple[Report, ...], large: Report, tmp_path: Path, opened: Open
) -> None:
    few, many = (write_page(run_page([one]), tmp_path / f"{one.document['offered']}.html") for one in (eight[0], large))
    assert large.document["offered"] == 20_000
    assert many.stat().st_size < 1.5 * few.stat().st_size
    shown = opened(many)
    shown.drawn()
    assert shown.clean
    charts = shown.page.evaluate(_CHARTS)
    distribution = _chart(charts, "scenario-1", "Latency distribution")["tables"][0]
    assert distribution["x"][-2] == pytest.approx(large.document["latency"]["max"], rel=1e-5)
    slowest = _chart(charts, "scenario-1", "Latency over time")["tables"][1]["lines"][0]["values"]
    assert max(slowest) == pytest.approx(large.document["latency"]["max"], rel=1e-5)
    assert "20 000 workflows offered" in shown.text("#scenario-1")


def test_forty_scenarios_fit_and_are_drawn(eight: tuple[Report, ...], tmp_path: Path, opened: Open) -> None:
    path = write_page(run_page(eight * 5), tmp_path / "forty.html")
    assert path.stat().st_size <= 5 * LARGEST_B
    shown = opened(path)
    shown.drawn()
    assert shown.clean
    assert shown.page.locator(".overview tbody tr").count() == 40


def test_without_scripts_every_text_and_table_is_there(eight_page: Path, opened: Open) -> None:
    shown = opened(eight_page, java_script_enabled=False)
    assert shown.text("h1 span:nth-child(2)") == "8 of 8 scenarios hold their baseline."
    assert shown.page.locator(".baseline tbody tr").count() > 20
    assert not shown.page.locator("#theme").is_visible()


def test_the_table_of_all_scenarios_fits_on_a_desk(desk: Shown) -> None:
    assert desk.page.locator(".all .sheet").evaluate("one => one.scrollWidth - one.clientWidth") == 0


def test_nothing_is_wider_than_a_phone(eight_page: Path, opened: Open) -> None:
    shown = opened(eight_page, size=PHONE)
    shown.drawn()
    assert shown.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    edges = "all => Math.max(...all.map(one => one.getBoundingClientRect().right))"
    assert shown.page.locator(".plot canvas").evaluate_all(edges) <= PHONE["width"]
    assert shown.text(".overview td[data-label]").startswith("140")


def test_a_value_that_is_not_finite_is_refused_not_drawn(eight: tuple[Report, ...], tmp_path: Path) -> None:
    document = {**eight[0].document, "over_time": {**eight[0].document["over_time"], "window_s": math.inf}}
    with pytest.raises(ValueError, match="JSON"):
        write_page(run_page([Report(document)]), tmp_path / "infinite.html")
    assert not list(tmp_path.iterdir())
