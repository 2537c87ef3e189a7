"""Noise whose truth is known: every function draws one side, shape (comparisons, processes, values), medians near 1."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Side: TypeAlias = NDArray[np.float64]
Draw: TypeAlias = Callable[[np.random.Generator, tuple[int, int, int]], Side]

SCALE = 0.05
"""Relative noise of the families: that of a small shared host, five times the effect floor."""


def normal(rng: np.random.Generator, shape: tuple[int, int, int]) -> Side:
    return np.asarray(np.exp(SCALE * rng.standard_normal(shape)))


def lognormal(rng: np.random.Generator, shape: tuple[int, int, int]) -> Side:
    """Skewed even on the logarithmic scale: 1 plus a lognormal delay."""
    return np.asarray(1 + SCALE * np.exp(rng.standard_normal(shape)))


def bimodal(rng: np.random.Generator, shape: tuple[int, int, int]) -> Side:
    """A process is fast or 10 % slower as a whole, at even odds (hash seed, memory layout)."""
    slow = rng.random((shape[0], shape[1], 1)) < 0.5
    return np.asarray((1 + 0.1 * slow) * np.exp(0.01 * rng.standard_normal(shape)))


def rare_mode(rng: np.random.Generator, shape: tuple[int, int, int]) -> Side:
    """One process in five is 30 % slower."""
    slow = rng.random((shape[0], shape[1], 1)) < 0.2
    return np.asarray((1 + 0.3 * slow) * np.exp(0.01 * rng.standard_normal(shape)))


def heavy(rng: np.random.Generator, shape: tuple[int, int, int]) -> Side:
    """Student's t with 2 degrees of freedom: no variance."""
    return np.asarray(np.exp(SCALE * np.clip(rng.standard_t(2, shape), -60, 60)))


def cauchy(rng: np.random.Generator, shape: tuple[int, int, int]) -> Side:
    return np.asarray(np.exp(SCALE / 5 * np.clip(rng.standard_cauchy(shape), -300, 300)))


def process_shift(rng: np.random.Generator, shape: tuple[int, int, int]) -> Side:
    """Each process has a level of its own, five times as far apart as its values."""
    level = SCALE * rng.standard_normal((shape[0], shape[1], 1))
    return np.asarray(np.exp(level + SCALE / 5 * rng.standard_normal(shape)))


def autocorrelated(rho: float) -> Draw:
    """AR(1) between the processes of a side, stationary from the first one."""

    def draw(rng: np.random.Generator, shape: tuple[int, int, int]) -> Side:
        shocks = rng.standard_normal(shape[:2])
        level = np.empty(shape[:2])
        level[:, 0] = shocks[:, 0]
        for k in range(1, shape[1]):
            level[:, k] = rho * level[:, k - 1] + np.sqrt(1 - rho**2) * shocks[:, k]
        return np.asarray(np.exp(SCALE * level[:, :, None] + SCALE / 10 * rng.standard_normal(shape)))

    return draw


def quiet_processes(rng: np.random.Generator, shape: tuple[int, int, int]) -> Side:
    """1 % between processes, nothing within them."""
    return np.asarray(np.exp(0.01 * rng.standard_normal((shape[0], shape[1], 1))) * np.ones(shape))


def quiet(rng: np.random.Generator, shape: tuple[int, int, int]) -> Side:
    """1 % between processes and 1 % within them."""
    level = 0.01 * rng.standard_normal((shape[0], shape[1], 1))
    return np.asarray(np.exp(level + 0.01 * rng.standard_normal(shape)))


FAMILIES: dict[str, Draw] = {
    "normal": normal,
    "lognormal": lognormal,
    "bimodal": bimodal,
    "heavy-tailed": heavy,
    "process shift": process_shift,
}
HELD_OUT: dict[str, Draw] = {"rare slow mode": rare_mode, "Cauchy": cauchy}
"""Families that no rule was tuned on."""
