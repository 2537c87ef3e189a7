"""What people see, held to golden files. `UPDATE_GOLDEN=1 pytest tests/report/test_rendering.py` rewrites them."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.report.document import json_document
from harness.report.markdown import markdown, prose
from harness.report.model import Report
from harness.report.rows import NAMES, doubts, errors, headline, not_held, table_of
from harness.report.terminal import draws, plain, show, show_on
from tests.report.made_reports import make_report, make_suite, seen

GOLDEN = Path(__file__).parent / "golden"


def hold(name: str, text: str) -> None:
    """Compare `text` to the golden file `name`, or write it there where UPDATE_GOLDEN is set."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def drawn(reports: list[Report], width: int, *, no_color: bool = True) -> str:
    screen = io.StringIO()
    show_on(reports, Console(file=screen, width=width, force_terminal=True, no_color=no_color, highlight=False,
                             color_system="standard", legacy_windows=False, _environ={}))  # fmt: skip
    return screen.getvalue()


def unstyled(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_plain_lines() -> None:
    hold("plain.txt", plain(make_suite()))


@pytest.mark.parametrize("width", [60, 100, 160])
def test_tables_on_a_terminal(width: int) -> None:
    text = unstyled(drawn(make_suite(), width))
    hold(f"terminal_{width}.txt", text)
    assert max(map(len, text.splitlines())) <= width


def test_markdown() -> None:
    hold("suite.md", markdown(make_suite()))


def test_json() -> None:
    hold("suite.json", json_document(make_suite()))


def test_two_targets_are_told_apart() -> None:
    reports = [make_report(), make_report(run={"target": "app:run", "clock": "wall"})]
    hold("two_targets.txt", plain(reports))
    assert table_of(reports).headers[:3] == ("scenario", "target", "clock")


def test_all_renderings_say_the_same() -> None:
    reports = make_suite()
    texts = [plain(reports), markdown(reports), *(unstyled(drawn(reports, width)) for width in (60, 100, 160))]
    for text in texts:
        flat = " ".join(re.sub(r"[`*]|&#8203;", "", text).replace("&#42;", "").split())
        for row in table_of(reports).rows:
            assert all(cell.replace("*", "") in flat for cell in row)
        assert all(doubt.text in flat for doubt in doubts(reports))
        assert all(
            f"errors: {one.scenario}: {one.text}" in flat.replace("errors ", "errors: ") for one in errors(reports)
        )


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[32m" in drawn(make_suite(), 160, no_color=False)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", drawn(make_suite(), 160))
    screen = Screen()
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    show(make_suite(), screen)
    assert "\x1b" not in screen.getvalue()
    assert max(map(len, screen.getvalue().splitlines())) <= 100
    monkeypatch.setenv("NO_COLOR", "")  # the convention: empty is not set
    show(make_suite(), screen)
    assert "\x1b[1m" in screen.getvalue()


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_piped_output_is_plain() -> None:
    pipe = io.StringIO()
    show(make_suite(), pipe)
    assert pipe.getvalue() == plain(make_suite())
    assert pipe.getvalue().isascii()


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_dumb_terminal_is_not_drawn_on(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    monkeypatch.setenv("TERM", term)
    assert not draws(Screen())
    monkeypatch.setenv("TERM", "xterm")
    assert draws(Screen())
    assert not draws(io.StringIO())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("terminal", [True, False])
def test_any_encoding_can_carry_any_name(encoding: str, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    if terminal:
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    show([make_report("größe-测试-\udc80")], stream)
    stream.flush()
    text = unstyled(raw.getvalue().decode(encoding))
    assert "\\udc80" in text
    assert ("größe" in text) == (encoding != "ascii")


def test_wide_characters_stay_aligned() -> None:
    lines = plain([make_report("测试"), make_report("test")]).splitlines()
    wide, narrow = (line for line in lines if line.endswith("held"))
    assert wide.index("40") + 2 == narrow.index("40")


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (0, "no scenario was run"),
        (1, "the scenario holds its baseline"),
        (2, "1 of 2 scenarios hold their baseline"),
        (4, "1 of 4 scenarios hold their baseline"),
    ],
)
def test_the_headline_counts_what_holds(count: int, says: str) -> None:
    reports = make_suite()[:count]
    assert headline(reports) == says
    assert plain(reports).startswith(says[:1].upper() + says[1:] + (", 1 broken" if count > 1 else ".\n"))
    assert markdown(reports).startswith(f"**{says[:1].upper()}{says[1:]}**")
    drawn(reports, 60)


def test_a_scenario_without_a_baseline_is_called_neither_held_nor_missed() -> None:
    report = make_report(scenario={"baseline": ()})
    assert table_of([report]).verdicts == ("none",)
    assert not_held([report]) == {}
    assert plain([report]).startswith("The scenario has no baseline.\n")


BARE = {"scenario": {"baseline": ()}}


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ([{}, {}, BARE], "2 of 2 scenarios with a baseline hold it, 1 no baseline."),
        ([{}, BARE], "The one scenario with a baseline holds it, 1 no baseline."),
        (
            [{"invalid": "x"}, BARE],
            "The one scenario with a baseline is not shown to hold it, 1 invalid, 1 no baseline.",
        ),
        ([BARE, BARE], "None of 2 scenarios has a baseline."),
        ([{**BARE, "run": {"stopped": "interrupted"}}, BARE], "None of 2 scenarios has a baseline, 1 invalid."),
        ([{**BARE, "invalid": "x"}], "The scenario has no baseline, and its run is invalid."),
    ],
)
def test_the_headline_counts_only_scenarios_that_have_a_baseline(others: list[dict[str, Any]], says: str) -> None:
    reports = [make_report(f"test_{k}", **changes) for k, changes in enumerate(others)]
    assert plain(reports).splitlines()[0] == says
    assert markdown(reports).startswith(f"**{headline(reports).capitalize()}**")


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        ({"ExceptionGroup": 20, "step_failed:answer": 3}, "20 ExceptionGroup, 3 step_failed:answer"),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, "4 d, 3 c, 2 b and 1 other kind"),
        (dict.fromkeys("edcba", 7), "7 a, 7 b, 7 c and 2 other kinds"),
        ({"": 1}, "1 (without a name)"),
        ({"x" * 200: 1}, "1 " + "x" * 77 + "..."),
    ],
)
def test_the_error_kinds_are_told_before_the_doubts(kinds: dict[str, int], says: str) -> None:
    report = make_report(metrics={"errors": kinds})
    document = {**report.document, "errors": kinds}  # in any order, as a file may have them
    lines = plain([Report(document)]).splitlines()
    told = lines.index(f"errors: test_steady: {says}")
    assert lines[told - 1].startswith("bottleneck: ")
    assert lines[told + 1].startswith("doubt: ")
    assert f"- **errors** `test_steady`: {prose(says)}\n" in markdown([Report(document)])
    assert f"errors: test_steady: {says}" in unstyled(drawn([Report(document)], 200))


def test_without_errors_nothing_is_said_of_them() -> None:
    report = make_report(metrics={"errors": {}})
    assert "errors" not in plain([report]) + markdown([report]) + drawn([report], 160)


def test_doubts_that_differ_in_figures_only_are_said_once() -> None:
    reports = [
        make_report(f"test_{count}", metrics={"doubts": (f"p99 of {count} workflows is the maximum", "p95 is fine")})
        for count in (10, 25, 50)
    ]
    said = doubts(reports)
    assert [one.text for one in said] == ["p99 of 10 workflows is the maximum", "p95 is fine"]
    assert said[0].scenarios == ("test_10", "test_25", "test_50")
    assert said[0].others == "and 2 others alike"


def test_figures_are_marked_where_they_need_it() -> None:
    report = make_report(metrics={"makespan": seen(1.0)})
    cells = dict(zip(table_of([report]).headers, table_of([report]).rows[0], strict=True))
    assert cells["p99"] == "4.2 s?"
    assert cells["memory peak"] == "300 MiB*"
    assert set(cells) & NAMES == {"scenario"}
