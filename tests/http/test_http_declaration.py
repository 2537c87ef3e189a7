"""The `[target]` table: every mistake is told at once, with its place, what stands there and what may."""

from __future__ import annotations

import datetime
import importlib.util
import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import main
from harness.drive.adapters.http_answers import retry_after_s
from harness.drive.adapters.http_templates import RequestTemplate
from harness.drive.opening import chosen_target, target_factory
from harness.drive.target import Workflow
from harness.errors import DeclarationError, MissingExtraError
from harness.scenario.http import HttpRequest, HttpTarget, public_url
from harness.scenario.load import load_scenarios

WORKFLOW = Workflow(7, "simple", 42)


def load(tmp_path: Path, text: str):
    file = tmp_path / "target.toml"
    file.write_text(text, encoding="utf-8")
    return load_scenarios(file)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        load(tmp_path, text)
    return [str(one) for one in caught.value.mistakes]


MISTAKES = [
    (
        'url = "ftp://x"',
        "target.url: expected an address such as 'http://127.0.0.1:8080/workflows', found one that is not",
    ),
    ('url = "http://user:pw@x/"', "target.url: expected an address without them, and headers = { Authorization ="),
    ('url = "http://x/#a"', "target.url: expected an address such as"),
    ('ur = "http://x"', "target.ur: expected one of url, request,"),
    ("connections = 0", "target.connections: expected at least 1 and at most 100000, found 0"),
    ('connect_timeout = "5"', "target.connect_timeout: expected a duration with a unit"),
    ('connect_timeout = "0 s"', "target.connect_timeout: expected at least 0.001 s"),
    ('ready = "health"', "target.ready: expected a path that starts with '/', found 'health'"),
    ('ready_within = "1 h"', "target.ready_within: expected at least 0 s and at most 50 s, found 3600 s"),
    ('id_header = "a b"', "target.id_header: expected a header's name, found 'a b'"),
    ('request = { method = "FETCH" }', "target.request.method: expected one of GET, POST,"),
    ('request = { path = "run" }', "target.request.path: expected a path that starts with '/', found 'run'"),
    ('request = { path = "/{who}" }', "target.request.path: expected one of {workflow_id}, {type}, {seed}, {number}"),
    ('request = { json = { a = ["{who}"] } }', "target.request.json: expected one of {workflow_id},"),
    ('request = { json = { "{who}" = 1 } }', "target.request.json: expected one of {workflow_id},"),
    ('request = { json = {}, body = "" }', "target.request: expected one of json and body, found json and body"),
    ('request = { query = { a = "{b}" } }', "target.request.query.a: expected one of {workflow_id},"),
    ('request = { headers = { "a b" = "c" } }', "target.request.headers.a b: expected a header's name"),
    ('headers = { Host = "x" }', "target.headers.Host: expected another header: this one is set by the client itself"),
    ('headers = { X-A = "a\\nb" }', "target.headers.X-A: expected a text of one line, found control characters"),
    ('headers = { X-A = "${1A}" }', "target.headers.X-A: expected the name of an environment variable"),
    (
        'headers = { Authorization = "Bearer abc" }',
        "target.headers.Authorization: expected a secret from an environment",
    ),
    ("requests = { nobody = {} }", "target.requests.nobody: expected one of complex, data_intensive,"),
    ('success = { status = "20x" }', "target.success.status: expected a status (200), a class ('2xx') or a span"),
    ('success = { status = "204-200" }', "target.success.status: expected a status (200), a class ('2xx') or a span"),
    ("success = { equals = { state = 1 } }", "target.success.equals: expected a JSON pointer, such as '/state'"),
    ('success = { exists = ["/a~2"] }', "target.success.exists: expected a JSON pointer, such as '/state'"),
    ('success = { max_size = "1" }', "target.success.max_size: expected a size with a unit"),
    ('stream = { form = "websocket" }', "target.stream.form: expected one of sse, chunks"),
    ('stream = { form = "chunks", end = "x" }', "target.stream.end: expected end only with form 'sse'"),
    ('gauges = { url = "/g" }', "target.gauges.form: expected one of json, prometheus, found nothing"),
    ('gauges = { url = "g", form = "json", names = { a = "/a" } }', "target.gauges.url: expected an address such as"),
    ('gauges = { url = "/g", form = "json", names = { a = "a" } }', "target.gauges.names.a: expected a JSON pointer"),
    (
        'gauges = { url = "/g", form = "prometheus", names = { a = "/a" } }',
        "target.gauges.names.a: expected a Prometheus",
    ),
    (
        'gauges = { url = "/g", form = "json", every = "1 ms", names = { a = "/a" } }',
        "target.gauges.every: expected at least",
    ),
    ("retry_after = { max_attempts = 0 }", "target.retry_after.max_attempts: expected at least 1"),
]


@pytest.mark.parametrize(("line", "told"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_mistakes_are_told_with_their_place(tmp_path: Path, line: str, told: str) -> None:
    assert [one for one in mistakes(tmp_path, f"[target]\n{line}\n") if one.startswith(told)]


def test_all_mistakes_are_told_at_once_and_no_secret_with_them(tmp_path: Path) -> None:
    text = (
        '[target]\nurl = "http://me:s3cr3t@x"\nheaders = { Cookie = "s3cr3t", X-Api-Key = "s3cr3t" }\nconnections = 7\n'
    )
    found = mistakes(tmp_path, text)
    assert len(found) == 3
    assert "s3cr3t" not in "".join(found)


def test_what_a_type_does_not_say_is_said_for_all(tmp_path: Path) -> None:
    target = load(
        tmp_path,
        """
        [target.request]
        method = "PUT"
        path = "/all"
        headers = { X-A = "1", X-B = "2" }
        json = { id = "{workflow_id}" }
        [target.requests.complex]
        path = "/complex"
        headers = { X-B = "3" }
        [target.requests.simple]
        method = "GET"
        query = { id = "{workflow_id}" }
        """,
    ).target
    whole, got = dict(target.requests)["complex"], dict(target.requests)["simple"]
    assert (whole.method, whole.path, whole.headers) == ("PUT", "/complex", (("X-A", "1"), ("X-B", "3")))
    assert json.loads(whole.json) == {"id": "{workflow_id}"}
    assert (got.method, got.path, got.json, got.body) == ("GET", "/all", None, None)


# --------------------------------------------------------------------------- templates are data


def prepared(request: HttpRequest, url: str = "http://h/base"):
    return RequestTemplate(HttpTarget(url), request, {}).prepare(WORKFLOW)


def test_a_string_that_is_a_numbers_placeholder_becomes_the_number() -> None:
    body = prepared(
        HttpRequest(json='{"n": "{number}", "s": ["{seed}", " {seed}"], "{type}": true, "x": {"y": null}}')
    ).body
    assert json.loads(body) == {"n": 7, "s": [42, " 42"], "simple": True, "x": {"y": None}}


INERT = [
    "{0}",
    "{number.__class__}",
    "{number!r}",
    "{}",
    "%s %(number)s",
    "${number",
    "$number",
    "{% x %}",
    "__import__('os')",
]


@pytest.mark.parametrize("text", INERT)
def test_nothing_in_a_template_is_ever_run(text: str) -> None:
    request = HttpRequest(json=None, body=text, headers=(("X-A", text.replace("${", "$ {")),))
    made = prepared(request)
    assert made.body == text.encode()
    assert made.headers["X-A"] == text.replace("${", "$ {")


def test_doubled_braces_are_single_ones() -> None:
    assert prepared(HttpRequest(json=None, body="{{number}} {{{number}}} }}{{")).body == b"{number} {7} }{"


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_any_text_can_be_sent(text: str) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert prepared(HttpRequest(json=None, body=doubled)).body == text.encode()
    assert json.loads(prepared(HttpRequest(json=json.dumps({"a": doubled}))).body) == {"a": text}
    url = prepared(HttpRequest(path="/p", query=(("q", doubled),))).url
    assert url.query["q"] == text


def test_the_address_keeps_its_own_path_and_query() -> None:
    made = prepared(HttpRequest(path="/{type}/x", query=(("b", "2"),)), "http://h:81/base/?a=1")
    assert str(made.url) == "http://h:81/base/simple/x?a=1&b=2"
    assert str(prepared(HttpRequest(), "http://h/run?a=1").url) == "http://h/run?a=1"


# --------------------------------------------------------------------------- small parts


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("0", 0.0), ("7", 7.0), ("1.5", 1.5), ("-3", 0.0), ("soon", None), ("inf", None), ("nan", None), ("", None),
        ("Wed, 21 Oct 2015 07:28:10 GMT", 10.0), ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header: str, expected: float | None) -> None:
    now = datetime.datetime(2015, 10, 21, 7, 28, tzinfo=datetime.UTC)
    assert retry_after_s(429, header, now) == expected
    assert retry_after_s(200, header, now) is None


@given(st.text(max_size=40))
def test_any_retry_after_gives_a_wait_or_none(header: str) -> None:
    wait_s = retry_after_s(503, header, datetime.datetime.now(datetime.UTC))
    assert wait_s is None or (wait_s >= 0 and math.isfinite(wait_s))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/p", "http://h/p"),
        ("https://u:p@h:1/p?k=s#f", "https://h:1/p"),
        ("http://u:p@h", "http://h"),
        ("http://u:p@[bad/p?k=s", "http://[bad"),
        ("HTTP://u@h/", "http://h/"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert public_url(url) == shown


def test_the_table_counts_where_nothing_else_was_asked_for() -> None:
    declared = HttpTarget("http://h/a", connections=3)
    assert chosen_target("builtin", True, declared) is declared
    assert chosen_target("builtin", False, declared) == "builtin"
    assert chosen_target("m:f", False, declared) == "m:f"
    assert chosen_target("builtin", True, None) == "builtin"
    assert chosen_target("http://x", False, declared) == HttpTarget("http://x", connections=3)
    with pytest.raises(DeclarationError, match="no url in"):
        chosen_target("builtin", True, HttpTarget(""))


@pytest.mark.parametrize("package", ["aiohttp", "jsonpointer", "prometheus_client"])
def test_a_client_that_is_not_installed_is_named_with_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest))
    with pytest.raises(MissingExtraError, match=rf"{package}.*agent-load-harness\[http\]"):
        target_factory("http://127.0.0.1:9/")
    if package != "jsonpointer":
        done = CliRunner().invoke(main, ["fake-llm"])
        assert (done.exit_code, "agent-load-harness[provider]" in done.stderr) == (2, True)
