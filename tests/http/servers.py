"""Real services on the loopback interface, each in a thread of its own, that behave well or badly on purpose."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Service:
    """A service under test: `url`, every request it saw, and how many it served at once at most."""

    url: str = ""
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0
    connections: set[tuple[str, int]] = field(default_factory=set)


@contextmanager
def service(handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Service]:
    """Serve `handler` at every path and method; requests with the method GET get a plain 204 unless it takes them."""
    shown = Service()
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        shown.seen.append((request.method, request.path_qs, dict(request.headers), body))
        if request.transport is not None:
            shown.connections.add(request.transport.get_extra_info("peername")[:2])
        shown.in_flight += 1
        shown.peak = max(shown.peak, shown.in_flight)
        try:
            return await handler(request)
        finally:
            shown.in_flight -= 1

    async def main() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme = "https" if tls else "http"
        shown.url = f"{scheme}://{host}:{runner.addresses[0][1]}"
        stop = shown.stop = asyncio.Event()  # type: ignore[attr-defined] # only this function's own
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield shown
    finally:
        loop.call_soon_threadsafe(shown.stop.set)  # type: ignore[attr-defined] # set above
        thread.join(5)
        loop.close()


@contextmanager
def raw(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server below HTTP: `behave` is called with each connection, in a thread. Yields its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    stopped = threading.Event()

    def accept() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_quietly, args=(behave, connection), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _quietly(behave: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with connection, suppress(OSError):
        behave(connection)


def reset(connection: socket.socket) -> None:
    """Read a request, and answer it with a reset."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def hang_up(connection: socket.socket) -> None:
    """Read a request and hang up."""
    connection.recv(65536)


def answer(data: bytes) -> Callable[[socket.socket], None]:
    """Read a request, send `data`, and hang up."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return behave


def silent(connection: socket.socket) -> None:
    """Read a request, and never answer."""
    while connection.recv(65536):
        pass


@contextmanager
def deaf() -> Iterator[str]:
    """A listener whose queue is full: a connection to it is never made."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for filler in fillers:
            filler.close()
        listener.close()


def unused_url() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
