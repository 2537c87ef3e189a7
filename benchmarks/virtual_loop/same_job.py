"""The three steps in SimPy, doing all that the built-in orchestrator does for a Run: the same draws, the same rows.

`benchmarks.simulator.models.simpy_three_steps` keeps latencies alone and draws from `random.expovariate`. This one is
what it takes to get the same columns out of SimPy, and it gets them: `differing` compares every one.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from benchmarks.simulator.models import AGENTS, CORES, IN_FLIGHT, three_steps
from harness.measure.record import AttemptColumns
from harness.plan.draws import workflow_key
from harness.plan.program import compile_programs

SEED = 0
_WORKFLOW_TIMES = ("due_s", "started_s", "finished_s")


def simpy_same_job(workflows: int) -> tuple[dict[str, Any], AttemptColumns]:
    """Run it; returns the columns of the workflows (due, started, finished) and those of the attempts."""
    import simpy

    env = simpy.Environment()
    agents, cores = simpy.Resource(env, AGENTS), simpy.Resource(env, CORES)
    steps = compile_programs(three_steps(workflows))[0].steps
    due: list[float] = []
    started: list[float] = []
    finished: list[float] = []
    rows: list[tuple[Any, ...]] = []

    def workflow(number: int) -> Generator[Any, Any, None]:
        started[number] = env.now
        key = workflow_key(SEED, number)
        for index, step in enumerate(steps):
            requested_s = env.now
            with agents.request() as agent:
                depth, busy = (0, agents.count) if agent.triggered else (len(agents.queue), AGENTS)
                yield agent
                granted_s = env.now
                yield env.timeout(step.wait_s(key, index, 1))
                yield from burn(number, index, step.burn_s(key, index, 1))
            rows.append((number, index, 1, 0, requested_s, granted_s, env.now, depth, busy, 0, -1))
        finished[number] = env.now

    def burn(number: int, index: int, seconds: float) -> Generator[Any, Any, None]:
        requested_s = env.now
        with cores.request() as core:
            depth, busy = (0, cores.count) if core.triggered else (len(cores.queue), CORES)
            yield core
            granted_s = env.now
            yield env.timeout(seconds)
        rows.append((number, index, 1, 1, requested_s, granted_s, env.now, depth, busy, 0, -1))

    def client() -> Generator[Any, Any, None]:
        while len(due) < workflows:
            number = len(due)
            due.append(env.now)
            started.append(float("nan"))
            finished.append(float("nan"))
            yield from workflow(number)

    for _ in range(IN_FLIGHT):
        env.process(client())
    env.run()
    times = dict(zip(_WORKFLOW_TIMES, map(np.array, (due, started, finished)), strict=True))
    return times, AttemptColumns(*(np.array(column) for column in zip(*rows, strict=True)))


def differing(workflows: int) -> list[str]:
    """The columns in which SimPy and the built-in orchestrator differ: none, bit for bit, rows in one order."""
    from harness.execute import run

    times, attempts = simpy_same_job(workflows)
    ours = run(three_steps(workflows), clock="virtual", engine="loop", seed=SEED)
    found = [name for name in _WORKFLOW_TIMES if (times[name] != getattr(ours.workflows, name)).any()]
    one, other = _in_order(attempts), _in_order(ours.attempts)
    return found + [name for name in one if (one[name] != other[name]).any()]


def _in_order(attempts: AttemptColumns) -> dict[str, Any]:
    place = np.lexsort((attempts.pool, attempts.step, attempts.workflow))
    return {name: getattr(attempts, name)[place] for name in AttemptColumns.__slots__}
