"""Change points in a metric's history over commits, and what may be said of the newest ones.

Candidate steps come from a robust piecewise-constant fit; each must then hold against its neighbours: a rank test, a
strength in standard errors that noise reaches in fewer than one flat series in a hundred, and a size beyond the floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.judge.statistics import steps as fits
from harness.judge.statistics.records import Direction
from harness.judge.statistics.replicates import Floats

SETTLED = 4
"""Commits that must share a level before a step to it is believed."""
FLOOR = 0.01
_PENALTY = 12.0
_STRENGTH = 4.5
FEWEST = 2 * SETTLED
_TOO_LARGE = 1e150
_DWARFED = 1e-9
"""A median this much smaller than the largest value is no yardstick: shares of it would overflow."""

News = Literal["steady", "too early to tell", "too short"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A lasting change between two neighbouring levels."""

    verdict: Literal["regressed", "improved"]
    effect: float
    """New level over old minus one; +0.05 is 5 % more. Where not all values are positive: the difference over their
    median size."""
    before: float
    after: float
    """Levels in the values' unit."""
    last_before: str
    first_after: str
    """The commits on the two sides of the step: the change is in `last_before..first_after`."""
    earliest: str
    latest: str
    """First commits of the new level that the data allow, at about 95 %."""
    confidence: float
    """At least this chance that noise alone would not have shown such a step anywhere in the series."""
    index: int
    """Position of `first_after` in the series as handed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A metric's past: its steps, its noise, and the newest commits."""

    steps: tuple[Step, ...]
    noise: float
    """Relative standard deviation around the levels: what `session_noise` of a comparison may be set to."""
    newest: News
    reason: str
    """What the newest commits look like, in words."""
    ignored: tuple[str, ...] = ()
    """Commits without a finite value."""


def find_steps(
    values: Sequence[float | None],
    commits: Sequence[str],
    *,
    direction: Direction = "lower",
    floor: float = FLOOR,
) -> History:
    """Steps in a series of one value per commit, oldest first, in any one unit.

    A value is what a commit measured, reduced to one number (asv's result; the median over processes); None, NaN and
    infinity (anything beyond 1e150) mean that it has none. `floor` is the smallest relative step reported. Raises
    ValueError if the lists differ in length or the floor is negative.
    """
    if len(values) != len(commits):
        raise ValueError(f"expected one commit per value, found {len(commits)} commits and {len(values)} values")
    if floor < 0:
        raise ValueError(f"floor: expected at least 0, found {floor!r}")
    where = [k for k, value in enumerate(values) if value is not None and abs(value) < _TOO_LARGE]
    raw = np.array([values[k] for k in where], dtype=np.float64)
    ignored = tuple(commit for k, commit in enumerate(commits) if k not in set(where))
    if len(raw) < FEWEST:
        reason = f"{len(raw)} commits with a value; steps are looked for from {FEWEST}"
        return History(steps=(), noise=0.0, newest="too short", reason=reason, ignored=ignored)
    series = _Series(raw, where, list(commits), direction, floor)
    return series.history(ignored)


@dataclass(frozen=True, slots=True)
class _Series:
    raw: Floats
    where: list[int]
    commits: list[str]
    direction: Direction
    floor: float

    def history(self, ignored: tuple[str, ...]) -> History:
        y, floor = self._scaled()
        found, noise = locate(y, floor)
        newest, reason = self._newest(y, found, noise, floor)
        return History(
            steps=tuple(self._step(y, found, k, noise) for k in range(len(found))),
            noise=noise,
            newest=newest,
            reason=reason,
            ignored=ignored,
        )

    def _scaled(self) -> tuple[Floats, float]:
        """Logarithms where all values are positive, else shares of the typical size; with the floor on that scale."""
        if self.raw.min() > 0:
            return np.log(self.raw), float(np.log1p(self.floor))
        sizes = np.abs(self.raw)
        return self.raw / max(float(np.median(sizes)), float(sizes.max()) * _DWARFED, 1 / _TOO_LARGE), self.floor

    def _effect(self, shift: float) -> float:
        return float(np.expm1(shift)) if self.raw.min() > 0 else shift

    def _name(self, index: int) -> str:
        return self.commits[self.where[index]]

    def _step(self, y: Floats, found: list[int], k: int, noise: float) -> Step:
        edges = [0, *found, len(y)]
        start, at, stop = edges[k : k + 3]
        low, high = fits.plausible_range(y, at, start, stop, max(noise, fits.NOTHING))
        shift = float(np.median(y[at:stop]) - np.median(y[start:at]))
        strength = fits.strength(y[start:at], y[at:stop], noise)
        return Step(
            verdict="regressed" if (shift > 0) == (self.direction == "lower") else "improved",
            effect=self._effect(shift),
            before=float(np.median(self.raw[start:at])),
            after=float(np.median(self.raw[at:stop])),
            last_before=self._name(at - 1),
            first_after=self._name(at),
            earliest=self._name(low),
            latest=self._name(high),
            confidence=1 - fits.chance(strength, len(y)),
            index=self.where[at],
        )

    def _newest(self, y: Floats, found: list[int], noise: float, floor: float) -> tuple[News, str]:
        """Compare the newest 1 to SETTLED - 1 commits with the level before them, whichever stand out most."""
        level = y[found[-1] if found else 0 :]
        counts = [k for k in range(1, SETTLED) if len(level) - k >= SETTLED]
        if not counts:
            return "too early to tell", f"only {len(level)} commits since the last step"
        k = max(counts, key=lambda count: fits.gain(level[:-count], level[-count:], noise))
        shift = float(np.median(level[-k:]) - np.median(level[:-k]))
        if fits.strength(level[:-k], level[-k:], noise) < _STRENGTH or abs(shift) <= floor:
            return "steady", f"the newest commits keep the level of the {len(level) - k} before them"
        since = self._name(len(y) - k)
        return (
            "too early to tell",
            f"{self._effect(shift):+.1%} since {since}, {k} of the {SETTLED} commits that would settle it",
        )


def locate(y: Floats, floor: float) -> tuple[list[int], float]:
    """Indices of the first value of each new level in `y` (log or linear scale), and the noise around the levels."""
    noise = fits.noise_of(y)
    if noise <= 0:
        noise = max(float(np.ptp(y)) * 1e-3, fits.NOTHING)
    found = fits.prune(y, fits.candidates(y, noise, _PENALTY), _STRENGTH, floor, SETTLED)
    left = fits.residuals(y, found)
    return found, float(1.4826 * np.median(np.abs(left)))
