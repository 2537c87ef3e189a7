"""How far a run has come: a live view on a terminal, nothing at all where the output is piped.

The view's thread looks a few times a second at what a run has recorded (`harness.measure.watch`), and draws a handful
of lines; what has ended stays above them, a line each.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from harness.report.terminal import console_on, draws, fit, style_of

if TYPE_CHECKING:
    from rich.text import Text

    from harness.measure.watch import Glimpse, Watch
    from harness.report.live_lines import Page, Task

_PER_SECOND = 4
"""Looks and redraws; few, because they are made by a thread of the process that is being measured."""


class Progress(Protocol):
    """Told how far a run has come. One scenario at a time: started, advanced any number of times, finished."""

    def started(
        self,
        scenario: str,
        total: int | None,
        *,
        place: str = "",
        replications: int = 1,
        length_s: float | None = None,
    ) -> Watch | None:
        """A scenario begins; `total` workflows will be offered, or each replication takes `length_s` (None: unknown).

        `place` says which of several it is. What comes back, if anything does, is looked at from now on.
        """

    def advanced(self, done: int) -> None:
        """`done` workflows of it have ended so far, all told. May be called from the event loop: it is cheap."""

    def finished(self, word: str = "done", figures: Sequence[str] = ()) -> None:
        """It ended; `word` says how (`held`, `broken`, …), `figures` what came of it."""

    def stopping(self, reason: str) -> None:
        """A signal asked to stop, which made it `reason`; called while it is handled, so that it takes no lock."""


class Quiet:
    """Progress that nobody looks at."""

    def started(
        self,
        scenario: str,
        total: int | None,
        *,
        place: str = "",
        replications: int = 1,
        length_s: float | None = None,
    ) -> Watch | None:
        """Nothing to show."""

    def advanced(self, done: int) -> None:
        """Nothing to show."""

    def finished(self, word: str = "done", figures: Sequence[str] = ()) -> None:
        """Nothing to show."""

    def stopping(self, reason: str) -> None:
        """Nothing to say."""


class Piped(Quiet):
    """Progress into a file or a pipe: there is none but that it is about to end, which somebody may wait for."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def stopping(self, reason: str) -> None:
        """See `Progress`. Past the stream's buffer, which the signal may have come in the midst of writing to."""
        with contextlib.suppress(OSError, ValueError):  # a stream without a file behind it, or one that is closed
            os.write(self._stream.fileno(), f"{stopping_line(reason)}\n".encode())


def stopping_line(reason: str) -> str:
    """What a first signal does, and a second."""
    again = "Ctrl-C" if reason == "interrupted" else "a signal"
    return f"{reason}: ending what is under way, then writing what was measured ({again} again: without waiting for it)"


class LiveView:
    """A few lines about what is under way, below a line for each that has ended. `close` leaves the last state."""

    def __init__(self, stream: TextIO) -> None:
        from rich.live import Live  # noqa: PLC0415 - imported only where there is a terminal

        self._stream = stream
        self._console = console = console_on(stream)
        self._task: Task | None = None
        self._watch: Watch | None = None
        self._seen: Glimpse | None = None
        self._began_s = 0.0
        self._since: tuple[float, float] | None = None
        self._stopping: str | None = None
        self._drawing = threading.Lock()
        """Held from knowing what is to be erased until it is: two threads at once would erase each other's lines."""
        self._closed = threading.Event()
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            get_renderable=self._drawn,
            redirect_stdout=sys.stdout.isatty(),  # what a target prints into a file or a pipe is not ours to show
        )
        self._thread = threading.Thread(target=self._keep_drawing, name="live view", daemon=True)

    def open(self) -> None:
        """Begin to draw."""
        self._live.start()
        self._thread.start()

    def close(self) -> None:
        """Give the terminal back, cursor and all; of a task that has not finished, the last lines stay."""
        left = self._lines()
        self._closed.set()
        self._thread.join()
        self._say_stopping()
        self._task = None
        self._live.stop()
        if left is not None:
            self._console.print(left)

    def started(
        self,
        scenario: str,
        total: int | None,
        *,
        place: str = "",
        replications: int = 1,
        length_s: float | None = None,
    ) -> Watch | None:
        """See `Progress`."""
        from harness.measure.watch import Watch  # noqa: PLC0415 - it brings numpy, which not every command needs
        from harness.report.live_lines import Task  # noqa: PLC0415

        self._watch, self._seen, self._since = Watch(self._console.get_time), None, None
        self._began_s = self._console.get_time()
        self._task = Task(scenario, total, place, replications, math.nan if length_s is None else length_s)
        return self._watch

    def advanced(self, done: int) -> None:
        """See `Progress`."""
        if self._watch is not None:
            self._watch.advanced(done)

    def finished(self, word: str = "done", figures: Sequence[str] = ()) -> None:
        """See `Progress`."""
        from rich.text import Text  # noqa: PLC0415 - imported only where there is a terminal

        from harness.report.live_lines import clock_time, finished_lines  # noqa: PLC0415

        with self._drawing:
            self._say_stopping()
            task = self._task
            if task is None:
                return
            elapsed = clock_time(self._console.get_time() - self._began_s)
            lines = finished_lines(task, word, [*figures, elapsed], self._page())
            self._task = self._watch = None
            # Text, never a string: a name is not markup
            self._console.print(Text("\n".join(lines), style=style_of(word), no_wrap=True, overflow="crop"))

    def stopping(self, reason: str) -> None:
        """See `Progress`; whoever draws next says it."""
        self._stopping = reason

    def _say_stopping(self) -> None:
        from rich.text import Text  # noqa: PLC0415 - as above

        reason, self._stopping = self._stopping, None
        if reason is not None:
            self._console.print(Text(stopping_line(reason)))

    def _page(self) -> Page:
        from harness.report.live_lines import Page  # noqa: PLC0415 - as above

        fit(self._console, self._stream)
        return Page(self._console.width, self._console.encoding)

    def _keep_drawing(self) -> None:
        while not self._closed.wait(1 / _PER_SECOND):
            self.draw()

    def draw(self) -> None:
        """Look, and draw what is seen, now."""
        with self._drawing:
            self._say_stopping()
            self._live.refresh()

    def _drawn(self) -> Text:
        from rich.text import Text  # noqa: PLC0415 - as above

        return self._lines() or Text("", end="")

    def _lines(self) -> Text | None:
        from rich.text import Text  # noqa: PLC0415 - as above

        from harness.report.live_lines import running_lines  # noqa: PLC0415

        task, watch = self._task, self._watch
        if task is None or watch is None:
            return None
        with contextlib.suppress(Exception):  # a look that fell between two steps: the run matters, and not its view
            self._seen = watch.look()
        if self._seen is None:
            return None
        drawn = Text(no_wrap=True, overflow="crop")
        elapsed_s = self._console.get_time() - self._began_s
        if self._since is None and (share := task.share(self._seen)) is not None:
            self._since = elapsed_s, share
        lines = running_lines(task, self._seen, elapsed_s, self._page(), self._since or (0.0, 0.0))
        for number, (line, style) in enumerate(lines):
            drawn.append("\n" * bool(number)).append(line, style)
        return drawn


@contextmanager
def progress(stream: TextIO) -> Iterator[Progress]:
    """Progress on `stream`: a live view while the context is open where it is a terminal, quiet where not.

    `NO_COLOR`, the terminal's width and its encoding are respected; the cursor is given back however the context ends.
    """
    if not draws(stream):
        yield Piped(stream)
        return
    view = LiveView(stream)
    view.open()
    try:
        yield view
    finally:
        view.close()
