"""Runs over time against a literal replay: every window looked at by itself, one event after the other."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.execute import run
from harness.measure.cut import Cut, Marks
from harness.measure.known_rows import known_rows
from harness.measure.metrics import MultiAgentLoadMetrics, summarise
from harness.measure.over_time import MOST_OUTLIERS, OverTime, over_time
from harness.measure.record import Outcome, Run, Series
from harness.measure.tries import TryColumns
from harness.measure.warm_up import counted
from harness.scenario.load import load_catalog
from harness.scenario.model import Pool, RateLimit, RateLoad, Scenario, Step, WorkflowType
from tests.drive.random_scenarios import scenarios
from tests.measure.made_runs import NAN, attempts, series, workflows
from tests.measure.made_runs import run as made_run
from tests.measure.made_runs import scenario as made_scenario

Interval = tuple[float, float, float]
"""From, until, how much."""


def windows_of(seen: OverTime) -> list[tuple[float, float]]:
    edges = [seen.window_s * k for k in range(seen.windows + 1)]
    return list(itertools.pairwise(edges))


def level_at(intervals: Iterable[Interval], t: float) -> float:
    return sum(amount for begin, end, amount in intervals if begin <= t < end)


def replayed(intervals: Sequence[Interval], begin: float, end: float) -> tuple[float, float]:
    """Mean and largest level between, stepped from one change to the next."""
    inside = [i for i in intervals if i[0] < end and i[1] > begin]
    steps = sorted({begin, *(t for i in inside for t in i[:2] if begin < t < end)})
    levels = [level_at(inside, t) for t in steps]
    lengths = [after - t for t, after in zip(steps, [*steps[1:], end], strict=True)]
    return sum(n * s for n, s in zip(levels, lengths, strict=True)) / (end - begin), max(levels)


@given(scenarios(40), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_window_is_that_of_a_replay(scenario: Scenario, seed: int) -> None:
    done = run(scenario, clock="virtual", seed=seed)
    seen = over_time(scenario, done)
    if seen is None:
        assert not done.ended_s > 0 or not len(done.workflows)
        return
    metrics = summarise(scenario, [done])
    flights_and_counts_are_replayed(done, seen, metrics)
    latencies_are_replayed(scenario, done, seen)
    if len(done.attempts):
        pools_are_replayed(scenario, done, seen, metrics)


def flights_and_counts_are_replayed(done: Run, seen: OverTime, metrics: MultiAgentLoadMetrics) -> None:
    rows = done.workflows
    ended = np.where(np.isnan(rows.finished_s), done.ended_s, rows.finished_s)
    counts = np.bincount(rows.outcome, minlength=len(Outcome))
    assert {name: int(of.sum()) for name, of in seen.outcomes.items()} == {
        outcome.name.lower(): counts[outcome] for outcome in Outcome
    }
    assert seen.offered is not None
    assert seen.offered.sum() == len(rows)
    flown = [(begin, until, 1.0) for begin, until in zip(rows.started_s, ended, strict=True) if not math.isnan(begin)]
    assert seen.in_flight is not None
    for k, (begin, end) in enumerate(windows_of(seen)):
        mean, largest = replayed(flown, begin, end)
        assert seen.in_flight.mean[k] == pytest.approx(mean, abs=1e-6)
        assert seen.in_flight.max[k] >= largest  # workflows that end as they start are in no interval
    assert seen.in_flight.max.max() == metrics.concurrent_workflows


def pools_are_replayed(scenario: Scenario, done: Run, seen: OverTime, metrics: MultiAgentLoadMetrics) -> None:
    rows = known_rows(scenario, done)
    breaker = [k for k, kind in enumerate(done.error_kinds) if kind.startswith("breaker_open:")]
    came = ~np.isin(done.attempts.error, breaker)
    asked = {kind.name: max(step.hold_b for step in kind.steps) for kind in scenario.types}
    summary = {(one.kind, one.name): one for one in metrics.pools}
    blocking = any(pool.overflow == "block" for pool in scenario.pools)
    assert [pool.name for pool in seen.pools] == list(done.pool_names)
    for index, pool in enumerate(seen.pools):
        mine = np.flatnonzero((rows.pool == index) & came)
        assert pool.busy is not None
        assert pool.waiting is not None
        assert pool.size is not None
        waits = [(rows.requested_s[k], rows.left_s[k], 1.0) for k in mine]
        took = [asked[done.type_names[done.workflows.type[rows.workflow[k]]]] for k in mine]
        holds = [
            (rows.left_s[k], rows.ended_s[k], float(amount) if pool.kind == "memory" else 1.0)
            for k, amount in zip(mine, took, strict=True)
            if rows.granted[k]
        ]
        for k, (begin, end) in enumerate(windows_of(seen)):
            last = k == seen.windows - 1
            within = [j for j in mine if begin <= rows.requested_s[j] and (rows.requested_s[j] < end or last)]
            mean, largest = replayed(waits, begin, end)
            assert pool.waiting.mean[k] == pytest.approx(mean, abs=1e-6)
            told = max((int(done.attempts.depth[j]) for j in within), default=0)
            if blocking:  # those outside the queue are in no depth
                assert pool.waiting.max[k] >= max(largest, told)
            else:
                assert pool.waiting.max[k] == max(largest, told)
            if pool.kind == "rate_limit":
                continue
            mean, largest = replayed(holds, begin, end)
            assert pool.busy.mean[k] == pytest.approx(mean, rel=1e-9, abs=1e-6)
            at = [j for j in mine if rows.granted[j] and begin <= rows.left_s[j] and (rows.left_s[j] < end or last)]
            assert pool.busy.max[k] == max([largest, *(int(done.attempts.busy[j]) for j in at)])
            assert pool.busy.max[k] <= pool.size[k] or done.pool_changes.pool.size
        if (known := summary.get((pool.kind, pool.name))) is not None and known.max_depth.value is not None:
            whole = float(pool.waiting.mean.mean())
            assert known.avg_depth.value == pytest.approx(whole, rel=1e-6, abs=1e-6)
            if not blocking:
                assert known.max_depth.value == pool.waiting.max.max()
            if not len(done.pool_changes) and known.max_utilization.value is not None and known.size:
                assert known.max_utilization.value * known.size == pytest.approx(pool.busy.max.max())


def latencies_are_replayed(scenario: Scenario, done: Run, seen: OverTime) -> None:
    rows = done.workflows
    chosen = np.flatnonzero((rows.outcome <= Outcome.TIMED_OUT) & counted(scenario, done))
    assert seen.latency.count.sum() == len(chosen)
    all_s = [(rows.finished_s[k], rows.finished_s[k] - rows.due_s[k]) for k in chosen]
    windows = windows_of(seen)
    for k, (begin, end) in enumerate(windows):
        last = k == len(windows) - 1
        mine = sorted(latency for at, latency in all_s if begin <= at and (at < end or last))
        assert seen.latency.count[k] == len(mine)
        if not mine:
            assert np.isnan([getattr(seen.latency, name)[k] for name in ("min", "p50", "p95", "max")]).all()
            continue
        p50, p95 = (mine[max(1, math.ceil(round(q * len(mine), 9))) - 1] for q in (0.5, 0.95))
        found = [getattr(seen.latency, name)[k] for name in ("min", "p50", "p95", "max")]
        assert found == [mine[0], p50, p95, mine[-1]]
    slowest = sorted((latency for _, latency in all_s), reverse=True)[:MOST_OUTLIERS]
    assert seen.outliers_s is not None
    assert sorted(seen.outliers_s[1].tolist(), reverse=True) == slowest
    assert (np.diff(seen.outliers_s[0]) >= 0).all()


# --------------------------------------------------------------------------- edges


def level(cut: Cut, intervals: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    opened, closed = (np.array([one[side] for one in intervals], dtype=np.float64) for side in (0, 1))
    marks = Marks(opened, np.array([level_at([(*i, 1.0) for i in intervals], t) for t in opened], dtype=np.int64))
    seen = cut.held(opened, closed, marks)
    sevenfold = cut.held(opened, closed, Marks(opened, 7 * marks.level), np.full(len(opened), 7))
    assert sevenfold.mean.tolist() == pytest.approx([7 * one for one in seen.mean])
    assert sevenfold.max.tolist() == [7 * one for one in seen.max]
    return seen.mean.tolist(), seen.max.tolist()


@pytest.mark.parametrize(
    ("intervals", "mean", "most"),
    [
        ([], [0, 0], [0, 0]),
        ([(0.0, 4.0)], [1, 1], [1, 1]),
        ([(0.0, 2.0)], [1, 0], [1, 0]),  # what ends at an edge is not in the next window
        ([(2.0, 4.0)], [0, 1], [0, 1]),
        ([(2.0, 2.0)], [0, 0], [0, 0]),
        ([(1.0, 2.0), (2.0, 3.0)], [0.5, 0.5], [1, 1]),  # one after the other is one at a time
        ([(1.0, 2.0), (1.5, 3.0), (2.0, 3.0)], [0.75, 1.0], [2, 2]),
        ([(3.0, 9.0), (4.0, 9.0)], [0, 0.5], [0, 2]),  # what is still held at the end is held until then
    ],
)
def test_levels_at_the_edges(intervals: list[tuple[float, float]], mean: list[float], most: list[float]) -> None:
    assert level(Cut.of(4.0, 2), intervals) == (mean, most)


def test_the_percentiles_of_a_window_are_nearest_ranks() -> None:
    rows = [(200.0 - k, 200.0 - k, 200.0, Outcome.SUCCEEDED) for k in range(1, 101)]
    seen = over_time(made_scenario(), made_run(workflows(rows), ended_s=200.0))
    assert seen is not None
    assert seen.latency.count.tolist() == [0] * (seen.windows - 1) + [100]
    assert [getattr(seen.latency, name)[-1] for name in ("min", "p50", "p95", "max")] == [1.0, 50.0, 95.0, 100.0]


def test_a_mean_is_never_above_what_rows_say_was_the_most() -> None:
    """On real clocks an end is noted a little late: one agent's two holds seem to overlap."""
    opened, closed = np.array([0.0, 1.0]), np.array([1.1, 4.0])
    seen = Cut.of(4.0, 4).held(opened, closed, Marks(opened, np.array([1, 1])))
    assert seen.max.tolist() == [1, 1, 1, 1]
    assert seen.mean.tolist() == [1, 1, 1, 1]


def test_a_level_that_is_not_known_everywhere() -> None:
    cut = Cut.of(8.0, 4)
    seen = cut.sampled(np.array([1.0, 3.0, 4.0, 5.0]), np.array([2.0, 6.0, np.nan, 1.0]))
    assert seen.mean.tolist() == [2.0, 4.0, 1.0, 1.0]
    assert seen.max.tolist() == [2.0, 6.0, 1.0, 1.0]
    unknown = cut.sampled(np.array([5.0]), np.array([3.0]))
    assert np.isnan(unknown.mean[:2]).all()
    assert unknown.max[2:].tolist() == [3.0, 3.0]


def limited(burst: int, rate_per_s: float, grants: Sequence[float]) -> tuple[Scenario, Run]:
    limit = RateLimit("calls", rate_per_s, burst, "wait")
    kind = WorkflowType("simple", (Step("ask", rate_limit="calls"),))
    scenario = Scenario(
        name="limited", load=RateLoad(1.0, "constant", workflows=len(grants)), types=(kind,), mix=(("simple", 1.0),),
        pools=(Pool("agents", 9),), rate_limits=(limit,),
    )  # fmt: skip
    rows = [
        {"workflow": k, "pool": 1, "requested_s": at, "granted_s": at, "released_s": at} for k, at in enumerate(grants)
    ]
    rows_of = workflows([(at, at, 8.0, Outcome.SUCCEEDED) for at in grants])
    done = dataclasses.replace(
        made_run(rows_of, attempts(rows), ended_s=8.0, pool_kinds=("agents", "rate_limit")),
        pool_names=("agents", "calls"),
        pool_sizes=(9, burst),
        pool_queues=(None, None),
    )
    return scenario, done


def test_tokens_are_gone_until_time_gives_them_back() -> None:
    scenario, done = limited(3, 0.5, [1.0, 1.0, 5.0])
    seen = over_time(scenario, done)
    assert seen is not None
    tokens = seen.pools[1].busy
    assert tokens is not None
    # two are taken at 1 s, half a token comes back each second, and from 5 s on it is one again
    per_window = 8.0 / seen.windows
    expected = sum([(2 - (t - 1) / 2) if 1 <= t < 5 else max(0.0, 1 - (t - 5) / 2) if t >= 5 else 0.0
                    for t in np.arange(0, 8, 1e-4) + 5e-5]) * 1e-4  # fmt: skip
    assert float(tokens.mean.sum()) * per_window == pytest.approx(expected, abs=1e-3)
    assert tokens.max.max() == 2.0


# --------------------------------------------------------------------------- targets without rows


def seen_from_outside(tries: TryColumns | None, **gauges: Sequence[float]) -> tuple[Scenario, Run]:
    rows = workflows([(0.0, 0.0, 4.0, Outcome.SUCCEEDED), (0.0, 0.0, 8.0, Outcome.SUCCEEDED)])
    shown: Series | None = series([0.0, 4.0], **gauges) if gauges else None
    return made_scenario(), dataclasses.replace(made_run(rows, ended_s=8.0, gauges=shown), tries=tries)


def told(granted: Sequence[float], ended: Sequence[float]) -> TryColumns:
    whole, two = np.array([0, 1]), len(granted)
    times = (np.zeros(two), np.array(granted, dtype=np.float64), np.array(ended, dtype=np.float64))
    return TryColumns(("ask",), whole, np.zeros(two, dtype=np.int64), np.ones(two, dtype=np.int64), *times,
                      np.zeros(two, dtype=bool))  # fmt: skip


def test_attempts_that_tell_their_wait_are_a_pool() -> None:
    seen = over_time(*seen_from_outside(told([0.0, 4.0], [4.0, NAN])))
    assert seen is not None
    (pool,) = seen.pools
    assert (pool.name, pool.kind, pool.size) == ("the steps it reports", "agents", None)
    half = seen.windows // 2
    assert pool.busy is not None
    assert pool.waiting is not None
    assert (pool.busy.max == 1).all()
    assert (pool.busy.mean == 1).all()
    assert pool.waiting.mean.tolist() == [1.0] * half + [0.0] * half
    assert pool.waiting.max.tolist() == [1.0] * half + [0.0] * half


def test_attempts_that_tell_no_wait_are_only_counted() -> None:
    seen = over_time(*seen_from_outside(told([NAN, NAN], [2.0, 8.0])))
    assert seen is not None
    (pool,) = seen.pools
    assert pool.waiting is None
    assert pool.busy is not None
    assert pool.busy.mean.sum() * seen.window_s == pytest.approx(10.0)
    with_gauges = over_time(*seen_from_outside(told([NAN, NAN], [2.0, 8.0]), agents_busy=[5.0, 3.0]))
    assert with_gauges is not None
    assert with_gauges.pools[0].busy is not None
    assert with_gauges.pools[0].busy.max.max() == 5.0  # a gauge says more than attempts without a grant


def test_told_waits_are_those_of_connections_where_the_target_shows_any() -> None:
    gauges = {"agents_busy": [5.0, 3.0], "pool_size": [6.0, 6.0], "connections_in_use": [9.0, 9.0],
              "connections_max": [9.0, NAN]}  # fmt: skip
    seen = over_time(*seen_from_outside(told([0.0, 4.0], [4.0, NAN]), **gauges))
    assert seen is not None
    agents, connections = seen.pools
    assert agents.busy is not None
    assert agents.busy.max.max() == 5.0
    assert agents.waiting is None
    assert agents.size is not None
    assert (agents.size == 6.0).all()
    assert connections.busy is not None
    assert (connections.busy.max == 1).all()
    assert connections.size is not None
    assert connections.size[0] == 9.0


def test_nothing_is_said_of_pools_that_nothing_shows() -> None:
    seen = over_time(*seen_from_outside(None))
    assert seen is not None
    assert seen.pools == ()


def test_threads_that_begin_and_end_late_are_counted() -> None:
    """On real clocks a core is had after it was asked for, and given back before the loop hears of it."""
    scenario = load_catalog()["test_cpu_usage_patterns"]
    done = run(scenario, clock="virtual", seed=0)
    cores, rows = done.pool_kinds.index("cores"), done.attempts
    mine = (rows.pool == cores) & (rows.released_s > rows.granted_s)
    late = dataclasses.replace(
        rows,
        granted_s=np.where(mine & (rows.depth == 0), (rows.granted_s + rows.released_s) / 2, rows.granted_s),
        released_s=np.where(mine, rows.released_s + 0.5, rows.released_s),
    )
    seen = over_time(scenario, dataclasses.replace(done, clock="wall", attempts=late))
    pool = next(pool for pool in seen.pools if pool.kind == "cores")
    for level in (pool.busy, pool.waiting):
        assert level is not None
        assert level.mean.sum() > 0
        assert (level.mean <= level.max * (1 + 1e-9)).all()
