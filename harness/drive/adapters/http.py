"""Put an orchestrator behind HTTP under load: `--target http://…` or the `[target]` table of a scenario file.

Each workflow is one request (or more, where it is declared that Retry-After is honoured). What happens to it becomes
the outcome, by name: docs/http.md lists them. Times to a first byte or token start at the workflow's due time, as
latency does.
"""

from __future__ import annotations

import asyncio
import datetime
import importlib.util
import re
import ssl
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from harness.drive.target import Failed, Session, TargetFactory, Workflow
from harness.errors import DeclarationError, MissingExtraError, TargetError
from harness.measure.tries import Try
from harness.scenario.http import HttpTarget, digest_with, public_url
from harness.scenario.http_checks import url_mistakes

if TYPE_CHECKING:
    import aiohttp

    from harness.drive.adapters.http_gauges import GaugePoller
    from harness.drive.adapters.http_templates import Prepared, RequestTemplate

_PACKAGES = ("aiohttp", "jsonpointer", "prometheus_client")
_OWN_ID = re.compile(r"\d+-\d+")


class HttpService:
    """A service as a target: see the module's docstring. `name` is its address as it may be shown."""

    in_process = False
    """What runs on the event loop is a client, which is a part of the load generator."""

    def __init__(self, name: str, target: HttpTarget, session: Session) -> None:
        if session.clock.jumps:
            raise TargetError(
                f"--target {name}: the {session.clock.name} clock cannot jump over the time of another process behind "
                "a socket; use --clock wall"
            )
        self._name = name
        self._target = target
        self._now = session.clock.now
        self._recorder = session.recorder
        self._slots = asyncio.Semaphore(target.connections)
        self._in_use = 0
        self._waiting = 0
        self._client: aiohttp.ClientSession | None = None
        self._templates: dict[str, RequestTemplate] = {}
        self._poller: GaugePoller | None = None
        # a worker drives a part of the plan: its rows are not the workflows' numbers
        self._first, self._stride = session.plan.part.number_of(0), session.plan.part.workers
        self._types = [kind.name for kind in session.plan.scenario.types]

    async def start(self) -> None:
        """Fill in secrets, open the client, see that the service is there; raises `TargetError` where it is not."""
        from harness.drive.adapters.http_answers import Expected  # noqa: PLC0415 - parts of an optional extra
        from harness.drive.adapters.http_preflight import preflight  # noqa: PLC0415
        from harness.drive.adapters.http_streams import StreamReader  # noqa: PLC0415
        from harness.drive.adapters.http_templates import (  # noqa: PLC0415
            RequestTemplate,
            filled_headers,
            for_no_workflow,
        )

        target = self._target
        headers = filled_headers(target.headers)
        requests = dict(target.requests)
        for kind in self._types:
            self._templates[kind] = RequestTemplate(target, requests.get(kind, target.request), headers)
        self._expected = Expected(target.success)
        self._streams = StreamReader(target.stream, self._expected, self._now) if target.stream else None
        tls = self._tls()
        self._client = self._opened(tls)
        try:
            await preflight(self._client, target, self._name, for_no_workflow(headers))
            await self._start_gauges(for_no_workflow(headers), tls)
        except BaseException:
            await self.stop()  # what does not start is not stopped by anybody else
            raise

    async def stop(self) -> None:
        """Let go of every connection."""
        if self._poller is not None:
            await self._poller.stop()
        if self._client is not None:
            await self._client.close()

    async def run(self, workflow: Workflow) -> object:
        """One workflow; returns its id where the service gave one of ours back."""
        attempts = self._target.retry_after.max_attempts
        prepared = self._templates[workflow.type].prepare(workflow)
        while True:
            try:
                with workflow.attempt("request") as attempt:
                    return await self._attempt(workflow, prepared, attempt)
            except Again as turned_away:
                attempts -= 1
                wait_s = turned_away.after_s
                if attempts < 1 or wait_s is None or wait_s > self._target.retry_after.longest_s:
                    raise turned_away.outcome from None
            await asyncio.sleep(wait_s)

    def gauges(self) -> Mapping[str, float]:
        """The connections of the load, and what the service showed last."""
        own = {
            "connections_in_use": float(self._in_use),
            "connections_max": float(self._target.connections),
            "connection_waiters": float(self._waiting),
        }
        return own if self._poller is None else own | self._poller.figures

    # ----------------------------------------------------------------------- one request

    async def _attempt(self, workflow: Workflow, prepared: Prepared, attempt: Try) -> object:
        import aiohttp  # noqa: PLC0415 - an optional extra

        from harness.drive.adapters.http_errors import outcome_of  # noqa: PLC0415

        await self._connection()
        attempt.granted()
        try:
            return await self._exchange(workflow, prepared)
        except (aiohttp.ClientError, OSError) as error:
            raise outcome_of(error) from error
        finally:
            self._in_use -= 1
            self._slots.release()

    async def _connection(self) -> None:
        waited_s = 0.0
        if self._slots.locked():
            asked_s = self._now()
            self._waiting += 1
            try:
                await self._slots.acquire()
            finally:
                self._waiting -= 1
            waited_s = self._now() - asked_s
        else:
            await self._slots.acquire()
        self._in_use += 1
        self._recorder.measure("connection_wait_s", waited_s)

    async def _exchange(self, workflow: Workflow, prepared: Prepared) -> object:
        assert self._client is not None  # start() opened it
        async with self._client.request(
            prepared.method, prepared.url, headers=prepared.headers, data=prepared.body, allow_redirects=False
        ) as response:
            due_s = self._recorder.due[(workflow.number - self._first) // self._stride]
            self._recorder.measure("time_to_first_byte_s", self._now() - due_s)
            given = response.headers.get(self._target.id_header)
            if given is not None and given != workflow.id and _OWN_ID.fullmatch(given):
                raise Failed("workflow_id_mismatch")
            if not self._expected.status(response.status):
                raise await self._turned_away(response)
            if not self._expected.media_type(response.content_type):
                raise Failed("html_answer" if response.content_type == "text/html" else "bad_body")
            return await self._answer(response, due_s)

    async def _answer(self, response: aiohttp.ClientResponse, due_s: float) -> object:
        from harness.drive.adapters.http_streams import Pace, whole_body  # noqa: PLC0415 - an optional extra

        if self._streams is not None:
            pace = Pace()
            try:
                await self._streams.read(response, pace)
            finally:
                self._note(pace, due_s)
            return None
        body = await whole_body(response, self._expected.max_size_b)
        document = self._expected.read(body, response.content_type)
        given = document.get("workflow_id") if isinstance(document, dict) else None
        # a service may have ids of its own; one that looks like ours has to be this workflow's
        return {"workflow_id": given} if isinstance(given, str) and _OWN_ID.fullmatch(given) else None

    def _note(self, pace: Any, due_s: float) -> None:
        measure = self._recorder.measure
        if pace.token_s is not None:
            measure("time_to_first_token_s", pace.token_s - due_s)
        if pace.pieces > 1:
            measure("longest_stall_s", pace.longest_gap_s)
            measure("time_per_piece_s", (pace.last_s - pace.first_s) / (pace.pieces - 1))

    async def _turned_away(self, response: aiohttp.ClientResponse) -> Exception:
        from harness.drive.adapters.http_answers import refusal, retry_after_s  # noqa: PLC0415 - an optional extra
        from harness.drive.adapters.http_streams import whole_body  # noqa: PLC0415

        await whole_body(response, self._expected.max_size_b)  # or the connection could not be used again
        now = datetime.datetime.now(datetime.UTC)
        after_s = retry_after_s(response.status, response.headers.get("retry-after"), now)
        if after_s is not None:
            self._recorder.measure("retry_after_s", after_s)
        return Again(refusal(response.status, after_s), after_s)

    # ----------------------------------------------------------------------- the client

    def _opened(self, tls: Any) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415 - an optional extra

        target = self._target
        return aiohttp.ClientSession(
            # the number of connections is bounded by our own semaphore, which can tell who waits
            connector=aiohttp.TCPConnector(limit=0, ssl=tls, force_close=not target.keep_alive),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=target.connect_timeout_s, sock_read=target.read_timeout_s
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[self._connections_made()],
        )

    def _connections_made(self) -> aiohttp.TraceConfig:
        import aiohttp  # noqa: PLC0415 - an optional extra

        async def begun(_client: object, context: SimpleNamespace, _params: object) -> None:
            context.begun_s = self._now()

        async def made(_client: object, context: SimpleNamespace, _params: object) -> None:
            self._recorder.measure("connect_s", self._now() - context.begun_s)

        traced = aiohttp.TraceConfig()
        traced.on_connection_create_start.append(begun)
        traced.on_connection_create_end.append(made)
        return traced

    def _tls(self) -> Any:
        if not self._target.url.lower().startswith("https"):
            return True
        if not self._target.verify:
            self._recorder.doubts.append("the service's certificate is not checked (verify = false)")
            return False
        try:
            return ssl.create_default_context(cafile=self._target.ca_file)
        except (OSError, ssl.SSLError) as error:
            known = not isinstance(error, ssl.SSLError) and error.strerror
            reason = error.strerror if known else "no certificates in it"
            raise TargetError(f"target.ca: expected a file of certificates (PEM), found {reason}") from None

    async def _start_gauges(self, headers: Mapping[str, str], tls: Any) -> None:
        gauges = self._target.gauges
        if gauges is None:
            return
        from harness.drive.adapters.http_gauges import GaugePoller  # noqa: PLC0415 - an optional extra
        from harness.drive.adapters.http_templates import on_service  # noqa: PLC0415

        here = gauges.url.startswith("/")
        url = on_service(self._target.url, gauges.url) if here else gauges.url
        # another host is told no secret of this one
        self._poller = GaugePoller(gauges, url, headers if here else {}, tls, self._recorder.doubts)
        await self._poller.start()


class Again(Exception):  # noqa: N818 - an outcome that may be tried again, not a fault of the program
    """An answer that is none of success; `after_s` is what it asks to wait (None: it says nothing)."""

    def __init__(self, outcome: Exception, after_s: float | None) -> None:
        self.outcome = outcome
        self.after_s = after_s
        super().__init__()


def http_factory(target: HttpTarget) -> tuple[str, TargetFactory]:
    """(address as it may be shown, factory) for a service.

    Raises `MissingExtraError` where the client is not installed, `DeclarationError` for an address that is none.
    """
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "http", "a target behind HTTP")
    mistakes = tuple(url_mistakes("--target", target.url))
    if mistakes:
        raise DeclarationError("options", mistakes)
    name = public_url(target.url)
    return name, TargetFactory(
        lambda session: HttpService(name, target, session), lambda digest: digest_with(digest, target)
    )
