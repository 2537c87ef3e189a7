"""Serve a provider until somebody asks it to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

from aiohttp import web

from harness.errors import HarnessError
from harness.provider.declaration import Provider
from harness.provider.server import FakeProvider

_PATIENCE_S = 1.0
"""How long answers under way may take to end once the provider is to stop."""


def serve(provider: Provider, host: str, port: int, ready: Callable[[str], None]) -> dict[str, Any]:
    """Serve until SIGINT or SIGTERM; returns the counters' last document.

    `ready` is called with the address (`http://127.0.0.1:41234`) as soon as requests are taken. `port` 0 lets the
    system choose. Raises `HarnessError` where the address cannot be had.
    """
    return asyncio.run(_serve(provider, host, port, ready))


async def _serve(provider: Provider, host: str, port: int, ready: Callable[[str], None]) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    fake = FakeProvider(provider, loop.time)
    # a client that hangs up frees its slot at once
    runner = web.AppRunner(fake.app(), access_log=None, handler_cancellation=True, shutdown_timeout=_PATIENCE_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=4096)
        try:
            await site.start()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise HarnessError(f"fake-llm: {host} port {port} cannot be had: {reason}") from None
        ready(_address(runner))
        await stopping.wait()
    finally:
        await runner.cleanup()
    return fake.counters.document(loop.time())


def _address(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
