"""A service time divided into equal steps: of k independent steps that are alike, the distribution of one.

The body of a step is a lognormal whose mean and variance are those of the whole's body, divided by k. The tail follows
the principle of the single big jump: a sum of heavy-tailed steps is large because one of them is, so that
P(sum > x) = k P(one > x - the mean of the others). The mean of the sum is kept.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from harness.judge.calibration.fitting import QUANTILES, rounded
from harness.plan.draws import table_of
from harness.scenario.model import Constant, Distribution, Empirical

_BODY = 0.9
_READ_OFF = 4000


def one_of_equals(whole: Distribution, k: int) -> Distribution:
    """The distribution of one of `k` steps that together take as long as `whole`."""
    table = table_of(whole)
    if isinstance(table, float):
        return Constant(rounded(table / k))
    if k == 1:
        return whole
    at = (np.arange(_READ_OFF) + 0.5) / _READ_OFF
    sums = table.all_at(at)
    body = np.minimum(sums, sums[int(_BODY * _READ_OFF)])
    mean_s = max(float(body.mean()) / k, 1e-9)
    sigma = math.sqrt(math.log1p(float(body.var()) / k / mean_s**2))
    one = stats.lognorm.ppf(at, max(sigma, 1e-6), scale=mean_s * math.exp(-(sigma**2) / 2))
    tail = at > 1 - (1 - _BODY) / k
    one[tail] = np.maximum(one[tail], np.interp(1 - k * (1 - at[tail]), at, sums) - (k - 1) * mean_s)
    even = np.interp(np.linspace(0, 1, QUANTILES), at, np.maximum.accumulate(one))
    # the mean is that of the lines between quantiles, as they will be drawn from
    even *= float(sums.mean()) / (k * float((even[1:] + even[:-1]).mean() / 2))
    return Empirical(tuple(rounded(float(value)) for value in even))
