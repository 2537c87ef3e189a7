"""From the figures of several replications to one `Estimate`, by the kind of the figure.

A share of workflows is pooled and gets a Wilson interval; a mean is the mean of the replications' means with Student's
interval (one replication is one sample, so one alone has no interval); a peak is the largest of all replications; a
count is their sum. None stands for a replication on which the figure was not observable; it is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from harness.measure.percentiles import interval_ranks
from harness.measure.summary import Estimate

_Z = 1.959963984540054
"""0.975 quantile of the standard normal distribution."""
_STUDENT = (12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.306, 2.26216)
"""0.975 quantiles of Student's t for 1 to 9 degrees of freedom (any table, e.g. NIST/SEMATECH 1.3.6.7.2)."""


def share(count: int, total: int) -> Estimate:
    """`count` of `total` with its Wilson score interval (E. B. Wilson, JASA 22, 1927, pp. 209-212)."""
    if not total:
        return Estimate(None, doubt="no workflow was offered")
    at = count / total
    spread = _Z * math.sqrt(at * (1 - at) / total + _Z**2 / (4 * total**2))
    scale = 1 + _Z**2 / total
    centre = at + _Z**2 / (2 * total)
    # at the two ends the bound is the end itself; the formula misses it by a rounding error
    low = 0.0 if count == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if count == total else min(1.0, (centre + spread) / scale)
    return Estimate(at, low, high)


def mean(values: Iterable[float | None], missing: str, doubt: str | None = None) -> Estimate:
    """Mean over replications with Student's interval; `missing` is the doubt where no replication has a value."""
    seen = _seen(values)
    if not seen:
        return Estimate(None, doubt=missing)
    centre = math.fsum(seen) / len(seen)
    if len(seen) < 2:
        return Estimate(centre, doubt=doubt)
    deviation = math.sqrt(math.fsum((value - centre) ** 2 for value in seen) / (len(seen) - 1))
    half = student_quantile(len(seen) - 1) * deviation / math.sqrt(len(seen))
    return Estimate(centre, centre - half, centre + half, doubt)


def median(values: Iterable[float | None], missing: str) -> Estimate:
    """Median over replications; its interval needs 6 of them, below that the range is given and the doubt says so."""
    seen = sorted(_seen(values))
    if not seen:
        return Estimate(None, doubt=missing)
    centre = float(np.median(seen))
    if len(seen) == 1:
        return Estimate(centre)
    low, high = interval_ranks(len(seen), 0.5)
    if low is not None and high is not None:
        return Estimate(centre, seen[low - 1], seen[high - 1])
    return Estimate(centre, seen[0], seen[-1], f"the range of {len(seen)} replications; 6 are needed for 95 %")


def largest(values: Iterable[float | None], missing: str, doubt: str | None = None) -> Estimate:
    """The largest over replications: a peak has no interval."""
    seen = _seen(values)
    return Estimate(max(seen), doubt=doubt) if seen else Estimate(None, doubt=missing)


def smallest(values: Iterable[float | None], missing: str, doubt: str | None = None) -> Estimate:
    """The smallest over replications."""
    seen = _seen(values)
    return Estimate(min(seen), doubt=doubt) if seen else Estimate(None, doubt=missing)


def total(values: Iterable[float | None], missing: str) -> Estimate:
    """A count summed over replications."""
    seen = _seen(values)
    return Estimate(math.fsum(seen)) if seen else Estimate(None, doubt=missing)


def student_quantile(freedom: int) -> float:
    """0.975 quantile of Student's t: tabled to 9 degrees of freedom, then the expansion in 1/freedom.

    M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", 1964, 26.7.5 (four terms).
    """
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    z = _Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def _seen(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and not math.isnan(value)]
