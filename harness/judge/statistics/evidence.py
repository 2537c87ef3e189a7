"""From processes to a shift, its error and its p value, for many metrics of one shape at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from harness.judge.statistics import dependence, location, ranks, rounds, stretches
from harness.judge.statistics.replicates import Bools, Floats, Indices, per_process
from harness.judge.statistics.screening import Screened

FEWEST = 4
"""Processes a side below which nothing is concluded."""
_NOTHING = 1e-12
_DWARFED = 1e-9
"""A level this much smaller than the largest process is no yardstick: shares of it would overflow when squared."""
_TOO_LARGE = 1e150
_TAIL_SHARE = 0.75
"""Of a tail's alpha, what is spent on its stretches; the rest on the rounds' own quantiles."""
_MANY = 10
"""Values in a process from which its median is steadier than its extremes."""
_AGREE = 2.0
"""Standard errors that the two looks at a tail may lie apart."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the data say about one metric before any threshold is applied. Shifts are on the scale named by `scale`."""

    scale: str
    """`log` (ratios), `linear` (differences over the mean level of both sides) or `points` (proportions)."""
    shift: float
    error: float
    """Standard error of the shift, autocorrelation and session noise included."""
    freedom: float
    p: float
    separated: float
    """p of the exact rank test (paired: or of the sign test, if smaller); `separable` is the smallest it can get."""
    separable: float
    run_variance: float
    """Variance of the shift times runs a side: divides by runs still to come. Without the session noise."""
    session_variance: float
    n: tuple[int, int]
    n_effective: float
    paired: bool
    levels: tuple[float, float]
    method: str
    notes: tuple[str, ...]
    tail: Evidence | None = None
    """What the stretches of the rounds say of a high or low quantile: may show a change, never that there is none."""

    @property
    def best(self) -> Evidence:
        """The look that says more, its p paying for there being two of them."""
        if self.tail is None:
            return self
        here, there = min(self.p / (1 - _TAIL_SHARE), 1.0), min(self.tail.p / _TAIL_SHARE, 1.0)
        return replace(self.tail, p=there) if there < here else replace(self, p=here)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One metric reduced to a number per process, on a scale where effects add."""

    screened: Screened
    base: Floats
    head: Floats
    levels: tuple[float, float]
    scale: str


def prepare(screened: Screened) -> Prepared:
    """Reduce each process to its statistic; logarithms if all are positive, shares of the mean level if not."""
    statistic = screened.metric.statistic
    base, head = per_process(screened.base, statistic), per_process(screened.head, statistic)
    levels = (float(np.median(base)), float(np.median(head)))
    if base.min() > 0 and head.min() > 0:
        return Prepared(screened, np.log(base), np.log(head), levels, "log")
    sizes = np.abs(np.hstack([base, head]))
    level = (abs(levels[0]) + abs(levels[1])) / 2 or float(sizes.mean())
    level = max(level, float(sizes.max()) * _DWARFED, 1 / _TOO_LARGE)
    return Prepared(screened, base / level, head / level, levels, "linear")


def gather(group: list[Prepared]) -> list[Evidence]:
    """Evidence for metrics alike in their numbers of processes (2 or more a side), pairing and ordering."""
    base, head = np.array([p.base for p in group]), np.array([p.head for p in group])
    asked = group[0].screened.paired
    together = _moves_together(group, base, head) if asked is None else np.full(len(group), asked)
    found: dict[int, Evidence] = {}
    for pair in (False, True):
        rows = np.flatnonzero(together == pair)
        if len(rows):
            found.update(zip(rows.tolist(), _side_by_side(group, rows, base, head, pair), strict=True))
    return [found[k] for k in range(len(group))]


def _moves_together(group: list[Prepared], base: Floats, head: Floats) -> Bools:
    """Whether rounds move together in the metric itself or, where that hardly shows it (a tail), in the median."""
    ordered = group[0].screened.metric.ordered
    together = rounds.moves_together(base, head, ordered)
    for k, prepared in enumerate(group):
        sides = prepared.screened.base, prepared.screened.head
        if (
            together[k]
            or len(sides[0]) != len(sides[1])
            or min(len(values) for side in sides for values in side) < _MANY
        ):
            continue
        middles = [per_process(side, "median")[None, :] for side in sides]
        if min(float(middle.min()) for middle in middles) > 0:
            together[k] = rounds.moves_together(np.log(middles[0]), np.log(middles[1]), ordered)[0]
    return together


class _Tested(NamedTuple):
    """What the tests of one shape say, each array of shape (metrics,)."""

    where: location.Location
    cost: dependence.Dependence
    separated: Floats
    separable: float
    aligned: Bools


def _side_by_side(group: list[Prepared], rows: Indices, base: Floats, head: Floats, pair: bool) -> list[Evidence]:
    chosen = [group[k] for k in rows]
    sides = base[rows], head[rows]
    n = sides[0].shape[1], sides[1].shape[1]
    if not pair:
        return _records(chosen, _tested_apart(chosen, *sides), n, pair)
    together = rounds.sharpest([(p.screened, p.scale) for p in chosen], sides[1] - sides[0])
    return _with_tails(chosen, _records(chosen, _tested_paired(chosen, together), n, pair), n)


def _records(chosen: list[Prepared], tested: _Tested, n: tuple[int, int], pair: bool) -> list[Evidence]:
    session = 2 * np.array([p.screened.metric.session_noise for p in chosen]) ** 2
    variance, unseen = _run_variance(tested.where, tested.cost.inflation, *n, pair)
    freedom = tested.where.freedom * np.where(unseen, 1.0, tested.cost.freedom)
    error, freedom = _total(variance, session, freedom)
    t = np.divide(np.abs(tested.where.shift), error, out=np.zeros(len(chosen)), where=error > 0)
    numbers = np.stack([error, freedom, 2 * stdtr(freedom, -t), variance * _runs(*n, pair), session])
    return [
        _record(prepared, tested, k, numbers=numbers[:, k].tolist(), n=n, pair=pair, unseen=bool(unseen[k]))
        for k, prepared in enumerate(chosen)
    ]


def _with_tails(chosen: list[Prepared], found: list[Evidence], n: tuple[int, int]) -> list[Evidence]:
    """Add what stretches say of tails, where it agrees with the rounds' own quantiles and does not fade further out."""
    finer = {k: part for k, p in enumerate(chosen) if (part := stretches.tails(p.screened, p.scale)) is not None}
    if not finer:
        return found
    those = [chosen[k] for k in finer]
    told = _records(those, _tested_paired(those, rounds.by_stretches(list(finer.values()))), n, True)
    whole = list(found)
    for (k, part), tail in zip(finer.items(), told, strict=True):
        apart = abs(tail.shift - found[k].shift)
        if apart <= _AGREE * np.hypot(tail.error, found[k].error) and _reaches_out(chosen[k], tail.shift):
            how = f"by the extremes of {part.stretches} stretches of each, about p{100 * part.depth:.3g}"
            note = f"{chosen[k].screened.metric.statistic}: rounds are also compared {how}"
            whole[k] = replace(found[k], tail=replace(tail, notes=(*tail.notes, note)))
    return whole


def _reaches_out(prepared: Prepared, shift: float) -> bool:
    """Whether stretches of twice the length, whose extremes lie further out, show at least half of the shift."""
    deeper = stretches.tails(prepared.screened, prepared.scale, deeper=2)
    if deeper is None:
        return True
    further = float(rounds.by_stretches([deeper]).where.shift[0])
    return bool(further * np.sign(shift) >= abs(shift) / 2)


def _tested_paired(chosen: list[Prepared], together: rounds.Together) -> _Tested:
    cost = dependence.independent(len(chosen))
    if chosen[0].screened.metric.ordered:
        cost = dependence.dependence(together.differences).of_part(together.shared)
    smallest = ranks.signed_rank_smallest(together.differences.shape[1])
    return _Tested(together.where, cost, together.separated, smallest, together.aligned)


def _tested_apart(chosen: list[Prepared], base: Floats, head: Floats) -> _Tested:
    ordered = chosen[0].screened.metric.ordered
    cost = dependence.dependence(base, head) if ordered else dependence.independent(len(chosen))
    smallest = ranks.rank_sum_smallest(base.shape[1], head.shape[1])
    never = np.zeros(len(chosen), dtype=bool)
    return _Tested(location.unpaired(base, head), cost, ranks.rank_sum_p(base, head), smallest, never)


def _record(
    prepared: Prepared, tested: _Tested, k: int, *, numbers: list[float], n: tuple[int, int], pair: bool, unseen: bool
) -> Evidence:
    error, freedom, p, run_variance, session = numbers
    ordered = prepared.screened.metric.ordered
    return Evidence(
        scale=prepared.scale,
        shift=float(tested.where.shift[k]),
        error=error,
        freedom=freedom,
        p=p,
        separated=float(tested.separated[k]),
        separable=tested.separable,
        run_variance=run_variance,
        session_variance=session,
        n=n,
        n_effective=float(min(n) / tested.cost.inflation[k]),
        paired=pair,
        levels=prepared.levels,
        method=_method(pair, bool(tested.where.ranked[k]), bool(tested.aligned[k]), ordered),
        notes=(*prepared.screened.notes, *([_UNSEEN] if unseen else [])),
    )


def _runs(n: int, m: int, pair: bool) -> float:
    """Runs a side that would give this variance if both sides had equally many."""
    return n if pair else 2 / (1 / n + 1 / m)


_UNSEEN = "no side varies: the noise is taken as that of rounding to steps as large as the difference"


def _run_variance(where: location.Location, inflation: Floats, n: int, m: int, pair: bool) -> tuple[Floats, Bools]:
    """Variance of the shift from run to run. Constant sides hide their noise under the metric's resolution."""
    unseen = (where.error < _NOTHING) & (np.abs(where.shift) > _NOTHING)
    runs = _runs(n, m, pair) if pair else _runs(n, m, pair) / 2
    return np.where(unseen, where.shift**2 / 12 / runs, where.error**2 * inflation), unseen


def _total(variance: Floats, session: Floats, freedom: Floats) -> tuple[Floats, Floats]:
    """Session noise adds to the variance; it is known from history, so the degrees of freedom rise with its share."""
    total = variance + session
    share = np.divide(variance, total, out=np.ones_like(total), where=total > 0)
    return np.sqrt(total), freedom / np.maximum(share, 1e-3) ** 2


def interval(evidence: Evidence, confidence: float) -> tuple[float, float]:
    """Two-sided t interval of the shift, on its scale."""
    reach = float(stdtrit(evidence.freedom, (1 + confidence) / 2)) * evidence.error
    return evidence.shift - reach, evidence.shift + reach


def _method(pair: bool, ranked: bool, aligned: bool, ordered: bool) -> str:
    names = {
        (False, False): "Welch t",
        (False, True): "Hodges-Lehmann t",
        (True, False): "paired t",
        (True, True): "Walsh-average t",
    }
    guard = "signed-rank or sign" if pair else "rank-sum"
    blocks = " of time-aligned stretches" if aligned else ""
    return f"{names[pair, ranked]}{blocks} with {guard} guard" + (", AR(1) effective n" if ordered else "")
