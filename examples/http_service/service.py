"""A small orchestrator behind HTTP: workflows of model calls, done by a bounded pool of agents behind a bounded queue.

    python examples/http_service/service.py --provider http://127.0.0.1:8101/v1 --port 8102

`POST /workflows` carries out one workflow and answers when it is done; `GET /metrics` shows queue and pool to
Prometheus, and to whoever puts the service under load.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from openai import APIError, AsyncOpenAI, RateLimitError
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest

STEPS = {
    "question": ("answer",),
    "research": ("plan", "search", "write"),
}


class BusyError(Exception):
    """The queue is full."""


class Agents:
    """A pool of agents; at most `queue` steps wait for one."""

    def __init__(self, size: int, queue: int, registry: CollectorRegistry) -> None:
        self.size = size
        self.queue = queue
        self.busy = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        Gauge("desk_agents", "Agents.", registry=registry).set(size)
        Gauge("desk_agents_busy", "Agents at work.", registry=registry).set_function(lambda: self.busy)
        Gauge("desk_queue_depth", "Steps that wait.", registry=registry).set_function(lambda: len(self.waiting))

    @asynccontextmanager
    async def one(self) -> Any:
        if self.busy < self.size:
            self.busy += 1
        elif len(self.waiting) >= self.queue:
            raise BusyError
        else:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn in self.waiting:
                    self.waiting.remove(turn)
                elif not turn.cancelled():
                    self.hand_on()
                raise
        try:
            yield
        finally:
            self.hand_on()

    def hand_on(self) -> None:
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.busy -= 1


class Desk:
    """The orchestrator: runs a workflow's steps one after the other, each by an agent that asks the model."""

    def __init__(self, provider: str, agents: int, queue: int) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # CPU time and memory of this process
        self.agents = Agents(agents, queue, self.registry)
        self.done = Counter("desk_workflows", "Workflows, by how they ended.", ["state"], registry=self.registry)
        self.model = AsyncOpenAI(base_url=provider, api_key="not-needed", max_retries=3)

    async def run(self, workflow: str, kind: str) -> dict[str, Any]:
        notes, tokens = "", 0
        for step in STEPS[kind]:
            async with self.agents.one():
                asked = [{"role": "system", "content": f"You {step}."}, {"role": "user", "content": notes or kind}]
                answer = await self.model.chat.completions.create(
                    model="fake-model",
                    messages=asked,
                    # the fake provider gives the same workflow the same luck in every run
                    extra_headers={"x-workflow-id": workflow, "x-workflow-step": step},
                )
            notes = answer.choices[0].message.content or ""
            tokens += answer.usage.total_tokens if answer.usage else 0
        return {"workflow_id": workflow, "state": "done", "tokens": tokens}

    # ------------------------------------------------------------------ HTTP

    async def post(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if asked.get("kind") not in STEPS:
            return web.json_response({"error": f"kind has to be one of {', '.join(STEPS)}"}, status=400)
        try:
            result = await self.run(asked["workflow_id"], asked["kind"])
        except BusyError:
            self.done.labels("refused").inc()
            return web.json_response({"state": "refused"}, status=503, headers={"Retry-After": "1"})
        except RateLimitError:
            self.done.labels("limited").inc()
            return web.json_response({"state": "limited"}, status=429, headers={"Retry-After": "1"})
        except APIError as error:
            self.done.labels("failed").inc()
            return web.json_response({"state": "failed", "error": type(error).__name__}, status=502)
        self.done.labels("done").inc()
        return web.json_response(result)

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.registry), content_type="text/plain")

    async def health(self, _request: web.Request) -> web.Response:
        await self.model.models.list()  # a desk without a model is not ready
        return web.json_response({"state": "ready"})

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/workflows", self.post)
        app.router.add_get("/metrics", self.metrics)
        app.router.add_get("/health", self.health)
        return app


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--provider", required=True, help="base_url of the model provider")
    options.add_argument("--port", type=int, default=8102)
    options.add_argument("--agents", type=int, default=8)
    options.add_argument("--queue", type=int, default=16)
    given = options.parse_args()
    desk = Desk(given.provider, given.agents, given.queue)
    web.run_app(desk.app(), host="127.0.0.1", port=given.port, access_log=None, print=None, handler_cancellation=True)


if __name__ == "__main__":
    main()
