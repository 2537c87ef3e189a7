"""What the live view says, as lines that fit a terminal: pure text and styles, nothing that draws.

Names and error kinds come from users and targets: they are made visible and cut before they are measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.measure.watch import Glimpse
from harness.report.text import columns_wide, encodable, visible
from harness.units import format_duration, format_rate

_GAP = "  "
_WIDEST_BAR = 30
_NARROWEST_BAR = 5
_MOST_KINDS = 3
_LONGEST_KIND = 60
_SURE_S, _SURE_SHARE = 1.0, 0.02
"""What is left is told once so much has passed, or it would jump about."""
_WORD = 7
"""Columns of a verdict: `invalid`."""
_LEAST_NAME = 8

Line = tuple[str, str]
"""Text and its style."""


@dataclass(frozen=True, slots=True)
class Page:
    """The terminal: so many columns wide, in this encoding."""

    width: int
    encoding: str = "utf-8"

    def fits(self, text: str) -> str:
        """`text` as it can be printed here, on one line, cut with `...` where it is too wide."""
        return cut(encodable(text, self.encoding), self.width)

    def name(self, text: str, columns: int) -> str:
        """A name of somebody else's in so many columns."""
        return cut(encodable(visible(text), self.encoding), max(_LEAST_NAME, columns))


@dataclass(frozen=True, slots=True)
class Task:
    """What is under way: `total` things (None: unknown how many), or replications of `length_s` each (NaN: unknown).

    `place` is its own among several ("2/8"), empty for a single one.
    """

    name: str
    total: int | None = None
    place: str = ""
    replications: int = 1
    length_s: float = math.nan

    def share(self, seen: Glimpse) -> float | None:
        """How much of it is done, in [0, 1]; None: unknown."""
        if self.total is not None:
            return min(1.0, seen.ended / self.total) if self.total else 1.0
        if math.isnan(self.length_s) or math.isnan(seen.now_s):
            return None
        within = min(1.0, seen.now_s / self.length_s)
        return min(1.0, (seen.replication - 1 + within) / self.replications)


def running_lines(
    task: Task, seen: Glimpse, elapsed_s: float, page: Page, since: tuple[float, float] = (0.0, 0.0)
) -> list[Line]:
    """The lines of a task that is under way for `elapsed_s`; none is wider than the page.

    `since` is when it was first seen (in the same time) and how much of it was done by then: what is left is told from
    what was done after that, and not from starting workers, nor from what a soak had done before it was cut off.
    """
    lines = [(_head(task, seen, page), "bold"), *_bar_lines(task, seen, elapsed_s, page, since)]
    lines += [(line, "") for line in flowed([*_figures(seen), *_queue_and_pool(seen.gauges)], page)]
    if seen.errors:
        lines += [(line, "yellow") for line in flowed(_errors(seen.errors), page)]
    return lines


def finished_lines(task: Task, word: str, figures: Iterable[str], page: Page) -> list[str]:
    """What stays of a task: how it ended and its figures, on one line or, where that is too narrow, on several."""
    told = [encodable(visible(figure), page.encoding) for figure in figures]
    word = encodable(visible(word), page.encoding).ljust(_WORD)
    beside = columns_wide(word) + len(_GAP)
    rest = sum(len(_GAP) + columns_wide(figure) for figure in told)
    name = page.name(task.name, page.width - beside)
    if beside + columns_wide(name) + rest <= page.width:
        return [_GAP.join([word, name, *told])]
    below = flowed(told, Page(max(1, page.width - beside), page.encoding))
    return [page.fits(_GAP.join([word, name])), *(page.fits(" " * beside + line) for line in below)]


def flowed(items: Iterable[str], page: Page) -> list[str]:
    """Items side by side, as many to a line as fit."""
    lines: list[str] = []
    for item in items:
        text = page.fits(item)
        if lines and columns_wide(lines[-1]) + len(_GAP) + columns_wide(text) <= page.width:
            lines[-1] += _GAP + text
        else:
            lines.append(text)
    return lines


def cut(text: str, columns: int) -> str:
    """`text` in at most so many columns."""
    if columns_wide(text) <= columns:
        return text
    end = "..."[: max(0, columns)]
    kept, room = "", columns - len(end)
    for character in text:
        room -= columns_wide(character)
        if room < 0:
            break
        kept += character
    return kept + end


def clock_time(seconds: float) -> str:
    """Whole seconds, as people say them: `4 s`, `2 min 05 s`, `3 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


# --------------------------------------------------------------------------- the parts


def _head(task: Task, seen: Glimpse, page: Page) -> str:
    beside = [task.place] if task.place else []
    if task.replications > 1:
        beside.append(f"replication {min(seen.replication, task.replications)}/{task.replications}")
    room = page.width - sum(len(_GAP) + len(part) for part in beside)
    return page.fits(_GAP.join([page.name(task.name, room), *beside]))


def _bar_lines(task: Task, seen: Glimpse, elapsed_s: float, page: Page, since: tuple[float, float]) -> Iterator[Line]:
    share = task.share(seen)
    count = f"{seen.ended}/{task.total}" if task.total is not None else f"{seen.ended} ended"
    if share is None:
        yield from ((line, "") for line in flowed([count, clock_time(elapsed_s)], page))
        return
    words = [f"{math.floor(100 * share)} %", count, _left(share, elapsed_s, since)]
    room = page.width - sum(len(_GAP) + len(word) for word in words)
    bar = _bar(share, max(_NARROWEST_BAR, min(_WIDEST_BAR, room)), page)
    yield from ((line, "green") for line in flowed([bar, *words], page))


def _bar(share: float, columns: int, page: Page) -> str:
    full, empty = ("━", "·") if encodable("━·", page.encoding) == "━·" else ("#", "-")
    done = math.floor(share * columns)
    return full * done + empty * (columns - done)


def _left(share: float, elapsed_s: float, since: tuple[float, float]) -> str:
    spent_s, gained = elapsed_s - since[0], share - since[1]
    if gained < _SURE_SHARE or spent_s < _SURE_S or share >= 1:
        return clock_time(elapsed_s)
    return f"{clock_time(spent_s * (1 - share) / gained)} left"


def _figures(seen: Glimpse) -> Iterator[str]:
    if seen.in_flight is not None:
        yield f"in flight {seen.in_flight}"
    if not math.isnan(seen.per_s):
        yield format_rate(max(0.0, seen.per_s))
    for name, value in (("p50", seen.p50_s), ("p95", seen.p95_s)):
        if not math.isnan(value):
            yield f"{name} {format_duration(value)}"


def _queue_and_pool(gauges: Mapping[str, float]) -> Iterator[str]:
    known = {name: f"{value:.6g}" for name, value in gauges.items() if math.isfinite(value)}
    if "queue_depth" in known:
        yield f"queue {known['queue_depth']}"
    if "agents_busy" in known:
        yield f"pool {known['agents_busy']}" + (f"/{known['pool_size']}" if "pool_size" in known else "")
    if "waiters" in known:
        yield f"waiters {known['waiters']}"


def _errors(errors: Mapping[str, int]) -> Iterator[str]:
    """The most frequent kinds, most first; equal ones by name, so that they do not change places."""
    ranked = sorted(errors.items(), key=lambda pair: (-pair[1], pair[0]))
    for kind, count in ranked[:_MOST_KINDS]:
        yield f"{count} {visible(kind, _LONGEST_KIND) or '(without a name)'}"
    others = sum(count for _, count in ranked[_MOST_KINDS:])
    if others:
        yield f"{others} of {len(ranked) - _MOST_KINDS} other kinds"
