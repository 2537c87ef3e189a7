"""One number per process: the requests of one run are not samples of the code, the run is."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Bools: TypeAlias = NDArray[np.bool_]

_NAMED_QUANTILES = {"min": 0.0, "median": 0.5, "max": 1.0}


def quantile_of(statistic: str) -> float | None:
    """The quantile a statistic's name stands for, in [0, 1]; None for `mean`.

    Raises ValueError for anything but mean, median, min, max and pN with 0 < N < 100 (p50, p99, p99.9).
    """
    if statistic == "mean":
        return None
    if statistic in _NAMED_QUANTILES:
        return _NAMED_QUANTILES[statistic]
    try:
        percent = float(statistic.removeprefix("p")) if statistic.startswith("p") else -1.0
    except ValueError:
        percent = -1.0
    if not 0 < percent < 100:
        raise ValueError(f"statistic: expected mean, median, min, max or p1 … p99.9, found {statistic!r}")
    return percent / 100


def per_process(processes: Sequence[Sequence[float]], statistic: str) -> Floats:
    """The statistic of each process's values, shape (processes,), in the values' own unit.

    Every process must hold at least one value. Quantiles are median-unbiased (Hyndman and Fan's type 8, Am. Stat. 50,
    1996), so that processes of unlike numbers of values can be compared.
    """
    if all(len(values) == 1 for values in processes):
        return np.array([values[0] for values in processes], dtype=np.float64)
    if len({len(values) for values in processes}) == 1:
        return _reduce(np.asarray(processes, dtype=np.float64), statistic)
    return np.array([_reduce(np.asarray([values], dtype=np.float64), statistic)[0] for values in processes])


def values_needed(statistic: str) -> int:
    """Values a process needs before the statistic is more than its largest (or smallest) value; 1 for a mean."""
    quantile = quantile_of(statistic)
    if quantile is None or quantile in (0.0, 1.0):
        return 1
    return int(np.ceil(round(1 / min(quantile, 1 - quantile), 6))) if quantile != 0.5 else 1


def depends_on_length(statistic: str) -> bool:
    """True where the statistic's expectation moves with the number of values, whatever that number is."""
    return quantile_of(statistic) in (0.0, 1.0)


def _reduce(values: Floats, statistic: str) -> Floats:
    """Rows are processes, columns their values; one statistic a row."""
    quantile = quantile_of(statistic)
    if quantile is None:
        return np.asarray(values.mean(axis=1))
    return np.asarray(np.quantile(values, quantile, axis=1, method="median_unbiased"))
