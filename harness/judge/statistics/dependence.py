"""Rounds that resemble their neighbours carry less than they seem to: how many independent ones they are worth."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from harness.judge.statistics.replicates import Floats

_STRONGEST = 0.8
_NONE = 0.15
_NONE_IN_PAIRS = 0.2
_STEEP = 2.0
_POINTS = 10
"""Prior: no correlation at 0.15, else rising as exp(2 rho) to 0.8, tuned on AR(1) noise of 10 and 20 runs a side. For
differences of interleaved rounds 0.2: a drift that both sides share has cancelled already."""
_EXACT_FREEDOM_UP_TO = 200


class Dependence(NamedTuple):
    """What the order of the runs costs, per metric."""

    inflation: Floats
    """Factor on the squared standard error of a mean; effective n = n / inflation."""
    freedom: Floats
    """Factor on the degrees of freedom of that standard error, in (0, 1]."""

    def of_part(self, share: Floats) -> Dependence:
        """The cost where only this share of the variance, in [0, 1], can be correlated."""
        return Dependence(1 + (self.inflation - 1) * share, 1 + (self.freedom - 1) * share)


def independent(metrics: int) -> Dependence:
    """No correlation: for sides whose order says nothing."""
    return Dependence(np.ones(metrics), np.ones(metrics))


def dependence(*series: Floats) -> Dependence:
    """Cost of first-order autocorrelation, from two sides, or the differences of their rounds, in the order they ran.

    Each series has the shape (metrics, runs), at least 2 runs. The restricted likelihood of a correlation common to
    all series, under the AR(1) model with unknown mean and variance, times a prior, weighs the exact inflation at
    each correlation; the root mean square of it is charged. A plug-in estimate would call ten runs independent
    whenever luck hides the correlation; an average over what is still possible does not. A series that never varies
    says nothing. Source of the likelihood: Harville, Biometrika 61 (1974).
    """
    none = _NONE if len(series) > 1 else _NONE_IN_PAIRS
    rho = _correlations(min(values.shape[1] for values in series))
    posterior = sum(_restricted_log_likelihood(_clipped(values), rho) for values in series) + _log_prior(rho, none)
    weight = np.exp(posterior - posterior.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    costs = [_costs(values.shape[1], rho.tobytes()) for values in series]
    inflation = np.mean([cost[0] for cost in costs], axis=0)
    freedom = np.mean([cost[1] for cost in costs], axis=0)
    return Dependence(np.sqrt(weight @ inflation**2), weight @ freedom)


def _correlations(n: int) -> Floats:
    """Candidates from 0; none so strong that n runs would be worth less than one, for then nothing can be judged."""
    return np.linspace(0.0, min(_STRONGEST, (n - 1) / (n + 1)), _POINTS)


def _log_prior(rho: Floats, none: float) -> Floats:
    slope = np.exp(_STEEP * rho[1:])
    return np.asarray(np.log(np.hstack([none, (1 - none) * slope / slope.sum()])))


def _clipped(values: Floats) -> Floats:
    """Runs pulled in to three robust deviations: one outlier must not hide the correlation of the others."""
    middle = np.median(values, axis=1, keepdims=True)
    reach = 3 * 1.4826 * np.median(np.abs(values - middle), axis=1, keepdims=True)
    centred = values - middle
    return np.where(reach > 0, np.clip(centred, -reach, reach), centred)


def _restricted_log_likelihood(x: Floats, rho: Floats) -> Floats:
    """Up to a constant, shape (metrics, correlations); uses that AR(1)'s inverse correlation is tridiagonal."""
    n = x.shape[1]
    rho = rho[None, :]
    ends = (x[:, 0] + x[:, -1])[:, None]
    total = x.sum(axis=1)[:, None]
    squares = (x**2).sum(axis=1)[:, None]
    end_squares = (x[:, 0] ** 2 + x[:, -1] ** 2)[:, None]
    products = (x[:, 1:] * x[:, :-1]).sum(axis=1)[:, None]
    ones = (2 + (n - 2) * (1 - rho)) / (1 + rho)
    weighted = (ends + (1 - rho) * (total - ends)) / (1 + rho)
    form = (squares + rho**2 * (squares - end_squares) - 2 * rho * products) / (1 - rho**2)
    constant = (x == x[:, :1]).all(axis=1)[:, None]
    residual = np.maximum(form - weighted**2 / ones, np.finfo(float).tiny)
    likelihood = (n - 1) * np.log(1 - rho**2) + np.log(ones) + (n - 1) * np.log(residual)
    return np.where(constant, 0.0, -0.5 * likelihood)


@lru_cache(maxsize=256)
def _costs(n: int, correlations: bytes) -> tuple[Floats, Floats]:
    """Inflation of s²/n as the variance of a mean, and share of s²'s degrees of freedom left, at each correlation."""
    rho = np.frombuffer(correlations)
    lags = np.arange(1, n)
    inflation = 1 + 2 * ((1 - lags / n)[None, :] * rho[:, None] ** lags[None, :]).sum(axis=1)
    shortfall = (n - inflation) / (n - 1)
    return inflation / shortfall, np.array([_freedom_left(n, float(r)) for r in rho])


def _freedom_left(n: int, rho: float) -> float:
    """Satterthwaite's equivalent degrees of freedom of s² over n - 1; the limit of long series beyond 200 runs."""
    if n > _EXACT_FREEDOM_UP_TO:
        return float((1 - rho**2) / (1 + rho**2))
    runs = np.arange(n)
    correlation = rho ** np.abs(runs[:, None] - runs[None, :])
    centred = correlation - correlation.mean(axis=0, keepdims=True)
    centred = centred - centred.mean(axis=1, keepdims=True)
    return float(np.trace(centred) ** 2 / (centred * centred).sum() / (n - 1))
