"""asyncio's selector loop, with an eye on all that it hands to the world outside: jobs, sockets, pipes, children.

It changes no behaviour. What is seen goes into `outside`, where a clock that jumps asks whether it may.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
from asyncio import events
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVarTuple

from harness.drive.counted import CountedPipe
from harness.drive.outside import Outside
from harness.drive.threads import asyncio_threads

_Args = TypeVarTuple("_Args")


class WatchedLoop(asyncio.SelectorEventLoop):
    """See the module. Its default executor has as many threads as asyncio's, but none that keeps the process."""

    if TYPE_CHECKING:  # asyncio's own attributes, which typeshed does not list
        _closed: bool
        _debug: bool
        _default_executor: Executor | None
        _ready: deque[Any]
        _selector: selectors.BaseSelector
        _stopping: bool

        def _check_closed(self) -> None: ...
        def _check_thread(self) -> None: ...
        def _check_callback(self, callback: object, method: str) -> None: ...
        def _check_default_executor(self) -> None: ...

    def __init__(self) -> None:
        self._outside = Outside()
        self._own: frozenset[int] = frozenset()
        self._heard = False
        super().__init__()
        self._own = frozenset(key.fd for key in self._selector.get_map().values())
        self._count_descriptors()
        self.set_default_executor(asyncio_threads())

    @property
    def doubts(self) -> list[str]:
        """What could not be known of the work outside."""
        return self._outside.threads.doubts

    def forget_outside(self) -> None:
        """Wait no longer for any work that is going on outside now."""
        self._outside.forget()

    def call_soon_threadsafe(
        self, callback: Callable[[*_Args], object], *args: *_Args, context: Context | None = None
    ) -> events.Handle:
        """As asyncio's; a thread that calls it is known from then on."""
        self._outside.threads.heard_from(threading.get_ident())
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        self._heard = True
        return handle

    def run_in_executor(  # type: ignore[override]  # typeshed spells the same signature with a TypeVarTuple
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """As asyncio's; the job is under way until it has ended, even if nobody waits for it any more."""
        self._check_closed()
        if self._debug:
            self._check_callback(func, "run_in_executor")
        if executor is None:
            self._check_default_executor()
            executor = self._default_executor
            assert executor is not None, "set by the constructor"
        started = self._outside.jobs.submit(executor, func, args)
        future = asyncio.wrap_future(started.future, loop=self)
        started.watch()
        return future

    def _make_socket_transport(self, sock: socket.socket, protocol: Any, *args: Any, **given: Any) -> Any:
        counted = self._outside.peers.connect(sock, accepted=given.get("server") is not None)
        return super()._make_socket_transport(counted, protocol, *args, **given)  # type: ignore[misc]  # asyncio's hook

    def _make_write_pipe_transport(self, pipe: Any, protocol: Any, waiter: Any = None, extra: Any = None) -> Any:
        return CountedPipe(self, pipe, protocol, waiter, extra)

    async def _make_subprocess_transport(self, protocol: Any, args: Any, *more: Any, **given: Any) -> Any:
        made = super()._make_subprocess_transport(protocol, args, *more, **given)  # type: ignore[misc]  # asyncio's hook
        transport = await made
        self._outside.peers.begin(transport, args if isinstance(args, str) else str(args[0]))
        return transport

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        """As asyncio's."""
        accepted, address = await super().sock_accept(sock)
        self._outside.peers.meet(accepted)
        return accepted, address

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """As asyncio's."""
        await super().sock_connect(sock, address)
        self._outside.peers.meet(sock)

    def _add_reader(self, *given: Any) -> Any:
        handle = super()._add_reader(*given)  # type: ignore[misc]  # asyncio's hook
        self._count_descriptors()
        return handle

    def _add_writer(self, *given: Any) -> Any:
        handle = super()._add_writer(*given)  # type: ignore[misc]  # asyncio's hook
        self._count_descriptors()
        return handle

    def _remove_reader(self, fd: Any) -> bool:
        removed: bool = super()._remove_reader(fd)  # type: ignore[misc]  # asyncio's hook
        self._count_descriptors()
        return removed

    def _remove_writer(self, fd: Any) -> bool:
        removed: bool = super()._remove_writer(fd)  # type: ignore[misc]  # asyncio's hook
        self._count_descriptors()
        return removed

    def _count_descriptors(self) -> None:
        # a closed selector has no map any more, whatever its type says
        registered: Any = self._selector.get_map()
        self._outside.descriptors = len(registered) - len(self._own) if registered is not None else 0

    def _process_events(self, event_list: list[tuple[selectors.SelectorKey, int]]) -> None:
        if self._outside.descriptors:
            for key, mask in event_list:
                if mask & selectors.EVENT_READ:
                    self._outside.peers.readable(key.fd)
        super()._process_events(event_list)  # type: ignore[misc]  # asyncio's hook

    def _poll(self, timeout_s: float) -> None:
        """Take in what the selector has, waiting for it up to `timeout_s` real seconds."""
        self._heard = False
        ready_descriptors = self._selector.select(timeout_s)
        if ready_descriptors:
            self._process_events(ready_descriptors)
