"""A service's own queue and pool: read at their own pace, on their own connection, and never a reason to fail."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from harness.scenario.http import HttpGauges, HttpTarget
from tests.http.servers import service, unused_url
from tests.http.small import ends, report_on, run_on

NAMES = (("queue_depth", "/pool/waiting"), ("agents_busy", "/pool/busy"), ("pool_size", "/pool/size"))


class Desk:
    """Two agents, and whoever comes beyond that waits; shown as JSON and as Prometheus text."""

    def __init__(self) -> None:
        self.agents = asyncio.Semaphore(2)
        self.here = 0
        self.broken = False
        self.asked = 0
        self.registry = CollectorRegistry()
        jobs = Gauge("jobs", "By state.", ["state"], registry=self.registry)
        jobs.labels("queued").set_function(lambda: self.waiting)
        jobs.labels("running").set_function(lambda: self.busy)
        Counter("asked", "Requests.", registry=self.registry).inc(7)
        Gauge("agents", "Agents.", registry=self.registry).set(2)

    @property
    def busy(self) -> int:
        return min(2, self.here)

    @property
    def waiting(self) -> int:
        return max(0, self.here - 2)

    async def __call__(self, request: web.Request) -> web.Response:
        if request.path == "/gauges":
            self.asked += 1
            if self.broken:
                return web.json_response({}, status=500)
            return web.json_response({"pool": {"waiting": self.waiting, "busy": self.busy, "size": 2}})
        if request.path == "/metrics":
            return web.Response(body=generate_latest(self.registry))
        if request.method == "GET":
            return web.Response(status=204)
        self.here += 1
        try:
            async with self.agents:
                await asyncio.sleep(0.1)
        finally:
            self.here -= 1
        return web.json_response({})


PROMETHEUS = (
    ("queue_depth", 'jobs{state="queued"}'),
    ("agents_busy", 'jobs{ state = "running" }'),
    ("pool_size", "agents"),
    ("asked", "asked_total"),
    ("jobs", "jobs"),
)


@pytest.mark.parametrize(
    ("form", "path", "names"), [("json", "/gauges", NAMES), ("prometheus", "/metrics", PROMETHEUS)]
)
def test_queue_and_pool_are_seen(form, path: str, names) -> None:
    with service(Desk()) as shown:
        target = HttpTarget(shown.url, gauges=HttpGauges(path, form, names, every_s=0.05))
        report = report_on(target, workflows=12, in_flight=8).document
    assert report["outcomes"]["succeeded"] == 12
    assert report["queue_metrics"]["max_depth"] == 6
    assert report["pool_metrics"]["max_utilization"] == 1.0
    assert report["pools"][0]["size"] == 2
    gauges = report["series"]["gauges"]
    assert gauges.keys() == {name for name, _ in names} | {
        "connections_in_use",
        "connections_max",
        "connection_waiters",
    }
    if form == "prometheus":
        assert {point for point in gauges["asked"]["values"] if point is not None} == {7.0}
        assert max(gauges["jobs"]["values"]) == 8.0


def test_they_are_asked_for_at_their_own_pace_and_on_a_connection_of_their_own() -> None:
    desk = Desk()
    with service(desk) as shown:
        target = HttpTarget(shown.url, connections=2, gauges=HttpGauges("/gauges", "json", NAMES, every_s=0.1))
        done = run_on(target, workflows=8, in_flight=8)
    # two at a time, a tenth of a second each: 0.4 s
    assert ends(done) == {"succeeded": 8}
    assert 4 <= desk.asked <= 2 + done.ended_s / 0.1
    # the client's own limit lets two through: none waits at the desk, six wait in the client
    assert done.gauges.values["queue_depth"].max() == 0
    assert done.gauges.values["connection_waiters"].max() == 6


def test_figures_that_cannot_be_read_are_a_doubt_and_nothing_else() -> None:
    desk = Desk()
    desk.broken = True
    with service(desk) as shown:
        for gauges, told in (
            (HttpGauges("/gauges", "json", NAMES, 0.05), "status 500"),
            (HttpGauges("/metrics", "json", NAMES, 0.05), "no JSON"),
            (HttpGauges(unused_url() + "/g", "json", NAMES, 0.05), "connect_refused"),
        ):
            done = run_on(HttpTarget(shown.url, gauges=gauges))
            assert ends(done) == {"succeeded": 4}
            doubt = next(doubt for doubt in done.doubts if "gauges could not be read" in doubt)
            assert doubt.endswith(f": {told}")
            assert "queue_depth" not in done.gauges.values


def test_a_figure_that_is_not_there_is_named() -> None:
    names = (*NAMES, ("waiters", "/pool/nobody"), ("size_of_text", "/pool"))
    with service(Desk()) as shown:
        done = run_on(HttpTarget(shown.url, gauges=HttpGauges("/gauges", "json", names, 0.05)))
    assert "the service shows nothing for the gauge waiters: no figure at /pool/nobody" in done.doubts
    assert "the service shows nothing for the gauge size_of_text: no figure at /pool" in done.doubts
    assert {"queue_depth", "agents_busy", "pool_size"} <= done.gauges.values.keys()


def test_a_figure_that_is_stale_is_not_shown() -> None:
    desk = Desk()

    async def breaks(request: web.Request) -> web.StreamResponse:
        if desk.asked >= 3:
            desk.broken = True
        return await desk(request)

    with service(breaks) as shown:
        done = run_on(HttpTarget(shown.url, gauges=HttpGauges("/gauges", "json", NAMES, 0.05)), workflows=12)
    depths = done.gauges.values["queue_depth"]
    assert depths[0] == 0
    assert depths[-1] != depths[-1]  # not a number: nobody knows
