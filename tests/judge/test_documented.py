"""The snippet of docs/verdicts.md does what it says, and the page has the text that makes it."""

import re
from pathlib import Path

from benchmarks.verdicts.__main__ import FOOT, HEAD

PAGE = Path(__file__).parents[2] / "docs" / "verdicts.md"


def test_the_documented_snippet_runs() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(snippet, str(PAGE), "exec"), {})


def test_the_page_has_the_text_it_is_made_with() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.startswith(HEAD)
    assert page.endswith(FOOT)
