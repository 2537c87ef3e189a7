"""The knee: levels tried around where it seems to be, the three fits, the choice, and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.judge.capacity.fits import Curve, Fit, chosen, curve_of, fits, jackknifed
from harness.judge.capacity.record import Knee, Trial
from harness.judge.capacity.search import Search
from harness.measure.record import CORES

FEWEST = 5
"""Levels below which no curve is fitted."""
_AROUND = (0.6, 0.8, 0.92, 1.1, 1.3, 1.6)
_ROUNDS = 2
_STILL_GROWS = 1.02
_ALIKE = 0.04
"""A level that differs by less from one that was tried would say nothing new."""
KNOWN_TO = 0.01
"""No knee is claimed to be known better than to 1 %: how a run begins and ends moves a throughput by as much."""
_OF_A_SIZE = ("agent_pool", "named_pool", "connection_pool", "rate_limit", "memory")
BEYOND = 1.05
"""A level with so many times the number in flight of the knee lies beyond it."""
SATURATED = 0.95
"""A resource that is busy for such a share of the time is all in use."""


def refine(search: Search) -> None:
    """Try levels on both sides of the knee, twice; where only refusals end it, find out where. Raises `EndedError`."""
    if not search.axis.steady:
        return
    _reach(search)
    for _ in range(_ROUNDS):
        usable = search.usable()
        found = chosen_fit(usable)
        if found is None or found.knee is None:
            break
        for level in _levels(search, load_at(found, found.knee, search, usable)):
            search.at(level)
    if (best := chosen_fit(search.usable())) is None or best.knee is None:
        search.refusal(search.effort.resolution)


def _reach(search: Search) -> None:
    """Go on doubling while the curve has its top beyond all that was tried, and throughput still grows."""
    while (found := chosen_fit(search.usable())) is not None and found.model == "usl" and found.knee is None:
        last, before = search.usable()[-1], search.usable()[-2]
        grew = (last.throughput.value or 0.0) > _STILL_GROWS * (before.throughput.value or 0.0)
        above = any(one.level > last.level for one in search.ordered())
        if above or last.level >= search.last or not grew:
            return
        search.at(2 * last.level)


def _levels(search: Search, at: float) -> list[float]:
    tried = [one.level for one in search.ordered()]
    refused = min((one.level for one in search.ordered() if one.why_not or one.invalid), default=math.inf)
    wanted: list[float] = []
    for factor in _AROUND:
        level = search.rounded(at * factor)
        alike = any(abs(level - other) <= _ALIKE * level for other in (*tried, *wanted))
        if not alike and level < refused:
            wanted.append(level)
    return wanted


def curve_from(usable: Sequence[Trial]) -> Curve | None:
    """What the curves are fitted to; None for too few levels."""
    if len(usable) < FEWEST:
        return None
    return curve_of(
        [np.array([part.in_flight for part in one.parts]) for one in usable],
        [np.array([part.throughput for part in one.parts]) for one in usable],
        [float(np.mean([part.done for part in one.parts])) for one in usable],
    )


def all_fits(usable: Sequence[Trial]) -> tuple[Fit, ...]:
    """The three fits; none for too few levels."""
    curve = curve_from(usable)
    return () if curve is None else fits(curve)


def chosen_fit(usable: Sequence[Trial]) -> Fit | None:
    """The fit that the levels speak for; a bent curve gives way where what is seen says otherwise.

    Where the work is uneven or comes by chance the corner of a hard limit is round, and the rounder curve fits better.
    But something that is all in use, with a throughput that does not fall again, is a hard limit. And where they wait
    for something that is not yet all in use, the round corner is no contention, and its top is not where that ends.
    """
    found = all_fits(usable)
    if not found:
        return None
    best = chosen(found)
    _, hard, _ = found
    if best.model == "usl" and not _falls(usable):
        if hard.low is not None and _something_all_in_use(usable[-1]):
            return hard
        return _without_knee(best) if _wait_for_something(usable[-1]) else best
    return best if best.model != "hard_limit" or _passed(usable, best) else _without_knee(best)


def _without_knee(fit: Fit) -> Fit:
    return replace(fit, knee=None, low=None, high=None)


def _passed(usable: Sequence[Trial], fit: Fit) -> bool:
    """Whether some level lies beyond the corner: before that, what bends may be anything."""
    return max(one.in_flight.value or 0.0 for one in usable) >= BEYOND * (fit.knee or 0.0)


def _something_all_in_use(trial: Trial) -> bool:
    """Pools, connections, tokens, memory, modelled cores: what there is so much of and no more, whoever else waits."""
    return any((one.kind != "cpu" or one.name == CORES) and one.share >= SATURATED for one in trial.busy)


def _wait_for_something(trial: Trial) -> bool:
    """By the finding of the trial's own runs."""
    found = trial.limited
    return found is not None and (found.cause in _OF_A_SIZE or (found.cause, found.name) == ("cpu", CORES))


def _falls(usable: Sequence[Trial]) -> bool:
    rates = [one.throughput.value or 0.0 for one in usable]
    return rates[-1] < 0.95 * max(rates)


def knee_of(search: Search) -> Knee | None:
    """The knee with its interval: the wider of what the residuals and what the replications give."""
    usable = search.usable()
    found = chosen_fit(usable)
    if found is None or found.knee is None:
        return None
    low, high = _widest(found, jackknifed(_without_one(usable), found.model, found.knee))
    most = float(found.throughput(np.array([found.knee]))[0])
    load = load_at(found, found.knee, search, usable)
    scale = load / found.knee
    return Knee(
        model=found.model,
        in_flight=found.knee,
        low=low,
        high=high,
        load=load,
        load_low=None if low is None else low * scale,
        load_high=None if high is None else high * scale,
        throughput=most,
    )


def load_at(found: Fit, in_flight: float, search: Search, usable: Sequence[Trial]) -> float:
    """The load that puts so many in flight: the rate that passes through, or the level with think times counted."""
    if search.axis.name == "rate per second":
        return float(found.throughput(np.array([in_flight]))[0])
    levels = [one.level for one in usable]
    return float(np.interp(in_flight, [one.in_flight.value or 0.0 for one in usable], levels))


def _widest(found: Fit, left_out: tuple[float, float] | None) -> tuple[float | None, float | None]:
    at = found.knee or 0.0
    lows = [one for one in (found.low, left_out[0] if left_out else None) if one is not None]
    highs = [one for one in (found.high, left_out[1] if left_out else None) if one is not None]
    low = min((*lows, at * (1 - KNOWN_TO))) if lows else None
    return low, max((*highs, at * (1 + KNOWN_TO))) if highs else None


def _without_one(usable: Sequence[Trial]) -> list[Curve]:
    """The curves of all replications but one, for each replication that every level has."""
    shared = min((len(one.parts) for one in usable), default=0)
    if shared < 3:
        return []
    kept = [
        (np.array([part.in_flight for part in one.parts]), np.array([part.throughput for part in one.parts]))
        for one in usable
    ]
    counted = [float(np.mean([part.done for part in one.parts])) for one in usable]
    return [
        curve_of([np.delete(n, k) for n, _ in kept], [np.delete(x, k) for _, x in kept], counted) for k in range(shared)
    ]
