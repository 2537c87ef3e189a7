"""Small systems whose whole course is worked out by hand, in both engines.

The twin test holds one engine to the other, so a fault that both have is nothing to it. What stands in these tests was
written down from what each policy's record says, before it was run. Times are sums of powers of two: they are exact.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from harness.execute import run
from harness.measure.record import Run
from harness.scenario.model import Constant, Pool, Retry, Scenario, Step, TraceLoad, WorkflowType
from harness.simulate.simulator import AgentLoadSimulator
from tests.policies.systems import endings

ENGINES = ("definition", "twin")
in_both = pytest.mark.parametrize("engine", ENGINES)

Steps = Step | tuple[Step, ...]


def takes(wait_s: float, **given: Any) -> Step:
    """A step that waits so long."""
    return Step(given.pop("name", "work"), wait=Constant(wait_s), **given)


def made(
    kinds: Mapping[str, Steps], comes: Sequence[tuple[float, str]], cap: int | None = None, **given: Any
) -> Scenario:
    """Workflows of these `kinds` that come at these times; `cap` bounds those in flight."""
    seen = sorted({kind for _, kind in comes})
    load = TraceLoad(
        array("d", [due_s for due_s, _ in comes]).tobytes(),
        array("H", [seen.index(kind) for _, kind in comes]).tobytes(),
        tuple(seen),
        max_in_flight=cap,
    )
    types = tuple(WorkflowType(name, one if isinstance(one, tuple) else (one,)) for name, one in kinds.items())
    settings: dict[str, Any] = {"pools": (Pool("agents", 1),), "retry": Retry(1), "run_timeout_s": 1e4, **given}
    return Scenario(name="worked", load=load, types=types, mix=tuple((name, 1.0) for name in kinds), **settings)


def alike(step: Steps, times: Sequence[float], **given: Any) -> Scenario:
    """Workflows of one kind, which come at these times."""
    return made({"w": step}, [(due_s, "w") for due_s in times], **given)


def carried(engine: str, scenario: Scenario, seed: int = 0) -> Run:
    """The run of one engine."""
    if engine == "twin":
        return AgentLoadSimulator(scenario, "stepwise").run(seed)
    return run(scenario, clock="virtual", seed=seed, engine="loop")


def ends(done: Run) -> list[tuple[float, str]]:
    """When each workflow ended and how; of one that succeeded, nothing."""
    return [(at, "" if how == "succeeded" else how) for at, how in endings(done)]


def succeeded(*times: float) -> list[tuple[float, str]]:
    """All of them, at these times."""
    return [(at, "") for at in times]


def changes(done: Run) -> list[tuple[float, int]]:
    """When the size of a pool changed, and to what."""
    found, was = [], {}
    for pool, at, size in zip(done.pool_changes.pool, done.pool_changes.t_s, done.pool_changes.size, strict=True):
        if was.get(pool) != size:
            found.append((float(at), int(size)))
        was[pool] = size
    return found


def stays(done: Run, pool: str, *columns: str) -> list[tuple[Any, ...]]:
    """These columns of all rows at a place, in the order of workflow, step and attempt."""
    rows, place = done.attempts, done.pool_names.index(pool)
    order = sorted(range(len(rows)), key=lambda k: (rows.workflow[k], rows.step[k], rows.attempt[k]))
    return [tuple(getattr(rows, name)[k].item() for name in columns) for k in order if rows.pool[k] == place]
