"""Systems whose every time is given: a trace of due times, and a type of its own for each time that a step takes.

So a model written against the declaration alone, without our draws, has to give the same trajectory.
"""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness.measure.record import Outcome, Run
from harness.scenario.model import Pool, Retry, Scenario, Step, TraceLoad, WorkflowType
from harness.simulate.simulator import AgentLoadSimulator

KINDS = 40


@dataclass(frozen=True)
class Job:
    """One workflow of one step: when it is due, how long it takes, whether it fails, what memory it asks for."""

    due_s: float
    wait_s: float
    fails: bool = False
    hold_b: int = 0


@dataclass
class System:
    """Jobs, and the scenario that declares them."""

    jobs: list[Job]
    scenario: Scenario
    seed: int = 0
    ended: list[tuple[float, str]] = field(default_factory=list)


def system(seed: int, count: int, *, gap_s: float, wait_s: float, fail: float = 0.0, **changes: Any) -> System:
    """`count` jobs with exponential gaps and times; `changes` are those of the scenario, `step` those of its steps.

    `kinds` is the number of types, and so of different times.
    """
    luck = random.Random(seed)
    step, many = changes.pop("step", {}), changes.pop("kinds", KINDS)
    kinds = [
        Step("work", wait=replace(Step("w").wait, value_s=luck.expovariate(1 / wait_s)), **step) for _ in range(many)
    ]
    kinds = [
        replace(one, fail=float(luck.random() < fail), hold_b=luck.randrange(1, 400) if "memory" in changes else 0)
        for one in kinds
    ]
    types = tuple(WorkflowType(f"k{k}", (one,)) for k, one in enumerate(kinds))
    due_s, now_s, picked = [], 0.0, [luck.randrange(many) for _ in range(count)]
    for _ in range(count):
        now_s += luck.expovariate(1 / gap_s)
        due_s.append(now_s)
    given: dict[str, Any] = {
        "pools": (Pool("agents", 4),),
        "retry": Retry(1),
        "run_timeout_s": 1e6,
        **changes,
    }
    seen = sorted(set(picked))
    load = TraceLoad(
        array("d", due_s).tobytes(),
        array("H", map(seen.index, picked)).tobytes(),
        tuple(f"k{k}" for k in seen),
    )
    scenario = Scenario(name="policy", load=load, types=types, mix=tuple((kind.name, 1.0) for kind in types), **given)
    jobs = [
        Job(due, kinds[k].wait.value_s, bool(kinds[k].fail), kinds[k].hold_b)
        for due, k in zip(due_s, picked, strict=True)
    ]
    return System(jobs, scenario, seed)


def ours(of: System) -> list[tuple[float, str]]:
    """When each job ended with us, and how: the outcome, and its kind of error."""
    return endings(AgentLoadSimulator(of.scenario).run(of.seed))


def endings(run: Run) -> list[tuple[float, str]]:
    """When each workflow of a run ended, and how."""
    kinds = (*run.error_kinds, "")
    table = run.workflows
    names = [
        f"{Outcome(outcome).name.lower()} {kinds[error]}".strip()
        for outcome, error in zip(table.outcome, table.error, strict=True)
    ]
    return list(zip(np.asarray(table.finished_s).tolist(), names, strict=True))


def same(found: list[tuple[float, str]], expected: list[tuple[float, str]]) -> None:
    """The same ends; times to a nanosecond, for two ways to add are not the same sum."""
    assert [how for _, how in found] == [how for _, how in expected]
    np.testing.assert_allclose([at for at, _ in found], [at for at, _ in expected], rtol=0, atol=1e-8)
