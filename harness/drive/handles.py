"""asyncio's handles, made with a third of the work: one is made for every callback and timer of a run.

asyncio's own constructors ask the loop whether it debugs, and look for a source traceback. The virtual loop uses these
only where it does not debug, so what debugging needs is None for the class and takes no slot's worth of work. They
have no constructor at all: who makes one sets its slots, in half the time that a constructor in Python takes.
"""

from __future__ import annotations

from asyncio import events
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any


class Soon(events.Handle):
    """A callback that is ready; `VirtualLoop.call_soon` sets its slots."""

    __slots__ = ()
    _repr = None
    _source_traceback = None

    if TYPE_CHECKING:  # asyncio's own slots, which typeshed does not list in full

        def __init__(self) -> None: ...

        _context: Context
        _callback: Callable[..., object] | None
        _loop: Any
    else:
        __init__ = object.__init__

    def cancel(self) -> None:
        """As asyncio's."""
        self._cancelled = True
        self._callback = None
        self._args = ()


class Timer(events.TimerHandle):
    """A callback that waits for its time; `new_timer` sets its slots."""

    __slots__ = ()
    _repr = None
    _source_traceback = None

    if TYPE_CHECKING:  # as above

        def __init__(self) -> None: ...

        _context: Context
        _callback: Callable[..., object] | None
        _loop: Any
        _scheduled: bool
        _when: float
    else:
        __init__ = object.__init__

    def cancel(self) -> None:
        """As asyncio's; a timer that has fired is out of the loop's hands already."""
        self._cancelled = True
        self._callback = None
        self._args = ()


def new_timer(
    when: float, callback: Callable[..., object], args: tuple[Any, ...], loop: Any, context: Context | None
) -> Timer:
    """A timer for `when`, which the loop has still to be given."""
    made = Timer()
    made._context = copy_context() if context is None else context
    made._loop = loop
    made._callback = callback
    made._args = args
    made._cancelled = False
    made._when = when
    made._scheduled = True
    return made
