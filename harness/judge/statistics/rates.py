"""Failures come in clusters: proportions compared over runs, not over requests."""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, stdtr
from scipy.stats import fisher_exact

from harness.judge.statistics import ranks
from harness.judge.statistics.evidence import Evidence
from harness.judge.statistics.replicates import Floats
from harness.judge.statistics.screening import Processes, Screened

_ABOUT_ONE = 1.25
_NOT_CLUSTERED = 0.1


class _Side(NamedTuple):
    counts: Floats
    trials: Floats

    @property
    def proportion(self) -> float:
        return float(self.counts.sum() / self.trials.sum())

    @property
    def smoothed(self) -> tuple[float, float]:
        """Proportion and trials with one success and one failure added (Agresti and Caffo, Am. Stat. 54, 2000)."""
        total = float(self.trials.sum()) + 2
        return (float(self.counts.sum()) + 1) / total, total


def rate_evidence(screened: Screened) -> Evidence:
    """Quasi-binomial comparison of two lists of `(count, trials)` per process, 2 processes a side at least.

    The variance of a proportion is multiplied by Pearson's dispersion over the processes (McCullagh and Nelder, section
    4.5), never less than 1; Fisher's exact test takes over where the dispersion is about 1. Processes without
    trials count as empty. The shift is the difference of the proportions.
    """
    base, head = _side(screened.base), _side(screened.head)
    test = _test(base, head)
    n, m = len(base.counts), len(head.counts)
    variance = test.factor * _variances(base, head)[0]
    session = 2 * (screened.metric.session_noise * (base.proportion + head.proportion) / 2) ** 2
    return Evidence(
        scale="points",
        shift=head.proportion - base.proportion,
        error=float(np.sqrt(variance + session)),
        freedom=test.freedom,
        p=test.p,
        separated=_rank_p(base, head),
        separable=ranks.rank_sum_smallest(n, m),
        run_variance=variance * 2 / (1 / n + 1 / m),
        session_variance=session,
        n=(n, m),
        n_effective=min(n, m) / test.factor,
        paired=False,
        levels=(base.proportion, head.proportion),
        method=f"{test.method} with rank-sum guard",
        notes=tuple(screened.notes),
    )


class _Test(NamedTuple):
    p: float
    factor: float
    """Dispersion, at least 1."""
    freedom: float
    method: str


def _test(base: _Side, head: _Side) -> _Test:
    dispersion, freedom = _dispersion(base, head)
    factor = max(dispersion, 1.0)
    clustered = dispersion > _ABOUT_ONE or chdtrc(freedom, dispersion * freedom) < _NOT_CLUSTERED
    if not clustered:
        return _Test(_fisher(base, head), factor, freedom, "Fisher exact, dispersion about 1")
    null = factor * _variances(base, head)[1]
    t = abs(head.proportion - base.proportion) / np.sqrt(null) if null > 0 else 0.0
    return _Test(2 * float(stdtr(freedom, -t)), factor, freedom, f"quasi-binomial t, dispersion {factor:.2g}")


def _side(processes: Processes) -> _Side:
    table = np.array([(p[0], p[1]) for p in processes if p[1] > 0], dtype=np.float64)
    return _Side(table[:, 0], table[:, 1])


def _rank_p(base: _Side, head: _Side) -> float:
    rates = [(side.counts / side.trials)[None, :] for side in (base, head)]
    return float(ranks.rank_sum_p(rates[0], rates[1])[0])


def _dispersion(base: _Side, head: _Side) -> tuple[float, float]:
    """Pearson's chi-squared over its degrees of freedom, each side about its own proportion."""
    chi, freedom = 0.0, 0.0
    for side in (base, head):
        expected = side.trials * side.proportion
        variance = expected * (1 - side.proportion)
        if side.proportion not in (0.0, 1.0):
            chi += float(((side.counts - expected) ** 2 / variance).sum())
            freedom += len(side.counts) - 1
    return (chi / freedom, freedom) if freedom else (1.0, max(len(base.counts) + len(head.counts) - 2.0, 1.0))


def _variances(base: _Side, head: _Side) -> tuple[float, float]:
    """Binomial variance of the difference: of the two (smoothed) proportions, and under one common proportion."""
    (p, n), (q, m) = base.smoothed, head.smoothed
    pooled = (base.counts.sum() + head.counts.sum()) / (base.trials.sum() + head.trials.sum())
    common = float(pooled * (1 - pooled) * (1 / base.trials.sum() + 1 / head.trials.sum()))
    return p * (1 - p) / n + q * (1 - q) / m, common


def _fisher(base: _Side, head: _Side) -> float:
    table = np.array([[s.counts.sum(), s.trials.sum() - s.counts.sum()] for s in (base, head)], dtype=np.int64)
    return float(fisher_exact(table).pvalue)
