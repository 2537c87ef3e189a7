"""The blocks that a page draws: what a report says over time adds up, and what cannot be is refused with its path."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.assess import report_on
from harness.execute import run
from harness.report.document import json_text, report_mistakes
from harness.report.figures import number
from harness.report.over_time import rounded
from harness.scenario.load import load_catalog
from harness.scenario.model import Scenario
from tests.report.made_reports import make_report

CATALOG = load_catalog()
MOST_ADDED_B = 25_000


def reported(scenario: Scenario, seeds: tuple[int, ...] = (1,)) -> dict[str, Any]:
    runs = [run(scenario, clock="virtual", seed=seed) for seed in seeds]
    document: dict[str, Any] = report_on(scenario, runs).document
    return document


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_the_blocks_of_every_scenario_agree_with_the_rest_of_its_report(name: str) -> None:
    document = reported(CATALOG[name])
    assert report_mistakes(document) == []
    seen = document["over_time"]
    assert {k: sum(counts) for k, counts in seen["outcomes"].items()} == document["outcomes"]
    assert sum(seen["latency_s"]["count"]) == document["latency"]["samples"]
    by_name = {(pool["kind"], pool["name"]): pool for pool in seen["pools"]}
    for pool in document["pools"]:
        shown = by_name[pool["kind"], pool["name"]]
        assert max(shown["waiting"]["max"]) == pool["max_depth"]
        assert max(shown["busy"]["max"]) == pytest.approx(pool["max_utilization"] * pool["size"])
    assert max(seen["outliers"]["latency_s"]) == rounded([document["latency"]["max"]])[0]
    quantiles = document["latency"]["quantiles"]
    for percentile, level in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        at = quantiles["levels"].index(level)
        path = f"response_time_percentiles.{percentile}"
        interval = document["confidence_intervals"].get(path, {"low": None, "high": None})
        figures = (document["response_time_percentiles"][percentile], interval["low"], interval["high"])
        assert [quantiles[key][at] for key in ("values_s", "low_s", "high_s")] == rounded(figures)


def test_a_report_stays_small() -> None:
    without = reported(CATALOG["test_25_concurrent_workflows"])
    whole = len(json_text(without))
    del without["over_time"], without["latency"]["quantiles"]
    assert whole - len(json_text(without)) < MOST_ADDED_B


def test_warm_up_is_shown_and_not_counted_among_the_latencies() -> None:
    scenario = dataclasses.replace(CATALOG["test_10_concurrent_workflows"], warm_up_workflows=20)
    document = reported(scenario, (1, 2))
    seen, warm_up = document["over_time"], document["warm_up"]
    assert report_mistakes(document) == []
    assert warm_up["offered"] == 40
    assert sum(seen["offered"]) == document["replications"][0]["offered"] + 20
    assert 0 < seen["warm_up_until_s"] < seen["window_s"] * seen["windows"]
    assert seen["seed"] == 1


def test_a_report_without_the_blocks_is_read_as_before() -> None:
    document = copy.deepcopy(make_report().document)
    del document["over_time"], document["latency"]["quantiles"]
    assert report_mistakes(document) == []


Change = Callable[[dict[str, Any]], None]


def put(*path: str | int, to: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


def both(*changes: Change) -> Change:
    def change(document: dict[str, Any]) -> None:
        for one in changes:
            one(document)

    return change


WRONG: dict[str, tuple[Change, str]] = {
    "too few values": (
        lambda d: d["over_time"]["offered"].pop(),
        "over_time.offered: expected 50, one for each window, found 49 values",
    ),
    "too few quantiles": (
        lambda d: d["latency"]["quantiles"]["low_s"].pop(),
        "latency.quantiles.low_s: expected 65, one for each level, found 64 values",
    ),
    "outliers that do not pair": (
        lambda d: d["over_time"]["outliers"]["t_s"].pop(),
        "over_time.outliers.latency_s: expected 39, one for each of t_s, found 40 values",
    ),
    "an outcome that was not": (
        put("over_time", "outcomes", "succeeded", 0, to=7),
        "over_time.outcomes: expected the sum 40 (offered), found counts that sum to 47",
    ),
    "one more offered than there were": (
        both(put("over_time", "offered", 0, to=10), put("over_time", "outcomes", "failed", 49, to=6)),
        "over_time.offered: expected the sum 40 (replications[0]), found counts that sum to 46",
    ),
    "levels that go back": (
        put("latency", "quantiles", "levels", 3, to=0.001),
        "latency.quantiles.levels[3]: expected more than 0.002, found 0.001",
    ),
    "levels that do not begin with the smallest": (
        put("latency", "quantiles", "levels", 0, to=0.0005),
        "latency.quantiles.levels: expected levels from 0 to 1, found levels from 0.0005 to 1.0",
    ),
    "another median than the report's": (
        put("response_time_percentiles", "p50", to=0.51),
        "latency.quantiles.values_s: expected 0.51, the p50 of the report, found 0.5 at 0.5",
    ),
    "a bound above its value": (
        put("latency", "quantiles", "low_s", 30, to=99.0),
        "latency.quantiles.low_s[30]: expected at most",
    ),
    "a mean above the largest": (
        put("over_time", "in_flight", "mean", 0, to=1e6),
        "over_time.in_flight.mean[0]: expected at most",
    ),
    "a latency in an empty window": (
        put("over_time", "latency_s", "max", 0, to=3.0),
        "over_time.latency_s.max[0]: expected null where the count is 0, else a number, found 3.0",
    ),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_cannot_be_is_refused(case: str) -> None:
    change, says = WRONG[case]
    document = json.loads(json.dumps(make_report().document))
    change(document)
    found = [str(mistake) for mistake in report_mistakes(document)]
    assert any(one.startswith(says) for one in found), found


@pytest.mark.parametrize(
    ("path", "to", "says"),
    [
        (("over_time", "windows"), 0, "over_time.windows"),
        (("over_time", "window_s"), 0, "over_time.window_s"),
        (("over_time", "pools"), {}, "over_time.pools"),
        (("over_time", "offered", 0), -1, "over_time.offered[0]"),
        (("over_time", "latency_s", "p50"), "fast", "over_time.latency_s.p50"),
        (("over_time", "in_flight", "max"), [0] * 201, "over_time.in_flight.max"),
        (("latency", "quantiles", "levels"), [], "latency.quantiles.levels"),
        (("latency", "quantiles", "values_s", 0), None, "latency.quantiles.values_s[0]"),
        (("latency", "quantiles"), [], "latency.quantiles"),
    ],
)
def test_what_the_schema_refuses_is_named(path: tuple[str | int, ...], to: Any, says: str) -> None:
    document = json.loads(json.dumps(make_report().document))
    put(*path, to=to)(document)
    assert says in [mistake.where for mistake in report_mistakes(document)]


def test_numbers_are_short_and_whole_ones_exact() -> None:
    assert rounded([1 / 3, 123456789.0, 1234567.89, 0.0, None, float("nan"), float("inf"), 2.0000000001]) == [
        0.333333, 123456789, 1234570, 0, None, None, None, 2,
    ]  # fmt: skip
    assert number(None) is None


class Overcommitted:
    """Five agents, it says, and lets in whoever comes."""

    def __init__(self) -> None:
        self.busy = 0

    def gauges(self) -> dict[str, float]:
        return {"agents_busy": float(self.busy), "pool_size": 5.0, "queue_depth": 0.0}

    async def run(self, workflow: object) -> None:  # noqa: ARG002 - all take the same time
        self.busy += 1
        try:
            await asyncio.sleep(0.5)
        finally:
            self.busy -= 1


def test_a_target_that_uses_more_than_it_has_is_reported() -> None:
    scenario = CATALOG["test_10_concurrent_workflows"]
    document = report_on(scenario, [run(scenario, target=Overcommitted(), clock="virtual")]).document
    assert report_mistakes(document) == []
    (pool,) = document["over_time"]["pools"]
    assert (max(pool["busy"]["max"]), max(pool["size"])) == (10, 5)
    assert any(one["name"] == "limit_exceeded" and one["state"] == "fired" for one in document["signals"]["each"])
