"""Secrets come from the environment, and go nowhere but into the requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner

from harness.cli import main
from harness.errors import TargetError
from harness.scenario.http import HttpGauges, HttpRequest, HttpTarget
from tests.http.servers import answer, raw, service, unused_url
from tests.http.small import run_on

SECRET = "s3cr3t-{workflow_id}-{{x}}-value"

FILE = """
[target]
url = "{url}"
[target.headers]
Authorization = "Bearer ${{TEST_API_TOKEN}}"
[target.request]
headers = {{ X-Tenant = "t-${{TEST_API_TOKEN}}-{{number}}" }}
[target.gauges]
url = "/gauges"
form = "json"
names = {{ queue_depth = "/queue" }}
[scenario.few]
extends = "10_concurrent_workflows"
load = {{ workflows = 10 }}
"""


def harness(file: Path, folder: Path, *words: str, token: str | None = SECRET):
    env = {"TEST_API_TOKEN": token}
    return CliRunner().invoke(main, ["run", "-f", str(file), "--report-dir", str(folder), *words], env=env)


def everything_in(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("form", ["", "--json", "--markdown"])
def test_a_secret_is_sent_and_shown_nowhere(tmp_path: Path, form: str) -> None:
    async def telltale(request: web.Request) -> web.Response:
        # what a careless service does: it gives the secret back in every way it can
        token = request.headers["Authorization"]
        status = 200 if request.method == "GET" else int(request.headers["X-Tenant"][-1]) % 2 * 300 + 200
        headers = {"X-Echo": token, "Retry-After": token}
        return web.json_response({"queue": 1, "you_said": token}, status=status, reason=token, headers=headers)

    file = tmp_path / "few.toml"
    reports = tmp_path / "reports"
    with service(telltale) as shown:
        file.write_text(FILE.format(url=shown.url))
        done = harness(file, reports, *([form] if form else []))
    assert {headers["Authorization"] for _, _, headers, _ in shown.seen} == {f"Bearer {SECRET}"}
    posts = [headers for method, _, headers, _ in shown.seen if method == "POST"]
    numbers = sorted(int(headers["X-Tenant"].rpartition("-")[2]) for headers in posts)
    assert numbers == list(range(10))
    assert all(headers["X-Tenant"].startswith(f"t-{SECRET}-") for headers in posts)
    assert any(path == "/gauges" for _, path, _, _ in shown.seen)
    said = done.output + done.stderr + everything_in(reports) + file.read_text()
    assert "s3cr3t" not in said
    assert "http_500" in said


def test_a_secret_is_not_in_what_is_said_of_a_service_that_fails(tmp_path: Path) -> None:
    file = tmp_path / "few.toml"
    with raw(answer(b"nonsense\r\n\r\n")) as url:
        for address in (url, unused_url()):
            file.write_text(FILE.format(url=address))
            done = harness(file, tmp_path / "reports")
            assert done.exit_code == 2
            assert "s3cr3t" not in done.output + done.stderr


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (None, "expected the environment variable TEST_API_TOKEN, found one that is not set"),
        ("", "expected the environment variable TEST_API_TOKEN, found an empty one"),
        ("s3cr3t\nX-Injected: yes", "expected printable ASCII on one line in the environment variable TEST_API_TOKEN"),
        ("s3cr3t-ü", "expected printable ASCII on one line in the environment variable TEST_API_TOKEN"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_and_not_shown(tmp_path: Path, token: str | None, told: str) -> None:
    file = tmp_path / "few.toml"
    file.write_text(FILE.format(url="http://127.0.0.1:9"))
    done = harness(file, tmp_path / "reports", token=token)
    assert done.exit_code == 2
    assert f"target.headers.Authorization: {told}" in done.stderr
    assert "s3cr3t" not in done.output + done.stderr


def test_a_digest_does_not_depend_on_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fine(_request: web.Request) -> web.Response:
        return web.json_response({})

    digests = set()
    with service(fine) as shown:
        target = HttpTarget(shown.url, headers=(("Authorization", "Bearer ${TEST_API_TOKEN}"),))
        for token in ("one", "two"):
            monkeypatch.setenv("TEST_API_TOKEN", token)
            digests.add(run_on(target).digest)
    assert len(digests) == 1


def test_gauges_on_another_host_are_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fine(_request: web.Request) -> web.Response:
        return web.json_response({"queue": 3})

    monkeypatch.setenv("TEST_API_TOKEN", SECRET)
    with service(fine) as shown, service(fine) as other:
        gauges = HttpGauges(f"{other.url}/g", "json", (("queue_depth", "/queue"),))
        run_on(HttpTarget(shown.url, headers=(("Authorization", "Bearer ${TEST_API_TOKEN}"),), gauges=gauges))
    assert other.seen
    assert "s3cr3t" not in json.dumps([headers for _, _, headers, _ in other.seen])


def test_headers_of_one_type_need_their_variables_too() -> None:
    request = HttpRequest(headers=(("X-Key", "${TEST_NOT_SET_ANYWHERE}"),))
    with pytest.raises(TargetError, match=r"target\.headers\.X-Key: expected the environment variable TEST_NOT_SET"):
        run_on(HttpTarget("http://127.0.0.1:9", request))
