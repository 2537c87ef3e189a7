"""Counter-based randomness: a draw is a function of (seed, workflow, step, attempt, purpose) and of nothing else.

So a workflow has the same luck under every policy, in either engine, in any order, on any number of processes.
The hash is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014) over the counter. A duration is read off a table of quantiles by adding and multiplying only, so compiled
and interpreted code give the same bits; the table's knots lie on a grid of 2**-30 s (about 1 ns), which absorbs the
last-place differences between one machine's `exp` or `log` and another's.
"""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from harness.scenario.model import Constant, Distribution, Empirical, Exponential, Gamma, Lognormal, Uniform

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_ODD = 0xD1B54A32D192ED03
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_UNIT = 2.0**-53
_GRID = 2.0**30

CELLS = 1024
"""Cells of one row of a quantile table."""

EDGE = 32
"""So many outermost cells of a row are cut finer, `EDGE`-fold, by the next row: no cell is wide for its place."""

DEPTH = 4
"""Rows for each tail; the finest cells are 2**-30 wide."""

ROWS = 1 + 2 * DEPTH
"""The body, then the lower tail's rows, then the upper tail's, which count from the upper end."""


class Purpose(enum.IntEnum):
    """What a draw is for; two purposes never share luck."""

    DEAL = 0
    ARRIVAL = 1
    WAIT = 2
    BURN = 3
    FAIL = 4
    JITTER = 5
    TARGET = 6
    QUOTA = 7
    THINK = 8
    CACHE = 9
    BALANCE = 10


def mix(z: int) -> int:
    """The SplitMix64 finaliser on 64 bits."""
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


def seed_key(seed: int) -> int:
    """The 64-bit key of a replication, which the keys of its workflows are made from."""
    return mix((seed + _GOLDEN) & _MASK)


def workflow_key(seed: int, workflow: int) -> int:
    """The 64-bit key under which all draws of one workflow are made."""
    return mix((seed_key(seed) + (workflow + 1) * _GOLDEN) & _MASK)


def uniform(key: int, step: int, attempt: int, purpose: int) -> float:
    """A uniform draw on [0, 1) with 53 bits; `attempt` below 65,536."""
    counter = (((step << 16) | attempt) << 8) | purpose
    return (mix((key + (counter + 1) * _ODD) & _MASK) >> 11) * _UNIT


def uniforms(seed: int, workflows: NDArray[np.uint64], purpose: int, place: int = 0) -> NDArray[np.float64]:
    """`uniform(workflow_key(seed, w), step, attempt, purpose)` for every w of `workflows`; shape kept, same bits.

    `place` is step and attempt in one: step << 16 | attempt.
    """
    return uniforms_under(workflow_keys(seed, workflows), purpose, place)


def workflow_keys(seed: int, workflows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """`workflow_key(seed, w)` for every w of `workflows`; shape kept."""
    return _mix_array(np.uint64(seed_key(seed)) + (workflows + np.uint64(1)) * np.uint64(_GOLDEN))


def uniforms_under(keys: NDArray[np.uint64], purpose: int, place: int) -> NDArray[np.float64]:
    """`uniform(key, step, attempt, purpose)` for every key; see `uniforms`."""
    offset = np.uint64((((place << 8 | purpose) + 1) * _ODD) & _MASK)
    return (_mix_array(keys + offset) >> np.uint64(11)).astype(np.float64) * _UNIT


def _mix_array(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX_2)
    return z ^ (z >> np.uint64(31))


class QuantileTable:
    """A distribution as `ROWS` rows of `CELLS + 1` quantiles, in seconds.

    Row 0 spans probabilities [0, 1]; row r of a tail spans its outermost EDGE**-r. `knots` is the flat array of shape
    (ROWS * (CELLS + 1),) that a kernel reads. Everything is done by adding, multiplying and truncating.
    """

    __slots__ = ("_list", "knots")

    def __init__(self, knots: NDArray[np.float64]) -> None:
        self.knots = knots
        self._list: list[float] = knots.tolist()

    def at(self, u: float) -> float:
        """The quantile at probability `u` in [0, 1), a multiple of 2**-53, interpolated linearly within its cell."""
        return quantile(self._list, 0, u)

    def all_at(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """`at` of every element of `u`, shape (n,); same bits."""
        x = u * CELLS
        found = self._in_cells(0, x)
        edge = np.flatnonzero((x < EDGE) | (x > CELLS - EDGE))
        found[edge] = self._in_tails(u[edge])
        return found

    def _in_tails(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        x = u * CELLS
        upper = x > EDGE
        x[upper] = (1.0 - u[upper]) * CELLS
        row = np.where(upper, DEPTH, 0)
        for depth in range(DEPTH):
            deeper = (x < EDGE) & (row == depth + np.where(upper, DEPTH, 0))
            x[deeper] *= EDGE
            row[deeper] += 1
        return self._in_cells(row * (CELLS + 1), x)

    def _in_cells(self, start: NDArray[np.int64] | int, x: NDArray[np.float64]) -> NDArray[np.float64]:
        cell = x.astype(np.int64)
        near, far = self.knots[cell + start], self.knots[cell + start + 1]
        return np.asarray(near + (far - near) * (x - cell))


def quantile(knots: Sequence[float], start: int, u: float) -> float:
    """`QuantileTable.at` on the table that begins at `start` of `knots`: the one source of every form of it."""
    x = u * CELLS
    row = 0
    if x < EDGE or x > CELLS - EDGE:
        if x > EDGE:
            row = DEPTH
            x = (1.0 - u) * CELLS
        deepest = row + DEPTH
        while x < EDGE and row < deepest:
            x *= EDGE
            row += 1
    cell = int(x)
    k = start + row * (CELLS + 1) + cell
    near = knots[k]
    return near + (knots[k + 1] - near) * (x - cell)


def table_of(dist: Distribution) -> QuantileTable | float:
    """The table of a distribution, or its value in seconds where it is constant."""
    if isinstance(dist, Constant):
        return dist.value_s  # as declared: a wait of 30 ms has to meet a timeout of 30 ms at the same instant
    return _table(dist)


@functools.lru_cache(maxsize=256)
def _table(dist: Distribution) -> QuantileTable:
    return QuantileTable(np.array([_on_grid(q) for q in _quantiles(dist)], dtype=np.float64))


def _on_grid(value_s: float) -> float:
    return round(value_s * _GRID) / _GRID


@functools.cache
def probabilities() -> tuple[float, ...]:
    """The probability of each knot; the outermost ones stand half a finest cell inside (0, 1)."""
    body = [k / CELLS for k in range(CELLS + 1)]
    tails = [[p / EDGE**row for p in body] for row in range(1, DEPTH + 1)]
    rows = [body, *tails, *([1 - p for p in row] for row in tails)]
    edge = tails[-1][1] / 2
    return tuple(min(max(p, edge), 1 - edge) for row in rows for p in row)


@functools.cache
def _normal_quantiles() -> tuple[float, ...]:
    inverse = NormalDist().inv_cdf
    return tuple(inverse(p) for p in probabilities())


def _quantiles(dist: Distribution) -> list[float]:
    match dist:
        case Uniform(low_s, high_s):
            return [low_s + (high_s - low_s) * p for p in probabilities()]
        case Exponential(mean_s):
            return [-mean_s * math.log1p(-p) for p in probabilities()]
        case Lognormal(median_s, sigma):
            return [median_s * math.exp(sigma * z) for z in _normal_quantiles()]
        case Gamma(mean_s, shape):
            from scipy.special import gammaincinv  # noqa: PLC0415 - heavy, and only this distribution needs it

            return [float(q) * mean_s / shape for q in gammaincinv(shape, probabilities())]
        case Empirical(quantiles_s):
            grid = np.linspace(0, 1, len(quantiles_s))
            return [float(q) for q in np.interp(probabilities(), grid, quantiles_s)]
        case _:
            raise TypeError(f"no quantiles for {dist!r}")
