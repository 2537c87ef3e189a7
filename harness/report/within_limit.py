"""As many rows as fit: GitHub takes so many characters and no more."""

from __future__ import annotations

from collections.abc import Callable

LIMIT = 65_536
"""Characters that GitHub takes in a comment or an issue."""


def longest_that_fits(rows: int, body: Callable[[int], str], limit: int = LIMIT) -> str:
    """`body` of the largest number of rows, up to `rows`, that is within `limit`; of none where nothing is.

    Counted in UTF-16 units, the larger of the counts that a service may mean by characters.
    """
    fits, over = 0, rows + 1
    while over - fits > 1:
        # all of them first: nearly always they fit
        tried = rows if over > rows else (fits + over) // 2
        fits, over = (tried, over) if length(body(tried)) <= limit else (fits, tried)
    return body(fits)


def length(text: str) -> int:
    """UTF-16 units in `text`."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
