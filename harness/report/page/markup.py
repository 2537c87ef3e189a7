"""Elements of HTML: what is not an element is text, and text is escaped by the serialiser, never by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias
from xml.etree import ElementTree as ET

from harness.report.text import visible

Element = ET.Element
Child: TypeAlias = "Element | str | Iterable[Child] | None"

_RENAMED = {"class_": "class", "for_": "for"}


def element(tag: str, *children: Child, **attributes: str | None) -> Element:
    """An element; `class_` stands for `class`, `data_x` for `data-x`; an attribute that is None is left out.

    Texts must be of ours, or have gone through `name` or `said`: here they are escaped, not made visible.
    """
    made = Element(tag)
    for key, value in attributes.items():
        if value is not None:
            made.set(_RENAMED.get(key, key.replace("_", "-")), value)
    _put(made, children)
    return made


def _put(parent: Element, children: Iterable[Child]) -> None:
    for child in children:
        if isinstance(child, str):
            if len(parent):
                parent[-1].tail = (parent[-1].tail or "") + child
            else:
                parent.text = (parent.text or "") + child
        elif isinstance(child, Element):
            parent.append(child)
        elif child is not None:
            _put(parent, child)


def html(page: Element) -> str:
    """The page as text, with its document type; ends with a newline."""
    return "<!doctype html>\n" + ET.tostring(page, encoding="unicode", method="html") + "\n"


def name(text: str, longest: int = 80) -> Element:
    """A name that a user or a target gave: every character shows, its direction ends where it ends.

    Where a line is too short for it, it is broken behind a sign and not within a word.
    """
    pieces = re.split(r"(?<=[_./:-])", visible(text, longest))
    return element("bdi", pieces[0], ([element("wbr"), piece] for piece in pieces[1:]), class_="name")


def said(text: str, longest: int = 600) -> str:
    """A sentence that may hold names of others, on one line, of characters that show; with its full stop."""
    line = visible(text, longest).replace(" %", "\u00a0%")
    path = re.match(r"\w+\.\w", line)  # of a figure: it is spelt as it is
    return (line if path else line[:1].upper() + line[1:]) + ("" if line.endswith((".", "!", "?", "...")) else ".")


def listed(items: Iterable[Child], **attributes: str | None) -> Element | None:
    """An unordered list; None where there is nothing to list."""
    made = [element("li", item) for item in items]
    return element("ul", *made, **attributes) if made else None
