"""Two systems, as a scenario and as each peer would write them: idiomatic, and recording the same on every side.

`three_steps`: 50 in flight, each workflow takes three steps; a step takes one of 40 agents, waits for its model
(exponential, mean 300 ms) and burns on one of 8 cores (exponential, mean 10 ms) before it gives the agent back.
`plain`: Poisson arrivals at 80 % of what 8 agents can carry, one queue, one exponential service.

Every side records the latency of each workflow and nothing else; peers draw from `random.expovariate`, the kernel from
its counter-based quantile tables.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

from harness.scenario.model import ClosedLoad, Exponential, Pool, RateLoad, Scenario, Step, WorkflowType

IN_FLIGHT, AGENTS, CORES = 50, 40, 8
STEPS = 3
WAIT_S, BURN_S = 0.3, 0.01
SERVERS, SERVICE_S, LOAD = 8, 0.1, 0.8
RATE_PER_S = LOAD * SERVERS / SERVICE_S
LONG_S = 30 * 24 * 3600.0

Peer = Callable[[int], list[float]]
"""Runs the model with so many workflows and returns their latencies."""


def three_steps(workflows: int, in_flight: int = IN_FLIGHT) -> Scenario:
    """The three-step workflow with two pools."""
    steps = tuple(Step(f"s{k}", wait=Exponential(WAIT_S), burn=Exponential(BURN_S)) for k in range(STEPS))
    return Scenario(
        name="three_steps",
        load=ClosedLoad(in_flight, workflows=workflows),
        types=(WorkflowType("job", steps),),
        mix=(("job", 1.0),),
        pools=(Pool("agents", max(1, AGENTS * in_flight // IN_FLIGHT)),),
        cores=min(1024, max(1, CORES * in_flight // IN_FLIGHT)),
        run_timeout_s=LONG_S,
    )


def plain(workflows: int) -> Scenario:
    """One pool, one queue: M/M/8."""
    return Scenario(
        name="plain",
        load=RateLoad(RATE_PER_S, "poisson", workflows=workflows),
        types=(WorkflowType("job", (Step("serve", wait=Exponential(SERVICE_S)),)),),
        mix=(("job", 1.0),),
        pools=(Pool("agents", SERVERS),),
        run_timeout_s=LONG_S,
    )


def simpy_three_steps(workflows: int) -> list[float]:
    """As SimPy's own documentation would write it."""
    import simpy  # noqa: PLC0415 - a peer, imported where it is measured

    env = simpy.Environment()
    agents, cores = simpy.Resource(env, AGENTS), simpy.Resource(env, CORES)
    draw, latencies, left = random.Random(1).expovariate, [], [workflows]

    def client() -> Generator[Any, Any, None]:
        while left[0] > 0:
            left[0] -= 1
            due = env.now
            for _ in range(STEPS):
                with agents.request() as agent:
                    yield agent
                    yield env.timeout(draw(1 / WAIT_S))
                    with cores.request() as core:
                        yield core
                        yield env.timeout(draw(1 / BURN_S))
            latencies.append(env.now - due)

    for _ in range(IN_FLIGHT):
        env.process(client())
    env.run()
    return latencies


def simpy_plain(workflows: int) -> list[float]:
    """As SimPy's own bank example does it."""
    import simpy  # noqa: PLC0415 - a peer, imported where it is measured

    env = simpy.Environment()
    servers = simpy.Resource(env, SERVERS)
    draw, latencies = random.Random(1).expovariate, []

    def source() -> Generator[Any, Any, None]:
        for _ in range(workflows):
            yield env.timeout(draw(RATE_PER_S))
            env.process(customer())

    def customer() -> Generator[Any, Any, None]:
        due = env.now
        with servers.request() as server:
            yield server
            yield env.timeout(draw(1 / SERVICE_S))
        latencies.append(env.now - due)

    env.process(source())
    env.run()
    return latencies


def ciw_plain(workflows: int) -> list[float]:
    """Ciw's network of one node; it keeps a record of every customer, which is how it hands out latencies."""
    import ciw  # noqa: PLC0415 - a peer, imported where it is measured

    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(RATE_PER_S)],
        service_distributions=[ciw.dists.Exponential(1 / SERVICE_S)],
        number_of_servers=[SERVERS],
    )
    ciw.seed(1)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(workflows, method="Finish")
    return [record.exit_date - record.arrival_date for record in simulation.get_all_records()]


def heap_plain(workflows: int) -> list[float]:
    """A loop over a heap, written by hand for this one model and nothing else."""
    draw, latencies = random.Random(1).expovariate, []
    push, pop = heapq.heappush, heapq.heappop
    ends: list[tuple[float, float]] = []
    queue: deque[float] = deque()
    due, left = draw(RATE_PER_S), workflows
    while left or ends:
        if left and (not ends or due < ends[0][0]):
            left -= 1
            if len(ends) < SERVERS:
                push(ends, (due + draw(1 / SERVICE_S), due))
            else:
                queue.append(due)
            due += draw(RATE_PER_S)
        else:
            now, began = pop(ends)
            latencies.append(now - began)
            if queue:
                push(ends, (now + draw(1 / SERVICE_S), queue.popleft()))
    return latencies
