"""The live view on a real pseudo-terminal: what stands on the screen, at every width, whatever is in the names."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import cli_capacity
from harness.judge.capacity.load import Axis
from harness.judge.capacity.record import Trial
from harness.measure.histogram import BUCKETS, buckets_of
from harness.measure.summary import Estimate
from harness.measure.watch import Glimpse, Seen
from harness.report.live_lines import Page, Task, running_lines
from harness.report.progress import LiveView, progress
from tests.terminal.screens import COLUMNS, on_a_terminal, resize, terminal

FLOW = """
import asyncio, pathlib

async def handle(workflow):
    if workflow.number == 12:
        pathlib.Path("under-way").touch()
    await asyncio.sleep(0.01 if workflow.number < 12 else 60)

async def refuses(workflow):
    raise type("\\x1b[2JGone \\u202e[red]", (Exception,), {})

async def prints(workflow):
    print("printed by the target")
"""


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def so_far(errors: dict[str, int] | None = None, **changed: object) -> Seen:
    latency = np.bincount(buckets_of(np.array([0.3] * 9 + [0.8])), minlength=BUCKETS)
    known: dict[str, object] = {
        "now_s": 2.0,
        "offered": 98,
        "ended": 88,
        "in_flight": 10,
        "errors": errors or {},
        "latency": latency,
        "gauges": {"queue_depth": 5.0, "agents_busy": 18.0, "pool_size": 20.0, "waiters": 3.0},
    }
    return Seen(**(known | changed))


def shown(columns: int, seen: Seen, name: str = "test_steady", encoding: str = "utf-8", **told: object) -> list[str]:
    """The screen in the middle of a run."""
    with terminal(columns, encoding=encoding) as (stream, screen), progress(stream) as view:
        assert isinstance(view, LiveView)
        watch = view.started(name, 140, **told)
        assert watch is not None
        watch.take(seen)
        view.draw()
        screen.take()
        return screen.lines()


@pytest.mark.parametrize("columns", COLUMNS)
def test_a_run_is_seen_at_every_width(columns: int) -> None:
    lines = shown(columns, so_far({"queue_full:agents": 12, "step_failed:search": 3}), place="2/8", replications=3)
    text = " ".join(" ".join(lines).split())
    for part in (
        "test_steady 2/8 replication 1/3",
        "62 % 88/140",
        "in flight 10",
        "36.5 /s",
        "p50 300 ms",
        "p95 800 ms",
        "queue 5",
        "pool 18/20",
        "waiters 3",
        "12 queue_full:agents",
        "3 step_failed:search",
    ):
        assert part in text, lines
    assert len(lines) <= (7 if columns == 40 else 4)


def test_what_is_not_known_is_not_shown() -> None:
    lines = shown(80, so_far(in_flight=None, latency=None, gauges={}, now_s=float("nan")))
    assert len(lines) == 2
    assert "88/140" in lines[1]


def test_a_load_that_ends_by_time_has_a_share_of_its_time() -> None:
    with terminal(80) as (stream, screen), progress(stream) as view:
        watch = view.started("test_timed", None, replications=2, length_s=4.0)
        assert watch is not None
        assert isinstance(view, LiveView)
        watch.take(so_far())
        view.draw()
        screen.take()
        assert "25 %  88 ended" in screen.lines()[1]


@pytest.mark.parametrize(
    ("elapsed_s", "since", "told"),
    [
        (0.5, (0.0, 0.0), "0 s"),
        (10.0, (0.0, 0.0), "10 s left"),
        (10.0, (8.0, 0.4), "10 s left"),
        (10.0, (0.0, 0.49), "10 s"),
        (4000.0, (0.0, 0.0), "1 h 06 min left"),
        (130.0, (0.0, 0.0), "2 min 10 s left"),
    ],
)
def test_what_is_left_is_told_from_what_was_done_since_it_was_first_seen(
    elapsed_s: float, since: tuple[float, float], told: str
) -> None:
    lines = running_lines(Task("t", 100), Glimpse(ended=50), elapsed_s, Page(80), since)
    assert lines[1][0].endswith(f"50 %  50/100  {told}")


def test_unknown_lengths_have_no_bar() -> None:
    with terminal(80) as (stream, screen), progress(stream) as view:
        assert isinstance(view, LiveView)
        view.started("variations", None)
        view.advanced(7)
        view.draw()
        screen.take()
        assert screen.lines()[0] == "variations"
        assert screen.lines()[1].startswith("7 ended")


@pytest.mark.parametrize("columns", [1, 5, 12, *COLUMNS])
@pytest.mark.parametrize("name", ["x" * 300, "漢字" * 100, "a\nb\x1b[31mc\u202ed", "[bold]not markup[/bold]", ""])
def test_no_name_breaks_a_line(columns: int, name: str) -> None:
    lines = shown(columns, so_far({name: 3, name + "2": 1}), name)
    assert lines
    assert not any("\x1b" in line or "\u202e" in line for line in lines)
    if columns >= 40:
        whole = " ".join(lines)
        assert "88/140" in whole
        assert "in flight 10" in whole
        assert len(lines) <= 8


def test_markup_is_text() -> None:
    lines = shown(80, so_far({"[red]kind[/red]": 3}), "[bold]not markup[/bold]")
    assert lines[0] == "[bold]not markup[/bold]"
    assert lines[-1] == "3 [red]kind[/red]"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_another_encoding_gets_what_it_can_carry(encoding: str) -> None:
    lines = shown(80, so_far({"名": 1}), "名", encoding)
    assert lines[0] == "\\u540d"
    assert "##" in lines[1]
    assert lines[-1] == "1 \\u540d"


def test_no_color_writes_no_style(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with terminal(80) as (stream, screen), progress(stream) as view:
        watch = view.started("test_steady", 140)
        assert watch is not None
        assert isinstance(view, LiveView)
        watch.take(so_far({"kind": 1}))
        view.draw()
        view.finished("broken", ["p95 1 s"])
        screen.take()
    assert b"broken" in screen.raw
    assert not re.findall(rb"\x1b\[[0-9;]*m", screen.raw)


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_dumb_terminal_sees_nothing(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    with terminal(80) as (stream, screen), progress(stream) as view:
        assert not isinstance(view, LiveView)
        assert view.started("test_steady", 140) is None
        view.finished()
        screen.take()
    assert screen.raw == b""


@pytest.mark.parametrize("columns", COLUMNS)
def test_a_line_stays_of_each_that_has_ended(columns: int) -> None:
    with terminal(columns) as (stream, screen):
        with progress(stream) as view:
            for word in ("held", "broken", "cannot tell"):
                view.started(f"test_{word.split()[0]}_" + "x" * 20, 40)
                view.finished(word, ["p95 802 ms", "26.9 /s"])
        screen.take()
        lines = screen.lines()
        assert screen.cursor_shown
    assert len(lines) == 3 * (2 if columns == 40 else 1)
    for word in ("held", "broken", "cannot tell"):
        assert any(line.startswith(word) for line in lines)
    assert sum("p95 802 ms  26.9 /s" in line for line in lines) == 3


def test_the_last_state_stays_when_a_run_is_broken_off() -> None:
    def broken_off() -> None:
        with progress(stream) as view:
            watch = view.started("test_steady", 140)
            assert watch is not None
            watch.take(so_far())
            raise KeyboardInterrupt

    with terminal(80) as (stream, screen):
        with pytest.raises(KeyboardInterrupt):
            broken_off()
        screen.take()
        assert screen.lines()[0] == "test_steady"
        assert "88/140" in screen.lines()[1]
        assert screen.cursor_shown


def test_a_terminal_that_becomes_narrow_is_still_fitted() -> None:
    with terminal(120) as (stream, screen), progress(stream) as view:
        assert isinstance(view, LiveView)
        watch = view.started("test_steady_" + "y" * 60, 140)
        assert watch is not None
        watch.take(so_far())
        resize(stream.fileno(), 40, 24)
        screen.take()
        before = len(screen.raw)
        view.draw()
        screen.take()
        assert screen.raw[before:].decode().count("\n") >= 4


def test_a_look_that_fails_keeps_the_last_one() -> None:
    class Broken:
        def look(self) -> Seen:
            raise RuntimeError("changed while it was looked at")

    with terminal(80) as (stream, screen), progress(stream) as view:
        watch = view.started("test_steady", 140)
        assert watch is not None
        assert isinstance(view, LiveView)
        watch.take(so_far())
        view.draw()
        watch.begin(Broken())
        view.draw()
        screen.take()
        assert "88/140" in screen.lines()[1]


# --------------------------------------------------------------------------- the command itself


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.py").write_text(FLOW, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("columns", COLUMNS)
def test_the_command_leaves_a_line_per_scenario_and_its_table(columns: int, folder: Path) -> None:
    names = ("10_concurrent_workflows", "queue_overflow_handling")
    code, seen = on_a_terminal("run", *names, "--clock", "virtual", columns=columns, folder=folder)
    said = seen.everything()
    assert code == 0, said
    assert said.index("held     test_10_concurrent") < said.index("held     test_queue_overflow") < said.index("2 of 2")
    assert "━" not in said
    assert max(map(len, said.split("\n"))) <= columns
    assert seen.cursor_shown


def test_ctrl_c_leaves_the_terminal_as_it_was(folder: Path) -> None:
    code, seen = on_a_terminal(
        "run",
        "10_concurrent_workflows",
        "--target",
        "flow.py:handle",
        folder=folder,
        lines=60,
        until=folder / "under-way",
        typed=b"\x03",
    )
    assert code == 130, seen.everything()
    assert seen.cursor_shown
    assert "Traceback" not in seen.everything()
    assert "invalid  test_10_concurrent_workflows" in seen.everything()
    said = " ".join(seen.everything().split())
    assert (
        "interrupted: ending what is under way, then writing what was measured (Ctrl-C again: without waiting" in said
    )


def test_hostile_errors_and_prints_of_a_target_stay_text(folder: Path) -> None:
    for target in ("refuses", "prints"):
        code, seen = on_a_terminal(
            "run", "10_concurrent_workflows", "-t", f"flow.py:{target}", "-c", "virtual", folder=folder, lines=500
        )
        assert code in {0, 3, 4}, seen.everything()
        assert b"\x1b[2JGone" not in seen.raw
        assert "\u202e" not in seen.everything()
        assert ("printed by the target" in seen.everything()) == (target == "prints")


def trial_at(level: float) -> Trial:
    value = Estimate(level)
    return Trial(level, 1, 10, value, value, value, value, 0.0, "held", True, (), (), (), None, None)


def test_what_a_search_tells_stands_above_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `harness capacity` does it, of which a whole search would take seconds."""
    axis = Axis("in flight", 10, 1, 64, whole=True, steady=True)
    with terminal(80) as (stream, screen):
        monkeypatch.setattr(sys, "stderr", stream)
        with progress(stream) as view:
            assert isinstance(view, LiveView)
            view.started("peak: loads", None)
            for count in (1, 2, 3):
                view.draw()
                cli_capacity._tell(axis, trial_at(float(count)))
                view.advanced(count)
            view.finished("done")
        screen.take()
        lines = screen.lines()
    assert [line.split(":")[0] for line in lines[:3]] == ["1 in flight", "2 in flight", "3 in flight"]
    assert re.fullmatch(r"done     peak: loads  \d+ s", lines[3])
    assert len(lines) == 4
