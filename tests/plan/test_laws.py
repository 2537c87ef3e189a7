"""Rates that change: due times against the integral of the rate, pauses, ends, Poisson processes of such a rate."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.plan.arrivals import ClosedArrivals, OpenArrivals, due_stretches, expected_workflows, plan
from harness.plan.laws import RateCurve, curve_of
from harness.scenario.model import (
    BurstLoad,
    ClosedLoad,
    ClosedRampLoad,
    Constant,
    Exponential,
    Load,
    PhasedLoad,
    Pool,
    RampLoad,
    RateLoad,
    RateStep,
    Scenario,
    SpikesLoad,
    Step,
    StepsLoad,
    TraceLoad,
    WorkflowType,
)

rates = st.sampled_from([0.0, 0.5, 3.0, 7.25, 40.0])
lengths = st.floats(0.1, 20.0)
curves = st.one_of(
    st.builds(RampLoad, rates, rates, lengths).filter(lambda load: load.from_per_s + load.to_per_s > 0),
    st.builds(StepsLoad, st.lists(st.builds(RateStep, rates, lengths), min_size=1, max_size=6).map(tuple)).filter(
        lambda load: any(step.rate_per_s for step in load.steps)
    ),
    st.builds(SpikesLoad, rates, st.sampled_from([5.0, 60.0]), st.floats(0.05, 0.5), st.floats(0.5, 3.0), lengths),
)


def due_of(load: Load, seed: int = 0) -> np.ndarray:
    return np.concatenate(list(due_stretches(load, seed)))


def rate_at(load: Load, t: float) -> float:
    """The rate at an instant, from the declaration alone."""
    match load:
        case RampLoad(low, high, duration_s):
            return low + (high - low) * t / duration_s
        case StepsLoad(steps):
            for step in steps:
                if t < step.duration_s:
                    return step.rate_per_s
                t -= step.duration_s
            return 0.0
        case SpikesLoad():
            return load.spike_per_s if t % load.period_s >= load.period_s - load.length_s else load.rate_per_s
    raise AssertionError(load)


def edges_of(load: Load) -> list[float]:
    match load:
        case StepsLoad(steps):
            return list(np.cumsum([step.duration_s for step in steps]))
        case SpikesLoad():
            ends = np.arange(1, math.ceil(load.duration_s / load.period_s) + 1) * load.period_s
            return [*ends, *(ends - load.length_s)]
    return []


def amount_until(load: Load, t: float) -> float:
    points = [0.0, *sorted(edge for edge in edges_of(load) if 0 < edge < t), t]
    # between its edges a rate is linear, and its middle is its mean
    return sum(rate_at(load, (a + b) / 2) * (b - a) for a, b in pairwise(points))


@settings(deadline=None, print_blob=True)
@given(curves)
def test_the_n_th_workflow_is_due_when_the_rate_has_brought_in_n(load: RampLoad | StepsLoad | SpikesLoad) -> None:
    due, length_s = due_of(load), curve_of(load).end_s
    assert (np.diff(due) >= 0).all()
    assert len(due) == 0 or 0 <= due[0] <= due[-1] < length_s
    for n in {0, 1, len(due) // 2, len(due) - 1} & set(range(len(due))):
        assert amount_until(load, due[n]) == pytest.approx(n, abs=1e-6 * (1 + n))
    assert abs(len(due) - amount_until(load, length_s)) <= 1 + 1e-6
    assert expected_workflows(load) == pytest.approx(len(due), abs=1)


@settings(deadline=None, print_blob=True)
@given(curves, st.integers(0, 2**32))
def test_spacing_changes_the_times_and_not_the_rate(load: RampLoad | StepsLoad | SpikesLoad, seed: int) -> None:
    random = due_of(
        type(load)(**{**{name: getattr(load, name) for name in load.__slots__}, "spacing": "poisson"}), seed
    )
    expected = amount_until(load, curve_of(load).end_s)
    assert abs(len(random) - expected) <= 6 * math.sqrt(expected) + 6
    assert (np.diff(random) >= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_poisson_ramp_is_a_poisson_process_of_that_rate(seed: int) -> None:
    load = RampLoad(10.0, 190.0, 60.0, spacing="poisson")
    due = due_of(load, seed)
    amounts = np.array([(10.0 + 180.0 * t / 120.0) * t for t in due])
    assert stats.kstest(np.diff(amounts), stats.expon().cdf).pvalue > 1e-4
    assert abs(len(due) - 6000) < 5 * math.sqrt(6000)


def test_nothing_comes_in_a_pause_and_the_next_comes_at_its_end() -> None:
    steps = (RateStep(0.0, 2.0), RateStep(10.0, 1.0), RateStep(0.0, 5.0), RateStep(1.0, 2.0), RateStep(0.0, 3.0))
    due = due_of(StepsLoad(steps))
    assert due.tolist() == pytest.approx([*(2 + np.arange(10) / 10), 8.0, 9.0])


def test_a_spike_ends_each_period() -> None:
    due = due_of(SpikesLoad(0.0, 100.0, 0.1, 1.0, 3.0))
    assert len(due) == 30
    assert sorted({int(t * 10 + 1e-9) for t in due}) == [9, 19, 29]


def test_a_rate_that_does_not_change_is_the_constant_law_to_the_last_bit() -> None:
    constant = due_of(RateLoad(7.3, "constant", duration_s=100.0))
    assert due_of(StepsLoad((RateStep(7.3, 100.0),))).tobytes() == constant.tobytes()
    assert due_of(RampLoad(7.3, 7.3, 100.0)).tobytes() == constant.tobytes()


def test_a_ramp_down_to_nothing_ends_with_its_length() -> None:
    due = due_of(RampLoad(1000.0, 0.0, 20.0))
    assert len(due) == 10_000
    assert due[-1] < 20.0


def test_a_curve_carries_its_amount() -> None:
    curve = curve_of(RampLoad(0.0, 10.0, 10.0))
    assert isinstance(curve, RateCurve)
    assert curve.amount() == pytest.approx(50.0)
    assert curve.times_of(np.array([0.0, 12.5, 50.0])).tolist() == pytest.approx([0.0, 5.0, 10.0])


# --------------------------------------------------------------------------- traces, phases, changes in flight


def trace(*times: float, **given: object) -> TraceLoad:
    return TraceLoad(array("d", times).tobytes(), **given)  # type: ignore[arg-type]  # by keyword


def test_a_trace_is_replayed_at_its_factor_and_cut_at_its_duration() -> None:
    assert due_of(trace(0.0, 1.0, 1.0, 5.0)).tolist() == [0.0, 1.0, 1.0, 5.0]
    assert due_of(trace(0.0, 1.0, 1.0, 5.0, rate_factor=2.0, duration_s=2.5)).tolist() == [0.0, 0.5, 0.5]
    assert len(due_of(trace(*np.arange(10_000) / 7))) == 10_000


def scenario(load: Load) -> Scenario:
    types = tuple(WorkflowType(name, (Step("s", wait=Constant(0.1)),)) for name in "ab")
    return Scenario("s", load, types, (("a", 1.0), ("b", 1.0)), (Pool("agents", 1),))


def test_a_trace_says_the_types() -> None:
    load = trace(0.0, 1.0, 2.0, kinds=array("H", [1, 1, 0]).tobytes(), type_names=("a", "b"))
    deal = plan(scenario(load), 3).deal
    assert [deal.type_of(number) for number in range(3)] == [1, 1, 0]
    assert plan(scenario(load), 3).deal.more().tolist() == [1, 1, 0]


def test_each_phase_begins_where_the_one_before_ends() -> None:
    phases = (
        RateLoad(2.0, "constant", duration_s=2.0),
        BurstLoad((3, 1), every_s=1.0),
        RampLoad(0.0, 4.0, 2.0),
        trace(0.0, 0.5),
    )
    due = due_of(PhasedLoad(phases))
    assert due.tolist() == pytest.approx([0, 0.5, 1, 1.5, 2, 2, 2, 3, 4, 5, 4 + math.sqrt(2), 4 + math.sqrt(3), 6, 6.5])


def test_phases_of_a_poisson_process_do_not_share_their_luck() -> None:
    one = RateLoad(50.0, "poisson", duration_s=4.0)
    due = due_of(PhasedLoad((one, one)), 1)
    first, second = due[due < 4.0], due[due >= 4.0] - 4.0
    assert first.tolist() == due_of(one, 1).tolist()
    assert first[:5].tolist() != second[:5].tolist()


def test_the_number_in_flight_changes_one_by_one() -> None:
    load = PhasedLoad((ClosedLoad(2, duration_s=1.0), ClosedRampLoad(2, 5, 3.0), ClosedLoad(1, duration_s=1.0)))
    arrivals = plan(scenario(load), 0).arrivals
    changes = ((1.0, 2), (2.0, 3), (3.0, 4), (4.0, 5), (4.0, 1))
    assert arrivals == ClosedArrivals(2, 0.0, None, 5.0, changes)


def test_times_to_think_are_drawn_by_workflow() -> None:
    arrivals = plan(scenario(ClosedLoad(2, workflows=9, think=Exponential(0.5))), 7).arrivals
    assert isinstance(arrivals, ClosedArrivals)
    drawn = [arrivals.think_s(7, number) for number in range(4000)]
    assert drawn[:10] == [arrivals.think_s(7, number) for number in range(10)]
    assert np.mean(drawn) == pytest.approx(0.5, rel=0.1)
    assert drawn[:10] != [arrivals.think_s(8, number) for number in range(10)]


@pytest.mark.parametrize("load", [RampLoad(0.0, 2e6, 10.0), RateLoad(1e6, "poisson", workflows=10**7)])
def test_ten_million_due_times_need_not_be_held(load: Load) -> None:
    stretches = due_stretches(load, 1)
    assert max(len(next(stretches)) for _ in range(100)) <= 4096


def test_a_cap_is_part_of_the_plan() -> None:
    arrivals = plan(scenario(RampLoad(1.0, 2.0, 3.0, max_in_flight=4)), 0).arrivals
    assert isinstance(arrivals, OpenArrivals)
    assert arrivals.max_in_flight == 4
