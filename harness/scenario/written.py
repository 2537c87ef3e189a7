"""Quantities and distributions as the shortest texts that read back exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from harness.scenario.model import Constant, Distribution, Empirical, Exponential, Gamma, Lognormal, Uniform
from harness.units import DURATIONS_S, RATES_PER_S, SHARES, SIZES_B, parse_duration, parse_rate, parse_share, parse_size

_READABLE_DURATIONS = ("s", "ms", "us", "min", "h")


def duration(seconds: float) -> str:
    """The shortest text that reads back as exactly `seconds`."""
    return _shortest(seconds, {unit: DURATIONS_S[unit] for unit in _READABLE_DURATIONS}, parse_duration)


def size(size_b: int) -> str:
    """The shortest text that reads back as exactly `size_b` bytes."""
    return _shortest(size_b, SIZES_B, parse_size)


def rate(per_second: float) -> str:
    """The shortest text that reads back as exactly `per_second`."""
    return _shortest(per_second, RATES_PER_S, parse_rate)


def share(value: float) -> str:
    """The shortest text in per cent that reads back as exactly `value`."""
    # the product with 100 is rounded and may read back as a neighbour; the point moved in the decimal text does not
    return _shortest(value, SHARES, parse_share, f"{Decimal(repr(value)).scaleb(2)} %")


def _shortest(value: float, units: Mapping[str, Any], parse: Callable[[object], float], *more: str) -> str:
    texts = [f"{number} {unit}" for unit, scale in units.items() for number in _numbers(value / float(scale))]
    exact = [text for text in (*texts, *more) if parse(text) == value]
    return min(exact, key=len)


def _numbers(value: float) -> tuple[str, ...]:
    """Ways to write a number, rounded ones first; whether one reads back exactly is for the caller to try."""
    return (*(f"{value:.{digits}g}" for digits in (3, 6, 9, 12, 15)), repr(value).removesuffix(".0"))


def distribution(dist: Distribution) -> str | dict[str, Any]:
    """The declaration of a distribution."""
    match dist:
        case Constant(value_s):
            return duration(value_s)
        case Uniform(low_s, high_s):
            return {"dist": "uniform", "low": duration(low_s), "high": duration(high_s)}
        case Exponential(mean_s):
            return {"dist": "exponential", "mean": duration(mean_s)}
        case Lognormal(median_s, sigma):
            return {"dist": "lognormal", "median": duration(median_s), "sigma": sigma}
        case Gamma(mean_s, shape):
            return {"dist": "gamma", "mean": duration(mean_s), "shape": shape}
        case Empirical(quantiles_s):
            return {"dist": "empirical", "quantiles": [duration(value_s) for value_s in quantiles_s]}
