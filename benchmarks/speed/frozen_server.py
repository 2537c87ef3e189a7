"""A server on the loopback that answers at once, but for one second in which it does not: in a process of its own.

It prints its port, reads the time of its first request as the start, and freezes from 4 s to 5 s after that.
"""

from __future__ import annotations

import asyncio
import sys
import time

FREEZE_FROM_S, FREEZE_S = 4.0, 1.0


async def main() -> None:
    """Serve until the standard input is closed."""
    first: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            now = time.monotonic()
            first.append(now) if not first else None
            wait_s = first[0] + FREEZE_FROM_S + FREEZE_S - now
            if now - first[0] >= FREEZE_FROM_S and wait_s > 0:
                await asyncio.sleep(wait_s)
            await _rest_of_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


async def _rest_of_request(reader: asyncio.StreamReader) -> None:
    """The headers of a request without a body."""
    while await reader.readline() not in (b"\r\n", b""):
        pass


if __name__ == "__main__":
    asyncio.run(main())
