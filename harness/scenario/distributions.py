"""How long something takes: the distributions of durations. All are seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constant:
    """Always `value_s`."""

    value_s: float


@dataclass(frozen=True, slots=True)
class Uniform:
    """Uniform on [low_s, high_s]."""

    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True)
class Exponential:
    """Exponential with mean `mean_s`."""

    mean_s: float


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Lognormal with median `median_s`; `sigma` is the standard deviation of the logarithm (no unit)."""

    median_s: float
    sigma: float


@dataclass(frozen=True, slots=True)
class Gamma:
    """Gamma with mean `mean_s` and shape `shape` (no unit); shape 1 is the exponential."""

    mean_s: float
    shape: float


@dataclass(frozen=True, slots=True)
class Empirical:
    """Piecewise linear between `quantiles_s`: evenly spaced quantiles from the minimum to the maximum, ascending."""

    quantiles_s: tuple[float, ...]


Distribution = Constant | Uniform | Exponential | Lognormal | Gamma | Empirical
