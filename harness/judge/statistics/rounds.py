"""Rounds in which both sides ran together: seeing that they did, and comparing them moment by moment."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from harness.judge.statistics import location, ranks, stretches
from harness.judge.statistics.replicates import Bools, Floats, Indices
from harness.judge.statistics.screening import Screened

_PAIR_FROM = 10
_PAIR_LEVEL = 0.005
_WEIGHED_FROM = 10
"""Stretches a round from which their disagreement is believed."""


class Together(NamedTuple):
    """Rounds in which both sides ran together, each array of shape (metrics,) or (metrics, rounds)."""

    differences: Floats
    """Head minus base."""
    separated: Floats
    """p of the exact test that no assumption on the noise can spoil."""
    where: location.Location
    shared: Floats
    """Part of the differences' variance that may be correlated from round to round."""
    aligned: Bools
    """True for metrics taken stretch by stretch."""


def moves_together(base: Floats, head: Floats, ordered: bool) -> Bools:
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


def sharpest(chosen: list[tuple[Screened, str]], differences: Floats) -> Together:
    """Rounds as a whole or, for medians, stretch by stretch in time, wherever that is the sharper of the two.

    `chosen` holds each metric's processes and scale, `differences` (head minus base) has the shape (metrics, rounds).
    """
    whole = _as_they_are(differences)
    finer = {k: found for k, prepared in enumerate(chosen) if (found := stretches.medians(*prepared)) is not None}
    if not finer:
        return whole
    rows, parts = np.array(list(finer)), by_stretches(list(finer.values()))
    sharper = parts.where.error < whole.where.error[rows]
    where = (_replaced(old, new, rows, sharper) for old, new in zip(whole.where, parts.where, strict=True))
    return Together(
        differences=_replaced(whole.differences, parts.differences, rows, sharper),
        separated=_replaced(whole.separated, parts.separated, rows, sharper),
        where=location.Location(*where),
        shared=_replaced(whole.shared, parts.shared, rows, sharper),
        aligned=_replaced(whole.aligned, parts.aligned, rows, sharper),
    )


def by_stretches(found: list[stretches.Stretched]) -> Together:
    """Rounds of metrics alike in their number, weighed by how much their stretches agree where those are enough."""
    differences, noise = np.array([one.differences for one in found]), np.array([one.noise for one in found])
    plain = _as_they_are(differences)
    known = np.array([one.stretches >= _WEIGHED_FROM for one in found]) & (differences.shape[1] >= location.RANKS_FROM)
    weighed = location.weighed(differences, noise)
    # weights keep the signs, and so the rank test its level; rounds that know more get the higher ranks
    exact = _separated(np.where(known[:, None], location.weights(noise), 1.0) * differences)
    where = (np.where(known, new, old) for new, old in zip(weighed.where, plain.where, strict=True))
    return Together(
        differences=differences,
        separated=exact,
        where=location.Location(*where),
        shared=np.where(known, weighed.shared, 1.0),
        aligned=np.ones(len(found), dtype=bool),
    )


def _as_they_are(differences: Floats) -> Together:
    metrics = len(differences)
    none = np.zeros(metrics, dtype=bool)
    return Together(differences, _separated(differences), location.paired(differences), np.ones(metrics), none)


def _separated(differences: Floats) -> Floats:
    return np.minimum(ranks.signed_rank_p(differences), ranks.sign_p(differences))


def _replaced(old: Any, new: Any, rows: Indices, sharper: Bools) -> Any:
    whole = old.copy()
    whole[rows[sharper]] = new[sharper]
    return whole
