"""The page around its content: one file, that loads nothing and runs nothing but its own two scripts.

The content-security policy allows the scripts and the style sheet by the hash of their text; data stands in the page as
JSON in which no character can end its element. Texts of others reach the page as text, through the serialiser.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.report.page.chart import Gallery
from harness.report.page.markup import Child, Element, element, html
from harness.report.replacing import refuse_file, replace_file

OPTION = "--html"
ENDINGS = (".html", ".htm")
_SIGNS = {
    "held": "✓",
    "improved": "✓",
    "unchanged": "✓",
    "broken": "✕",
    "invalid": "✕",
    "regressed": "✕",
    "missing": "✕",
}
_UNSURE, _NONE = "?", "\u2013"
_FIRST = 40
"""A title is read in a tab: no more of a name than this."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says: `facts` stand at its top, `tone` is a verdict, `content` the sections in their order."""

    title: str
    headline: str
    tone: str
    facts: tuple[tuple[str, Child], ...]
    answers: tuple[tuple[str, Child], ...]
    content: tuple[Child, ...]
    gallery: Gallery
    foot: tuple[Child, ...] = ()


def refuse_page(path: Path) -> None:
    """Raise before anything is run where no page can be written to `path`."""
    refuse_file(path, OPTION, ENDINGS)


def write_page(page: Page, path: Path) -> Path:
    """Write the page, replacing what is there at once; raises `ReportError` where that fails."""
    return replace_file(path, page_text(page).encode("utf-8"))


def page_text(page: Page) -> str:
    """The page as HTML in one text."""
    style, library, script = (_asset(name) for name in ("page.css", "uPlot.iife.min.js", "page.js"))
    policy = (
        f"default-src 'none'; script-src {_hash(library)} {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", page.title),
        element("link", rel="icon", href="data:,"),
        element("style", style),
    )
    data = element("script", _inert({"charts": page.gallery.declared()}), type="application/json", id="data")
    body = element("body", *_body(page), data, element("script", library), element("script", script))
    return html(element("html", head, body, lang="en"))


def _body(page: Page) -> tuple[Element, ...]:
    facts = element("ul", *(element("li", f"{name} ", element("b", value)) for name, value in page.facts))
    facts.set("class", "facts")
    toggle = element("button", "Dark", type="button", id="theme", class_="theme", hidden="")
    answers = [element("div", element("dt", asked), element("dd", told)) for asked, told in page.answers]
    hero = element(
        "div",
        element("h1", sign(page.tone), element("span", page.headline)),
        element("dl", *answers, class_="answers") if answers else None,
        class_="hero",
    )
    return (
        element("a", "Skip to the results", class_="skip", href="#results"),
        element(
            "div",
            element("header", facts, toggle, class_="top"),
            element("main", hero, element("div", *page.content, id="results", tabindex="-1")),
            element("footer", *page.foot, _keys() if page.gallery.charts else None),
            class_="frame",
        ),
    )


def _keys() -> Element:
    """What can be done with a chart."""
    return element(
        "p",
        "In a chart: drag to zoom, double-click to go back; two fingers zoom, one moves along; with the keyboard ",
        *(part for key in ("←", "→") for part in (element("kbd", key), " ")),
        "move, ",
        element("kbd", "+"),
        " zooms, ",
        element("kbd", "Esc"),
        " goes back. A name in a legend hides its series.",
        class_="keys",
    )


def sign(verdict: str) -> Element:
    """The mark of a verdict, which no colour is needed to tell from others."""
    unsure = verdict in ("cannot_tell", "inconclusive", "incomparable")
    return element(
        "span", _SIGNS.get(verdict, _UNSURE if unsure else _NONE), class_=f"sign {verdict}", aria_hidden="true"
    )


def verdict_mark(verdict: str, word: str) -> Element:
    """A verdict as sign and word."""
    return element("span", sign(verdict), element("span", word, class_=f"tone {verdict}"), class_="verdict")


def title_of(*parts: str) -> str:
    """A title of texts that are known to be visible, each shortened."""
    return " · ".join(part[:_FIRST] for part in parts if part)


def _asset(name: str) -> str:
    text = files("harness.report.page").joinpath("assets", name).read_text(encoding="utf-8")
    if re.search(r"</(script|style)", text, re.IGNORECASE):
        raise AssertionError(f"{name} would end its own element")
    return text.replace("\r\n", "\n")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _inert(data: Any) -> str:
    """`data` as JSON in which nothing can end the element it stands in, nor begin a comment or a document type."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
