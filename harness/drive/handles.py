"""asyncio's handles, made with a third of the work: one is made for every callback and timer of a run.

asyncio's own constructors ask the loop whether it debugs, and look for a source traceback. The virtual loop uses these
only where it does not debug, so what debugging needs is None for the class and takes no slot's worth of work.
"""

from __future__ import annotations

from asyncio import events
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any


class Soon(events.Handle):
    """A callback that is ready."""

    __slots__ = ()
    _repr = None
    _source_traceback = None

    if TYPE_CHECKING:  # asyncio's own slots, which typeshed does not list in full
        _context: Context
        _callback: Callable[..., object] | None

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], loop: Any, context: Context | None
    ) -> None:  # the parent's work is all done here
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False

    def cancel(self) -> None:
        """As asyncio's."""
        self._cancelled = True
        self._callback = None
        self._args = ()


class Timer(events.TimerHandle):
    """A callback that waits for its time."""

    __slots__ = ()
    _repr = None
    _source_traceback = None

    if TYPE_CHECKING:  # as above
        _context: Context
        _callback: Callable[..., object] | None
        _scheduled: bool

    def __init__(
        self, when: float, callback: Callable[..., object], args: tuple[Any, ...], loop: Any, context: Context | None
    ) -> None:  # the parent's work is all done here
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._when = when
        self._scheduled = True

    def cancel(self) -> None:
        """As asyncio's; a timer that has fired is out of the loop's hands already."""
        self._cancelled = True
        self._callback = None
        self._args = ()
