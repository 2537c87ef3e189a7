"""How far head lies from base, and how well that is known: means where noise is light, Hodges-Lehmann where not."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from harness.judge.statistics.replicates import Bools, Floats

RANKS_FROM = 10
"""Processes a side from which Hodges-Lehmann is tried: below, its standard error rests on too few differences."""
_Estimate: TypeAlias = Callable[[Floats, Floats], tuple[Floats, Floats]]
_PAIRS_AT_MOST = 4_000_000
_NORMAL_90 = 1.6448536269514722
_GAUSSIAN = 1.4826
_BEND = 1.5
_STEPS = 20
"""Of the iteration for Huber's location: far more than it needs to settle within a hundredth of its error."""
_FEWEST_EFFECTIVE = 2.0
_TINY = 1e-100
_BY_HALF = 1.5


class Location(NamedTuple):
    """Head minus base per metric: the shift, its standard error and degrees of freedom, each of shape (metrics,)."""

    shift: Floats
    error: Floats
    freedom: Floats
    ranked: Bools
    """True where the shift is the Hodges-Lehmann estimate."""


def unpaired(base: Floats, head: Floats) -> Location:
    """Two independent sides, shapes (metrics, n) and (metrics, m), n and m at least 2."""
    means = _welch(base, head)
    few = min(base.shape[1], head.shape[1]) < RANKS_FROM
    if few or base.shape[1] * head.shape[1] > _PAIRS_AT_MOST:
        return means
    shift, error = _over_chunks(_hodges_lehmann, base, head)
    return _sharper(means, shift, error, _tied(np.hstack([base, head])))


def paired(differences: Floats) -> Location:
    """Head minus base round by round, shape (metrics, rounds), at least 2 rounds."""
    rounds = differences.shape[1]
    error = differences.std(axis=1, ddof=1) / np.sqrt(rounds)
    freedom = np.full(len(differences), rounds - 1.0)
    means = Location(differences.mean(axis=1), error, freedom, np.zeros(len(differences), dtype=bool))
    if rounds < RANKS_FROM or rounds**2 > _PAIRS_AT_MOST:
        return means
    shift, walsh_error = _over_chunks(_walsh, differences, differences)
    return _sharper(means, shift, walsh_error, _tied(differences))


def weights(noise: Floats) -> Floats:
    """Inverse variance of each round, shape (metrics, rounds), relative to their typical one.

    What a round's own noise does not show is taken to be as large as the typical round's: the calmest one counts at
    most twice as much as that, and a round as noisy as can be, next to nothing. Rounds that all show none count alike.
    """
    own = noise**2
    typical = np.median(own, axis=1, keepdims=True)
    total = own + typical
    return np.divide(2 * typical, total, out=np.ones_like(total), where=typical > 0)


class Weighed(NamedTuple):
    """Rounds whose own noise is known."""

    where: Location
    shared: Floats
    """Part of the rounds' variance that their own noise does not explain, shape (metrics,): only that can be
    correlated from round to round."""


def weighed(differences: Floats, noise: Floats) -> Weighed:
    """Huber's location of rounds whose own noise is known, both of shape (metrics, rounds), at least 2 rounds.

    Residuals count squared up to 1.5 robust deviations (each on the scale of its round's noise), linearly beyond. The
    error is the sandwich of the weighted scores; the degrees of freedom are those of the effective number of rounds.
    Sources: Huber and Ronchetti, Robust Statistics (2009), sections 3.2 and 7.6; Kish for the effective number.
    """
    weight = weights(noise)
    root = np.sqrt(weight)
    shift = np.median(differences, axis=1, keepdims=True)
    scale = _scale((differences - shift) * root)
    for _ in range(_STEPS):
        size = np.abs(differences - shift) * root / scale
        counted = weight * _BEND / np.maximum(size, _BEND)
        shift = (counted * differences).sum(axis=1, keepdims=True) / counted.sum(axis=1, keepdims=True)
    score = np.clip((differences - shift) * root / scale, -_BEND, _BEND)
    inside = weight * (np.abs(score) < _BEND)
    effective = np.maximum(inside.sum(axis=1) ** 2 / np.maximum((inside**2).sum(axis=1), _TINY), _FEWEST_EFFECTIVE)
    error = scale[:, 0] * np.sqrt((score**2 * weight).sum(axis=1)) / np.maximum(inside.sum(axis=1), _TINY)
    error *= np.sqrt(effective / (effective - 1))
    where = Location(shift[:, 0], error, effective - 1, np.zeros(len(differences), dtype=bool))
    return Weighed(where, _shared(differences - shift, noise))


def _scale(values: Floats) -> Floats:
    return np.maximum(_GAUSSIAN * np.median(np.abs(values), axis=1, keepdims=True), _TINY)


def _shared(residuals: Floats, noise: Floats) -> Floats:
    """One minus noise variance over that of the residuals, which is raised by half for being seen in few rounds."""
    ratio = np.divide(residuals, noise, out=np.full_like(residuals, 1 / _TINY), where=noise > 0)
    return np.clip(1 - 1 / (_BY_HALF * _scale(ratio)[:, 0] ** 2), 0.0, 1.0)


def _welch(base: Floats, head: Floats) -> Location:
    """Means with Welch and Satterthwaite's degrees of freedom (Welch, Biometrika 34, 1947)."""
    n, m = base.shape[1], head.shape[1]
    v, w = base.var(axis=1, ddof=1) / n, head.var(axis=1, ddof=1) / m
    spread = v**2 / (n - 1) + w**2 / (m - 1)
    freedom = np.divide((v + w) ** 2, spread, out=np.full(len(v), n + m - 2.0), where=spread > 0)
    shift = head.mean(axis=1) - base.mean(axis=1)
    return Location(shift, np.sqrt(v + w), freedom, np.zeros(len(v), dtype=bool))


def _sharper(means: Location, shift: Floats, error: Floats, tied: Bools) -> Location:
    """The estimate with the smaller standard error, metric by metric; the mean where ties make ranks collapse."""
    ranked = (error < means.error) & (error > 0) & ~tied
    return Location(np.where(ranked, shift, means.shift), np.where(ranked, error, means.error), means.freedom, ranked)


def _tied(values: Floats) -> Bools:
    distinct = 1 + (np.diff(np.sort(values, axis=1), axis=1) > 0).sum(axis=1)
    return np.asarray(distinct < 0.75 * values.shape[1])


def _hodges_lehmann(base: Floats, head: Floats) -> tuple[Floats, Floats]:
    """Median of all differences; the error is read off the 90 % interval of the matching rank-sum test.

    Source: Lehmann, Nonparametrics (1975), sections 2.5 and 4.2.
    """
    n, m = base.shape[1], head.shape[1]
    ordered = np.sort((head[:, :, None] - base[:, None, :]).reshape(len(base), -1), axis=1)
    return _median_and_error(ordered, np.sqrt(n * m * (n + m + 1) / 12))


def _walsh(differences: Floats, _: Floats) -> tuple[Floats, Floats]:
    """Median of the Walsh averages; the error is read off the 90 % interval of the signed-rank test."""
    n = differences.shape[1]
    i, j = np.triu_indices(n)
    ordered = np.sort((differences[:, i] + differences[:, j]) / 2, axis=1)
    return _median_and_error(ordered, np.sqrt(n * (n + 1) * (2 * n + 1) / 24))


def _median_and_error(ordered: Floats, rank_deviation: float) -> tuple[Floats, Floats]:
    count = ordered.shape[1]
    low = max(round(count / 2 - _NORMAL_90 * rank_deviation), 1)
    width = ordered[:, count - low] - ordered[:, low - 1]
    quantile = (count / 2 - low + 0.5) / rank_deviation
    median = (ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2
    return median, width / (2 * quantile)


def _over_chunks(estimate: _Estimate, base: Floats, head: Floats) -> tuple[Floats, Floats]:
    """Run an estimate over slices of the metrics so that the differences held at once stay within 32 MB."""
    rows = max(_PAIRS_AT_MOST // (base.shape[1] * head.shape[1]), 1)
    parts = [estimate(base[k : k + rows], head[k : k + rows]) for k in range(0, len(base), rows)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
