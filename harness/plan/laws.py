"""Rates that change over time, as arithmetic: when has the rate brought in the n-th workflow?

A rate is a chain of pieces, each linear in time. Its integral is piecewise quadratic and is inverted exactly, piece by
piece. Evenly spaced, workflow i (from 0) is due when the integral reaches i. A Poisson process of the same rate is one
of rate 1 whose times are put through that inverse (E. Cinlar, "Introduction to Stochastic Processes", 1975, chapter
4.7; L. Devroye, "Non-Uniform Random Variate Generation", 1986, chapter VI.1.3: inversion of the integrated rate).
Only adding, multiplying, dividing and square roots, which IEEE 754 rounds correctly: the same bits everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.plan.draws import Purpose, QuantileTable, table_of, uniforms
from harness.scenario.model import Exponential, RampLoad, Spacing, SpikesLoad, StepsLoad

Floats = NDArray[np.float64]

CHUNK = 4096
"""Due times made at a time."""


@dataclass(frozen=True, slots=True)
class RateCurve:
    """Pieces of a rate, shape (k,) each: where they begin, the rate there, its slope, and what came before them.

    `end_s` is where the last piece ends. Pieces have a length above 0.
    """

    begin_s: Floats
    rate_per_s: Floats
    slope_per_s2: Floats
    before: Floats
    end_s: float

    def amount(self) -> float:
        """The integral over all pieces: how many workflows the rate brings, on average."""
        length_s = self.end_s - float(self.begin_s[-1])
        return float(self.before[-1] + (self.rate_per_s[-1] + self.slope_per_s2[-1] * length_s / 2.0) * length_s)

    def times_of(self, amounts: Floats) -> Floats:
        """When the integral of the rate reaches each of `amounts`, ascending; shape kept, infinite where it never does.

        What falls on a pause comes at its end. Within a piece, with u seconds since its begin, amount - before =
        r u + s u**2 / 2; the root is taken as 2 y / (r + sqrt(r**2 + 2 s y)), where nothing cancels (W. Kahan;
        "Numerical Recipes", 3rd ed., 5.6). Past the end the last piece is carried on.
        """
        piece = np.searchsorted(self.before, amounts, side="right") - 1
        rest = amounts - self.before[piece]
        rate, slope = self.rate_per_s[piece], self.slope_per_s2[piece]
        # a falling rate reaches its end with a root of 0, which rounding may carry below
        root = np.sqrt(np.maximum(rate * rate + 2.0 * slope * rest, 0.0))
        # a rate that does not change is divided by, so that it gives the bits of the law of constant rate
        below = np.where(slope == 0.0, rate, (rate + root) / 2.0)
        pause = (rate == 0.0) & (slope == 0.0)
        since = np.where(pause, np.inf, 0.0)
        np.divide(rest, below, out=since, where=~pause & (rest > 0.0))
        ends = np.append(self.begin_s[1:], np.inf)[piece]
        return np.asarray(np.minimum(self.begin_s[piece] + since, ends))


def curve_of(load: RampLoad | StepsLoad | SpikesLoad) -> RateCurve:
    """The rate of a load over its length."""
    match load:
        case RampLoad(low, high, duration_s):
            return _curve([(duration_s, low, (high - low) / duration_s)])
        case StepsLoad(steps):
            return _curve([(step.duration_s, step.rate_per_s, 0.0) for step in steps])
        case SpikesLoad():
            return _curve(_spikes(load))


def _spikes(load: SpikesLoad) -> list[tuple[float, float, float]]:
    """Quiet, spike, quiet, spike, and so on, cut at the end of the load."""
    quiet_s = load.period_s - load.length_s
    found: list[tuple[float, float, float]] = []
    edge_s, k = 0.0, 0
    while edge_s < load.duration_s:
        begin_s, after_s = k * load.period_s, (k + 1) * load.period_s
        for until_s, rate in ((begin_s + quiet_s, load.rate_per_s), (after_s, load.spike_per_s)):
            until = min(until_s, load.duration_s)
            if until > edge_s:
                found.append((until - edge_s, rate, 0.0))
                edge_s = until
        k += 1
    return found


def _curve(pieces: list[tuple[float, float, float]]) -> RateCurve:
    """From (length, rate at its begin, slope) of each piece."""
    lengths, rates, slopes = (np.array(column, dtype=np.float64) for column in zip(*pieces, strict=True))
    ends = np.add.accumulate(lengths)
    # rounded, so that an amount that is whole but for the last place of a float falls on the right side of a pause
    amounts = np.round(np.add.accumulate((rates + slopes * lengths / 2.0) * lengths), 9)
    return RateCurve(
        begin_s=np.concatenate([[0.0], ends[:-1]]),
        rate_per_s=rates,
        slope_per_s2=slopes,
        before=np.concatenate([[0.0], amounts[:-1]]),
        end_s=float(ends[-1]),
    )


def curve_times(curve: RateCurve, spacing: Spacing, seed: int, first: int, gaps: Gaps) -> Iterator[Floats]:
    """Due times along a curve, ascending, in arrays of up to `CHUNK`; `first` is the number of the first workflow."""
    offered, amount = 0, 0.0
    while True:
        if spacing == "poisson":
            amounts = np.add.accumulate(np.concatenate([[amount], gaps(1.0, seed, first + offered)]))[1:]
            amount = float(amounts[-1])
        else:
            amounts = np.arange(offered, offered + CHUNK, dtype=np.float64)
        times = curve.times_of(amounts)
        times = times[: np.searchsorted(times, curve.end_s)]
        yield times
        offered += len(times)
        if len(times) < CHUNK:
            return


def gaps_before(mean_s: float, seed: int, first: int) -> Floats:
    """Exponential gaps before workflows `first` and on; shape (CHUNK,)."""
    luck = uniforms(seed, np.arange(first, first + CHUNK, dtype=np.uint64), Purpose.ARRIVAL)
    return exponential_table(mean_s).all_at(luck)


Gaps = Callable[[float, int, int], Floats]
"""What `gaps_before` is."""


def exponential_table(mean_s: float) -> QuantileTable:
    """The table of exponential gaps."""
    table = table_of(Exponential(mean_s))
    if isinstance(table, float):
        raise TypeError("the exponential distribution has a table")
    return table
