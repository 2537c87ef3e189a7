"""How far a run has come: a bar per scenario on a terminal, nothing at all where the output is piped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from harness.report.terminal import console_on, draws
from harness.report.text import encodable, visible

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_PER_SECOND = 4
"""Redraws; few, because they are drawn by a thread of the process that is being measured."""
_BESIDE_THE_BAR = 30
_BAR = range(5, 40)


class Progress(Protocol):
    """Told how far a run has come. One scenario at a time: started, advanced any number of times, finished."""

    def started(self, scenario: str, total: int | None) -> None:
        """A scenario begins; `total` workflows will be offered (None: not known beforehand)."""

    def advanced(self, done: int) -> None:
        """`done` workflows of it have ended so far, all told. May be called from the event loop: it is cheap."""

    def finished(self, word: str = "done") -> None:
        """It ended; `word` says how (`held`, `broken`, …)."""


class Quiet:
    """Progress that nobody looks at."""

    def started(self, scenario: str, total: int | None) -> None:
        """Nothing to show."""

    def advanced(self, done: int) -> None:
        """Nothing to show."""

    def finished(self, word: str = "done") -> None:
        """Nothing to show."""


class Bars:
    """A bar per scenario, drawn by rich; a scenario of unknown length has a bar that pulses."""

    def __init__(self, drawn: RichProgress) -> None:
        self._drawn = drawn
        self._task: TaskID | None = None

    def started(self, scenario: str, total: int | None) -> None:
        """Add a bar."""
        console = self._drawn.console
        name = encodable(visible(scenario, max(10, console.width - _BESIDE_THE_BAR)), console.encoding)
        self._task = self._drawn.add_task(name, total=total, word="")

    def advanced(self, done: int) -> None:
        """Move the bar to `done`."""
        if self._task is not None:
            self._drawn.update(self._task, completed=done)

    def finished(self, word: str = "done") -> None:
        """Fill the bar and say how it ended."""
        if self._task is not None:
            done = self._drawn.tasks[self._task].completed
            self._drawn.update(self._task, total=done, completed=done, word=word)
            self._drawn.stop_task(self._task)


@contextmanager
def progress(stream: TextIO) -> Iterator[Progress]:
    """Progress on `stream`: bars while the context is open where it is a terminal, quiet where not.

    `NO_COLOR` and the terminal's width are respected; the cursor is given back however the context ends.
    """
    if not draws(stream):
        yield Quiet()
        return
    from rich.progress import (  # noqa: PLC0415  - imported only where there is a terminal
        BarColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as RichProgress  # noqa: PLC0415

    console = console_on(stream)
    drawn = RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=min(max(console.width // 2 - _BESIDE_THE_BAR, _BAR.start), _BAR.stop)),
        TextColumn("{task.completed:.0f}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[word]}", markup=False),
        console=console,
        refresh_per_second=_PER_SECOND,
    )
    with drawn:
        yield Bars(drawn)
