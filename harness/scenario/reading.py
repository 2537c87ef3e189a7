"""From texts to quantities and distributions, keeping every mistake with its path."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import Mistake, UnitError
from harness.scenario.model import Constant, Distribution, Empirical, Exponential, Gamma, Lognormal, Uniform
from harness.scenario.quantiles import quantiles_of_file
from harness.units import parse_duration

Table = Mapping[str, Any]

Z95 = 1.6448536269514722
"""The 95 % quantile of the standard normal distribution."""


class Reading:
    """One pass over a declaration: texts become quantities, and every mistake is kept with its path.

    `texts` holds the quantities that cannot be read, `meanings` what the records refuse. A stand-in takes the place of
    an unreadable quantity so that the pass goes on; where there are `texts`, `meanings` is not to be believed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.texts: list[Mistake] = []
        self.meanings: list[Mistake] = []

    def quantity(self, parse: Callable[[object], float], where: str, text: object) -> float:
        """The quantity `text` in its base unit; one that `parse` refuses is noted under `where`."""
        try:
            return parse(text)
        except UnitError as error:
            self.texts.append(Mistake(where, error.found, error.allowed))
            return 1.0

    def duration(self, where: str, table: Table, key: str, default: float = 0.0) -> float:
        """Seconds at `table[key]`, or `default` where the key is absent."""
        return self.quantity(parse_duration, f"{where}.{key}", table[key]) if key in table else default

    def duration_or_none(self, where: str, table: Table, key: str) -> float | None:
        """Seconds at `table[key]`, or None where the key is absent."""
        return self.duration(where, table, key) if key in table else None


def distribution(where: str, value: str | Table, reading: Reading) -> Distribution:
    """The distribution that `value` declares; what is wrong with it is noted in `reading`."""
    if isinstance(value, str):
        return Constant(reading.quantity(parse_duration, where, value))
    dist: Distribution
    match value["dist"]:
        case "constant":
            dist = Constant(reading.duration(where, value, "value"))
        case "uniform":
            dist = Uniform(reading.duration(where, value, "low"), reading.duration(where, value, "high"))
        case "exponential":
            dist = Exponential(reading.duration(where, value, "mean"))
        case "gamma":
            dist = Gamma(reading.duration(where, value, "mean"), float(value["shape"]))
        case "lognormal":
            dist = _lognormal(where, value, reading)
        case _:
            dist = _empirical(where, value, reading)
    return dist


def _lognormal(where: str, table: Table, reading: Reading) -> Lognormal:
    median_s = reading.duration(where, table, "median")
    if "sigma" in table:
        return Lognormal(median_s, float(table["sigma"]))
    p95_s = reading.duration(where, table, "p95")
    if not 0 < median_s < p95_s:
        reading.meanings.append(Mistake(f"{where}.p95", repr(table["p95"]), f"more than the median, {table['median']}"))
        return Lognormal(1.0, 1.0)
    # 12 digits: the last places of a library's logarithm differ between machines, and the digest must not
    return Lognormal(median_s, float(f"{math.log(p95_s / median_s) / Z95:.12g}"))


def _empirical(where: str, table: Table, reading: Reading) -> Empirical:
    if "file" in table:
        quantiles_s, mistakes = quantiles_of_file(f"{where}.file", table["file"], reading.folder)
        reading.texts.extend(mistakes)
        return Empirical(quantiles_s)
    texts = enumerate(table["quantiles"])
    return Empirical(tuple(reading.quantity(parse_duration, f"{where}.quantiles[{k}]", text) for k, text in texts))
