"""From processes to a shift, its error and its p value, for many metrics of one shape at once."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from harness.judge.statistics import dependence, location, ranks
from harness.judge.statistics.replicates import Bools, Floats, Indices, aligned_differences, per_process, quantile_of
from harness.judge.statistics.screening import Screened

FEWEST = 4
"""Processes a side below which nothing is concluded."""
_PAIR_FROM = 10
_PAIR_LEVEL = 0.005
_NOTHING = 1e-12
_DWARFED = 1e-9
"""A level this much smaller than the largest process is no yardstick: shares of it would overflow when squared."""
_TOO_LARGE = 1e150


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
    asked, ordered = group[0].screened.paired, group[0].screened.metric.ordered
    together = _moves_together(base, head, ordered) if asked is None else np.full(len(group), asked)
    found: dict[int, Evidence] = {}
    for pair in (False, True):
        rows = np.flatnonzero(together == pair)
        if len(rows):
            found.update(zip(rows.tolist(), _side_by_side(group, rows, base, head, pair), strict=True))
    return [found[k] for k in range(len(group))]


def _moves_together(base: Floats, head: Floats, ordered: bool) -> Bools:
    """Rounds whose changes from one to the next agree on both sides were run side by side.

    Changes, not levels: two unrelated drifts correlate by chance far more often than their changes do.
    """
    n = base.shape[1]
    if n != head.shape[1] or n < _PAIR_FROM or not ordered:
        return np.zeros(len(base), dtype=bool)
    a, b = np.diff(base, axis=1), np.diff(head, axis=1)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    r = np.divide((a * b).sum(axis=1), size, out=np.zeros(len(base)), where=size > 0)
    return np.asarray(r > np.tanh(ndtri(1 - _PAIR_LEVEL) * np.sqrt(1.5 / (n - 3))))


def _side_by_side(group: list[Prepared], rows: Indices, base: Floats, head: Floats, pair: bool) -> list[Evidence]:
    base, head = base[rows], head[rows]
    chosen = [group[k] for k in rows]
    n, m = base.shape[1], head.shape[1]
    ordered = chosen[0].screened.metric.ordered
    if pair:
        rounds, aligned = _rounds(chosen, head - base)
        where = location.paired(rounds)
        separated = np.minimum(ranks.signed_rank_p(rounds), ranks.sign_p(rounds))
        cost = dependence.dependence(rounds) if ordered else dependence.independent(len(rows))
    else:
        aligned = np.zeros(len(rows), dtype=bool)
        where, separated = location.unpaired(base, head), ranks.rank_sum_p(base, head)
        cost = dependence.dependence(base, head) if ordered else dependence.independent(len(rows))
    smallest = ranks.signed_rank_smallest(n) if pair else ranks.rank_sum_smallest(n, m)
    session = 2 * np.array([p.screened.metric.session_noise for p in chosen]) ** 2
    variance, unseen = _run_variance(where, cost.inflation, n, m, pair)
    error, freedom = _total(variance, session, where.freedom * np.where(unseen, 1.0, cost.freedom))
    t = np.divide(np.abs(where.shift), error, out=np.zeros(len(rows)), where=error > 0)
    p = 2 * stdtr(freedom, -t)
    per_run = variance * (n if pair else 2 / (1 / n + 1 / m))
    return [
        Evidence(
            scale=prepared.scale,
            shift=float(where.shift[k]),
            error=float(error[k]),
            freedom=float(freedom[k]),
            p=float(p[k]),
            separated=float(separated[k]),
            separable=smallest,
            run_variance=float(per_run[k]),
            session_variance=float(session[k]),
            n=(n, m),
            n_effective=float(min(n, m) / cost.inflation[k]),
            paired=pair,
            levels=prepared.levels,
            method=_method(pair, bool(where.ranked[k]), bool(aligned[k]), ordered),
            notes=(*prepared.screened.notes, *([_UNSEEN] if unseen[k] else [])),
        )
        for k, prepared in enumerate(chosen)
    ]


def _rounds(chosen: list[Prepared], differences: Floats) -> tuple[Floats, Bools]:
    """Head minus base per round; for medians, time-aligned block by block wherever that is the sharper of the two."""
    aligned = np.zeros(len(chosen), dtype=bool)
    finer = {k: found for k, prepared in enumerate(chosen) if (found := _aligned(prepared)) is not None}
    if not finer:
        return differences, aligned
    rows, blocks = np.array(list(finer)), np.array(list(finer.values()))
    sharper = location.paired(blocks).error < location.paired(differences[rows]).error
    aligned[rows[sharper]] = True
    rounds = differences.copy()
    rounds[rows[sharper]] = blocks[sharper]
    return rounds, aligned


def _aligned(prepared: Prepared) -> Floats | None:
    base, head, metric = prepared.screened.base, prepared.screened.head, prepared.screened.metric
    if quantile_of(metric.statistic) != 0.5 or prepared.scale != "log":
        return None
    if min(min(values) for values in (*base, *head)) <= 0:
        return None
    return aligned_differences(base, head)


_UNSEEN = "no side varies: the noise is taken as that of rounding to steps as large as the difference"


def _run_variance(where: location.Location, inflation: Floats, n: int, m: int, pair: bool) -> tuple[Floats, Bools]:
    """Variance of the shift from run to run. Constant sides hide their noise under the metric's resolution."""
    unseen = (where.error < _NOTHING) & (np.abs(where.shift) > _NOTHING)
    runs = n if pair else 1 / (1 / n + 1 / m)
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
    blocks = " of time-aligned blocks" if aligned else ""
    return f"{names[pair, ranked]}{blocks} with {guard} guard" + (", AR(1) effective n" if ordered else "")
