"""Whether two Runs are the same bit for bit, and how to replay those that are not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import tomli_w

from harness.execute import run
from harness.measure.record import Run
from harness.scenario.declare import declaration_of
from harness.scenario.model import Scenario
from harness.simulate.forms import FormName
from harness.simulate.simulator import AgentLoadSimulator

ANY = {"real_s", "rest", "generator"}
"""Fields in which two engines may differ: how long they took, what the loop's process keeps, how its driver fared."""


def differences(one: Run, other: Run) -> list[str]:
    """Every field or column in which two Runs differ, with the first row that does."""
    found = []
    for field in dataclasses.fields(Run):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name in {"workflows", "attempts", "pool_changes"}:
            found += [f"{field.name}.{text}" for text in column_differences(mine, theirs)]
        elif field.name in {"resources", "gauges"}:
            if (len(mine.t_s), mine.values, mine.modelled) != (len(theirs.t_s), theirs.values, theirs.modelled):
                found.append(f"{field.name}: {mine} {theirs}")
        elif field.name not in ANY and not same(mine, theirs):
            found.append(f"{field.name}: {mine!r} {theirs!r}")
    return found


def column_differences(mine: object, theirs: object) -> list[str]:
    found = []
    for name in type(mine).__slots__:  # type: ignore[attr-defined]  # both are columns, which have slots
        a, b = getattr(mine, name), getattr(theirs, name)
        if a.dtype != b.dtype or a.shape != b.shape:
            found.append(f"{name}: {a.dtype}{a.shape} {b.dtype}{b.shape}")
        elif a.tobytes() != b.tobytes():
            row = next(k for k in range(len(a)) if a[k].tobytes() != b[k].tobytes())
            found.append(f"{name}[{row}]: {a[row]!r} {b[row]!r}")
    return found


def same(a: object, b: object) -> bool:
    return a == b or (a != a and b != b)  # noqa: PLR0124 - NaN is the same as NaN here


def readable_run(scenario: Scenario, seed: int) -> Run:
    """The Run of the asyncio orchestrator on the virtual loop."""
    return run(scenario, clock="virtual", seed=seed, engine="loop")


def check_twins(scenario: Scenario, seed: int, forms: Iterable[FormName]) -> Run:
    """Assert that every form gives the Run of the readable definition, and return that."""
    readable = readable_run(scenario, seed)
    for form in forms:
        found = differences(readable, AgentLoadSimulator(scenario, form).run(seed))
        assert not found, "\n".join([f"the {form} kernel differs:", *found, replay(scenario, seed)])
    return readable


def replay(scenario: Scenario, seed: int) -> str:
    """The scenario file and the seed that show a difference again."""
    return f"seed {seed} of this scenario file:\n{tomli_w.dumps(declaration_of(scenario))}"
