"""A real pseudo-terminal, and an emulator (pyte) that says what a person would see on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pyte

COLUMNS = (40, 80, 120)
_PATIENCE_S = 60


class Seen:
    """What has come to the terminal so far."""

    def __init__(self, master: int, columns: int, lines: int) -> None:
        self._master = master
        self.screen = pyte.HistoryScreen(columns, lines, history=5000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""

    def take(self, wait_s: float = 0.0) -> bool:
        """Take in what has come; False where the other end is closed."""
        while select.select([self._master], [], [], wait_s)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return False
            if not data:
                return False
            self.raw += data
            # it erases the line from the cursor on, as every terminal does, also where pyte has never heard of a code
            self._stream.feed(data)
            wait_s = 0.0
        return True

    def lines(self) -> list[str]:
        """The lines on the screen, without blanks at their ends and without empty ones at the end."""
        shown = [line.rstrip() for line in self.screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def everything(self) -> str:
        """All lines that were ever left standing, also those that have scrolled away."""
        above = ["".join(line[k].data for k in range(self.screen.columns)).rstrip() for line in self.screen.history.top]
        return "\n".join([*above, *self.lines()])

    @property
    def cursor_shown(self) -> bool:
        """Whether the cursor is visible."""
        return not self.screen.cursor.hidden


@contextmanager
def terminal(columns: int, lines: int = 24, encoding: str = "utf-8") -> Iterator[tuple[TextIO, Seen]]:
    """(a stream onto a terminal of this size, what is seen on it)."""
    master, slave = pty.openpty()
    resize(slave, columns, lines)
    with os.fdopen(slave, "w", encoding=encoding, errors="strict") as stream:
        yield stream, Seen(master, columns, lines)
    os.close(master)


def resize(descriptor: int, columns: int, lines: int) -> None:
    """Make the terminal this large."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def on_a_terminal(
    *arguments: str,
    columns: int = 80,
    lines: int = 24,
    folder: Path,
    until: Path | None = None,
    typed: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> tuple[int, Seen]:
    """Run `harness ARGUMENTS` with all its streams on a terminal; (exit code, what is seen at its end).

    Once the file `until` is there, `typed` is typed.
    """
    master, slave = pty.openpty()
    resize(slave, columns, lines)
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    env |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **(environment or {})}
    process = subprocess.Popen(
        [sys.executable, "-c", _AS_LEADER, *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=folder,
        env=env,
        start_new_session=True,
    )
    os.close(slave)
    seen = Seen(master, columns, lines)
    with contextlib.closing(os.fdopen(master, "wb", buffering=0)) as keyboard:
        while seen.take(wait_s=0.1):
            if until is not None and until.exists():
                keyboard.write(typed)
                until = None
        return process.wait(_PATIENCE_S), seen


_AS_LEADER = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that what is typed is a signal to this process
from harness.cli import main
main(sys.argv[1:], prog_name="harness")
"""
