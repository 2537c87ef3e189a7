"""A provider served in a thread of this process, on a port that the system chose."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from aiohttp import web

from harness.provider.declaration import Latency, Provider
from harness.provider.server import FakeProvider
from harness.scenario.model import Constant

AT_ONCE = Latency(Constant(0.0), Constant(0.0), Constant(5.0))
"""Five tokens, without any wait."""


@contextmanager
def served(provider: Provider) -> Iterator[str]:
    """Serve `provider`; yields the address without `/v1`."""
    loop = asyncio.new_event_loop()
    ready, addresses = threading.Event(), []
    stop = asyncio.Event()

    async def main() -> None:
        fake = FakeProvider(provider, loop.time)
        runner = web.AppRunner(fake.app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        addresses.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield addresses[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()


def ask(content: str = "hello", **more: Any) -> dict[str, Any]:
    """The body of a chat completion."""
    return {"model": "m", "messages": [{"role": "user", "content": content}], **more}


async def post(
    client: aiohttp.ClientSession, url: str, body: Any, path: str = "/v1/chat/completions", **headers: str
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """(status, document, headers) of one request; underscores in the names of headers stand for hyphens."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    async with client.post(url + path, json=body, headers=named) as response:
        return response.status, await response.json(), dict(response.headers)


async def stats(client: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    """The provider's own counters."""
    async with client.get(f"{url}/stats") as response:
        document: dict[str, Any] = await response.json()
        return document
