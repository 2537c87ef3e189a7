"""The rules that others gate on, each on sides of shape (comparisons, processes, values): True where it says changed.

They are handed all values of all processes in one list, as their tools hand them to themselves.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from asv import _stats  # type: ignore[import-untyped]  # asv has no types
from asv_runner.statistics import compute_stats  # type: ignore[import-untyped]  # asv_runner has no types
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, ttest_ind

from benchmarks.verdicts.noise import Side

Changed: TypeAlias = NDArray[np.bool_]
Peer: TypeAlias = Callable[[Side, Side], Changed]

ASV_FACTOR = 1.1
"""What `asv compare` and `asv continuous` take for --factor when it is not given."""


def mean_five_percent(base: Side, head: Side) -> Changed:
    """pytest-benchmark's `--benchmark-compare-fail=mean:5%`, in both directions."""
    ratio = head.mean(axis=(1, 2)) / base.mean(axis=(1, 2))
    return np.asarray(np.abs(np.log(ratio)) > np.log(1.05))


def mann_whitney(base: Side, head: Side) -> Changed:
    """Mann-Whitney at 5 % on all values."""
    p = mannwhitneyu(_flat(base), _flat(head), axis=1, method="asymptotic").pvalue
    return np.asarray(p < 0.05)


def mann_whitney_medians(base: Side, head: Side) -> Changed:
    """Mann-Whitney at 5 % on one median per process: the best that can be made of it."""
    p = mannwhitneyu(np.median(base, axis=2), np.median(head, axis=2), axis=1, method="exact").pvalue
    return np.asarray(p < 0.05)


def pyperf_t(base: Side, head: Side) -> Changed:
    """Student's two-sample t at 5 %, as `pyperf compare_to` has it, on all values."""
    return np.asarray(ttest_ind(_flat(base), _flat(head), axis=1).pvalue < 0.05)


def asv_rule(base: Side, head: Side) -> Changed:
    """asv's own functions: the medians differ by more than the factor, and its test or its intervals agree."""
    return np.array([_asv_one(b, h) for b, h in zip(_flat(base).tolist(), _flat(head).tolist(), strict=True)])


PEERS: dict[str, Peer] = {
    "mean:5%": mean_five_percent,
    "Mann-Whitney": mann_whitney,
    "Mann-Whitney, medians": mann_whitney_medians,
    "pyperf t": pyperf_t,
    "asv": asv_rule,
}


def _flat(side: Side) -> Side:
    return side.reshape(len(side), -1)


def _asv_one(base: list[float], head: list[float]) -> bool:
    (before, before_stats), (after, after_stats) = compute_stats(base, 1), compute_stats(head, 1)
    if max(before, after) <= ASV_FACTOR * min(before, after):
        return False
    return bool(_stats.is_different(base, head, before_stats, after_stats))
