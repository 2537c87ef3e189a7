"""Names, error kinds and reasons come from targets and from files of unknown origin: nothing they hold may act."""

from __future__ import annotations

import io
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from harness.report.markdown import code, markdown, prose
from harness.report.model import Report
from harness.report.page.run import run_page
from harness.report.page.shell import page_text
from harness.report.terminal import plain, show_on
from harness.report.text import columns_wide, encodable, visible
from tests.report.made_reports import make_report

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[H gone",
    "\x9b31m one-byte sequence",
    "a\r\nb\nc\x0bd\x0ce\x85f\u2028g\u2029h",
    "back\x08\x08space\x7f",
    "\u202egnp.exe",
    "\u2066isolated\u2069",
    "zero\u200bwidth\u200d\ufeff",
    "tag\U000e0041",
    "lone \ud800 surrogate",
    "| pipe | in | cell |",
    "\\| escaped pipe \\\\| and more",
    "`tick` ``two`` ```three",
    "`",
    "``` \n# heading",
    "@octocat and @org/team",
    "#1, GH-2, owner/repo#3",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- comment --> </details></summary>",
    "&lt;b&gt; &#64;octocat &amp;",
    "![image](https://evil.example/x.png)",
    "[link](javascript:alert(1)) [ref][1]",
    "https://evil.example www.evil.example mail@evil.example",
    "<https://evil.example>",
    "**bold** __bold__ ~~gone~~ $math$",
    "[red]markup[/red] [link=https://evil.example]x[/link]",
    "::error file=a,line=1::message",
    "##[error]message",
    "::set-output name=a::b",
    "${{ secrets.TOKEN }}",
    " leading and trailing ",
    "",
    "x" * 5000,
]
GFM = MarkdownIt("gfm-like", {"html": True, "linkify": False})
MENTION = re.compile(r"(?<![\w`])@\w|(?<![\w`])#\d|\bGH-\d", re.IGNORECASE)


def hostile_report(text: str) -> Report:
    """A report with `text` in every place that a target or a stranger can fill."""
    document = dict(make_report(metrics={"doubts": (text,), "errors": {text: 1}}).document)
    lines = [dict(line, reason=text, text=text, verdict="broken") for line in document["baseline"]["lines"]]
    document |= {"scenario": text, "target": text, "description": text, "status": f"invalid: {text}"}
    document["baseline"] = {"verdict": "broken", "lines": lines}
    return Report(document)


@pytest.mark.parametrize("text", HOSTILE)
def test_visible_texts_hold_nothing_that_acts(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for c in shown)
    assert len(shown) <= 300
    assert not shown.startswith("::")
    assert "##[" not in shown
    assert visible(shown) == shown


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_made_visible(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    assert columns_wide(shown) <= 2 * len(shown)
    assert encodable(shown, "ascii").isascii()
    assert encodable(shown, None) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_acts_on_a_terminal(text: str) -> None:
    report = hostile_report(text)
    screen = io.StringIO()
    show_on([report], Console(file=screen, width=80, force_terminal=True, no_color=True, highlight=False))
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())  # bold and dim are our own
    for output in (drawn, plain([report])):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f]", output)
        assert not any(line.lstrip().startswith("::") for line in output.splitlines())
        assert "##[" not in output


def test_markup_of_rich_is_text() -> None:
    screen = io.StringIO()
    show_on([hostile_report("[bold]x[/bold]")], Console(file=screen, width=200, highlight=False))
    assert "[bold]x[/bold]" in screen.getvalue()


def tokens_of(text: str) -> list[tuple[str, str]]:
    found = []
    for block in GFM.parse(text):
        found += [(one.type, one.content) for one in (block, *(block.children or ()))]
    return found


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_acts_in_markdown(text: str) -> None:
    rendered = markdown([hostile_report(text), make_report()])
    tokens = tokens_of(rendered)
    kinds = {kind for kind, _ in tokens}
    assert not kinds & {"link_open", "image", "html_inline", "heading_open", "fence", "code_block", "s_open"}
    own = [content for kind, content in tokens if kind == "html_block"]
    assert [re.sub(r"\s+", "", content) for content in own] == ["<details><summary>2doubts</summary>", "</details>"]
    assert not [content for kind, content in tokens if kind == "text" and MENTION.search(content)]
    assert sum(kind == "tr_open" for kind, _ in tokens) == 3
    assert {sum(1 for k, _ in row) for row in rows_of(tokens)} == {len(rows_of(tokens)[0])}


def rows_of(tokens: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    rows: list[list[tuple[str, str]]] = []
    for kind, content in tokens:
        if kind == "tr_open":
            rows.append([])
        elif kind in ("th_open", "td_open"):
            rows[-1].append((kind, content))
    return rows


def spaced(text: str) -> str:
    """`text` without the blanks that `code` may put behind a backslash."""
    return re.sub(r"\\ +(?=[\\|])", r"\\", text)


@settings(deadline=None)
@given(st.text(st.sampled_from("`|\\ a@#<*\n"), max_size=12))
def test_a_code_span_holds_in_a_cell(text: str) -> None:
    tokens = tokens_of(f"| a | b |\n|---|---|\n| {code(text)} | end |\n")
    assert len(rows_of(tokens)[1]) == 2
    spans = [content for kind, content in tokens if kind == "code_inline"]
    assert len(spans) == 1
    assert spaced(spans[0].strip()) == spaced(visible(text))


@settings(deadline=None)
@given(st.text(st.sampled_from("`|\\ a@#1<*_[]()!~&;wG-H:/.\n"), max_size=20))
def test_prose_is_only_text(text: str) -> None:
    tokens = tokens_of(f"- **x** {prose(text)}")
    assert {kind for kind, _ in tokens} <= {
        "bullet_list_open", "list_item_open", "paragraph_open", "inline", "text", "strong_open", "strong_close",
        "paragraph_close", "list_item_close", "bullet_list_close", "text_special",
    }  # fmt: skip
    shown = "".join(content for kind, content in tokens if kind in ("text", "text_special"))
    assert shown.replace("\u200b", "") == f"x {visible(text)}".rstrip() or not visible(text)


def test_a_count_that_nothing_can_count_takes_no_more_room_than_another() -> None:
    document = dict(make_report().document)
    document["queue_metrics"] = dict(document["queue_metrics"], max_depth=1e300)
    report = Report(document)
    for written in (plain([report]), markdown([report]), page_text(run_page((report,)))):
        assert "1e+300" in written
        assert not re.search(r"[0-9\u202f]{100}", written)
