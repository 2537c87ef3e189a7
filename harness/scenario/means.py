"""The mean of a distribution, in seconds."""

from __future__ import annotations

import math

from harness.scenario.distributions import Constant, Distribution, Empirical, Exponential, Gamma, Lognormal, Uniform


def mean_s(of: Distribution) -> float:
    """The mean; of an empirical distribution, that of the lines between its quantiles."""
    match of:
        case Constant(value_s):
            return value_s
        case Uniform(low_s, high_s):
            return (low_s + high_s) / 2
        case Exponential(mean) | Gamma(mean, _):
            return mean
        case Lognormal(median_s, sigma):
            return median_s * math.exp(sigma * sigma / 2)
        case Empirical(quantiles_s):
            inner = math.fsum(quantiles_s) - (quantiles_s[0] + quantiles_s[-1]) / 2
            return inner / (len(quantiles_s) - 1)
