"""The truth of a label, measured: what the same workflows with the same luck become when a resource is relieved."""

from __future__ import annotations

import dataclasses

import numpy as np

from harness.measure.latency import latencies
from harness.measure.record import Outcome, Run
from harness.scenario.model import RateLoad, Scenario

FACTOR = 4
RESOURCES = ("agent_pool", "queue", "cpu", "memory", "connection_pool", "rate_limit")


def relieved(scenario: Scenario, cause: str, name: str = "") -> Scenario:
    """`scenario` with four times as much of one resource; a queue becomes unbounded."""
    change = dataclasses.replace
    match cause:
        case "agent_pool" | "named_pool":
            pools = [change(one, size=one.size * FACTOR) if one.name == name else one for one in scenario.pools]
            found = change(scenario, pools=tuple(pools))
        case "queue":
            pools = [change(one, queue=None) if one.name == name else one for one in scenario.pools]
            found = change(scenario, pools=tuple(pools))
        case "cpu":
            found = change(scenario, cores=min(1024, scenario.cores * FACTOR))
        case "memory":
            limit = scenario.memory
            found = change(scenario, memory=limit and change(limit, limit_b=limit.limit_b * FACTOR))
        case "connection_pool":
            wider = [change(one, size=one.size * FACTOR) for one in scenario.connections]
            found = change(scenario, connections=tuple(wider))
        case "generator" if isinstance(scenario.load, RateLoad):
            cap = scenario.load.max_in_flight
            found = change(scenario, load=change(scenario.load, max_in_flight=cap and cap * FACTOR))
        case "generator":
            found = scenario
        case _:
            limits = scenario.rate_limits
            faster = [change(one, rate_per_s=one.rate_per_s * FACTOR, burst=one.burst * FACTOR) for one in limits]
            found = change(scenario, rate_limits=tuple(faster))
    return found


def all_relieved(scenario: Scenario) -> Scenario:
    """Four times as much of everything."""
    for pool in scenario.pools:
        scenario = relieved(relieved(scenario, "agent_pool", pool.name), "queue", pool.name)
    for cause in RESOURCES[2:]:
        scenario = relieved(scenario, cause)
    return scenario


def others(scenario: Scenario, cause: str, name: str) -> list[tuple[str, str]]:
    """Every other single resource of the scenario that could be relieved instead."""
    pools = [("agent_pool", pool.name) for pool in scenario.pools]
    found = [*pools, ("cpu", ""), ("memory", ""), ("connection_pool", ""), ("rate_limit", ""), ("generator", "")]
    if cause == "queue":
        return [one for one in found if one[0] != "agent_pool"]  # more agents hold a burst, too
    mine = ("agent_pool", name) if cause in ("agent_pool", "named_pool") else (cause, "")
    return [one for one in found if one != mine]


def p95_of_offered(run: Run) -> float:
    """The p95 latency of all that was offered, seconds: who was refused or gave up has an infinite one."""
    done = latencies(run)
    lost = int((run.workflows.outcome >= Outcome.TIMED_OUT).sum())
    refused = int(np.char.startswith(_errors(run), "rate_limited").sum())
    every = np.concatenate([done[: len(done) - refused], np.full(lost + refused, np.inf)])
    return float(np.sort(every)[max(0, int(np.ceil(0.95 * len(every))) - 1)])


def _errors(run: Run) -> np.ndarray:
    kinds = np.array([*run.error_kinds, ""])
    return kinds[run.workflows.error]
