"""Durations drawn many at once are, bit for bit, those that the program draws one by one; and the peer does our job."""

from __future__ import annotations

import random

import pytest

from benchmarks.virtual_loop.same_job import differing
from harness.drive.drawn_ahead import DrawnType
from harness.plan.draws import workflow_key
from harness.plan.program import compile_programs
from harness.scenario.model import BurstLoad, Constant, Exponential, Lognormal, Pool, Scenario, Step, WorkflowType


def drawn(seed: int) -> DrawnType:
    steps = (
        Step("none", wait=Constant(0.2)),
        Step("both", wait=Exponential(0.3), burn=Lognormal(0.01, 1.5)),
        Step("burn", burn=Exponential(0.3)),
    )
    scenario = Scenario(
        name="drawn",
        load=BurstLoad((1,)),
        types=(WorkflowType("t", steps),),
        mix=(("t", 1.0),),
        pools=(Pool("agents", 1),),
    )
    return DrawnType(compile_programs(scenario)[0], seed)


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(range(6000), id="in order"),
        pytest.param(range(5999, -1, -1), id="backwards"),
        pytest.param(range(0, 2_000_000, 19_997), id="one in many"),
        pytest.param([0, 31, 32, 33, 127, 128, 129, 511, 512, 1535, 1536, 31, 512, 9000, 32, 5000, 2**40], id="edges"),
        pytest.param(random.Random(5).choices(range(9000), k=3000), id="anyhow"),
    ],
)
def test_the_same_bits_in_whatever_order_they_are_asked_for(numbers: list[int]) -> None:
    seed = 2**62 + 7
    ahead = drawn(seed)
    for number in numbers:
        key, durations = ahead.of(number)
        assert key == workflow_key(seed, number), number
        one_by_one = tuple((step.wait_s(key, k, 1), step.burn_s(key, k, 1)) for k, step in enumerate(ahead.steps))
        assert durations == one_by_one, number


def test_simpy_with_the_same_draws_gives_the_same_rows_bit_for_bit() -> None:
    """So the benchmark compares two programs that do the same job."""
    assert differing(1500) == []
