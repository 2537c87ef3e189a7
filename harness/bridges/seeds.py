"""Seeds as people write them: `0-9`, or `3, 7, 20-29`."""

from __future__ import annotations

import re

from harness.errors import UnitError

MOST_SEEDS = 10_000
LARGEST_SEED = 2**63 - 1

_ALLOWED = "seeds and ranges of seeds such as 0-9 or 3,7,20-29, each seed once"
_RANGE = re.compile(r"(\d{1,19})(?:\s*-\s*(\d{1,19}))?", re.ASCII)


def parse_seeds(text: str) -> tuple[int, ...]:
    """The seeds that `text` names, in its order.

    Raises `UnitError` where it does not read as seeds, names one twice (a second run with the same seed is no second
    sample), or names more than `MOST_SEEDS`.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise UnitError(repr(text), _ALLOWED)
        first = int(match[1])
        last = int(match[2] or first)
        if last < first:
            raise UnitError(f"the range {part.strip()!r}, which counts down", _ALLOWED)
        if last > LARGEST_SEED or len(seeds) + last - first >= MOST_SEEDS:
            raise UnitError(repr(text), f"at most {MOST_SEEDS} seeds, none above 2**63 - 1")
        seeds.extend(range(first, last + 1))
    twice = next((seed for place, seed in enumerate(seeds) if seed in seeds[:place]), None)
    if twice is not None:
        raise UnitError(f"the seed {twice} twice in {text!r}", _ALLOWED)
    return tuple(seeds)


def write_seeds(seeds: tuple[int, ...]) -> str:
    """The shortest text that `parse_seeds` reads back: three or more in a row become a range."""
    parts: list[str] = []
    start = 0
    while start < len(seeds):
        end = start
        while end + 1 < len(seeds) and seeds[end + 1] == seeds[end] + 1:
            end += 1
        row = [f"{seeds[start]}-{seeds[end]}"] if end - start > 1 else [str(seed) for seed in seeds[start : end + 1]]
        parts.extend(row)
        start = end + 1
    return ",".join(parts)
