"""Texts of strangers in what a trusted job posts: beyond `code` and `prose`, what GitHub itself would act on.

GitHub makes links of commit hashes in prose, and a reader copies the commands that a bot shows.
"""

from __future__ import annotations

import re
import shlex
from functools import lru_cache

from harness.report.markdown import prose
from harness.report.text import visible

_HASH = re.compile(r"[0-9a-f]{7,}")
_UNLINKED = 6
"""Digits in a row that are not yet taken for a commit."""
_CUT = "&#8203;"
_OURS = {"harness", "asv", "pytest"}
_FOR_MACHINES = {"--json", "--markdown", "--quiet", "-q"}
"""Options that only say how the output looks: the reader wants the table."""


def sentence(text: str) -> str:
    """`text` as words of a sentence, as `prose` makes it, with no link to a commit either."""
    pieces = re.split(r"(&#\d+;)", prose(text))
    pieces[::2] = [_HASH.sub(_in_pieces, piece) for piece in pieces[::2]]
    return "".join(pieces)


def _in_pieces(digits: re.Match[str]) -> str:
    return _CUT.join(digits[0][at : at + _UNLINKED] for at in range(0, len(digits[0]), _UNLINKED))


@lru_cache(maxsize=1024)
def command(text: str) -> str | None:
    """A command line of ours, every word of it quoted for a shell; None where it is none.

    What comes from elsewhere might hold `; curl … | sh`, and somebody will paste it: each word is quoted anew, so that
    nothing but the one command can be run, and a first word that is not ours makes it no command at all.
    """
    try:
        words = [visible(word) for word in shlex.split(text)]
    except ValueError:
        return None
    if len(words) < 2 or words[0] not in _OURS:
        return None
    return shlex.join(word for word in words if word not in _FOR_MACHINES)
