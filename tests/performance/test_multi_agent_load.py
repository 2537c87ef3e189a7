"""The eight scenarios, each held to its baseline by `load_scenario` and to what only it promises by what stands here.

`--load-target` puts something else than the built-in orchestrator under load: what a target does not show (its pools)
is then not asked of it.
"""

from __future__ import annotations

import numpy as np
import pytest

from harness.bridges.load_scenario import LoadResult, LoadScenario
from harness.measure.record import Ints, Outcome, Run

pytestmark = pytest.mark.performance

RISING_BURSTS = (30, 45, 60, 75, 90, 105)


def most_busy(run: Run, pool: str) -> int:
    """The largest number of agents of `pool` at work at one instant, from grants and releases alone."""
    rows = run.attempts
    mine = (rows.pool == run.pool_names.index(pool)) & ~np.isnan(rows.granted_s)
    times = np.concatenate([rows.released_s[mine], rows.granted_s[mine]])
    steps = np.concatenate([np.full(mine.sum(), -1), np.full(mine.sum(), 1)])
    # an agent that is given back at an instant may be granted again at that instant
    return int(np.cumsum(steps[np.lexsort((steps, times))]).max(initial=0))


def counts_by_batch(run: Run, values: Ints) -> dict[int, dict[int, int]]:
    """How often each of `values` (a column of the workflows) occurs in each batch, as {batch: {value: count}}."""
    batches = run.workflows.batch
    return {
        int(batch): dict(zip(*np.unique(values[batches == batch], return_counts=True), strict=True))
        for batch in np.unique(batches)
    }


def assert_consistent(result: LoadResult) -> None:
    """What holds for every scenario: nothing offered is missing, and no pool or queue is ever over its capacity."""
    metrics = result.metrics
    assert sum(metrics.outcomes.values()) == metrics.offered == sum(len(run.workflows) for run in result.runs)
    for run in result.runs:
        for pool in result.scenario.pools if len(run.attempts) else ():
            assert most_busy(run, pool.name) <= pool.size
            mine = run.attempts.pool == run.pool_names.index(pool.name)
            assert run.attempts.depth[mine].max(initial=0) <= (np.inf if pool.queue is None else pool.queue)


class TestMultiAgentLoadScenarios:
    def test_10_concurrent_workflows(self, load_scenario: LoadScenario) -> None:
        result = load_scenario("test_10_concurrent_workflows")
        assert_consistent(result)
        assert result.metrics.concurrent_workflows == 10
        assert result.metrics.offered == 140 * len(result.runs)
        latency = result.metrics.latency
        assert 0 < latency.p50.value <= latency.p95.value <= latency.p99.value <= latency.max.value

    def test_25_concurrent_workflows(self, load_scenario: LoadScenario) -> None:
        result = load_scenario("test_25_concurrent_workflows")
        assert_consistent(result)
        assert result.metrics.concurrent_workflows == 25
        for run in result.runs:
            kinds = np.bincount(run.workflows.type, minlength=5)
            of = dict(zip(run.type_names, kinds, strict=True))
            assert len(of) == 5
            assert min(kinds) > 0
            assert of["simple"] == max(kinds)
            assert of["optimization"] == min(kinds)

    def test_50_concurrent_workflows(self, load_scenario: LoadScenario) -> None:
        result = load_scenario("test_50_concurrent_workflows")
        assert_consistent(result)
        assert result.metrics.concurrent_workflows >= 50
        assert result.metrics.outcomes["rejected"] == 0
        for run in result.runs:
            assert np.bincount(run.workflows.batch).tolist() == [50, 50, 50]
            for batch in range(3):
                assert np.ptp(run.workflows.due_s[run.workflows.batch == batch]) == 0

    def test_resource_contention_scenarios(self, load_scenario: LoadScenario) -> None:
        result = load_scenario("test_resource_contention_scenarios")
        assert_consistent(result)
        for run in result.runs:
            optimization, data = (run.type_names.index(name) for name in ("optimization", "data_intensive"))
            for dealt in counts_by_batch(run, run.workflows.type).values():
                assert dealt == {optimization: 20, data: 15}
        recorded = {line["metric"]: line["observed"] for line in result.report.document["baseline"]["lines"]}
        if result.report.target == "builtin":
            assert 0 < recorded["cpu_mean"] <= recorded["cpu_max"] <= 1

    def test_memory_usage_patterns(self, load_scenario: LoadScenario) -> None:
        result = load_scenario("test_memory_usage_patterns")
        assert_consistent(result)
        for run in result.runs:
            rows = run.workflows
            ends = [rows.finished_s[rows.batch == batch].max() for batch in range(5)]
            starts = [rows.due_s[rows.batch == batch].min() for batch in range(5)]
            assert all(start >= end for end, start in zip(ends, starts[1:], strict=False))
        usage = result.metrics.resources
        if result.report.target == "builtin":
            assert len(usage.memory_peaks_b) == 5
            assert usage.memory_batch_spread_b.value < 512e6
            assert usage.memory_unreturned_b.value is not None
            # 24 MiB are held by each of 16 at once, so the peaks are those of the workload, not of the interpreter
            assert usage.memory_over_start_b.value > 100 * 2**20

    def test_cpu_usage_patterns(self, load_scenario: LoadScenario) -> None:
        result = load_scenario("test_cpu_usage_patterns")
        assert_consistent(result)
        assert result.metrics.throughput.mean.value > 5
        assert result.metrics.concurrent_workflows == 8
        for pool in result.metrics.pools:
            assert pool.max_utilization.value <= 1

    def test_agent_pool_exhaustion(self, load_scenario: LoadScenario) -> None:
        result = load_scenario("test_agent_pool_exhaustion")
        assert_consistent(result)
        if result.report.target != "builtin":
            return
        (agents,) = (pool for pool in result.metrics.pools if pool.name == "agents")
        assert agents.max_utilization.value == 1
        assert agents.overcommit.value == 0
        assert 75 < agents.exhausted_at.value <= 90, "the burst of 75 fits, the one of 90 does not"
        for run in result.runs:
            rows = run.attempts
            asked = (rows.pool == run.pool_names.index("agents")) & (rows.attempt == rows.attempt.min())
            waited = asked & (rows.granted_s > rows.requested_s)
            batch = run.workflows.batch[rows.workflow]
            in_each = {size: int(np.sum(waited & (batch == k))) for k, size in enumerate(RISING_BURSTS)}
            assert in_each == {30: 0, 45: 0, 60: 0, 75: 0, 90: 15, 105: 30}
            assert most_busy(run, "agents") == 75

    def test_queue_overflow_handling(self, load_scenario: LoadScenario) -> None:
        result = load_scenario("test_queue_overflow_handling")
        assert_consistent(result)
        if result.report.target != "builtin":
            return
        (agents,) = (pool for pool in result.metrics.pools if pool.name == "agents")
        assert agents.max_depth.value == 30
        assert agents.drops.value == result.metrics.outcomes["rejected"] == 100 * len(result.runs)
        for run in result.runs:
            rejected = run.workflows.outcome == Outcome.REJECTED
            assert counts_by_batch(run, rejected) == {0: {False: 50, True: 50}, 1: {False: 50, True: 50}}
            # the queue turns away who comes last, never one that it has let in
            for batch in range(2):
                assert not np.any(np.diff(rejected[run.workflows.batch == batch].astype(int)) < 0)
