"""Exact rank tests: whatever the noise looks like, identical code seldom separates this far."""

from functools import lru_cache
from math import comb

import numpy as np
from scipy.special import ndtr
from scipy.stats import binom, rankdata

from harness.judge.statistics.replicates import Floats

_EXACT_UP_TO = 25
"""Counts of rank orders are whole numbers held in doubles: of 25 a side they stay below 2**53."""


def rank_sum_p(base: Floats, head: Floats) -> Floats:
    """Two-sided Mann-Whitney p per metric, shapes (metrics, n) and (metrics, m); ties are allowed."""
    n, m = base.shape[1], head.shape[1]
    pooled = np.hstack([base, head])
    ranks = rankdata(pooled, axis=1)
    u = ranks[:, n:].sum(axis=1) - m * (m + 1) / 2
    far = np.maximum(u, n * m - u)
    p = _normal_tail(far - n * m / 2, np.sqrt(_rank_sum_variance(ranks, n, m)))
    if max(n, m) <= _EXACT_UP_TO:
        untied = (np.diff(np.sort(pooled, axis=1), axis=1) > 0).all(axis=1)
        p[untied] = _rank_sum_tails(n, m)[np.round(far[untied]).astype(int)]
    return np.where(far == n * m, rank_sum_smallest(n, m), p)


def signed_rank_p(differences: Floats) -> Floats:
    """Two-sided Wilcoxon signed-rank p per metric, shape (metrics, rounds); zeros are split evenly (Pratt)."""
    n = differences.shape[1]
    ranks = rankdata(np.abs(differences), axis=1)
    w = ((np.sign(differences) + 1) / 2 * ranks).sum(axis=1)
    far = np.maximum(w, n * (n + 1) / 2 - w)
    deviation = np.sqrt((ranks**2 * (differences != 0)).sum(axis=1) / 4)
    p = _normal_tail(far - n * (n + 1) / 4, deviation)
    if n <= 2 * _EXACT_UP_TO:
        sizes = np.sort(np.abs(differences), axis=1)
        plain = (sizes[:, 0] > 0) & (np.diff(sizes, axis=1) > 0).all(axis=1)
        p[plain] = _signed_rank_tails(n)[np.round(far[plain]).astype(int)]
    return np.where(far == n * (n + 1) / 2, signed_rank_smallest(n), p)


def sign_p(differences: Floats) -> Floats:
    """Two-sided sign test p per metric, shape (metrics, rounds); rounds without a difference are left out.

    Deaf to how far the rounds that went the other way went: a few wild rounds spoil a signed-rank test, not this one.
    """
    up, down = (differences > 0).sum(axis=1), (differences < 0).sum(axis=1)
    return np.asarray(np.minimum(2 * binom.cdf(np.minimum(up, down), up + down, 0.5), 1.0))


def rank_sum_smallest(n: int, m: int) -> float:
    """The p of two sides that do not overlap at all: no smaller one exists."""
    return 2 / comb(n + m, n)


def signed_rank_smallest(n: int) -> float:
    """The p of n rounds that all moved the same way."""
    return float(2.0 ** (1 - n))


def _rank_sum_variance(ranks: Floats, n: int, m: int) -> Floats:
    """Variance of U over all assignments of these (possibly tied) ranks to the sides."""
    total = n + m
    spread = ((ranks - (total + 1) / 2) ** 2).sum(axis=1)
    return np.asarray(n * m / (total * (total - 1)) * spread)


def _normal_tail(distance: Floats, deviation: Floats) -> Floats:
    """Two-sided normal tail with continuity correction; 1 where the ranks do not vary at all."""
    z = np.divide(np.maximum(distance - 0.5, 0), deviation, out=np.zeros_like(distance), where=deviation > 0)
    return np.asarray(np.minimum(2 * ndtr(-z), 1.0))


@lru_cache(maxsize=256)
def _rank_sum_tails(n: int, m: int) -> Floats:
    """min(1, 2 P(U >= u)) for u = 0 … nm: U's generating function is the Gaussian binomial coefficient."""
    counts = np.zeros(n * m + 1)
    counts[0] = 1.0
    for k in range(1, n + 1):
        step = m + k
        counts[step:] = counts[step:] - counts[:-step]
        for start in range(k, len(counts)):
            counts[start] += counts[start - k]
    return np.minimum(2 * np.cumsum(counts[::-1])[::-1] / comb(n + m, n), 1.0)


@lru_cache(maxsize=256)
def _signed_rank_tails(n: int) -> Floats:
    """min(1, 2 P(W >= w)) for w = 0 … n(n+1)/2: each rank is counted or not, at even odds."""
    chances = np.zeros(n * (n + 1) // 2 + 1)
    chances[0] = 1.0
    for rank in range(1, n + 1):
        moved = np.zeros_like(chances)
        moved[rank:] = chances[:-rank]
        chances = (chances + moved) / 2
    return np.minimum(2 * np.cumsum(chances[::-1])[::-1], 1.0)
