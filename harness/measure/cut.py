"""A run cut into windows of equal length, and what stood in each: mean over time and largest value, no loop per row.

Something that is held from one instant to another counts from the first, and no longer at the second. A mean is the
integral over the window, from the level at its beginning and from what came and went inside it; so no large sums are
subtracted from each other. The largest level is what holds at the beginning of the window or right after a row that
says so itself (`marks`): at equal times the order of events is in the rows alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.measure.record import Flags, Floats, Ints
from harness.measure.timeline import ascending


@dataclass(frozen=True, slots=True)
class Level:
    """Mean over time and largest value per window, shape (w,) each; NaN where nothing is known of a window."""

    mean: Floats
    max: Floats


@dataclass(frozen=True, slots=True)
class Marks:
    """Levels that rows tell of themselves: `level` right after `t_s`, shape (m,) each, in any order."""

    t_s: Floats
    level: Ints


@dataclass(frozen=True, slots=True)
class Cut:
    """Windows by their edges, shape (w + 1,), ascending; a window holds its beginning, the last one its end too."""

    edges_s: Floats

    @classmethod
    def of(cls, ended_s: float, windows: int) -> Cut:
        """The time from 0 to `ended_s` (more than 0) in so many equal parts."""
        return cls(np.append(ended_s / windows * np.arange(windows), ended_s))

    def __len__(self) -> int:
        return len(self.edges_s) - 1

    def window_of(self, t_s: Floats) -> Ints:
        """The window of each instant (none is NaN), shape (m,); what lies outside counts to the nearest."""
        return np.asarray(np.searchsorted(self.edges_s[1:-1], t_s, side="right"))

    def count(self, t_s: Floats) -> Ints:
        """How many of `t_s` lie in each window."""
        return np.bincount(self.window_of(t_s), minlength=len(self))

    def held(self, opened_s: Floats, closed_s: Floats, marks: Marks, amount: Ints | None = None) -> Level:
        """How many of [opened, closed) are open; both of shape (m,), no NaN; `amount` is what each one counts for."""
        lasting = closed_s > opened_s
        every: Flags | slice = slice(None) if lasting.all() else lasting
        of = None if amount is None else amount[every]
        came, came_s = self._arrived(opened_s[every], of, "left")
        # what is given back at an edge is gone when the window begins
        gone, gone_s = self._arrived(closed_s[every], of, "right")
        start, width = np.cumsum(came - gone) - (came - gone), np.diff(self.edges_s)
        mean = start + (came_s - gone_s) / width
        np.maximum.at(start, self.window_of(marks.t_s), marks.level)
        # on real clocks an end is noted a little late, when the next one may have begun: rows count, times follow
        return Level(np.clip(mean, 0.0, start), start.astype(np.float64))

    def _arrived(self, t_s: Floats, amount: Ints | None, side: Literal["left", "right"]) -> tuple[Ints, Floats]:
        """Per window how much came in it, and for how many seconds until its end, both times the amount.

        What comes at an edge belongs to the window before it with `side` right, else to the one after it.
        """
        if amount is None:
            ordered = np.minimum(ascending(t_s), self.edges_s[-1])
            bounds = np.concatenate(([0], np.searchsorted(ordered, self.edges_s[1:-1], side=side), [len(ordered)]))
            count = np.diff(bounds)
            sums = np.zeros(len(self))
            sums[count > 0] = np.add.reduceat(ordered, bounds[:-1][count > 0]) if len(ordered) else 0.0
            return count, np.asarray(self.edges_s[1:] * count - sums)
        window = np.searchsorted(self.edges_s[1:-1], t_s, side="right" if side == "left" else "left")
        taken = np.zeros(len(self), dtype=np.int64)
        np.add.at(taken, window, amount)
        rest_s = np.maximum(self.edges_s[1:][window] - t_s, 0.0) * amount
        return taken, np.bincount(window, weights=rest_s, minlength=len(self)).astype(np.float64, copy=False)

    def sampled(self, t_s: Floats, values: Floats) -> Level:
        """A level known at `t_s` (ascending, shape (k,)), each sample holding until the next; NaN: not known then."""
        known = np.isfinite(values)
        mean = self._integral(t_s, np.where(known, values, 0.0)), self._integral(t_s, known.astype(np.float64))
        largest = np.full(len(self), -np.inf)
        begins = np.searchsorted(t_s, self.edges_s[:-1], side="right") - 1
        held = (begins >= 0) & known[begins]
        largest[held] = values[begins[held]]
        inside = known & (t_s <= self.edges_s[-1])
        np.maximum.at(largest, self.window_of(t_s[inside]), values[inside])
        seen_s = np.diff(mean[1])
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(seen_s > 0, np.diff(mean[0]) / seen_s, np.nan)
        return Level(means, np.where(np.isfinite(largest), largest, np.nan))

    def _integral(self, t_s: Floats, values: Floats) -> Floats:
        """The integral of a step function up to each edge; it is 0 before `t_s` begins."""
        sums = np.concatenate(([0.0], np.cumsum(values[:-1] * np.diff(t_s))))
        last = np.searchsorted(t_s, self.edges_s, side="right") - 1
        reached = np.where(last >= 0, sums[last] + values[last] * (self.edges_s - t_s[last]), 0.0)
        return np.asarray(reached)

    def largest(self, t_s: Floats, values: Ints) -> Floats:
        """The largest value in each window of a step function that begins at or before the first edge."""
        most = values[np.searchsorted(t_s, self.edges_s[:-1], side="right") - 1].astype(np.float64)
        inside = t_s < self.edges_s[-1]
        np.maximum.at(most, self.window_of(t_s[inside]), values[inside].astype(np.float64))
        return most
