"""Identical code on hosts that do what hosts do: no rule was tuned on any of these. Each draws both sides."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from benchmarks.verdicts.noise import Side
from benchmarks.verdicts.peers import PEERS
from benchmarks.verdicts.synthetic import OURS, SEED, verdicts
from benchmarks.verdicts.table import Rate, Row, Section

Shape: TypeAlias = tuple[int, int, int]
Pair: TypeAlias = tuple[Side, Side]
Host: TypeAlias = Callable[[np.random.Generator, Shape], Pair]

VALUES = 20


def misleading(comparisons: int) -> Section:
    """False alarms where something about the host misleads."""
    section = Section(
        "Identical code on hosts that mislead",
        f"Per 1000 single-metric comparisons; {comparisons} each, {VALUES} values per process, in the order they ran; "
        "paired: said to be rounds of both sides. Nothing was tuned on these.",
    )
    for k, (name, host) in enumerate(HOSTS.items()):
        for n in (5, 10, 40):
            base, head = host(np.random.default_rng([SEED, 15, k, n]), (comparisons, n, VALUES))
            answers = {}
            for title, paired in ((OURS, None), (f"{OURS}, paired", True)):
                alarms = sum(v.changed for v in verdicts(base, head, paired=paired))
                answers[title] = str(Rate(alarms, comparisons, 1000))
            few = min(comparisons, 300)
            for peer in ("mean:5%", "Mann-Whitney, medians", "asv"):
                answers[peer] = str(Rate(int(PEERS[peer](base[:few], head[:few]).sum()), few, 1000))
            section.rows.append(Row(f"{name}, {n} processes", "", answers))
    return section


def _values(rng: np.random.Generator, shape: Shape, between: float = 0.03, within: float = 0.05) -> Side:
    """Logarithms: processes that differ, values that differ within them."""
    level = between * rng.standard_normal((*shape[:2], 1))
    return np.asarray(level + within * rng.standard_normal(shape))


def _both(rng: np.random.Generator, shape: Shape, shared: Side) -> Pair:
    return np.exp(shared + _values(rng, shape)), np.exp(shared + _values(rng, shape))


def _drift(rng: np.random.Generator, shape: Shape) -> Pair:
    slope = rng.uniform(-0.3, 0.3, (shape[0], 1, 1))
    return _both(rng, shape, slope * np.linspace(0, 1, shape[1])[None, :, None])


def _switches(rng: np.random.Generator, shape: Shape) -> Side:
    """Slow by 30 % or not, changing sides with a chance of 0.2 from process to process."""
    start = rng.random((shape[0], 1)) < 0.5
    changes = np.cumsum(rng.random(shape[:2]) < 0.2, axis=1)
    return np.asarray(0.3 * ((changes + start) % 2)[:, :, None])


def _machine_states(rng: np.random.Generator, shape: Shape) -> Pair:
    return _both(rng, shape, _switches(rng, shape))


def _states_apart(rng: np.random.Generator, shape: Shape) -> Pair:
    sides = [np.exp(_switches(rng, shape) + _values(rng, shape)) for _ in range(2)]
    return sides[0], sides[1]


def _outliers(rng: np.random.Generator, shape: Shape) -> Pair:
    sides = []
    for _ in range(2):
        hit = (rng.random((*shape[:2], 1)) < 0.1) * rng.uniform(0.5, 3, (*shape[:2], 1))
        sides.append(np.exp(hit + _values(rng, shape)))
    return sides[0], sides[1]


def _warm_up(rng: np.random.Generator, shape: Shape) -> Pair:
    """Each process, and the first processes of the session, are slow at first."""
    within = 0.5 * np.exp(-np.arange(shape[2]) / 2)[None, None, :]
    return _both(rng, shape, within + 0.2 * np.exp(-np.arange(shape[1]) / 2)[None, :, None])


def _bursts(rng: np.random.Generator, shape: Shape) -> Pair:
    """A neighbour that takes the core for a fifth of a process's time, in half of them."""
    sides = []
    for _ in range(2):
        start = rng.integers(0, shape[2], (*shape[:2], 1))
        here = (np.arange(shape[2]) >= start) & (np.arange(shape[2]) < start + shape[2] // 5)
        hit = here * (rng.random((*shape[:2], 1)) < 0.5) * rng.exponential(0.7, (*shape[:2], 1))
        sides.append(np.exp(hit + _values(rng, shape)))
    return sides[0], sides[1]


def _calm_and_stormy(rng: np.random.Generator, shape: Shape) -> Pair:
    """How noisy a round is differs by an order of magnitude, and how noisy it looks within says nothing of it."""
    storm, look = (0.05 * np.exp(1.2 * rng.standard_normal((*shape[:2], 1))) for _ in range(2))
    sides = []
    for _ in range(2):
        level = storm * np.clip(rng.standard_t(2, storm.shape), -40, 40)
        sides.append(np.exp(level + look * rng.standard_normal(shape)))
    return sides[0], sides[1]


def _coarse_clock(rng: np.random.Generator, shape: Shape) -> Pair:
    sides = [np.round(20 * np.exp(_values(rng, shape))) / 20 for _ in range(2)]
    return sides[0], sides[1]


def _correlated_values(rng: np.random.Generator, shape: Shape) -> Pair:
    sides = []
    for _ in range(2):
        log = rng.standard_normal(shape)
        for k in range(1, shape[2]):
            log[:, :, k] = 0.95 * log[:, :, k - 1] + np.sqrt(1 - 0.95**2) * log[:, :, k]
        sides.append(np.exp(0.1 * log))
    return sides[0], sides[1]


def _pareto(rng: np.random.Generator, shape: Shape) -> Pair:
    return 1 + 0.3 * rng.pareto(1.5, shape), 1 + 0.3 * rng.pareto(1.5, shape)


HOSTS: dict[str, Host] = {
    "shared drift of up to 30 %": _drift,
    "machine states, shared": _machine_states,
    "machine states of each side's own": _states_apart,
    "one process in ten is an outlier": _outliers,
    "warm-up of session and process": _warm_up,
    "bursts": _bursts,
    "calm and stormy rounds": _calm_and_stormy,
    "a coarse clock": _coarse_clock,
    "correlated values": _correlated_values,
    "Pareto tails": _pareto,
}
