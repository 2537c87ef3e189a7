"""Looking at a run while it goes on: what is seen is so, it costs the run nothing, and changes nothing in it."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.drive.target import Workflow
from harness.execute import run, run_all
from harness.measure.histogram import Histogram
from harness.measure.lookers import RowsLooker, looker_at
from harness.measure.record import Outcome, Recorder, Run
from harness.measure.totals.folding import TotalsRecorder
from harness.measure.watch import MOST_SAMPLES, Glimpse, Seen, Watch
from harness.plan.arrivals import plan
from harness.scenario.load import load_catalog
from harness.scenario.model import RateLoad
from harness.simulate.simulator import simulate
from harness.soak import soak

KINDS = ("queue_full:agents", "step_failed:search", "ValueError")


class Script:
    """A recorder driven by hand, and who is in flight."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.recorder = recorder or Recorder()
        self.flying: dict[int, None] = {}
        self.now_s = 0.0
        self.looker = looker_at(self.recorder, lambda: list(self.flying), lambda: self.now_s, dict)
        self.errors: Counter[str] = Counter()

    def offer(self) -> int:
        row = self.recorder.offer(self.now_s, 0, 0)
        self.recorder.started[row] = self.now_s
        self.flying[row] = None
        return row

    def end(self, row: int, took_s: float, kind: str | None = None) -> None:
        outcome = Outcome.SUCCEEDED if kind is None else Outcome.FAILED
        self.recorder.end(row, self.recorder.due[row] + took_s, outcome, kind)
        if kind is not None:
            self.errors[kind] += 1
        del self.flying[row]


def counts_of(seen: Seen) -> int:
    assert seen.latency is not None
    return int(seen.latency.sum())


@pytest.mark.parametrize("make", [Recorder, TotalsRecorder])
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["offer", "end", "fail", "look"]), st.integers(0, 2**16)), max_size=200))
def test_whenever_it_is_looked_at_nothing_is_counted_twice_or_lost(make: Any, steps: list[tuple[str, int]]) -> None:
    script = Script(make())
    for what, luck in steps:
        if what == "offer" or (what in ("end", "fail") and not script.flying):
            script.offer()
        elif what == "look":
            seen = script.looker.look()
            assert seen.in_flight == len(script.flying)
            assert seen.ended == script.recorder.offered - len(script.flying)
            assert all(seen.errors.get(kind, 0) <= count for kind, count in script.errors.items())
        else:
            row = list(script.flying)[luck % len(script.flying)]
            script.end(row, 0.5, KINDS[luck % 3] if what == "fail" else None)
    for row in list(script.flying):
        script.end(row, 1.0)
    script.end(script.offer(), 1.0)  # the newest is left for the next look
    seen = script.looker.look()
    assert Counter(seen.errors) == script.errors
    assert script.recorder.offered - 1 <= counts_of(seen) <= script.recorder.offered


def test_a_sample_weighs_as_much_as_the_whole_and_is_not_one_of_the_quick() -> None:
    script = Script()
    for _ in range(20):
        rows = [script.offer() for _ in range(5000)]
        script.looker.look()
        for row in rows:
            script.end(row, 0.010 if row % 10 else 3.0)
        script.now_s += 1
    script.end(script.offer(), 0.010)
    seen = script.looker.look()
    assert seen.latency is not None
    assert counts_of(seen) == pytest.approx(100_000, rel=0.01)
    told = Histogram(seen.latency)
    assert told.percentile(0.85) == pytest.approx(0.010, rel=1e-3)
    assert told.percentile(0.95) == pytest.approx(3.0, rel=1e-3)


def test_a_look_takes_up_a_bounded_number_of_latencies() -> None:
    script = Script()
    for _ in range(300_000):
        script.offer()
    looker = script.looker
    assert isinstance(looker, RowsLooker)
    looker.look()
    assert len(looker._awaited) <= 2 * MOST_SAMPLES


def test_rejected_and_cancelled_workflows_have_no_latency() -> None:
    script = Script()
    for outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.REJECTED, Outcome.CANCELLED):
        row = script.offer()
        script.recorder.end(row, 1.0, outcome, None if outcome is Outcome.SUCCEEDED else outcome.name)
        del script.flying[row]
    script.offer()
    seen = script.looker.look()
    assert counts_of(seen) == 3
    assert set(seen.errors) == {"FAILED", "TIMED_OUT", "REJECTED", "CANCELLED"}


# --------------------------------------------------------------------------- real runs


def scenario_of(name: str = "test_queue_overflow_handling") -> Any:
    return load_catalog()[name]


class Gauged:
    """Looks at its own run at one workflow, on the loop's own thread: nothing can come between."""

    def __init__(self, watch: Watch, at: int) -> None:
        self.watch, self.at = watch, at
        self.seen: list[tuple[Glimpse, int]] = []
        self.ended = 0

    async def run(self, workflow: Workflow) -> None:
        await asyncio.sleep(0.1)
        if workflow.number == self.at:
            self.seen.append((self.watch.look(), self.ended))
        self.ended += 1
        if workflow.number % 4 == 0:
            raise ValueError("one in four")

    def gauges(self) -> dict[str, float]:
        return {"queue_depth": 3.0, "nobody_knows": 1.0}


@pytest.mark.parametrize("clock", ["virtual", "hybrid", "wall"])
def test_a_run_of_somebodys_own_is_seen_as_it_is(clock: Any) -> None:
    watch = Watch()
    target = Gauged(watch, 100)
    scenario = scenario_of("test_10_concurrent_workflows")
    done = run(scenario, target=target, clock=clock, watch=watch)
    ((seen, ended),) = target.seen
    assert (seen.ended, seen.in_flight) == (ended, 10)
    assert seen.errors == {"ValueError": sum(number % 4 == 0 for number in range(ended))}
    assert seen.p50_s >= 0.0999
    assert seen.gauges["queue_depth"] == 3.0
    assert 0 < seen.now_s < done.ended_s
    watch.over(done)
    after = watch.look()
    assert (after.ended, after.replication) == (140, 2)
    assert after.errors == {"ValueError": 35}


def test_a_soak_is_seen_folded_or_not() -> None:
    scenario = dataclasses.replace(
        scenario_of("test_10_concurrent_workflows"), load=RateLoad(1000.0, "constant", workflows=9000)
    )
    for at in (50, 8500):
        watch = Watch()
        target = Gauged(watch, at)
        totals = soak(scenario, target=target, clock="virtual", watch=watch)
        ((seen, ended),) = target.seen
        assert seen.ended == ended
        assert seen.errors["ValueError"] == sum(number % 4 == 0 for number in range(ended))
        assert seen.p95_s == pytest.approx(0.1, rel=0.01)
        watch.over(totals)
        assert watch.look().ended == 9000
        again = Watch()
        again.go_on_from(totals)
        again.take(Seen(now_s=2.0, ended=20))
        after = again.look()
        assert (after.ended, after.errors, after.per_s) == (9020, {"ValueError": 2250}, 10.0)
        assert after.now_s == totals.ended_s + 2.0


@pytest.mark.parametrize("form", ["stepwise", "interpreted", "compiled"])
def test_a_simulation_is_seen_between_its_pieces(form: Any) -> None:
    if form == "compiled":
        pytest.importorskip("numba")
    workflows = 150_000 if form == "compiled" else 4000
    load = RateLoad(60.0, "poisson", workflows=workflows)
    scenario = dataclasses.replace(scenario_of(), load=load, run_timeout_s=1e5)
    planned = plan(scenario, 3)
    taken: list[Seen] = []

    class Kept(Watch):
        def take(self, seen: Seen) -> None:
            taken.append(seen)

    done = simulate(planned, form, watch=Kept())
    same_run(done, simulate(planned, form))
    rows = done.workflows
    middle = [seen for seen in taken if 0 < seen.ended < workflows]
    assert middle
    for seen in middle[-3:]:
        over = rows.finished_s < seen.now_s
        assert over.sum() <= seen.ended <= (rows.finished_s <= seen.now_s).sum()
        assert seen.offered - seen.ended == seen.in_flight
        assert sum(seen.errors.values()) == pytest.approx((rows.error[over] >= 0).sum(), abs=1)
        assert seen.gauges["pool_size"] == 20
        assert seen.gauges["agents_busy"] + seen.gauges["queue_depth"] <= (seen.in_flight or 0)


def same_run(one: Run, two: Run) -> None:
    for column in type(one.workflows).__slots__:
        np.testing.assert_array_equal(getattr(one.workflows, column), getattr(two.workflows, column))


@pytest.mark.parametrize("engine", ["fast", "loop"])
def test_being_watched_changes_nothing(engine: Any) -> None:
    watch = Watch()
    watched = run(scenario_of(), clock="virtual", seed=5, engine=engine, watch=watch)
    same_run(watched, run(scenario_of(), clock="virtual", seed=5, engine=engine))


def test_replications_are_added_up() -> None:
    watch = Watch()
    errors: Counter[str] = Counter()
    for number, done in enumerate(run_all(scenario_of(), [0, 1, 2], clock="virtual", watch=watch), 1):
        watch.over(done)
        errors.update(done.error_kinds[code] for code in done.workflows.error if code >= 0)
        seen = watch.look()
        assert (seen.replication, seen.ended) == (number + 1, 200 * number)
        assert seen.errors == errors
    assert 0 < seen.p50_s < seen.p95_s


def test_the_throughput_is_that_of_the_last_looks_on_the_runs_clock() -> None:
    watch = Watch()
    for second in range(1, 40):
        watch.take(Seen(now_s=float(second), ended=10 * second, errors={"kind": 2 * second}))
        assert watch.look().per_s == pytest.approx(8.0)
    watch.take(Seen(now_s=39.0, ended=390, errors={"kind": 78}))
    assert watch.look().per_s == pytest.approx(8.0)


def test_of_workers_only_the_ended_are_told_in_real_time() -> None:
    now = [100.0]
    watch = Watch(lambda: now[0])
    watch.advanced(0)
    assert math.isnan(watch.look().per_s)
    now[0] = 102.0
    watch.advanced(50)
    seen = watch.look()
    assert (seen.ended, seen.now_s, seen.per_s) == (50, 2.0, 25.0)
    assert seen.in_flight is None


def test_a_drive_that_cannot_be_looked_at_is_asked_only_when_somebody_looked() -> None:
    watch = Watch()
    watch.take(Seen(ended=1))
    assert not watch.wanted
    assert watch.look().ended == 1
    assert watch.wanted
