"""One measurement: a side, a model, a size. Runs in a process of its own, so that memory is that side's alone.

`python -m benchmarks.simulator.sides SIDE MODEL WORKFLOWS IN_FLIGHT` prints CPU seconds and MiB grown as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.simulator import models
from harness.scenario.model import Scenario
from harness.simulate.forms import FormName
from harness.simulate.simulator import AgentLoadSimulator

Work = Callable[[int, int], object]
"""Runs a model with so many workflows and so many in flight."""

SCENARIOS: dict[str, Callable[[int, int], Scenario]] = {
    "three_steps": models.three_steps,
    "plain": lambda workflows, _in_flight: models.plain(workflows),
}

PEERS: dict[tuple[str, str], models.Peer] = {
    ("simpy", "three_steps"): models.simpy_three_steps,
    ("simpy", "plain"): models.simpy_plain,
    ("ciw", "plain"): models.ciw_plain,
    ("heap loop", "plain"): models.heap_plain,
}

OWN: dict[str, tuple[FormName, bool]] = {
    "interpreted": ("interpreted", True),
    "compiled": ("compiled", True),
    "compiled, every row": ("compiled", False),
}
"""Name: form, and whether it streams (latencies only, as the peers) or keeps the whole Run."""


def work_of(side: str, model: str) -> Work:
    """What to time; the compiled kernel is loaded before."""
    if (side, model) in PEERS:
        return lambda workflows, _in_flight: PEERS[side, model](workflows)
    form, streams = OWN[side]
    scenario = SCENARIOS[model]

    def work(workflows: int, in_flight: int) -> object:
        simulator = AgentLoadSimulator(scenario(workflows, in_flight), form)
        return simulator.stream(1) if streams else simulator.run(1)

    return work


def measured(work: Work, workflows: int, in_flight: int) -> dict[str, Any]:
    """CPU seconds of one run and how far the process's peak memory rose over it, after a small one to warm up."""
    work(100, min(in_flight, 10))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.process_time()
    work(workflows, in_flight)
    cpu_s = time.process_time() - began_s
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    return {"cpu_s": cpu_s, "grown_mib": grown_kib / 1024}


if __name__ == "__main__":
    side, model, workflows, in_flight = sys.argv[1:]
    print(json.dumps(measured(work_of(side, model), int(workflows), int(in_flight))))  # noqa: T201 - a script
