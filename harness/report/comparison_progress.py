"""How far measuring two commits has come: a bar on a terminal, a line per step where the output is piped."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from harness.judge.compare import Comparison
from harness.report.progress import Progress, progress
from harness.report.text import encodable, visible


class Watching:
    """Shows rounds as they are measured and each look at them."""

    def __init__(self, stream: TextIO | None, bars: Progress | None, looks: Sequence[int]) -> None:
        self._stream = stream
        self._bars = bars
        self._looks = looks
        self._look = 0

    def says(self, text: str) -> None:
        """A line for people."""
        if self._stream is not None:
            # while bars are drawn, what is written to standard error goes above them: it is another stream by then
            stream = sys.stderr if self._stream is sys.__stderr__ else self._stream
            stream.write(encodable(visible(text), self._stream.encoding) + "\n")
            stream.flush()

    def advanced(self, done: int) -> None:
        """So many processes, of two a round, have ended."""
        if self._bars is None:
            return
        started = self._looks[self._look - 1] if self._look else 0
        if done == 2 * started + 1:
            self._bars.started(f"rounds to {self._looks[self._look]}", 2 * (self._looks[self._look] - started))
        self._bars.advanced(done - 2 * started)

    def stopping(self, reason: str) -> None:
        """A signal asked to stop; called while it is handled."""
        if self._bars is not None:
            self._bars.stopping(reason)

    def looked(self, comparison: Comparison, look: int) -> None:
        """The data were judged for the `look`-th time."""
        self._look = min(look, len(self._looks) - 1)
        counts = ", ".join(f"{count} {word}" for word, count in comparison.counts.items() if count) or "nothing"
        if self._bars is not None:
            self._bars.finished("judged")
        self.says(f"look {look} of {len(self._looks)}: {counts}")


@contextmanager
def watching(stream: TextIO | None, looks: Sequence[int]) -> Iterator[Watching]:
    """A `Watching` on `stream`; None: nobody looks. `looks` are the numbers of rounds that have a verdict."""
    if stream is None:
        yield Watching(None, None, looks)
        return
    with progress(stream) as bars:
        yield Watching(stream, bars, looks)
