"""Before the load: a service that is not there, or not one, is refused with a reason; no workflow is sent to it."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from click.testing import CliRunner

from harness.cli import main
from harness.errors import TargetError
from harness.scenario.http import HttpSuccess, HttpTarget
from tests.http import servers
from tests.http.servers import raw, service
from tests.http.small import ends, run_on


async def fine(_request: web.Request) -> web.Response:
    return web.json_response({})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(made)
    return made


def refused(target: HttpTarget) -> str:
    with pytest.raises(TargetError) as caught:
        run_on(target)
    return str(caught.value)


BROKEN = [
    (servers.reset, "it resets the connection"),
    (servers.hang_up, "it hangs up without an answer"),
    (servers.silent, "connected, and no answer within the time for it"),
    (servers.answer(b"220 mail.example ESMTP\r\n"), "what answers does not speak HTTP"),
    (
        servers.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"),
        "it answers with a page of HTML (status 200): is the address that of the service?",
    ),
    (
        servers.answer(b"HTTP/1.1 302 Found\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"),
        "it answers with a page of HTML (status 302)",
    ),
    (
        servers.answer(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
        "it answers 502: there is a gateway, and no service behind it",
    ),
]


@pytest.mark.parametrize(("behave", "expected"), BROKEN, ids=[expected for _, expected in BROKEN])
def test_a_service_that_is_none_is_refused(behave, expected: str) -> None:
    with raw(behave) as url:
        told = refused(HttpTarget(url, read_timeout_s=0.2))
        assert told.startswith(f"--target {url}: {expected}")
    assert told.endswith("; no workflow was sent")


def test_nobody_there_is_told_as_that() -> None:
    url = servers.unused_url()
    assert refused(HttpTarget(url)) == (
        f"--target {url}: the connection is refused: nothing listens there; no workflow was sent"
    )
    assert "the name of the host is not known" in refused(HttpTarget("http://no-such-host.invalid"))
    with servers.deaf() as url:
        assert "no connection within the connect timeout" in refused(HttpTarget(url, connect_timeout_s=0.1))


def test_a_certificate_is_checked_and_the_reason_told(authority: trustme.CA, tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    with service(fine, context(authority, "127.0.0.1")) as shown:
        told = refused(HttpTarget(shown.url))
        assert "the certificate is refused: " in told
        assert "certificate" in told.partition("refused: ")[2]
        assert ends(run_on(HttpTarget(shown.url, ca_file=str(pem)))) == {"succeeded": 4}
        unchecked = run_on(HttpTarget(shown.url, verify=False))
        assert ends(unchecked) == {"succeeded": 4}
        assert "the service's certificate is not checked (verify = false)" in unchecked.doubts
    with service(fine, context(authority, "another.example")) as shown:
        told = refused(HttpTarget(shown.url, ca_file=str(pem)))
        assert "the certificate is refused: IP address mismatch" in told


def test_a_file_of_certificates_has_to_be_one(tmp_path: Path) -> None:
    nothing = tmp_path / "empty.pem"
    nothing.write_text("no certificate")
    for path in (nothing, tmp_path / "missing.pem", tmp_path):
        told = refused(HttpTarget("https://127.0.0.1:9", ca_file=str(path)))
        assert told.startswith("target.ca: expected a file of certificates (PEM), found "), told


def test_tls_against_none_and_none_against_tls(authority: trustme.CA) -> None:
    with service(fine) as shown:
        assert "TLS failed: wrong version number" in refused(HttpTarget(shown.url.replace("http:", "https:")))
    with service(fine, context(authority, "127.0.0.1")) as shown:
        told = refused(HttpTarget(shown.url.replace("https:", "http:")))
        assert any(why in told for why in ("hangs up without an answer", "does not speak HTTP", "resets"))


def test_pages_pass_where_they_are_wanted() -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<p>done</p>", content_type="text/html")

    with service(page) as shown:
        assert ends(run_on(HttpTarget(shown.url, success=HttpSuccess(refuse_types=())))) == {"succeeded": 4}


def test_a_page_that_says_that_there_is_no_get_is_no_obstacle() -> None:
    async def only_posts(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(status=405, text="<h1>405</h1>", content_type="text/html")
        return web.json_response({})

    with service(only_posts) as shown:
        assert ends(run_on(HttpTarget(shown.url))) == {"succeeded": 4}


def test_a_ready_path_has_to_answer_2xx_and_may_take_its_time() -> None:
    ready = threading.Event()

    async def handle(request: web.Request) -> web.Response:
        if request.path == "/health":
            return web.Response(status=200 if ready.is_set() else 503)
        return web.json_response({})

    with service(handle) as shown:
        told = refused(HttpTarget(f"{shown.url}/run", ready="/health"))
        assert "/run/health" not in {path for _, path, _, _ in shown.seen}
        assert "/health answers 503, and has to answer 2xx before the load starts" in told
        threading.Timer(0.3, ready.set).start()
        done = run_on(HttpTarget(f"{shown.url}/run", ready="/health", ready_within_s=5))
        assert ends(done) == {"succeeded": 4}
        assert sum(path == "/health" for _, path, _, _ in shown.seen) >= 3


def test_a_service_that_comes_up_late_is_waited_for() -> None:
    url = servers.unused_url()
    assert "(after 0.3 s of waiting)" in refused(HttpTarget(url, ready_within_s=0.3))


# --------------------------------------------------------------------------- from the command line


def harness(*words: str, env: dict[str, str] | None = None):
    return CliRunner().invoke(main, ["run", *words], env=env)


def test_refusals_end_with_2_one_line_and_no_report(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    url = servers.unused_url()
    for words, expected in (
        (("--target", url), "nothing listens there"),
        (("--target", url, "--clock", "virtual"), "use --clock wall"),
        (("--target", "http://"), "expected an address such as"),
        (("--target", "http://host:99999/"), "expected an address such as"),
        (("--target", "http://host/#part"), "a fragment"),
        (("--target", "http://ho st/"), "expected an address such as"),
    ):
        done = harness("10_concurrent_workflows", *words, "--report-dir", str(reports))
        assert done.exit_code == 2, done.output
        assert expected in done.stderr
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.output
        assert not list(reports.glob("*"))


def test_a_file_names_its_service_and_the_command_line_another(tmp_path: Path) -> None:
    file = tmp_path / "scenarios.toml"
    text = '[scenario.few]\nextends = "10_concurrent_workflows"\nload = { workflows = 10 }\n[scenario.few.baseline]\n'
    with service(fine) as declared, service(fine) as given:
        file.write_text(f'[target]\nurl = "{declared.url}"\n[target.request]\npath = "/run"\n{text}')
        assert harness("-f", str(file), "--report-dir", str(tmp_path)).exit_code in (0, 3, 4, 5)
        assert sum(path == "/run" for _, path, _, _ in declared.seen) == 10
        assert harness("-f", str(file), "--report-dir", str(tmp_path), "--target", given.url).exit_code in (0, 3, 4, 5)
        assert sum(path == "/run" for _, path, _, _ in given.seen) == 10
        before = len(declared.seen)
        harness("-f", str(file), "--report-dir", str(tmp_path), "--target", "builtin", "--clock", "virtual")
        assert len(declared.seen) == before
    file.write_text(f"[target]\nconnections = 3\n{text}")
    done = harness("-f", str(file), "--report-dir", str(tmp_path))
    assert done.exit_code == 2
    assert "--target: expected http://… or https://…, found nothing, and no url in [target]" in done.stderr
