"""Three curves of throughput X over the number in flight N, and which of them the measurements speak for.

- `linear`: X = N / S; nothing gives way.
- `hard_limit`: X = min(N, C) / S; C agents, connections or cores serve, everyone else waits (the asymptotic bounds of
  P. J. Denning and J. P. Buzen, "The Operational Analysis of Queueing Network Models", Computing Surveys 10, 1978).
- `usl`: X = l N / (1 + s (N - 1) + k N (N - 1)), the Universal Scalability Law (N. J. Gunther, "Guerrilla Capacity
  Planning", Springer, 2007, chapter 4), highest at N* = sqrt((1 - s) / k).

Each of the two that bend has one parameter that is sought (C, N*); for any value of it the others follow in closed
form. So a fit is a profile over one axis: its lowest point is the estimate, and where it has risen by Student's
quantile the interval ends. Residuals are relative, ln X - ln X(N), because the noise of a throughput is. The choice is
by AICc (N. Sugiura, Communications in Statistics A7, 1978; C. M. Hurvich and C.-L. Tsai, Biometrika 76, 1989).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.measure.estimates import student_quantile
from harness.measure.record import Floats

ModelName = Literal["linear", "hard_limit", "usl"]

FLOOR = 0.002
"""No curve is held to more than 0.2 %: the ends of a run alone are worth as much."""
_PARAMETERS: Mapping[str, int] = {"linear": 1, "hard_limit": 2, "usl": 3}
_COARSE, _FINE = 400, 200
_BEYOND = 30.0
"""The optimum of `usl` is sought up to so many times the largest number in flight: beyond that, it has none."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What was measured, level by level: shape (k,) each, ascending in flight. `weight` has the mean 1."""

    in_flight: Floats
    throughput: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.in_flight)


@dataclass(frozen=True, slots=True)
class Fit:
    """One curve, fitted. `knee` is C or N* (None: the curve has none within reach), with its 95 % interval.

    `parameters`: `seconds` (S) for `linear` and `hard_limit`; `lambda`, `sigma`, `kappa` for `usl`. `error` is the root
    mean square of the relative residuals. `aicc` is None where there are too few levels for so many parameters.
    """

    model: ModelName
    knee: float | None
    low: float | None
    high: float | None
    parameters: Mapping[str, float]
    error: float
    aicc: float | None

    def throughput(self, in_flight: Floats) -> Floats:
        """X(N), per second."""
        if self.model == "usl":
            sigma, kappa = self.parameters["sigma"], self.parameters["kappa"]
            cost = 1 + sigma * (in_flight - 1) + kappa * in_flight * (in_flight - 1)
            return np.asarray(self.parameters["lambda"] * in_flight / cost)
        most = math.inf if self.knee is None else self.knee
        return np.asarray(np.minimum(in_flight, most) / self.parameters["seconds"])


def curve_of(in_flight: Sequence[Floats], throughput: Sequence[Floats], counted: Sequence[float]) -> Curve:
    """One level each: its replications' numbers in flight and throughputs, and how many workflows each rests on.

    The noise is taken to be one relative variance per workflow, pooled over the levels: three replications say too
    little of their own spread to be weighed by it.
    """
    order = np.argsort([float(np.mean(one)) for one in in_flight])
    each = [throughput[k] for k in order]
    means = np.array([float(np.mean(one)) for one in each])
    rests_on = np.array([counted[k] * len(throughput[k]) for k in order], dtype=np.float64)
    spreads = [float(np.var(one, ddof=1)) / mean**2 * counted[k] for one, mean, k in _several(each, means, order)]
    variance = (float(np.mean(spreads)) if spreads else 0.0) / rests_on + FLOOR**2
    weight = 1 / variance
    return Curve(np.array([float(np.mean(in_flight[k])) for k in order]), means, weight / weight.mean())


def _several(each: Sequence[Floats], means: Floats, order: NDArray[np.intp]) -> list[tuple[Floats, float, int]]:
    return [(one, float(mean), int(k)) for one, mean, k in zip(each, means, order, strict=True) if len(one) > 1]


def fit(curve: Curve, model: ModelName) -> Fit:
    """The best curve of this kind, with the interval that its residuals give."""
    if model == "linear":
        misses, seconds = _hard(curve, np.array([math.inf]))
        return _made(curve, model, None, {"seconds": float(seconds[0])}, float(misses[0]))
    at, rss = best(curve, model)
    made = _made(curve, model, at, parameters(curve, model, at), rss)
    reach = float(curve.in_flight[-1])
    # an optimum beyond all that was tried is an extrapolation, a limit that nobody reached is none
    if at > (1.2 * reach if model == "usl" else 0.999 * reach):
        return replace(made, knee=None) if model == "usl" else made
    low, high = _interval(curve, model, at, rss)
    return replace(made, low=low, high=high)


def fits(curve: Curve) -> tuple[Fit, ...]:
    """All three, in the order `linear`, `hard_limit`, `usl`."""
    return fit(curve, "linear"), fit(curve, "hard_limit"), fit(curve, "usl")


def chosen(found: Sequence[Fit]) -> Fit:
    """The one that AICc prefers; of equals the simpler."""
    return min(found, key=lambda one: math.inf if one.aicc is None else one.aicc)


def best(curve: Curve, model: ModelName) -> tuple[float, float]:
    """Where the profile of C or N* is lowest, and how low (sum of squares of weighted relative residuals)."""
    grid = _grid(curve, model)
    for cells in (_FINE, 0):
        rss = _PROFILES[model](curve, grid)[0]
        at = int(np.argmin(rss))
        if cells:
            grid = np.geomspace(grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)], cells)
    return float(grid[at]), float(rss[at])


def parameters(curve: Curve, model: ModelName, at: float) -> dict[str, float]:
    """What else the curve needs, where its knee is at `at`."""
    if model == "hard_limit":
        return {"seconds": float(_hard(curve, np.array([at]))[1][0])}
    _, a, b = _usl(curve, np.array([at]))
    sigma = float(b[0] / a[0])
    return {"lambda": float(1 / a[0]), "sigma": sigma, "kappa": (1 - sigma) / at**2}


def _grid(curve: Curve, model: ModelName) -> Floats:
    first, last = float(curve.in_flight[0]), float(curve.in_flight[-1])
    return np.asarray(np.geomspace(first, last * (_BEYOND if model == "usl" else 1.0), _COARSE))


def _hard(curve: Curve, limits: Floats) -> tuple[Floats, Floats]:
    """Residual sum and S for each C of `limits`."""
    share = np.log(np.minimum(curve.in_flight, limits[:, None])) - np.log(curve.throughput)
    log_s = (share * curve.weight).sum(axis=1) / curve.weight.sum()
    rss = (curve.weight * (share - log_s[:, None]) ** 2).sum(axis=1)
    return np.asarray(rss), np.asarray(np.exp(log_s))


def _usl(curve: Curve, optima: Floats) -> tuple[Floats, Floats, Floats]:
    """Residual sum, 1 / lambda and sigma / lambda for each N* of `optima`.

    With kappa = (1 - sigma) / N*^2, N / X is linear in 1 / lambda and sigma / lambda: least squares of two unknowns,
    kept within 0 <= sigma <= 1 by taking the edge where the best lies beyond it.
    """
    pairs = curve.in_flight * (curve.in_flight - 1) / optima[:, None] ** 2
    per_head = curve.throughput / curve.in_flight
    u, v = per_head * (1 + pairs), per_head * (curve.in_flight - 1 - pairs)
    w = curve.weight
    uu, uv, vv = (w * u * u).sum(axis=1), (w * u * v).sum(axis=1), (w * v * v).sum(axis=1)
    su, sv = (w * u).sum(axis=1), (w * v).sum(axis=1)
    det = uu * vv - uv * uv
    safe = np.where(np.abs(det) > 1e-300, det, np.inf)
    a, b = (su * vv - sv * uv) / safe, (sv * uu - su * uv) / safe
    none, all_ = (b < 0) | (a <= 0), (b > a) & (a > 0)
    edge = (su + sv) / (uu + 2 * uv + vv)
    a = np.where(none, su / uu, np.where(all_, edge, a))
    b = np.where(none, 0.0, np.where(all_, edge, b))
    cost = a[:, None] * u + b[:, None] * v
    rss = (w * np.log(np.maximum(cost, 1e-300)) ** 2).sum(axis=1)
    return np.asarray(rss), np.asarray(a), np.asarray(b)


_PROFILES: Mapping[str, Callable[[Curve, Floats], tuple[Floats, ...]]] = {"hard_limit": _hard, "usl": _usl}


def _made(curve: Curve, model: ModelName, knee: float | None, given: Mapping[str, float], rss: float) -> Fit:
    count, fitted = len(curve), _PARAMETERS[model] + 1  # the residuals' variance is fitted too
    spare = count - fitted - 1
    aicc = None
    if spare > 0:
        aicc = count * math.log(_floored(curve, rss) / count) + 2 * fitted + 2 * fitted * (fitted + 1) / spare
    return Fit(model, knee, None, None, dict(given), math.sqrt(rss / count), aicc)


def _floored(curve: Curve, rss: float) -> float:
    return max(rss, len(curve) * FLOOR**2)


def _interval(curve: Curve, model: ModelName, at: float, rss: float) -> tuple[float | None, float | None]:
    """Where the profile has risen by Student's quantile squared over its degrees of freedom; None: it never does."""
    freedom = len(curve) - _PARAMETERS[model]
    if freedom < 1:
        return None, None
    most = _floored(curve, rss) * (1 + student_quantile(freedom) ** 2 / freedom)
    grid = np.geomspace(at / 4, at * 4, 4001)
    within = _PROFILES[model](curve, grid)[0] <= most
    centre = len(grid) // 2
    below, above = np.flatnonzero(~within[:centre]), np.flatnonzero(~within[centre + 1 :])
    low = float(grid[below[-1] + 1]) if len(below) else None
    high = float(grid[centre + above[0]]) if len(above) else None
    return low, high


def jackknifed(curves: Sequence[Curve], model: ModelName, at: float) -> tuple[float, float] | None:
    """The interval of C or N* by leaving out one replication at a time; `curves` are those without one each.

    B. Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", SIAM, 1982, chapter 3; None below 3.
    """
    count = len(curves)
    if count < 3:
        return None
    left_out = np.log([best(curve, model)[0] for curve in curves])
    error = math.sqrt((count - 1) / count * float(((left_out - left_out.mean()) ** 2).sum()))
    half = student_quantile(count - 1) * error
    return at * math.exp(-half), at * math.exp(half)
