"""The search over a load: what a trial is, where it ends, what is kept when it is broken off, how verdicts settle."""

import dataclasses
from collections.abc import Callable, Iterable
from functools import partial

import pytest

from harness.errors import DeclarationError, TargetError
from harness.execute import run_all
from harness.judge.capacity.load import Length, axis_of, baseline_trial, steady_trial
from harness.judge.capacity.result import find_capacity
from harness.judge.capacity.search import Effort, Search, Watch, search_of
from harness.measure.record import Run
from harness.scenario.load import find_scenario, load_scenarios
from harness.scenario.model import BaselineLine, ClosedRampLoad, RampLoad, RateLoad, Scenario

VIRTUAL = partial(run_all, clock="virtual")
QUICK = Effort(replications=2, most_replications=2, length=Length(least=300))


def scenario(name: str, **changed: object) -> Scenario:
    return dataclasses.replace(find_scenario(load_scenarios(None), name), **changed)  # type: ignore[arg-type]


TEN = scenario("10_concurrent_workflows")


def test_a_closed_trial_holds_so_many_in_flight_and_leaves_its_start_out() -> None:
    trial = steady_trial(TEN, 30, Length(turns=8, warm_up=2))
    assert (trial.load.in_flight, trial.load.workflows) == (30, 300)  # type: ignore[union-attr]
    assert trial.warm_up_workflows == 60


def test_a_burst_is_judged_as_bursts_and_its_knee_measured_in_a_steady_state() -> None:
    burst = scenario("50_concurrent_workflows")
    assert baseline_trial(burst, 70, Length()).load.sizes == (70, 70, 70)  # type: ignore[union-attr]
    assert steady_trial(burst, 70, Length()).load.law == "closed"


def test_a_rate_runs_as_long_as_declared_or_longer() -> None:
    open_load = scenario("10_concurrent_workflows", load=RateLoad(20.0, "poisson", duration_s=30.0))
    short, long = (steady_trial(open_load, 40.0, Length(service_s=s)).load.duration_s for s in (0.1, 10.0))  # type: ignore[union-attr]
    assert short == pytest.approx(30.3)
    assert long == pytest.approx(30.0 + 160.0)


def test_a_low_rate_has_as_much_longer_for_its_run_as_it_takes() -> None:
    open_load = scenario("10_concurrent_workflows", load=RateLoad(100.0, "poisson", duration_s=20.0))
    trial = steady_trial(open_load, 6.25, Length(least=3000))
    assert trial.load.duration_s == pytest.approx(480.0)  # type: ignore[union-attr]
    assert trial.run_timeout_s >= open_load.run_timeout_s * 480 / 20


def test_a_law_without_one_number_is_refused_by_name() -> None:
    ramp = scenario("10_concurrent_workflows", load=ClosedRampLoad(1, 20, 10.0))
    with pytest.raises(DeclarationError, match=r"load\.law: expected one of closed, burst.*found closed_ramp"):
        axis_of(ramp)


def test_a_load_without_a_steady_state_needs_a_baseline() -> None:
    ramp = scenario("10_concurrent_workflows", load=RampLoad(1.0, 20.0, 10.0), baseline=())
    with pytest.raises(DeclarationError, match=r"baseline: expected a line that load can break.*found none"):
        search_of(ramp, VIRTUAL)


@pytest.mark.parametrize(
    ("first", "last"), [(0, 10), (1.5, 10), (float("nan"), 10), (1, float("inf")), (9, 9), (9, 3), (1, 1e9)]
)
def test_bounds_that_make_no_sense_are_refused(first: float, last: float) -> None:
    with pytest.raises(DeclarationError, match=r"--from|--to"):
        search_of(TEN, VIRTUAL, first=first, last=last)


def test_the_highest_load_that_holds_is_found() -> None:
    found = find_capacity(search_of(TEN, VIRTUAL, effort=QUICK))
    assert (found.held.status, found.held.level, found.held.broken_at) == ("found", 30.0, 31.0)
    assert found.refused_from == (30.0, 31.0)  # ten agents and twenty who wait
    assert found.held.low is not None
    assert found.held.low <= 30
    assert found.held.high == 31.0
    assert found.found


def test_a_poisson_load_has_its_knee_at_the_rate_that_the_pool_serves() -> None:
    load = RateLoad(10.0, "poisson", duration_s=40.0)
    line = BaselineLine("latency_p95", "<", 2.0, "< 2 s")
    pools = (dataclasses.replace(TEN.pools[0], queue=None),)
    found = find_capacity(
        search_of(scenario("10_concurrent_workflows", load=load, pools=pools, baseline=(line,)), VIRTUAL, effort=QUICK)
    )
    assert found.axis.name == "rate per second"
    assert found.knee is not None
    assert found.knee.load == pytest.approx(28.3, rel=0.05)  # 10 agents at 353 ms
    assert found.cause.name == "agents"
    assert found.held.level == pytest.approx(28.3, rel=0.15)


def test_a_trace_or_ramp_is_searched_by_a_factor() -> None:
    load = RampLoad(1.0, 10.0, 30.0)
    line = BaselineLine("success_rate", ">=", 0.95, ">= 95 %")
    found = find_capacity(
        search_of(scenario("10_concurrent_workflows", load=load, baseline=(line,)), VIRTUAL, effort=QUICK)
    )
    assert found.axis.name == "times the declared rates"
    assert found.knee is None
    assert found.held.status == "found"
    assert found.held.level is not None
    assert found.held.level > 2.5


def test_a_bound_that_is_reached_is_no_capacity() -> None:
    found = find_capacity(search_of(TEN, VIRTUAL, last=6, effort=QUICK))
    assert found.held.status == "never_broken"
    assert found.knee is None
    assert not found.found


def test_a_baseline_that_never_holds_is_said_so() -> None:
    impossible = BaselineLine("latency_p50", "<", 0.001, "< 1 ms")
    found = find_capacity(search_of(scenario("10_concurrent_workflows", baseline=(impossible,)), VIRTUAL, effort=QUICK))
    assert found.held.status == "never_held"
    assert "not < 1 ms" in found.held.reason
    assert found.knee is not None  # the knee needs no baseline


def broken_off(after: int) -> tuple[Watch, Callable[..., Iterable[Run]]]:
    made: list[int] = []

    def counted(one: Scenario, seeds: range) -> Iterable[Run]:
        for run in VIRTUAL(one, seeds):
            made.append(1)
            yield run

    return Watch(over=lambda: len(made) > after), counted


def test_when_the_time_is_up_what_was_measured_is_kept() -> None:
    watch, run = broken_off(after=9)
    found = find_capacity(search_of(TEN, run, effort=QUICK, watch=watch))
    assert found.ended == "budget"
    assert [one.level for one in found.trials] == [1.0, 2.0, 4.0, 8.0]
    assert any("--budget" in doubt for doubt in found.doubts)
    assert found.sentences[0].startswith("the knee was not found: too few loads")


def test_a_signal_ends_the_search_and_half_a_trial_is_not_kept() -> None:
    def run(one: Scenario, seeds: range) -> Iterable[Run]:
        for done in VIRTUAL(one, seeds):
            level = one.load.in_flight  # type: ignore[union-attr]
            yield dataclasses.replace(done, stopped="interrupted") if level == 8 and done.seed == 1 else done

    found = find_capacity(search_of(TEN, run, effort=QUICK))
    assert found.stopped == "interrupted"
    assert [one.level for one in found.trials] == [1.0, 2.0, 4.0]


def test_a_run_that_cannot_be_believed_is_made_again_and_two_such_loads_end_the_search() -> None:
    made: list[tuple[int, int]] = []

    def run(one: Scenario, seeds: range) -> Iterable[Run]:
        for done in VIRTUAL(one, seeds):
            level = one.load.in_flight  # type: ignore[union-attr]
            made.append((level, done.seed))
            hiccup = level == 2 and made.count((2, done.seed)) == 1
            yield dataclasses.replace(done, invalid="generator-limited") if hiccup or level >= 8 else done

    found = find_capacity(search_of(TEN, run, effort=QUICK))
    assert [one.level for one in found.trials if one.invalid] == [8.0, 16.0]
    assert made.count((2, 0)) == 2
    assert made.count((8, 0)) == 3
    assert found.invalid == "generator-limited"


def test_what_the_first_run_raises_is_raised() -> None:
    def run(_one: Scenario, _seeds: range) -> Iterable[Run]:
        raise TargetError("it does not start")

    with pytest.raises(TargetError, match="does not start"):
        find_capacity(search_of(TEN, run, effort=QUICK))


def test_an_unsettled_verdict_gets_more_replications() -> None:
    # at 22 in flight p95 is near 1.15 s: two replications cannot settle that
    line = BaselineLine("latency_p95", "<", 1.15, "< 1150 ms")
    close = scenario("10_concurrent_workflows", baseline=(line,))
    search: Search = search_of(close, VIRTUAL, effort=dataclasses.replace(QUICK, most_replications=8))
    found = find_capacity(search)
    assert found.held.status == "found"
    assert max(one.replications for one in found.trials) > 2
    assert found.held.low is None or found.held.low <= (found.held.level or 0)
