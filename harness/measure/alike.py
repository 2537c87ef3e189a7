"""How many independent values a sample of latencies is worth: workflows that share a queue are like their neighbours.

Whether a workflow stays within the q-quantile is a 0 or a 1. Cut into batches of neighbours, the means of independent
zeros and ones vary by p (1 - p) / b, b to a batch; the factor by which they vary more is the number of workflows that
count as one (batch means: A. M. Law, "Simulation Modeling and Analysis", 5th ed., 2015, section 9.5.3; on indicators:
R. S. Woodruff, JASA 47, 1952, pp. 635-646). Batches of 2, 4, 8 … are tried, as the length of the memory is not known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.measure.estimates import student_quantile
from harness.measure.record import Floats, Ints

_FEWEST_BATCHES = 5
"""Fewer batches in a run than this say too little of how they vary."""
_Z_BATCHES = 3.0
_Z_RUNS = 2.326347874040841
"""Standard normal quantiles beyond which batches, or replications, vary more than chance makes independent ones do.

Ten sizes of batches are tried and one set of replications: the first bound is the stricter one.
"""
_LARGEST_MARGIN = 2.0
_Z = 1.959963984540054


def alike(runs: Sequence[Floats], threshold: float) -> float:
    """Workflows that count as one, at least 1; `runs` are latencies in the order in which the workflows came.

    1 unless the batch means vary more than chance explains: independent values keep their interval. Few batches give
    the factor of Student's interval on top, since their variance is uncertain itself.
    """
    counts = [np.concatenate(([0], np.cumsum(run <= threshold))) for run in runs if len(run)]
    share = sum(int(one[-1]) for one in counts) / max(1, sum(len(one) - 1 for one in counts))
    if not 0 < share < 1:
        return 1.0
    factor, before, size = 1.0, 1.0, 2
    while (seen := _excess(counts, size, share)) is not None:
        excess, margin = seen
        # batches miss what reaches across their ends, in proportion to 1 / size: once more what doubling them added
        factor = max(factor, margin * (excess + max(0.0, excess - before)))
        before, size = excess, 2 * size
    return factor


def differing(runs: Sequence[Floats], threshold: float) -> float:
    """The same from the replications' shares within `threshold`: how much more they differ than chance makes them."""
    counts = [(int(np.count_nonzero(run <= threshold)), len(run)) for run in runs if len(run)]
    share = sum(within for within, _ in counts) / max(1, sum(count for _, count in counts))
    if not 0 < share < 1 or len(counts) < 2:
        return 1.0
    freedom = len(counts) - 1
    squares = math.fsum((within - count * share) ** 2 / count for within, count in counts) / (share * (1 - share))
    if squares <= _chance(freedom, _Z_RUNS):
        return 1.0
    # very few replications are said to be so in a doubt instead of making every interval open
    return squares / freedom * min(_margin(freedom), _LARGEST_MARGIN)


def _excess(counts: Sequence[Ints], size: int, share: float) -> tuple[float, float] | None:
    """The factor at batches of `size`, and what few of them add; (1, 1) where chance explains it; None: too few.

    `counts` are how many of the first 0, 1, 2 … of each run are within, a share `share` of all.
    """
    steps = [np.diff(one[::size]) - share * size for one in counts if (len(one) - 1) // size >= _FEWEST_BATCHES]
    if not steps:
        return None
    count = sum(map(len, steps))
    # no product of vectors: a library that computes it on all cores spends more on waking them than on this
    squares = math.fsum(float(np.square(step).sum()) for step in steps) / (size * share * (1 - share))
    if squares <= _chance(count - 1, _Z_BATCHES):
        return 1.0, 1.0
    return squares / count, _margin(count - 1)


def _margin(freedom: int) -> float:
    """By how much Student's interval outdoes the normal one, squared: what an uncertain variance costs."""
    return (student_quantile(freedom) / _Z) ** 2


def _chance(freedom: int, z: float) -> float:
    """Quantile of chi-squared (E. B. Wilson and M. M. Hilferty, PNAS 17, 1931, pp. 684-688)."""
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + z * math.sqrt(part)) ** 3)
