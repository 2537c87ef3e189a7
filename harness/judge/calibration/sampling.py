"""What a scenario, simulated several times, comes out as: the middle of each figure and the spread between runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.judge.calibration.records import Simulate
from harness.measure.metrics import summarise
from harness.measure.record import Run
from harness.measure.summary import Estimate, MultiAgentLoadMetrics
from harness.scenario.model import Scenario

FIRST_SEED = 2_000_003
"""Seeds of predictions begin here: neither a measured run nor the making of the model has had them."""
NAMES = ("latency_p50", "latency_p95", "latency_p99", "throughput")


def figures_of(scenario: Scenario, simulate: Simulate) -> dict[str, float]:
    """Median over a few simulations of every figure; NaN where it does not exist."""
    return {name: float(np.median(values)) for name, values in _drawn(scenario, 5, 1, simulate).items()}


def estimates_of(scenario: Scenario, groups: int, replications: int, simulate: Simulate) -> dict[str, Estimate]:
    """Every figure of `replications` runs together, simulated `groups` times: the median, and the range that holds
    95 % of them."""
    estimates = {}
    for name, values in _drawn(scenario, groups, replications, simulate).items():
        seen = [value for value in values if np.isfinite(value)]
        if not seen:
            estimates[name] = Estimate(None, doubt="no workflow was carried out in the simulation")
            continue
        low, middle, high = (float(x) for x in np.quantile(seen, (0.025, 0.5, 0.975)))
        estimates[name] = Estimate(middle, low, high)
    return estimates


def _drawn(scenario: Scenario, groups: int, replications: int, simulate: Simulate) -> dict[str, list[float]]:
    drawn: dict[str, list[float]] = {name: [] for name in NAMES}
    for group in range(groups):
        begin = FIRST_SEED + group * replications
        found = figures(scenario, [simulate(scenario, seed) for seed in range(begin, begin + replications)])
        for name, estimate in found.items():
            drawn[name].append(float("nan") if estimate.value is None else estimate.value)
    return drawn


def figures(scenario: Scenario, runs: Sequence[Run]) -> dict[str, Estimate]:
    """The figures that are compared, of runs of `scenario`."""
    return figures_in(summarise(scenario, runs))


def figures_in(metrics: MultiAgentLoadMetrics) -> dict[str, Estimate]:
    """The figures that are compared, in a summary."""
    latency = metrics.latency
    found = (latency.p50, latency.p95, latency.p99, metrics.throughput.mean)
    return dict(zip(NAMES, found, strict=True))
