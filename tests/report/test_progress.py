"""Progress: bars where somebody looks, silence where nobody does."""

from __future__ import annotations

import io
import os
import re
import threading

import pytest

from harness.report.progress import LiveView, Progress, Quiet, progress, stopping_line


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell(bars: Progress) -> None:
    bars.started("test_steady", 40)
    bars.advanced(10)
    bars.advanced(40)
    bars.finished("held")
    bars.started("test_until_the_end_of_time", None)
    bars.advanced(7)
    bars.finished("broken")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Screen()


def last_screen(text: str) -> list[str]:
    """The lines of the last redraw."""
    drawn = text.rsplit("\x1b[2K", maxsplit=1)[-1]
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn).replace("\r", "").strip("\n").split("\n")


def test_a_pipe_sees_nothing() -> None:
    pipe = io.StringIO()
    with progress(pipe) as bars:
        assert isinstance(bars, Quiet)
        tell(bars)
    assert pipe.getvalue() == ""


def test_a_pipe_is_told_that_it_is_about_to_end() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as pipe, progress(pipe) as bars:
        pipe.write("half a line")  # in the buffer, where a handler must not add to it
        bars.stopping("terminated")
        said = os.read(reading, 4096).decode()
    os.close(reading)
    assert said == f"{stopping_line('terminated')}\n"
    assert "a signal again" in said
    with progress(io.StringIO()) as bars:
        bars.stopping("interrupted")  # there is no file to write to, and a handler must not fail


def test_a_terminal_is_told_once_that_it_is_about_to_end(terminal: Screen) -> None:
    with progress(terminal) as bars:
        bars.started("test_steady", 40)
        bars.stopping("interrupted")
        bars.finished("invalid")
    text = " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()).split())
    assert text.count(stopping_line("interrupted")) == 1


def test_a_terminal_keeps_a_line_per_scenario(terminal: Screen) -> None:
    with progress(terminal) as bars:
        tell(bars)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert re.search(r"held\s+test_steady\s", text)
    assert re.search(r"broken\s+test_until_the_end_of_time\s", text)


@pytest.mark.parametrize("columns", ["40", "60", "200"])
def test_lines_fit_the_terminal(terminal: Screen, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with progress(terminal) as bars:
        bars.started("test_" + "x" * 300, 40)
        bars.advanced(40)
        bars.finished("held")
    assert max(map(len, last_screen(terminal.getvalue()))) <= int(columns)


def test_no_color(terminal: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with progress(terminal) as bars:
        tell(bars)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][;m]", terminal.getvalue())


def test_the_cursor_is_given_back_however_it_ends(terminal: Screen) -> None:
    def interrupted() -> None:
        with progress(terminal) as bars:
            bars.started("test_steady", 40)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().rfind("\x1b[?25h") > terminal.getvalue().rfind("\x1b[?25l") >= 0


def test_a_name_is_not_markup(terminal: Screen) -> None:
    with progress(terminal) as bars:
        bars.started("[bold]\x1b[31m@x[/bold]", 1)
        bars.finished("[red]held")
    assert "[bold]@x[/bold]" in terminal.getvalue()
    assert "[red]held" in terminal.getvalue()


def test_what_was_not_started_cannot_advance(terminal: Screen) -> None:
    with progress(terminal) as bars:
        bars.advanced(3)
        bars.finished()


def test_what_has_ended_is_not_written_in_the_midst_of_a_redraw(
    terminal: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = LiveView(terminal)
    view.started("test_steady", 40)
    begun, go = threading.Event(), threading.Event()
    monkeypatch.setattr(view._live, "refresh", lambda: (begun.set(), go.wait(60)))
    drawing = threading.Thread(target=view.draw)
    ending = threading.Thread(target=view.finished, args=("held",))
    drawing.start()
    assert begun.wait(60)
    ending.start()
    ending.join(0.2)
    meanwhile = terminal.getvalue()
    go.set()
    drawing.join()
    ending.join()
    assert "held" not in meanwhile, "the redraw would have erased it"
    assert "held" in terminal.getvalue()
