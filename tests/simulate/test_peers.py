"""The kernel against SimPy and Ciw: the same trajectories, on models of the same system with the same drawn times."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from harness.measure.record import Outcome, Run
from harness.plan.arrivals import OpenArrivals, Plan, plan
from harness.plan.draws import workflow_key
from harness.scenario.model import (
    ClosedLoad,
    Constant,
    Exponential,
    Lognormal,
    Pool,
    RateLoad,
    Scenario,
    Step,
    WorkflowType,
)
from harness.simulate.simulator import AgentLoadSimulator

simpy = pytest.importorskip("simpy")
ciw = pytest.importorskip("ciw")

SEED = 11


def three_steps(workflows: int) -> Scenario:
    """Two pools and cores, all of them scarce; the second pool refuses what its queue does not hold."""
    steps = (
        Step("plan", wait=Lognormal(0.2, 0.6), burn=Exponential(0.02)),
        Step("tool", pool="tools", wait=Exponential(0.1), burn=Exponential(0.01)),
        Step("write", wait=Lognormal(0.1, 0.4), fail=0.05),
    )
    return Scenario(
        name="three",
        load=ClosedLoad(30, workflows=workflows, think=Constant(0.05)),
        types=(WorkflowType("job", steps),),
        mix=(("job", 1.0),),
        pools=(Pool("agents", 12), Pool("tools", 3, queue=4)),
        cores=2,
        run_timeout_s=1e6,
    )


class SimpyTwin:
    """The same system in SimPy, drawing what the plan draws."""

    def __init__(self, planned: Plan) -> None:
        scenario = planned.scenario
        self.planned = planned
        self.env = simpy.Environment()
        self.pools = [simpy.Resource(self.env, pool.size) for pool in scenario.pools]
        self.queues = [pool.queue for pool in scenario.pools]
        self.cores = simpy.Resource(self.env, scenario.cores)
        self.offered = 0
        self.ended: dict[int, tuple[float, int]] = {}

    def workflow(self, number: int) -> Generator[Any, Any, int]:
        key = workflow_key(SEED, number)
        for place, step in enumerate(self.planned.programs[0].steps):
            pool, queue = self.pools[step.pool], self.queues[step.pool]
            if pool.count == pool.capacity and queue is not None and len(pool.queue) >= queue:
                return Outcome.REJECTED
            with pool.request() as agent:
                yield agent
                yield self.env.timeout(step.wait_s(key, place, 1))
                burn_s = step.burn_s(key, place, 1)
                if burn_s > 0:
                    with self.cores.request() as core:
                        yield core
                        yield self.env.timeout(burn_s)
            if step.fails(key, place, 1):
                return Outcome.FAILED
        return Outcome.SUCCEEDED

    def client(self, total: int, think_s: float) -> Generator[Any, Any, None]:
        while self.offered < total:
            number = self.offered
            self.offered += 1
            outcome = yield from self.workflow(number)
            self.ended[number] = (self.env.now, outcome)
            yield self.env.timeout(think_s)

    def run(self, load: ClosedLoad) -> None:
        for _ in range(load.in_flight):
            self.env.process(self.client(load.workflows or 0, 0.05))
        self.env.run()


@pytest.mark.parametrize("form", ["interpreted", "auto"])
def test_simpy_takes_the_same_course(form: Any) -> None:
    scenario = three_steps(5000)
    assert isinstance(scenario.load, ClosedLoad)
    twin = SimpyTwin(plan(scenario, SEED))
    twin.run(scenario.load)
    run = AgentLoadSimulator(scenario, form).run(SEED)
    assert {Outcome.REJECTED, Outcome.FAILED, Outcome.SUCCEEDED} == set(run.workflows.outcome.tolist())
    numbers = range(len(run.workflows))
    assert [twin.ended[number][1] for number in numbers] == run.workflows.outcome.tolist()
    # SimPy adds the same floats in the same order, so its times are the same to the last bit
    assert [twin.ended[number][0] for number in numbers] == run.workflows.finished_s.tolist()


def ciw_exits(planned: Plan, run: Run, servers: int) -> list[float]:
    """When each customer leaves a Ciw node that is fed the run's own gaps and services, in the order of arrival."""
    arrivals = planned.arrivals
    assert isinstance(arrivals, OpenArrivals)
    step = planned.programs[0].steps[0]
    services = [step.wait_s(workflow_key(SEED, number), 0, 1) for number in range(len(run.workflows))]
    gaps = np.diff(arrivals.due_s, prepend=0.0).tolist()
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps, 1e9])],
        service_distributions=[ciw.dists.Sequential(services)],
        number_of_servers=[servers],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(len(services), method="Finish")
    records = sorted(simulation.get_all_records(), key=lambda record: record.arrival_date)
    return [float(record.exit_date) for record in records]


def test_ciw_takes_the_same_course() -> None:
    scenario = Scenario(
        name="mmc",
        load=RateLoad(5.5, "poisson", workflows=3000),
        types=(WorkflowType("job", (Step("serve", wait=Exponential(0.5)),)),),
        mix=(("job", 1.0),),
        pools=(Pool("agents", 3),),
        run_timeout_s=1e6,
    )
    planned, run = plan(scenario, SEED), AgentLoadSimulator(scenario).run(SEED)
    exits = ciw_exits(planned, run, 3)
    # gaps taken from due times and added up again are not the same floats, so only nearly
    np.testing.assert_allclose(sorted(exits), np.sort(run.workflows.finished_s)[: len(exits)], rtol=0, atol=1e-6)
    assert len(exits) >= 2990
