"""Histories with planted steps, and flat ones: ours beside asv's, otava's, e-divisive's and PELT's change points."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from asv import step_detect  # type: ignore[import-untyped]  # asv has no types
from numpy.typing import NDArray

from benchmarks.verdicts.synthetic import OURS, SEED
from benchmarks.verdicts.table import Rate, Row, Section
from harness.judge.history import find_steps

Series: TypeAlias = NDArray[np.float64]
Detector: TypeAlias = Callable[[Series], list[int]]

SLOW = "e-divisive"
NEAR = 3
"""Commits that a reported step may be off."""


def history(series: int) -> Section:
    """F1 on planted steps and the share of flat series alarmed, easy and hard noise."""
    section = Section(
        "Change points in histories",
        f"{series} series with planted steps and {series} flat ones, the same for all (the slow e-divisive: the first "
        f"{_few(series)} of each), of 40 to 200 commits; a step counts as found within {NEAR} commits. Clear: steps of "
        "3 to 10 times the noise, at least 8 commits apart. Hard: 2 to 8 times, 6 apart. Noise: normal, Student t3, "
        "outliers, skewed, bimodal, AR(1) with rho = 0.5; not the series tuned on.",
    )
    for title, sizes, apart, must in (("clear", (3.0, 10.0), 8, "≥ 0.97"), ("hard", (2.0, 8.0), 6, "")):
        planted, flat = {}, {}
        for name, detect in detectors().items():
            count = _few(series) if name == SLOW else series
            planted[name], flat[name] = _score(detect, count, sizes, apart)
        section.rows.append(Row(f"{title}: F1 on planted steps", must, planted))
        section.rows.append(Row(f"{title}: flat series alarmed, %", "≤ 1" if must else "", flat))
    return section


def detectors() -> dict[str, Detector]:
    """Ours and every peer that is installed; otava and ruptures are optional."""
    found: dict[str, Detector] = {OURS: _ours, "asv step_detect": _asv}
    otava, ruptures = _optional("otava.analysis"), _optional("ruptures")
    if otava is not None:
        found["otava"] = lambda values: _indices(otava.compute_change_points(values.tolist())[0])
        found[SLOW] = lambda values: _indices(
            otava.compute_change_points_orig(values.tolist(), max_pvalue=0.05, seed=1)[0]
        )
    if ruptures is not None:
        found["PELT, BIC"] = lambda values: _pelt(ruptures, values)
    return found


def _optional(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        return None


def _few(series: int) -> int:
    return max(series // 3, 20)


def _ours(values: Series) -> list[int]:
    return [step.index for step in find_steps(values.tolist(), [str(k) for k in range(len(values))]).steps]


def _asv(values: Series) -> list[int]:
    return [int(segment[0]) for segment in step_detect.detect_steps(values.tolist())[1:]]


def _indices(points: Any) -> list[int]:
    return [int(point.index) for point in points]


def _pelt(ruptures: Any, values: Series) -> list[int]:
    """Least squares with Schwarz's penalty: twice the noise variance times the logarithm of the length."""
    logs = np.log(values)
    noise = 1.4826 * float(np.median(np.abs(np.diff(logs)))) / np.sqrt(2)
    found = ruptures.Pelt(model="l2", min_size=4, jump=1).fit(logs).predict(pen=2 * noise**2 * np.log(len(logs)))
    return [int(index) for index in found[:-1]]


def _score(detect: Detector, count: int, sizes: tuple[float, float], apart: int) -> tuple[str, str]:
    rng = np.random.default_rng([SEED, 21, apart])
    hits = spurious = missed = alarmed = 0
    for _ in range(count):
        values, truth = planted(rng, sizes, apart)
        found = detect(values)
        matched = _matched(found, truth)
        hits, spurious, missed = hits + matched, spurious + len(found) - matched, missed + len(truth) - matched
        alarmed += bool(detect(np.exp(_noise(rng, int(rng.integers(40, 200))))))
    return f"{2 * hits / (2 * hits + spurious + missed):.3f}", str(Rate(alarmed, count))


def _matched(found: list[int], truth: list[int]) -> int:
    """Planted steps with a reported one near, each reported one used once."""
    left = list(found)
    for step in truth:
        near = [index for index in left if abs(index - step) <= NEAR]
        if near:
            left.remove(min(near, key=lambda index: abs(index - step)))
    return len(found) - len(left)


def planted(rng: np.random.Generator, sizes: tuple[float, float], apart: int) -> tuple[Series, list[int]]:
    """One to three steps, each so many times the noise of 2 %."""
    n = int(rng.integers(60, 200))
    while True:
        steps = np.sort(rng.choice(np.arange(apart, n - apart), int(rng.integers(1, 4)), replace=False))
        if len(steps) == 1 or np.diff(steps).min() >= apart:
            break
    level = _noise(rng, n)
    for step in steps:
        level[step:] += 0.02 * rng.choice([-1, 1]) * rng.uniform(*sizes)
    return np.exp(level), [int(step) for step in steps]


def _noise(rng: np.random.Generator, n: int) -> Series:
    normal = rng.standard_normal(n)
    kind = rng.integers(6)
    if kind == 0:
        return 0.02 * normal
    if kind == 1:
        return np.asarray(0.02 * rng.standard_t(3, n) / 1.3)
    if kind == 2:
        return np.asarray(0.02 * (normal + np.where(rng.random(n) < 0.05, rng.uniform(4, 12, n), 0)))
    if kind == 3:
        return np.asarray(0.02 * (np.exp(0.7 * normal) - 1) / 0.8)
    if kind == 4:
        return np.asarray(0.02 * (0.5 * normal + 1.2 * (rng.random(n) < 0.3)))
    for k in range(1, n):
        normal[k] = 0.5 * normal[k - 1] + np.sqrt(0.75) * normal[k]
    return 0.02 * normal
