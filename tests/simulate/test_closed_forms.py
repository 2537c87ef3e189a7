"""The kernel against queueing theory, at a million workflows a system.

Formulas: L. Kleinrock, "Queueing Systems", vol. 1, Wiley 1975: M/M/1 (3.2), M/M/c and Erlang's C (3.5), M/M/c/c and
Erlang's B (3.6), M/M/c/K (3.5 and 3.6 together, from the birth-death chain of section 3.1); M/G/1 and M/D/1 by the
Pollaczek-Khinchin formula (5.6).

Each figure is held to a 99.9 % t-interval over independent replications. All run with their own seed, fixed, so that a
test that passes will pass again; the chance that a right kernel had failed one of them was about one in a hundred.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest
from scipy import stats

from harness.measure.record import Outcome
from harness.scenario.model import (
    Constant,
    Distribution,
    Exponential,
    Gamma,
    Lognormal,
    Pool,
    RateLoad,
    Scenario,
    Step,
    WorkflowType,
)
from harness.simulate.simulator import AgentLoadSimulator
from harness.simulate.streamed import StreamedRun

REPLICATIONS = 20
WORKFLOWS = 50_000 if find_spec("numba") else 2_500
"""In each; together a million where the kernel can be compiled."""
WIDEST = 0.1 if find_spec("numba") else 0.5

SERVICE_S = 0.5


def system(servers: int, load: float, service: Distribution, queue: int | None = None) -> Scenario:
    """Poisson arrivals of `load` erlang per server, one pool, one step; mean service `SERVICE_S`."""
    return Scenario(
        name="system",
        load=RateLoad(load * servers / SERVICE_S, "poisson", workflows=WORKFLOWS),
        types=(WorkflowType("job", (Step("serve", wait=service),)),),
        mix=(("job", 1.0),),
        pools=(Pool("agents", servers, queue),),
        run_timeout_s=1e6,
    )


def holds(scenario: Scenario, figure: Callable[[StreamedRun], float], expected: float) -> None:
    """Assert that the mean of a figure over replications is where theory says."""
    simulator = AgentLoadSimulator(scenario)
    found = np.array([figure(simulator.stream(seed)) for seed in range(REPLICATIONS)])
    half = stats.t.ppf(0.9995, REPLICATIONS - 1) * found.std(ddof=1) / math.sqrt(REPLICATIONS)
    assert abs(found.mean() - expected) < half, f"{found.mean():.6g} ± {half:.2g}, expected {expected:.6g}"
    assert half < WIDEST * expected, "an interval so wide holds anything"


def mean_wait_s(run: StreamedRun) -> float:
    served = run.offered - run.outcomes["rejected"]
    return run.pools["agents"].waited_s / served


def rejected_share(run: StreamedRun) -> float:
    return run.outcomes[Outcome.REJECTED.name.lower()] / run.offered


def erlang_b(servers: int, erlangs: float) -> float:
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = erlangs * blocked / (k + erlangs * blocked)
    return blocked


def erlang_c(servers: int, erlangs: float) -> float:
    b = erlang_b(servers, erlangs)
    return b / (1 - erlangs / servers * (1 - b))


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (1, 0.8), (4, 0.7), (20, 0.8)])
def test_waiting_in_mmc_is_erlangs_c(servers: int, load: float) -> None:
    expected = erlang_c(servers, load * servers) * SERVICE_S / (servers * (1 - load))
    holds(system(servers, load, Exponential(SERVICE_S)), mean_wait_s, expected)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.7), (5, 0.9), (30, 1.1)])
def test_loss_in_mmcc_is_erlangs_b(servers: int, load: float) -> None:
    expected = erlang_b(servers, load * servers)
    holds(system(servers, load, Exponential(SERVICE_S), queue=0), rejected_share, expected)


@pytest.mark.parametrize("service", [Gamma(SERVICE_S, 2.0), Lognormal(SERVICE_S * math.exp(-0.5), 1.0)])
def test_erlangs_b_does_not_ask_how_service_is_distributed(service: Distribution) -> None:
    holds(system(5, 0.9, service, queue=0), rejected_share, erlang_b(5, 4.5))


@pytest.mark.parametrize(("servers", "load", "queue"), [(1, 0.9, 4), (3, 1.2, 7)])
def test_loss_and_waiting_in_mmck(servers: int, load: float, queue: int) -> None:
    erlangs, places = load * servers, servers + queue
    weights = [
        erlangs**n / (math.factorial(min(n, servers)) * servers ** max(0, n - servers)) for n in range(places + 1)
    ]
    chances = [weight / sum(weights) for weight in weights]
    scenario = system(servers, load, Exponential(SERVICE_S), queue)
    holds(scenario, rejected_share, chances[-1])
    waiting = sum((n - servers) * chances[n] for n in range(servers, places + 1))
    accepted_per_s = erlangs / SERVICE_S * (1 - chances[-1])
    holds(scenario, mean_wait_s, waiting / accepted_per_s)


@pytest.mark.parametrize(
    ("service", "square_over_mean_square"),
    [
        (Constant(SERVICE_S), 1.0),
        (Gamma(SERVICE_S, 4.0), 1.25),
        (Lognormal(SERVICE_S * math.exp(-0.32), 0.8), math.exp(0.64)),
    ],
    ids=["M/D/1", "M/G/1 gamma", "M/G/1 lognormal"],
)
@pytest.mark.parametrize("load", [0.5, 0.8])
def test_waiting_in_mg1_is_pollaczek_khinchins(
    service: Distribution, square_over_mean_square: float, load: float
) -> None:
    expected = load * SERVICE_S * square_over_mean_square / (2 * (1 - load))
    holds(system(1, load, service), mean_wait_s, expected)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_latency_in_mm1_is_exponential(share: float) -> None:
    load = 0.7
    expected = -math.log(1 - share) * SERVICE_S / (1 - load)
    holds(system(1, load, Exponential(SERVICE_S)), lambda run: run.latency.percentile(share), expected)


def test_utilisation_is_the_load() -> None:
    holds(
        system(4, 0.7, Exponential(SERVICE_S)),
        lambda run: run.pools["agents"].utilisation(run.ended_s),
        0.7,
    )
