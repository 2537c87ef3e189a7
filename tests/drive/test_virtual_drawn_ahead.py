"""Durations drawn many at once are, bit for bit, those that the program draws one by one; and the peer does our job."""

from __future__ import annotations

import random

import pytest

from benchmarks.virtual_loop.same_job import differing
from harness.drive.drawn_ahead import DrawnStep
from harness.plan.draws import workflow_key
from harness.plan.program import compile_programs
from harness.scenario.model import BurstLoad, Constant, Exponential, Lognormal, Pool, Scenario, Step, WorkflowType


def drawn(seed: int) -> DrawnStep:
    step = Step("s", wait=Exponential(0.3), burn=Lognormal(0.01, 1.5))
    scenario = Scenario(
        name="drawn",
        load=BurstLoad((1,)),
        types=(WorkflowType("t", (Step("none", wait=Constant(0.2)), step)),),
        mix=(("t", 1.0),),
        pools=(Pool("agents", 1),),
    )
    return DrawnStep(compile_programs(scenario)[0].steps[1], seed, 1)


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(range(6000), id="in order"),
        pytest.param(range(5999, -1, -1), id="backwards"),
        pytest.param(range(0, 2_000_000, 19_997), id="one in many"),
        pytest.param([0, 255, 256, 257, 1279, 1280, 1281, 2304, 255, 1280, 9000, 256, 5000, 2**40], id="edges"),
        pytest.param(random.Random(5).choices(range(9000), k=3000), id="anyhow"),
    ],
)
def test_the_same_bits_in_whatever_order_they_are_asked_for(numbers: list[int]) -> None:
    seed = 2**62 + 7
    ahead = drawn(seed)
    for number in numbers:
        key = workflow_key(seed, number)
        for attempt in (1, 2):
            assert ahead.wait.of(number, key, attempt) == ahead.program.wait_s(key, 1, attempt), number
            assert ahead.burn.of(number, key, attempt) == ahead.program.burn_s(key, 1, attempt), number


def test_simpy_with_the_same_draws_gives_the_same_rows_bit_for_bit() -> None:
    """So the benchmark compares two programs that do the same job."""
    assert differing(1500) == []
