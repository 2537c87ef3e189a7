"""Sockets and pipes as asyncio's transports use them, with the bytes that cross counted."""

from __future__ import annotations

import socket
from asyncio import unix_events
from typing import Any


class CountedSocket:
    """A socket as a transport uses it, with the bytes that the kernel took from it and gave to it counted."""

    __slots__ = ("__weakref__", "_socket", "received", "sent")

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.sent = 0
        self.received = 0

    def send(self, data: Any) -> int:
        """As a socket's."""
        count = self._socket.send(data)
        self.sent += count
        return count

    def sendmsg(self, buffers: Any) -> int:
        """As a socket's."""
        count = self._socket.sendmsg(buffers)
        self.sent += count
        return count

    def recv(self, size: int) -> bytes:
        """As a socket's."""
        data = self._socket.recv(size)
        self.received += len(data)
        return data

    def peek(self) -> bytes:
        """One byte of what has come in, which stays there; empty at the end of the stream."""
        return self._socket.recv(1, socket.MSG_PEEK)

    def recv_into(self, buffer: Any) -> int:
        """As a socket's."""
        count = self._socket.recv_into(buffer)
        self.received += count
        return count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class CountedPipe(unix_events._UnixWritePipeTransport):  # type: ignore[name-defined,misc]  # not in typeshed
    """The pipe to a child's standard input, with what is written to it counted."""

    sent = 0

    def write(self, data: Any) -> None:
        """As asyncio's."""
        self.sent += len(data)
        super().write(data)
