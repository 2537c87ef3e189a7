"""Plans: due times, quotas of the mix, and what stays the same when something else changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.plan.arrivals import ClosedArrivals, DrainedBursts, OpenArrivals, plan, quotas
from harness.plan.program import backoff_s, burns, compile_programs
from harness.scenario.model import (
    BurstLoad,
    ClosedLoad,
    Constant,
    Load,
    Pool,
    RateLoad,
    Retry,
    Scenario,
    Step,
    WorkflowType,
)


def scenario(load: Load, **mix: float) -> Scenario:
    types = tuple(WorkflowType(name, (Step("s", wait=Constant(0.1)),)) for name in mix or {"only": 1.0})
    return Scenario(
        name="s", load=load, types=types, mix=tuple((mix or {"only": 1.0}).items()), pools=(Pool("agents", 1),)
    )


def due_of(load: Load, seed: int = 0) -> np.ndarray:
    arrivals = plan(scenario(load), seed).arrivals
    assert isinstance(arrivals, OpenArrivals)
    return arrivals.due_s


def test_constant_rate_is_evenly_spaced_without_drift() -> None:
    due = due_of(RateLoad(3.0, "constant", workflows=3_000_001))
    assert due[0] == 0
    assert due[-1] == pytest.approx(1e6, rel=1e-15)


@pytest.mark.parametrize(("duration_s", "count"), [(0.99, 99), (1.0, 100), (1.001, 101)])
def test_a_duration_offers_what_is_due_before_it_ends(duration_s: float, count: int) -> None:
    due = due_of(RateLoad(100.0, "constant", duration_s=duration_s))
    assert len(due) == count
    assert due[-1] < duration_s


@pytest.mark.parametrize("seed", range(5))
def test_poisson_gaps_are_exponential(seed: int) -> None:
    due = due_of(RateLoad(50.0, "poisson", workflows=20_000), seed)
    assert len(due) == 20_000
    assert stats.kstest(np.diff(due), stats.expon(scale=1 / 50).cdf).pvalue > 1e-4
    assert due_of(RateLoad(50.0, "poisson", duration_s=10.0), seed)[-1] < 10.0


def test_seeds_give_other_arrivals_and_the_same_seed_the_same() -> None:
    load = RateLoad(50.0, "poisson", workflows=100)
    assert (due_of(load, 1) == due_of(load, 1)).all()
    assert (due_of(load, 1) != due_of(load, 2)).any()


def test_bursts_by_the_clock_and_by_drain() -> None:
    arrivals = plan(scenario(BurstLoad((2, 3), every_s=1.5)), 0).arrivals
    assert isinstance(arrivals, OpenArrivals)
    assert arrivals.due_s.tolist() == [0, 0, 1.5, 1.5, 1.5]
    assert arrivals.batch.tolist() == [0, 0, 1, 1, 1]
    drained = plan(scenario(BurstLoad((2, 3))), 0)
    assert drained.arrivals == DrainedBursts((2, 3), 0.0, False)
    assert drained.total == 5
    closed = plan(scenario(ClosedLoad(4, duration_s=1.0)), 0)
    assert closed.arrivals == ClosedArrivals(4, 0.0, None, 1.0)
    assert closed.total is None


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=8).filter(lambda w: sum(w) > 1e-6),
    st.integers(1, 500),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5),
)
def test_quotas_sum_up_and_are_within_one_of_the_exact_share(
    weights: list[float], size: int, offsets: list[float]
) -> None:
    counts = quotas(tuple(weights), size, np.array(offsets))
    assert (counts.sum(axis=1) == size).all()
    assert (counts >= 0).all()
    exact = np.array(weights) / sum(weights) * size
    assert (np.abs(counts - exact) < 1 + 1e-6).all()


@pytest.mark.parametrize("block", [1, 4, 7, 100])
def test_rare_types_come_round_in_any_size_of_burst(block: int) -> None:
    load = BurstLoad((block,) * (20_000 // block))
    planned = plan(scenario(load, a=10.0, b=6.0, c=4.0, d=3.0, e=2.0, f=0.025), 3)
    total = sum(load.sizes)
    dealt = np.bincount([planned.deal.type_of(number) for number in range(total)], minlength=6)
    np.testing.assert_allclose(dealt, np.array([10, 6, 4, 3, 2, 0.025]) / 25.025 * total, atol=4)


@given(st.integers(0, 2**32))
def test_each_burst_carries_its_exact_mix(seed: int) -> None:
    planned = plan(scenario(BurstLoad((35, 35)), cpu=20.0, memory=15.0), seed)
    dealt = [planned.deal.type_of(number) for number in range(70)]
    assert dealt[:35].count(0) == dealt[35:].count(0) == 20


def test_blocks_of_a_hundred_carry_the_mix_and_seeds_change_the_order() -> None:
    load = ClosedLoad(5, workflows=250)
    orders = []
    for seed in (1, 2):
        deal = plan(scenario(load, a=3.0, b=1.0), seed).deal
        order = [deal.type_of(number) for number in range(250)]
        assert order[:100].count(0) == order[100:200].count(0) == 75
        assert order[200:].count(0) in {37, 38}
        orders.append(order)
    assert orders[0] != orders[1]


@pytest.mark.parametrize(("attempt", "most_s"), [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.5), (60, 0.5)])
def test_backoff_doubles_up_to_its_cap(attempt: int, most_s: float) -> None:
    steady = Retry(max_attempts=99, base_s=0.1, factor=2.0, cap_s=0.5, jitter="none")
    assert backoff_s(steady, 1, 0, attempt) == pytest.approx(most_s)
    jittered = Retry(max_attempts=99, base_s=0.1, factor=2.0, cap_s=0.5)
    waits = [backoff_s(jittered, key, 0, attempt) for key in range(2_000)]
    assert 0 <= min(waits) < max(waits) < most_s
    assert np.mean(waits) == pytest.approx(most_s / 2, rel=0.1)


def test_burning_is_noticed() -> None:
    idle = scenario(ClosedLoad(1, workflows=1))
    assert not burns(compile_programs(idle))
    kind = WorkflowType("only", (Step("s", burn=Constant(0.1)),))
    busy = Scenario(name="s", load=idle.load, types=(kind,), mix=(("only", 1.0),), pools=idle.pools)
    assert burns(compile_programs(busy))
