"""What happens to a request becomes the outcome, by name; nothing that was offered is ever missing."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading

import numpy as np
import pytest
from aiohttp import web

from harness.errors import TargetError
from harness.execute import run
from harness.scenario.http import HttpRequest, HttpRetryAfter, HttpSuccess, HttpTarget
from harness.scenario.model import RateLoad
from tests.http import servers
from tests.http.servers import raw, service
from tests.http.small import ends, report_on, run_on, scenario


def answering(status: int = 200, body: object = None, headers: dict[str, str] | None = None):
    """A handler that answers every POST alike, and every GET with 204."""

    async def handle(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(status=204)
        return web.json_response(body, status=status, headers=headers)

    return handle


async def echo(request: web.Request) -> web.Response:
    return web.json_response(await request.json() if request.method == "POST" else {})


def test_a_workflow_is_one_request_with_an_id_of_its_own() -> None:
    with service(echo) as shown:
        done = run_on(HttpTarget(f"{shown.url}/run"), workflows=6)
    assert ends(done) == {"succeeded": 6}
    first, *requests = shown.seen
    assert first[:2] == ("GET", "/run")  # the preflight
    ids = [json.loads(body)["workflow_id"] for _, _, _, body in requests]
    assert sorted(ids) == [f"0-{n}" for n in range(6)]
    assert ids == [headers["x-workflow-id"] for _, _, headers, _ in requests]
    assert {(method, path) for method, path, _, _ in requests} == {("POST", "/run")}
    assert json.loads(requests[0][3]).keys() == {"workflow_id", "type", "seed", "number"}
    assert isinstance(json.loads(requests[0][3])["number"], int)


def test_each_workflow_type_has_its_request() -> None:
    other = HttpRequest("PUT", "/other/{type}", query=(("n", "{number}"),), headers=(("X-Kind", "{type}"),), json=None)
    with service(echo) as shown:
        target = HttpTarget(f"{shown.url}/base/", HttpRequest(path="/run"), requests=(("b", other),))
        done = run_on(target, workflows=4, types=("a", "b"), load=RateLoad(100.0, "constant", workflows=4))
    assert ends(done) == {"succeeded": 4}
    posts = [(method, path) for method, path, _, _ in shown.seen[1:]]
    assert sorted(posts)[:2] == [("POST", "/base/run")] * 2
    puts = [(path, headers["X-Kind"], body) for method, path, headers, body in shown.seen if method == "PUT"]
    assert len(puts) == 2
    assert all(path.startswith("/base/other/b?n=") and kind == "b" and body == b"" for path, kind, body in puts)


STATUSES = [
    (200, {}, {"succeeded": 4}),
    (202, {}, {"succeeded": 4}),
    (302, {"Location": "/elsewhere"}, {"failed:http_302": 4}),
    (404, {}, {"failed:http_404": 4}),
    (429, {}, {"rejected:http_429": 4}),
    (429, {"Retry-After": "7"}, {"rejected:http_429": 4}),
    (500, {}, {"failed:http_500": 4}),
    (503, {}, {"failed:http_503": 4}),
    (503, {"Retry-After": "1.5"}, {"rejected:http_503": 4}),
]


@pytest.mark.parametrize(("status", "headers", "expected"), STATUSES)
def test_the_status_decides(status: int, headers: dict[str, str], expected: dict[str, int]) -> None:
    with service(answering(status, {}, headers)) as shown:
        done = run_on(HttpTarget(shown.url))
    assert ends(done) == expected
    waits = [float(value) for value in ([headers["Retry-After"]] * 4 if "Retry-After" in headers else [])]
    assert list(done.measured.get("retry_after_s", ())) == waits


RULES = [
    (HttpSuccess(), {"state": "lost"}, "succeeded"),
    (HttpSuccess(status=((201, 204),)), {}, "failed:http_200"),
    (HttpSuccess(equals=(("/state", '"done"'),)), {"state": "done"}, "succeeded"),
    (HttpSuccess(equals=(("/state", '"done"'),)), {"state": "lost"}, "failed:bad_body"),
    (HttpSuccess(equals=(("/state", '"done"'),)), ["no table"], "failed:bad_body"),
    (HttpSuccess(equals=(("/n", "1"),)), {"n": True}, "failed:bad_body"),
    (HttpSuccess(equals=(("/a/0/b~1c", "1"),)), {"a": [{"b/c": 1}]}, "succeeded"),
    (HttpSuccess(exists=("/result",)), {"result": 0}, "succeeded"),
    (HttpSuccess(exists=("/result",)), {"result": None}, "failed:bad_body"),
    (HttpSuccess(contains=("do", "ne")), "done", "succeeded"),
    (HttpSuccess(contains=("gone",)), "done", "failed:bad_body"),
    (HttpSuccess(max_size_b=4), "done", "failed:too_large"),
    (HttpSuccess(max_size_b=6), "done", "succeeded"),
]


@pytest.mark.parametrize(("rule", "body", "expected"), RULES)
def test_the_success_rule_decides(rule: HttpSuccess, body: object, expected: str) -> None:
    with service(answering(200, body)) as shown:
        assert ends(run_on(HttpTarget(shown.url, success=rule), workflows=2)) == {expected: 2}


def test_what_is_no_json_is_a_bad_body_where_json_is_asked_for() -> None:
    async def text(_request: web.Request) -> web.Response:
        return web.Response(text="{not json", content_type="application/json")

    with service(text) as shown:
        assert ends(run_on(HttpTarget(shown.url, success=HttpSuccess(exists=("",))))) == {"failed:bad_body": 4}
        assert ends(run_on(HttpTarget(shown.url))) == {"succeeded": 4}


def test_a_page_of_html_is_no_answer() -> None:
    async def page(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(status=204)
        return web.Response(text="<h1>Welcome</h1>", content_type="text/html")

    with service(page) as shown:
        assert ends(run_on(HttpTarget(shown.url))) == {"failed:html_answer": 4}
        assert ends(run_on(HttpTarget(shown.url, success=HttpSuccess(refuse_types=())))) == {"succeeded": 4}


def test_answers_to_another_workflow_are_failures() -> None:
    async def mixed_up(_request: web.Request) -> web.Response:
        return web.json_response({"workflow_id": "0-999"})

    async def header(_request: web.Request) -> web.Response:
        return web.json_response({}, headers={"X-Workflow-Id": "0-999"})

    async def own(_request: web.Request) -> web.Response:
        return web.json_response({"workflow_id": "a-name-of-the-service"}, headers={"X-Workflow-Id": "abc"})

    for handler, expected in ((mixed_up, "failed:workflow_id_mismatch"), (header, "failed:workflow_id_mismatch")):
        with service(handler) as shown:
            assert ends(run_on(HttpTarget(shown.url))) == {expected: 4}
    with service(own) as shown:
        assert ends(run_on(HttpTarget(shown.url))) == {"succeeded": 4}


# --------------------------------------------------------------------------- below HTTP, after the preflight


def after_the_preflight(behave):
    """Answer a GET, and then do to every POST what `behave` does."""

    def both(connection) -> None:
        if connection.recv(65536, servers.socket.MSG_PEEK).startswith(b"GET"):
            servers.answer(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")(connection)
        else:
            behave(connection)

    return both


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN = [
    (servers.reset, "failed:reset"),
    (servers.hang_up, "failed:disconnected"),
    (servers.answer(b"SSH-2.0-OpenSSH_9.9\r\n"), "failed:bad_http"),
    (servers.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), "failed:body_cut"),
    (servers.answer(CHUNKED + b"4\r\nhalf\r\n"), "failed:body_cut"),
    (servers.silent, "timed_out:read_timeout"),
]


@pytest.mark.parametrize(("behave", "expected"), BROKEN, ids=[expected for _, expected in BROKEN])
def test_what_breaks_below_http_has_a_name(behave, expected: str) -> None:
    with raw(after_the_preflight(behave)) as url:
        done = run_on(HttpTarget(url, read_timeout_s=0.1))
    assert ends(done) == {expected: 4}


def test_the_scenarios_own_timeout_bounds_the_whole() -> None:
    async def slow(request: web.Request) -> web.Response:
        if request.method == "POST":
            await asyncio.sleep(2)
        return web.json_response({})

    with service(slow) as shown:
        done = run_on(HttpTarget(shown.url), workflows=2, timeout_s=0.1)
    assert ends(done) == {"timed_out:workflow_timeout": 2}
    assert done.gauges.values["connections_in_use"][0] == 0


def test_a_service_that_dies_in_the_middle_leaves_all_that_was_measured() -> None:
    answered = itertools.count()
    with raw(
        lambda connection: (
            servers.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")(connection)
            if next(answered) < 6
            else servers.reset(connection)
        )
    ) as url:
        report = report_on(HttpTarget(url), workflows=20, in_flight=1).document
    assert report["outcomes"]["succeeded"] == 5  # one answer went to the preflight
    assert report["errors"] == {"reset": 15}
    assert report["offered"] == 20
    assert report["stopped"] is None


def test_a_service_that_is_gone_is_refused_connections() -> None:
    stopping = threading.Event()

    def once(connection) -> None:
        servers.answer(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")(connection)
        stopping.set()

    with servers.socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            connection, _ = listener.accept()
            listener.close()  # from now on, nothing listens
            with connection:
                once(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        done = run_on(HttpTarget(url))
        thread.join(5)
    assert ends(done) == {"failed:connect_refused": 4}


def test_a_name_that_is_lost_and_a_connection_that_is_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    async def passes(*_: object) -> None:
        """No preflight: these faults are looked at in the middle of a run."""

    monkeypatch.setattr("harness.drive.adapters.http_preflight.preflight", passes)
    assert ends(run_on(HttpTarget("http://no-such-host.invalid/"), workflows=2)) == {"failed:dns": 2}
    with servers.deaf() as url:
        done = run_on(HttpTarget(url, connect_timeout_s=0.1), workflows=2)
    assert ends(done) == {"timed_out:connect_timeout": 2}


# --------------------------------------------------------------------------- connections


async def short_work(request: web.Request) -> web.Response:
    if request.method == "POST":
        await asyncio.sleep(0.02)
    return web.json_response({})


def test_no_more_connections_than_declared_and_the_wait_for_one_is_seen() -> None:
    with service(short_work) as shown:
        done = run_on(HttpTarget(shown.url, connections=3), workflows=24, in_flight=12)
    assert ends(done) == {"succeeded": 24}
    assert shown.peak == 3
    assert len(shown.connections) <= 4  # the preflight's own may have been closed
    waits = done.measured["connection_wait_s"]
    assert len(waits) == 24
    assert np.count_nonzero(waits) == 21  # all but the first three
    # nine of twelve wait, in rounds of three that take 20 ms each
    assert 0.04 < np.median(waits) < 1.0
    assert done.gauges.values["connections_in_use"].max() <= 3
    assert set(done.gauges.values["connections_max"]) == {3.0}
    assert (done.gauges.values["connection_waiters"] >= 0).all()


def test_a_workflow_that_is_cancelled_gives_its_place_back() -> None:
    async def stuck_at_first(request: web.Request) -> web.Response:
        if request.method == "POST" and json.loads(await request.read())["number"] < 4:
            await asyncio.sleep(3)
        return web.json_response({})

    with service(stuck_at_first) as shown:
        done = run_on(HttpTarget(shown.url, connections=2), workflows=10, in_flight=4, timeout_s=0.2)
    # two hold both connections, two wait for them: all four run out of time, and the others find room
    assert ends(done) == {"timed_out:workflow_timeout": 4, "succeeded": 6}


def test_connections_are_kept_or_not_as_declared() -> None:
    with service(short_work) as shown:
        run_on(HttpTarget(shown.url, keep_alive=False), workflows=6, in_flight=1)
        assert len(shown.connections) == 7
    with service(short_work) as shown:
        done = run_on(HttpTarget(shown.url), workflows=6, in_flight=1)
        assert len(shown.connections) == 1
    assert "connect_s" not in done.measured or len(done.measured["connect_s"]) <= 1


# --------------------------------------------------------------------------- Retry-After


def turning_away(times: int, retry_after: str):
    """Turn each workflow away so often, then answer it."""
    seen: dict[str, int] = {}

    async def handle(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(status=204)
        known = request.headers["x-workflow-id"]
        seen[known] = seen.get(known, 0) + 1
        if seen[known] <= times:
            return web.json_response({}, status=429, headers={"Retry-After": retry_after})
        return web.json_response({"workflow_id": known})

    return handle


def test_retry_after_is_noted_and_not_followed_unless_that_is_declared() -> None:
    with service(turning_away(1, "0.05")) as shown:
        done = run_on(HttpTarget(shown.url))
    assert ends(done) == {"rejected:http_429": 4}
    assert len(shown.seen) == 5


def test_retry_after_is_followed_as_often_as_declared() -> None:
    with service(turning_away(2, "0.05")) as shown:
        done = run_on(HttpTarget(shown.url, retry_after=HttpRetryAfter(max_attempts=3)))
    assert ends(done) == {"succeeded": 4}
    assert len(shown.seen) == 1 + 4 * 3
    assert list(done.measured["retry_after_s"]) == [0.05] * 8
    assert (done.workflows.finished_s - done.workflows.due_s).min() >= 0.1
    with service(turning_away(2, "0.05")) as shown:
        done = run_on(HttpTarget(shown.url, retry_after=HttpRetryAfter(max_attempts=2)))
    assert ends(done) == {"rejected:http_429": 4}


def test_a_wait_that_is_too_long_is_not_waited_for() -> None:
    with service(turning_away(1, "30")) as shown:
        done = run_on(HttpTarget(shown.url, retry_after=HttpRetryAfter(max_attempts=5, longest_s=1.0)))
    assert ends(done) == {"rejected:http_429": 4}


# --------------------------------------------------------------------------- clocks, parts, reports


@pytest.mark.parametrize("clock", ["virtual", "hybrid"])
def test_a_clock_that_jumps_is_refused_by_name(clock: str) -> None:
    with service(echo) as shown, pytest.raises(TargetError, match=f"the {clock} clock cannot jump .* use --clock wall"):
        run(scenario(), target=HttpTarget(shown.url), clock=clock)
    assert shown.seen == []


def test_the_report_says_what_the_target_measured_and_hides_what_the_address_holds() -> None:
    with service(echo) as shown:
        address = shown.url.replace("://", "://user:password@") + "/run?key=secret"
        report = report_on(HttpTarget(address), workflows=30)
    assert report.document["target"] == f"{shown.url}/run"
    figures = report.document["measured_by_target"]
    assert figures.keys() == {"connect_s", "connection_wait_s", "time_to_first_byte_s"}
    first = figures["time_to_first_byte_s"]
    assert first["samples"] == 30
    assert 0 < first["p50"] <= first["p95"] <= first["p99"] <= first["max"]
    assert first["max"] <= report.document["latency"]["max"]


def test_another_request_is_another_experiment() -> None:
    with service(echo) as shown:
        one = run_on(HttpTarget(shown.url))
        same = run_on(HttpTarget(shown.url))
        other = run_on(HttpTarget(shown.url, HttpRequest(path="/other")))
    assert one.digest == same.digest != other.digest
    assert one.digest != scenario().digest
