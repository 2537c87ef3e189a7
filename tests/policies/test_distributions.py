"""Policies that draw, against SimPy models with luck of their own: the same distribution (Kolmogorov-Smirnov).

Workflows of one run are alike because they queue behind each other, so a sample is the mean of a replication.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.stats import ks_2samp

from harness.scenario.model import (
    Cache,
    Exponential,
    Pool,
    RateLoad,
    Replicas,
    Scenario,
    Step,
    Uniform,
    WorkflowType,
)
from harness.simulate.simulator import AgentLoadSimulator

simpy = pytest.importorskip("simpy")

REPLICATIONS = 150
WORKFLOWS = 150
SEED = 20
LEAST = 0.01
"""Fixed seeds: a p-value below this is a difference, not a chance."""


def scenario(step: Step, pool: Pool, rate_per_s: float) -> Scenario:
    return Scenario(
        name="drawn",
        load=RateLoad(rate_per_s, "poisson", workflows=WORKFLOWS),
        types=(WorkflowType("w", (step,)),),
        mix=(("w", 1.0),),
        pools=(pool,),
        run_timeout_s=1e6,
    )


def our_means(of: Scenario) -> list[float]:
    simulator = AgentLoadSimulator(of)
    runs = (simulator.run(SEED + k).workflows for k in range(REPLICATIONS))
    return [float(np.mean(run.finished_s - run.due_s)) for run in runs]


def peer_means(serve, choose, pools: int, agents: int, rate_per_s: float) -> list[float]:
    """Means of replications; `serve(luck)` is a time to hold an agent, `choose(luck, pools)` the pool that is asked."""
    means = []
    for k in range(REPLICATIONS):
        luck, env, taken = random.Random(1000 + SEED + k), simpy.Environment(), []
        places = [simpy.Resource(env, agents) for _ in range(pools)]

        def job(due_s, luck=luck, env=env, places=places, taken=taken):
            with choose(luck, places).request() as request:
                yield request
                yield env.timeout(serve(luck))
            taken.append(env.now - due_s)

        def source(luck=luck, env=env, job=job):
            for _ in range(WORKFLOWS):
                yield env.timeout(luck.expovariate(rate_per_s))
                env.process(job(env.now))

        env.process(source())
        env.run()
        means.append(sum(taken) / len(taken))
    return means


def same_distribution(ours: list[float], peers: list[float], others: list[float]) -> None:
    """As the peer's, and not as that of a system without the policy: the test can fail."""
    found, control = ks_2samp(ours, peers), ks_2samp(ours, others)
    assert found.pvalue > LEAST, f"seed {SEED}: {found}, means {np.mean(ours):.4f} and {np.mean(peers):.4f}"
    assert control.pvalue < LEAST / 100, f"seed {SEED}: {control}"


@pytest.mark.parametrize("hit_ratio", [0.3, 0.8])
def test_a_cache(hit_ratio):
    step = Step("ask", wait=Exponential(1.0), fail=0.0, cache=Cache(hit_ratio, Uniform(0.01, 0.03)))

    def serve(luck):
        return luck.uniform(0.01, 0.03) if luck.random() < hit_ratio else luck.expovariate(1.0)

    def first(_luck, places):
        return places[0]

    rate_per_s = 0.7 * 3 / (1 - hit_ratio)
    ours = our_means(scenario(step, Pool("agents", 3), rate_per_s))
    peers = peer_means(serve, first, 1, 3, rate_per_s)
    same_distribution(ours, peers, peer_means(lambda luck: luck.expovariate(1.0), first, 1, 3, rate_per_s))


def test_a_hit_does_not_fail_and_a_miss_does():
    step = Step("ask", wait=Exponential(0.1), fail=1.0, cache=Cache(0.25))
    runs = [AgentLoadSimulator(scenario(step, Pool("agents", 3), 5.0)).run(SEED + k) for k in range(40)]
    hits = sum(int((run.workflows.outcome == 0).sum()) for run in runs)
    # 6,000 draws of 0.25: four standard deviations are 134
    assert abs(hits - 1500) < 134, f"seed {SEED}: {hits}"


def test_two_choices():
    pool = Pool("agents", 1, replicas=Replicas(6, "two_choices"))
    rate_per_s = 0.8 * 6

    def serve(luck):
        return luck.expovariate(1.0)

    def best_of_two(luck, places):
        return min(luck.sample(places, 2), key=lambda one: one.count + len(one.queue))

    ours = our_means(scenario(Step("ask", wait=Exponential(1.0)), pool, rate_per_s))
    others = peer_means(serve, lambda luck, places: luck.choice(places), 6, 1, rate_per_s)
    same_distribution(ours, peer_means(serve, best_of_two, 6, 1, rate_per_s), others)
