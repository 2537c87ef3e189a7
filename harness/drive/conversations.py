"""Peers of an event loop behind sockets and pipes: is anything under way between it and them?

Between two ends that both belong to the loop, what the one has sent and the other has not received is under way, to
the byte. Of a peer elsewhere (another process, a server in a thread) only what crosses the line can be seen: while it
owes an answer, and for a moment after it last spoke, it is taken to be at work. If it speaks again after the clock has
jumped, the clock was wrong, and that is an error. docs/clocks.md has the rules.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import struct
import time
import weakref
from asyncio import unix_events
from typing import Any

from harness.drive.counted import CountedPipe, CountedSocket
from harness.drive.outside_work import function_name

LULL_S = 0.05
"""Real seconds of silence after which a peer that has answered is taken to have said all."""


class Talk:
    """What goes on with one peer elsewhere; see `Held`."""

    def __init__(self, name: str, owes: bool) -> None:
        self.since = time.monotonic()
        self._name = name
        self._owes = owes
        self._sent_when_heard = 0
        self._heard_s = float("-inf")
        self._jumps_when_heard = 0

    def describe(self) -> str:
        """See `Held`."""
        return self._name

    def hear(self, sent: int, jumps: int) -> bool:
        """The peer spoke; False if the clock has jumped since it last did, although nothing was sent to it."""
        in_time = self._owes or sent > self._sent_when_heard or jumps == self._jumps_when_heard
        self._owes, self._sent_when_heard, self._jumps_when_heard = False, sent, jumps
        self._heard_s = time.monotonic()
        return in_time

    def is_under_way(self, sent: int) -> bool:
        """Whether the peer owes an answer, or has only just spoken."""
        if self._owes or sent > self._sent_when_heard:
            self.since = max(self.since, self._heard_s)
            return True
        return time.monotonic() - self._heard_s < LULL_S


class Connection:
    """One end of a connection that a transport of the loop holds."""

    __slots__ = ("__weakref__", "accepted", "ends", "sock", "talk")

    def __init__(self, sock: CountedSocket, accepted: bool) -> None:
        self.sock = sock
        self.accepted = accepted
        self.ends = ends_of(sock)
        self.talk = Talk(f"the peer at {_address(sock)} (its answer is awaited)", owes=not accepted)


class Child:
    """A child process: under way until it ends or, where it is spoken to through a pipe, until it has answered."""

    def __init__(self, transport: asyncio.SubprocessTransport, stdin: CountedPipe | None, command: str) -> None:
        self.transport = transport
        self.stdin = stdin
        self.talk = Talk(f"child process {transport.get_pid()} ({command})", owes=True)

    @property
    def sent(self) -> int:
        """Bytes written to it."""
        return self.stdin.sent if self.stdin is not None else 0

    def is_under_way(self) -> bool:
        """See the class."""
        if self.transport.get_returncode() is not None:
            return False
        return self.talk.is_under_way(self.sent) if self.is_spoken_to() else True

    def is_spoken_to(self) -> bool:
        """Whether it runs, and listens on a pipe."""
        listens = self.stdin is not None and not self.stdin.is_closing()
        return listens and self.transport.get_returncode() is None


_Ends = tuple[object, object]
_WITH_RULES = (asyncio.BaseTransport, getattr(unix_events, "AbstractChildWatcher", asyncio.BaseTransport))


class Conversations:
    """All peers of one loop, by descriptor."""

    def __init__(self) -> None:
        self._connections: weakref.WeakValueDictionary[int, Connection] = weakref.WeakValueDictionary()
        self._kept: weakref.WeakKeyDictionary[CountedSocket, Connection] = weakref.WeakKeyDictionary()
        self._by_ends: weakref.WeakValueDictionary[_Ends, Connection] = weakref.WeakValueDictionary()
        self._raw: weakref.WeakValueDictionary[_Ends, socket.socket] = weakref.WeakValueDictionary()
        self._children: dict[int, Child] = {}
        self._child_pipes: dict[int, Child] = {}
        self._waited_for: dict[int, Talk] = {}
        self.jumps = 0
        self.broken: str | None = None
        """What a peer did that shows that the clock was wrong."""

    @property
    def has_children(self) -> bool:
        """Whether there is a child process that is not known to have ended."""
        return bool(self._children)

    def connect(self, sock: socket.socket, accepted: bool) -> CountedSocket:
        """A transport is being made on `sock`; returns the socket to make it on."""
        counted = CountedSocket(sock)
        connection = Connection(counted, accepted)
        self._kept[counted] = connection
        self._connections[sock.fileno()] = connection
        if connection.ends[1] is not None:
            self._by_ends[connection.ends] = connection
        return counted

    def meet(self, sock: socket.socket) -> None:
        """The target handles `sock` itself: its other end, if the loop has it, is in this process."""
        ends = ends_of(sock)
        if ends[1] is not None:
            self._raw[ends] = sock

    def begin(self, transport: asyncio.SubprocessTransport, command: str) -> None:
        """A child process was started."""
        pipes = [transport.get_pipe_transport(number) for number in (0, 1, 2)]
        stdin = pipes[0] if isinstance(pipes[0], CountedPipe) else None
        child = self._children[transport.get_pid()] = Child(transport, stdin, command)
        for pipe in pipes[1:]:
            if pipe is not None and (file := pipe.get_extra_info("pipe")) is not None:
                self._child_pipes[file.fileno()] = child

    def readable(self, descriptor: int) -> None:
        """Something came in."""
        connection = self._connections.get(descriptor)
        if connection is not None and not connection.accepted and not self._is_here(connection):
            sock, talk = connection.sock, connection.talk
            if not talk.hear(sock.sent, self.jumps) and not _is_end(sock):
                self.broken = _spoke_late(talk)
        child = self._child_pipes.get(descriptor)
        if child is not None and not child.talk.hear(child.sent, self.jumps) and child.is_spoken_to():
            self.broken = _spoke_late(child.talk)

    def under_way(self, registered: selectors.BaseSelector, own: frozenset[int]) -> list[Talk]:
        """Every peer that is at work, or may be."""
        held = [talk for connection in list(self._kept.values()) if (talk := self._held_by(connection)) is not None]
        for pid, child in list(self._children.items()):
            if child.is_under_way():
                held.append(child.talk)
            elif child.transport.get_returncode() is not None:
                self._end(pid, child)
        waited_for = [
            key
            for descriptor, key in list(registered.get_map().items())
            if descriptor not in own and descriptor not in self._connections and self._holds(key)
        ]
        self._waited_for = {key.fd: self._waited_for.get(key.fd) or Talk(_waiter_name(key), True) for key in waited_for}
        return held + list(self._waited_for.values())

    def forget(self) -> None:
        """Wait no longer for any peer."""
        self._children.clear()
        self._kept.clear()

    def _held_by(self, connection: Connection) -> Talk | None:
        if connection.sock.fileno() < 0:
            return None
        local, remote = connection.ends
        other = self._by_ends.get((remote, local))
        if other is not None:
            return connection.talk if connection.sock.sent > other.sock.received and other.sock.fileno() >= 0 else None
        if connection.accepted or self._is_here(connection):
            return None
        return connection.talk if connection.talk.is_under_way(connection.sock.sent) else None

    def _is_here(self, connection: Connection) -> bool:
        local, remote = connection.ends
        return self._has((remote, local)) or _is_pair(connection.sock)

    def _holds(self, key: selectors.SelectorKey) -> bool:
        """Whether a descriptor that is no transport's is waited for: all but those known to be at rest or in here."""
        handle = key.data[0] or key.data[1]
        callback = getattr(handle, "_callback", None)
        # transports and asyncio's own watch over children have rules of their own
        if callback is None or isinstance(getattr(callback, "__self__", None), _WITH_RULES):
            return False
        try:
            with socket.socket(fileno=os.dup(key.fd)) as sock:
                listens = bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
                local, remote = ends_of(sock)
                return not (listens or _is_pair(sock) or self._has((remote, local)))
        except OSError:  # not a socket: whatever it is, somebody waits for it
            return True

    def _has(self, ends: _Ends) -> bool:
        return ends in self._by_ends or ends in self._raw

    def _end(self, pid: int, child: Child) -> None:
        del self._children[pid]
        self._child_pipes = {number: one for number, one in self._child_pipes.items() if one is not child}


def ends_of(sock: Any) -> _Ends:
    """(own address, the peer's); (None, None) if it is not connected, or of a family whose addresses name no end."""
    if sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return None, None
    try:
        return sock.getsockname()[:2], sock.getpeername()[:2]
    except OSError:
        return None, None


def _is_pair(sock: Any) -> bool:
    """Whether the other end of a Unix socket was made by this very process. What is sent there is there at once."""
    if sock.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return False
    pid: int = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))[0]
    return pid == os.getpid()


def _is_end(sock: CountedSocket) -> bool:
    """Whether what came in is the end of the stream: a peer may hang up on an idle connection at any time."""
    try:
        return len(sock.peek()) == 0
    except OSError:
        return True


def _address(sock: CountedSocket) -> str:
    try:
        remote = sock.getpeername()
    except OSError:
        return "an address that cannot be seen"
    return ":".join(str(part) for part in remote[:2]) if isinstance(remote, tuple) else str(remote)


def _waiter_name(key: selectors.SelectorKey) -> str:
    callback = getattr(key.data[0] or key.data[1], "_callback", None)
    return f"descriptor {key.fd}, which {function_name(callback) if callback else 'somebody'} waits for"


def _spoke_late(talk: Talk) -> str:
    return (
        f"{talk.describe()} spoke although nothing was asked of it, after the clock had jumped: it lives in real time; "
        "run it with --clock wall"
    )
