"""Which distribution a sample of durations has: constant, exponential, lognormal, gamma, or the sample's own quantiles.

The sample is known by its quantiles. Parameters are those of greatest likelihood over durations read off them, and the
likelihood is taken for as many as were observed. The kinds are told apart by AICc (Hurvich and Tsai, Biometrika 76,
1989). Where there are enough durations, their own quantiles are preferred: no formula follows a tail that has a reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.judge.calibration.records import Candidate, Fit
from harness.measure.service_times import Sample
from harness.scenario.model import Constant, Distribution, Empirical, Exponential, Gamma, Lognormal

Floats = NDArray[np.float64]

ENOUGH = 100
"""Durations from which on their own quantiles are preferred to a formula."""
FEW = 10
"""Durations below which their own quantiles say nothing of a tail, whatever else fits badly."""
QUANTILES = 201
REJECTED_AT = 0.05
_READ_OFF = 400
_SPREAD = 2e-3
"""Relative distance of the 5th and the 95th percentile within which durations are one constant."""
_LEAST_S = 1e-9
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class _Fitted:
    kind: str
    distribution: Distribution
    parameters: int
    log_density: Callable[[Floats], Floats]
    cumulative: Callable[[Floats], Floats]


def fit(kind: str, step: str, part: str, sample: Sample, levels: tuple[float, ...], *, own: bool = False) -> Fit:
    """The distribution of `sample`, whose quantiles are those at `levels`.

    With `own`, its quantiles are taken whatever else would fit, as for durations that were cut off by a timeout.
    Raises `ValueError` for an empty sample.
    """
    if not sample.count:
        raise ValueError(f"{kind}.{step}.{part}: no duration was observed")
    values = _read_off(sample, levels)
    if values[-1] < _LEAST_S:
        return _certain(kind, step, part, 0.0, sample.count)
    low, median, high = (float(x) for x in np.interp((0.05, 0.5, 0.95), levels, sample.quantiles_s))
    if not own and (sample.count == 1 or high - low <= _SPREAD * median):
        return _certain(kind, step, part, median, sample.count)
    tried = sorted(_candidates(values, sample.count), key=lambda one: one[0].aicc)
    best = tried[0]
    bad = stats.kstwo.sf(best[0].ks, sample.count) < REJECTED_AT
    if own or sample.count >= ENOUGH or (bad and sample.count >= FEW):
        chosen: tuple[str, Distribution, float] = ("empirical", _empirical(sample, levels), 0.0)
    else:
        chosen = (best[1].kind, best[1].distribution, best[0].ks)
    ks_p = float(stats.kstwo.sf(chosen[2], sample.count)) if chosen[2] else 1.0
    seen = tuple(candidate for candidate, _fitted in tried)
    return Fit(kind, step, part, chosen[1], chosen[0], sample.count, chosen[2], ks_p, seen)


def _certain(kind: str, step: str, part: str, value_s: float, count: int) -> Fit:
    return Fit(kind, step, part, Constant(rounded(value_s)), "constant", count, 0.0, 1.0, ())


def rounded(value: float) -> float:
    """To the digits that a report keeps of a duration, and to whole nanoseconds."""
    return round(float(f"{value:.{_DIGITS}g}"), 9)


def _read_off(sample: Sample, levels: tuple[float, ...]) -> Floats:
    """Durations as the quantiles have them, ascending: as many as were observed, and no more than are of use."""
    m = min(sample.count, _READ_OFF)
    return np.asarray(np.interp((np.arange(m) + 0.5) / m, levels, sample.quantiles_s), dtype=np.float64)


def _empirical(sample: Sample, levels: tuple[float, ...]) -> Empirical:
    even = np.linspace(0, 1, max(2, min(QUANTILES, sample.count)))
    found = np.maximum.accumulate(np.interp(even, levels, sample.quantiles_s))
    return Empirical(tuple(rounded(float(value)) for value in found))


def _candidates(values: Floats, count: int) -> Iterator[tuple[Candidate, _Fitted]]:
    values = np.maximum(values, _LEAST_S)
    m = len(values)
    for fitted in _fitted(values):
        likelihood = float(fitted.log_density(values).sum()) * count / m
        k, room = fitted.parameters, count - fitted.parameters - 1
        aicc = 2 * k - 2 * likelihood + (2 * k * (k + 1) / room if room > 0 else math.inf)
        apart = np.abs(fitted.cumulative(values) - (np.arange(m) + 0.5) / m)
        yield Candidate(fitted.kind, aicc, float(apart.max() + 0.5 / m)), fitted


def _fitted(values: Floats) -> Iterator[_Fitted]:
    mean_s = float(values.mean())
    exponential = stats.expon(scale=mean_s)
    yield _Fitted("exponential", Exponential(rounded(mean_s)), 1, exponential.logpdf, exponential.cdf)
    logs = np.log(values)
    median_s, sigma = float(np.exp(logs.mean())), min(5.0, max(1e-6, float(logs.std())))
    lognormal = stats.lognorm(sigma, scale=median_s)
    yield _Fitted("lognormal", Lognormal(rounded(median_s), rounded(sigma)), 2, lognormal.logpdf, lognormal.cdf)
    if math.log(mean_s) - float(logs.mean()) > 1e-9:
        shape, _place, scale = stats.gamma.fit(values, floc=0)
        if 0.01 <= shape <= 1e6:
            gamma = stats.gamma(shape, scale=scale)
            yield _Fitted("gamma", Gamma(rounded(shape * scale), rounded(shape)), 2, gamma.logpdf, gamma.cdf)
