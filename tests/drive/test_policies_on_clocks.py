"""Every policy of the built-in orchestrator on clocks that really run, where its effect has to be seen, too."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from harness.drive.clock import ClockName
from harness.execute import run
from harness.measure.record import Outcome, Run
from harness.scenario.model import (
    AdaptiveQueue,
    Autoscaling,
    BurstLoad,
    Cache,
    CircuitBreaker,
    ConnectionPool,
    Constant,
    DynamicPool,
    MemoryAdmission,
    Pool,
    RateLimit,
    RateLoad,
    Replicas,
    Retry,
    RetryBudget,
    Scenario,
    Step,
    WorkflowType,
)

CLOCKS: tuple[ClockName, ...] = ("wall", "hybrid")
on_clocks = pytest.mark.parametrize("clock", CLOCKS)


def scenario(step: Step, size: int, pool: Pool, **policies: Any) -> Scenario:
    """`size` workflows of one step, all at once."""
    return Scenario(
        name="policy",
        load=BurstLoad((size,)),
        types=(WorkflowType("t", (step,)),),
        mix=(("t", 1.0),),
        pools=(pool,),
        run_timeout_s=20.0,
        **policies,
    )


def errors(done: Run) -> Counter[str]:
    """How many workflows ended with each kind of error."""
    return Counter(done.error_kinds[code] for code in done.workflows.error if code >= 0)


def step(wait_s: float = 0.02, fail: float = 0.0) -> Step:
    return Step("s", wait=Constant(wait_s), fail=fail)


@on_clocks
def test_a_hit_in_the_cache_neither_waits_nor_fails(clock: ClockName) -> None:
    done = run(scenario(replace(step(5.0, 1.0), cache=Cache(1.0)), 5, Pool("agents", 5)), clock=clock)
    assert done.ended_s < 2.0
    assert not errors(done)


@on_clocks
def test_the_budget_of_retries_ends_them(clock: ClockName) -> None:
    retrying = replace(
        scenario(step(0.0, 1.0), 10, Pool("agents", 10)),
        retry=Retry(max_attempts=5, base_s=0.0, budget=RetryBudget(0.0, 3.0)),
    )
    assert len(run(retrying, clock=clock).attempts) == 13


@on_clocks
@pytest.mark.parametrize("on_limit", ["refuse", "wait"])
def test_a_rate_limit_lets_no_more_through(clock: ClockName, on_limit: str) -> None:
    limit = RateLimit("calls", 50.0, burst=2, on_limit=on_limit)  # type: ignore[arg-type]  # one of its names
    limited = scenario(replace(step(), rate_limit="calls"), 6, Pool("agents", 6), rate_limits=(limit,))
    done = run(limited, clock=clock)
    if on_limit == "refuse":
        assert set(errors(done)) == {"rate_limited:calls"}
    else:
        assert not errors(done)
        assert done.ended_s >= 4 / 50.0 + 0.02


@on_clocks
def test_connections_are_bounded_and_given_up(clock: ClockName) -> None:
    database = ConnectionPool("db", 1, wait_timeout_s=0.05)
    calling = replace(step(0.2), connections="db")
    done = run(scenario(calling, 3, Pool("agents", 3), connections=(database,)), clock=clock)
    assert errors(done) == {"connection_timeout:db": 2}
    assert (done.attempts.pool == 1).sum() == 3


@on_clocks
def test_the_oldest_is_dropped(clock: ClockName) -> None:
    done = run(scenario(step(0.1), 5, Pool("agents", 1, queue=2, overflow="drop_oldest")), clock=clock)
    assert errors(done) == {"queue_dropped:agents": 2}
    assert list(done.workflows.outcome) == [0, int(Outcome.REJECTED), int(Outcome.REJECTED), 0, 0]


@on_clocks
def test_an_open_load_is_held_back_while_a_pool_blocks(clock: ClockName) -> None:
    blocking = scenario(step(0.02), 1, Pool("agents", 1, queue=1, overflow="block"))
    done = run(replace(blocking, load=RateLoad(200.0, "constant", workflows=15)), clock=clock)
    assert not errors(done)
    assert done.attempts.depth.max() == 1
    assert done.workflows.held_s.max() > 0.05
    assert done.ended_s >= 15 * 0.02


@on_clocks
def test_a_breaker_opens(clock: ClockName) -> None:
    failing = scenario(step(0.0, 1.0), 20, Pool("agents", 1))
    done = run(replace(failing, breaker=CircuitBreaker(0.5, window=4, open_s=10.0)), clock=clock)
    # those that waited for an agent were let through before it opened
    assert errors(done)["step_failed:s"] >= 4
    later = replace(failing, load=RateLoad(200.0, "constant", workflows=20), breaker=CircuitBreaker(0.5, 4, 10.0))
    assert errors(run(later, clock=clock)) == {"step_failed:s": 4, "breaker_open:s": 16}


@on_clocks
@pytest.mark.parametrize("rule", ["round_robin", "least_loaded", "two_choices"])
def test_replicas_share_the_work(clock: ClockName, rule: str) -> None:
    replicas = Replicas(3, rule)  # type: ignore[arg-type]  # one of its names
    done = run(scenario(step(0.05), 9, Pool("agents", 3, replicas=replicas)), clock=clock)
    assert done.pool_names == ("agents[0]", "agents[1]", "agents[2]")
    counts = Counter(done.attempts.pool.tolist())
    assert sum(counts.values()) == 9
    if rule != "two_choices":
        assert set(counts.values()) == {3}


@on_clocks
def test_a_pool_follows_its_demand(clock: ClockName) -> None:
    dynamic = DynamicPool(min=1, max=8, target_utilization=1.0, every_s=0.05)
    done = run(scenario(step(0.1), 16, Pool("agents", 1, dynamic=dynamic)), clock=clock)
    assert done.pool_changes.size.max() == 8
    assert done.ended_s < 16 * 0.1 / 2


@on_clocks
@pytest.mark.parametrize(("metric", "above"), [("utilization", 0.5), ("queue_depth", 2.0), ("queue_wait", 0.03)])
def test_a_pool_is_scaled_on_a_metric(clock: ClockName, metric: str, above: float) -> None:
    scaling = Autoscaling(metric, above, 0.0, min=1, max=5, step=2, every_s=0.05)  # type: ignore[arg-type]  # as above
    done = run(scenario(step(0.1), 12, Pool("agents", 1, scaling=scaling)), clock=clock)
    assert list(done.pool_changes.size[:2]) == [3, 5]


@on_clocks
def test_a_queue_adapts_to_the_speed_of_its_pool(clock: ClockName) -> None:
    adaptive = AdaptiveQueue(target_wait_s=0.1, min=1, max=50, every_s=0.1)
    adapting = scenario(step(0.02), 1, Pool("agents", 1, queue=50, adaptive_queue=adaptive))
    done = run(replace(adapting, load=RateLoad(200.0, "constant", workflows=80)), clock=clock)
    assert done.pool_changes.queue.min() <= 6
    assert errors(done)["queue_full:agents"] > 20


@on_clocks
def test_workflows_wait_for_memory(clock: ClockName) -> None:
    holding = scenario(replace(step(0.05), hold_b=1000), 4, Pool("agents", 4))
    done = run(replace(holding, memory=MemoryAdmission(2000)), clock=clock)
    assert done.ended_s >= 0.1
    stays = done.attempts.pool == done.pool_names.index("memory")
    assert done.attempts.busy[stays].max() == 2000
    assert errors(run(replace(holding, memory=MemoryAdmission(500)), clock=clock)) == {"memory_limit": 4}
