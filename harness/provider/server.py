"""The provider as an HTTP application: what a client meets, in the order in which it meets it.

A request is read (400 where it cannot be), passes the rate limits (429), waits for a slot (503 where the queue is
full), then takes its time, and is answered, stalled, cut or failed as its luck has it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from harness.provider.buckets import Limits, Refusal
from harness.provider.chat import Answer, Asked, BadRequestError, error_document, read_chat
from harness.provider.counters import Counters
from harness.provider.declaration import Provider
from harness.provider.embeddings import embeddings, read_embeddings
from harness.provider.luck import CallId, Fate, Luck, call_id
from harness.provider.metrics_text import metrics_text
from harness.provider.slots import Slots

_LARGEST_B = 64 * 2**20
_MODEL = "fake-model"
"""What the list of models shows where none is declared."""
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_exceeded"}
_OVERLOADED = frozenset({503, 529})

Write = Callable[[web.Request, Asked, Fate, str], Awaitable[web.StreamResponse]]


class FakeProvider:
    """One provider with its limits, slots and counters; `app` serves it."""

    def __init__(self, provider: Provider, now: Callable[[], float]) -> None:
        self._provider = provider
        self._now = now
        self._luck = Luck(provider)
        self._limits = Limits(provider.requests, provider.tokens, now())
        self._slots = Slots(provider.capacity)
        self.counters = Counters(self._slots, now())

    def app(self) -> web.Application:
        """The application."""
        app = web.Application(client_max_size=_LARGEST_B)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/stats", self._stats)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._health)
        app.router.add_post("/reset", self._reset)
        app.router.add_route("*", "/{path:.*}", self._nowhere)
        return app

    # ----------------------------------------------------------------------- what is asked of a model

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._counted(request, read_chat, self._write_chat)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        return await self._counted(request, read_embeddings, self._write_embeddings)

    async def _counted(
        self, request: web.Request, read: Callable[[bytes, tuple[str, ...]], Asked], write: Write
    ) -> web.StreamResponse:
        counters = self.counters
        counters.came()
        try:
            response = await self._read(request, read, write)
            counters.statuses[response.status] += 1
            return response
        except asyncio.CancelledError:
            counters.clients_left += 1
            raise
        finally:
            counters.in_flight -= 1

    async def _read(
        self, request: web.Request, read: Callable[[bytes, tuple[str, ...]], Asked], write: Write
    ) -> web.StreamResponse:
        try:
            asked = read(await request.read(), self._provider.models)
        except BadRequestError as error:
            return _error(error.status, str(error), error.param, error.code)
        except web.HTTPRequestEntityTooLarge:
            return _error(413, f"The request is larger than {_LARGEST_B} bytes.")
        known = call_id(request.headers, asked.content)
        if isinstance(known, str):
            return _error(400, known)
        return await self._meet_limits(request, asked, known, write)

    async def _meet_limits(self, request: web.Request, asked: Asked, known: CallId, write: Write) -> web.StreamResponse:
        calls = self.counters.calls
        number, again = calls.arrive(known)
        if again:
            self.counters.retried(self._now())
        fate = self._luck.fate(known.key, number, asked.most_tokens)
        refusal = self._limits.admit(asked.prompt_tokens + fate.tokens, self._now())
        if refusal is not None:
            calls.turned_away(known, number)
            self.counters.limited[refusal.limit] += 1
            return self._limited(refusal)
        if not await self._slot(known, number):
            self.counters.overflowed += 1
            return _error(self._provider.capacity.overflow, "The server is overloaded. Please try again later.")
        served = False
        try:
            response = await self._answer(request, asked, fate, f"{known.key:016x}{number:04x}", write)
            served = response.status == 200 and not (asked.stream and fate.cut_at is not None)
            return response
        finally:
            self._slots.give_back()
            (calls.succeeded if served else calls.failed)(known)

    async def _slot(self, known: CallId, number: int) -> bool:
        """Wait for a slot; False, as for one who leaves while waiting, where there is no room to wait."""
        free = False
        try:
            free = await self._slots.take()
        finally:
            if not free:
                self.counters.calls.turned_away(known, number)
        return free

    async def _answer(
        self, request: web.Request, asked: Asked, fate: Fate, identity: str, write: Write
    ) -> web.StreamResponse:
        if fate.error is not None:
            await asyncio.sleep(fate.first_token_s)
            self.counters.planted[fate.error] += 1
            return _error(fate.error, f"A planted error {fate.error}.")
        if fate.stall_s:
            self.counters.stalled += 1
        return await write(request, asked, fate, identity)

    # ----------------------------------------------------------------------- answers

    async def _write_chat(self, request: web.Request, asked: Asked, fate: Fate, identity: str) -> web.StreamResponse:
        answer = Answer(asked, fate, identity, int(time.time()))
        if asked.stream:
            return await self._write_stream(request, asked, fate, answer)
        await asyncio.sleep(fate.first_token_s + (fate.tokens - 1) * fate.per_token_s + fate.stall_s)
        self._count(asked, fate.tokens)
        return self._json(answer.whole(), identity)

    async def _write_embeddings(
        self, _request: web.Request, asked: Asked, fate: Fate, identity: str
    ) -> web.StreamResponse:
        await asyncio.sleep(fate.first_token_s + fate.stall_s)
        self._count(asked, 0)
        return self._json(embeddings(asked), identity)

    def _json(self, body: bytes, identity: str) -> web.Response:
        headers = {"x-request-id": f"req_{identity}", **self._limits.headers(self._now())}
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def _write_stream(self, request: web.Request, asked: Asked, fate: Fate, answer: Answer) -> web.StreamResponse:
        response, begun_s = self._event_stream(), self._now()
        await response.prepare(request)
        written, last = 0, fate.tokens if fate.cut_at is None else fate.cut_at
        while written < last:
            due_s = begun_s + fate.first_token_s + written * fate.per_token_s
            stalls = fate.stall_s if written >= fate.stall_at else 0.0
            if (wait_s := due_s + stalls - self._now()) > 0:
                await asyncio.sleep(wait_s)
            end = self._due(begun_s, fate, written, last)
            await response.write(answer.piece(written, end))
            written = end
        self._count(asked, written)
        if fate.cut_at is not None:
            self._cut(request, response)
            return response
        await response.write(answer.last())
        await response.write_eof()
        return response

    def _event_stream(self) -> web.StreamResponse:
        response = web.StreamResponse(headers=self._limits.headers(self._now()) | {"Cache-Control": "no-cache"})
        response.content_type = "text/event-stream"
        return response

    def _due(self, begun_s: float, fate: Fate, written: int, last: int) -> int:
        """Up to which token all are due by now: those that came due together are written as one piece."""
        late_s = self._now() - begun_s - fate.first_token_s - (fate.stall_s if written >= fate.stall_at else 0.0)
        due = last if fate.per_token_s <= 0 else 1 + math.floor(late_s / fate.per_token_s)
        # a stall that is still ahead holds back what comes after it
        ahead = fate.stall_at if fate.stall_s and written < fate.stall_at else last
        return max(written + 1, min(due, ahead, last))

    def _cut(self, request: web.Request, response: web.StreamResponse) -> None:
        """Hang up in the middle of the body: what was written arrives, its end never does."""
        self.counters.cut += 1
        response.force_close()
        if request.transport is not None:
            request.transport.close()

    def _count(self, asked: Asked, written: int) -> None:
        self.counters.prompt_tokens += asked.prompt_tokens
        self.counters.completion_tokens += written

    def _limited(self, refusal: Refusal) -> web.Response:
        headers = self._limits.headers(self._now())
        if math.isinf(refusal.wait_s):
            message = f"Request too large for the limit of {refusal.limit}: it can never be let through."
            return _error(429, message, code="rate_limit_exceeded", headers=headers)
        # whole seconds are what the header's own standard knows; clients that know better read the second one
        headers |= {
            "Retry-After": str(math.ceil(refusal.wait_s)),
            "retry-after-ms": str(math.ceil(refusal.wait_s * 1000)),
        }
        message = f"Rate limit reached for {refusal.limit}. Please try again in {refusal.wait_s:.3f}s."
        return _error(429, message, code="rate_limit_exceeded", headers=headers)

    # ----------------------------------------------------------------------- beside the model

    async def _models(self, _request: web.Request) -> web.Response:
        names = self._provider.models or (_MODEL,)
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "fake-llm"} for name in names]
        return web.json_response({"object": "list", "data": data})

    async def _stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self.counters.document(self._now()))

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = metrics_text(self.counters.document(self._now()))
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ready"})

    async def _reset(self, _request: web.Request) -> web.Response:
        """Forget all that was counted, and fill the limits up: as if the provider had just been started."""
        in_flight = self.counters.in_flight
        if in_flight:
            return _error(409, f"{in_flight} requests are in flight: only a provider at rest can be reset.")
        self._limits = Limits(self._provider.requests, self._provider.tokens, self._now())
        self.counters = Counters(self._slots, self._now())
        return web.json_response({"status": "reset"})

    async def _nowhere(self, request: web.Request) -> web.Response:
        return _error(404, f"Unknown request URL: {request.method} {request.path:.200}.", code="unknown_url")


def _error(
    status: int, message: str, param: str | None = None, code: str | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    kind = "overloaded_error" if status in _OVERLOADED else _TYPES.get(status, "invalid_request_error")
    kind = "server_error" if status >= 500 and status not in _OVERLOADED else kind
    return web.json_response(error_document(message, kind, param, code), status=status, headers=headers)
