"""One function out of many: it does what they do, leaves out what is decided, refuses what it cannot put in place."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from harness.simulate import flat

LIMIT = 3


def entry(sim: Any) -> int:
    world = sim.worlds[0]
    while True:
        step(sim, world, 2)
        found = judge(sim, world, world.now)
        if found >= LIMIT:
            break
    return found


def step(sim: Any, world: Any, by: int) -> None:
    if world.doubled:
        by *= 2
    world.now += by
    sim.seen.append(world.now)


def judge(sim: Any, world: Any, now: int) -> int:  # noqa: ARG001 - as the kernel's
    world.now += 1
    if now < 0:
        return 0
    if now > 10:
        found = now
        return found
    return 1


def nested(sim: Any) -> int:
    world = sim.worlds[0]
    found = 1 + judge(sim, world, 1)
    return found


def returning(sim: Any) -> int:
    world = sim.worlds[0]
    found = looping(sim, world)
    return found


def looping(sim: Any, world: Any) -> int:  # noqa: ARG001 - as the kernel's
    for k in range(3):
        if k == world.now:
            return k
    return -1


def made(function: Any, facts: dict[str, float]) -> tuple[str, Any]:
    parts = flat.functions_of((sys.modules[__name__],))
    source, known = flat.flattened(function, parts, facts, "run")
    return source, flat.made(source, known, "run", "<a test>")


@pytest.mark.parametrize("doubled", [0, 1])
@pytest.mark.parametrize("known", [False, True])
def test_one_function_does_what_the_many_do(doubled: int, known: bool) -> None:
    source, run = made(entry, {"world.doubled": doubled} if known else {})
    left = []
    for function in (entry, run):
        sim = SimpleNamespace(worlds=[SimpleNamespace(now=0, doubled=doubled)], seen=[])
        left.append((function(sim), sim.seen, sim.worlds[0].now))
    assert left[0] == left[1]
    assert "judge" not in source
    assert ("doubled" in source) == (not known)


@pytest.mark.parametrize(
    ("function", "why"), [(nested, "judge is called where"), (returning, "a return within a loop")]
)
def test_what_cannot_be_put_in_place_is_refused(function: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        made(function, {})


def test_infinity_is_put_in_and_nan_is_not() -> None:
    """A text of NaN does not say which sign its bits have."""
    source, _ = made(weighing, {})
    assert "1e309" in source
    assert "math_nan" in source


def weighing(sim: Any) -> float:
    world = sim.worlds[0]
    world.now = math.inf
    world.then = math.nan
    return world.now
