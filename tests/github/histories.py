"""Pasts as `harness history` reads them, without a run per commit: series of known steps."""

from __future__ import annotations

from functools import cache

from harness.bridges.series import Past, Series
from harness.judge.history import History, find_steps
from harness.judge.statistics.records import Direction


def commits(count: int) -> list[str]:
    return [f"{k:040x}" for k in range(1, count + 1)]


@cache
def _found(values: tuple[float | None, ...], direction: Direction) -> History:
    return find_steps(values, commits(len(values)), direction=direction)


def series(name: str, values: list[float | None], **more: object) -> Series:
    """One metric, lower is better unless told otherwise."""
    direction: Direction = "higher" if more.pop("direction", "lower") == "higher" else "lower"
    names = commits(len(values))
    return Series(
        name=str(more.pop("shown", name)),
        metric=name,
        current=bool(more.pop("current", True)),
        unit="s",
        direction=direction,
        commits=tuple(names),
        values=tuple(values),
        history=_found(tuple(values), direction),
    )


def levels(*parts: tuple[float, int]) -> list[float | None]:
    """Values that stay at each level for so many commits, with a little unevenness."""
    return [value * (1 + 0.0005 * (k % 3)) for value, count in parts for k in range(count)]


def past(*found: Series) -> Past:
    return Past(source="asv:.asv/results", series=found, notes=())
