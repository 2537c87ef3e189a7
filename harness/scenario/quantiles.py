"""An empirical distribution's file: one duration per line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.errors import Mistake, UnitError
from harness.units import parse_duration

MOST_QUANTILES = 1000
"""How many evenly spaced quantiles of a file are kept: enough for a p99.9, few enough for a digest and a plan."""

_MOST_MISTAKES = 10


def quantiles_of_file(where: str, name: str, folder: Path | None) -> tuple[tuple[float, ...], list[Mistake]]:
    """Ascending quantiles in seconds of the durations in `folder / name`, and what is wrong with the file.

    Blank lines and lines that start with `#` do not count.
    """
    path = (folder or Path()) / name
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return (), [Mistake(where, f"{name!r}, which is not UTF-8", "a text file with one duration per line")]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        return (), [Mistake(where, f"{name!r}: {reason}", "a readable file, relative to this one")]
    values_s: list[float] = []
    mistakes: list[Mistake] = []
    for value in _values(where, lines):
        if isinstance(value, Mistake):
            mistakes.append(value)
        else:
            values_s.append(value)
    if len(mistakes) > _MOST_MISTAKES:
        rest = Mistake(where, f"{len(mistakes) - _MOST_MISTAKES} more lines like these", "one duration per line")
        mistakes = [*mistakes[:_MOST_MISTAKES], rest]
    if not mistakes and len(values_s) < 2:
        mistakes = [Mistake(where, f"{len(values_s)} in {name!r}", "at least 2 durations")]
    return evenly_spaced(sorted(values_s)), mistakes


def _values(where: str, lines: list[str]) -> Iterator[float | Mistake]:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            yield parse_duration(text)
        except UnitError as error:
            yield Mistake(where, f"{error.found} in line {number}", error.allowed)


def evenly_spaced(values: list[float], most: int = MOST_QUANTILES) -> tuple[float, ...]:
    """At most `most` evenly spaced quantiles of ascending `values`, the first and the last among them."""
    if len(values) <= most:
        return tuple(values)
    last = len(values) - 1
    kept = []
    for k in range(most):
        # exact integer arithmetic finds the place, so that no rounding moves a quantile
        below, rest = divmod(k * last, most - 1)
        above = min(below + 1, last)
        kept.append(values[below] + (values[above] - values[below]) * (rest / (most - 1)))
    return tuple(kept)
