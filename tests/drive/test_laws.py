"""Laws that the built-in orchestrator keeps on every random scenario, replayed event by event from what it recorded."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from harness.execute import run
from harness.measure.record import CORES, Outcome, Run
from harness.plan.draws import workflow_key
from harness.plan.program import compile_programs
from harness.scenario.model import BurstLoad, Constant, Pool, Scenario, Step, WorkflowType
from tests.drive.random_scenarios import scenarios

LAWS_EXAMPLES = 250


@settings(
    max_examples=LAWS_EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(scenarios(), st.integers(0, 2**32))
def test_every_law_holds_on_random_scenarios(scenario: Scenario, seed: int) -> None:
    done = run(scenario, clock="virtual", seed=seed, engine="loop")
    event(f"stopped: {done.stopped}")
    everything_offered_is_accounted_for(scenario, done)
    no_latency_is_below_its_service_time(scenario, done)
    for index in range(len(done.pool_names)):
        rows = np.flatnonzero(done.attempts.pool == index).tolist()
        capacity_is_respected_at_every_instant(done, index, rows)
        first_in_is_first_out(done, rows)
        no_agent_idles_while_a_workflow_waits_for_it(scenario, done, index, rows)


def everything_offered_is_accounted_for(scenario: Scenario, done: Run) -> None:
    counts = np.bincount(done.workflows.outcome, minlength=len(Outcome))
    assert counts.sum() == len(done.workflows)
    if done.stopped is None:
        load = scenario.load
        expected = sum(load.sizes) if isinstance(load, BurstLoad) else getattr(load, "workflows", None)
        assert expected in (None, len(done.workflows))
        assert np.isfinite(done.workflows.finished_s).all()
        assert counts[Outcome.CANCELLED] == 0


def capacity_is_respected_at_every_instant(done: Run, index: int, rows: list[int]) -> None:
    attempts = done.attempts
    size, queue = done.pool_sizes[index], done.pool_queues[index]
    assert all(attempts.busy[row] <= size for row in rows)
    assert queue is None or all(attempts.depth[row] <= queue for row in rows if attempts.ended[row] != Outcome.REJECTED)
    assert most_busy(done, rows) <= size
    for row in rows:
        if attempts.ended[row] == Outcome.REJECTED:
            assert (attempts.depth[row], attempts.busy[row]) == (queue, size)


def most_busy(done: Run, rows: list[int]) -> int:
    """Busy agents counted from grant and release times alone; a release counts before a grant of the same instant."""
    changes = []
    for row in rows:
        if math.isfinite(done.attempts.granted_s[row]):
            changes.append((done.attempts.granted_s[row], 1))
            changes.append((done.attempts.released_s[row], -1))
    busy = most = 0
    for _, change in sorted(changes):
        busy += change
        most = max(most, busy)
    return most


def first_in_is_first_out(done: Run, rows: list[int]) -> None:
    attempts = done.attempts
    granted = [row for row in rows if math.isfinite(attempts.granted_s[row])]
    by_request = sorted(granted, key=lambda row: (attempts.requested_s[row], attempts.granted_s[row]))
    for earlier, later in pairwise(by_request):
        if attempts.requested_s[earlier] < attempts.requested_s[later]:
            assert attempts.granted_s[earlier] <= attempts.granted_s[later]


def no_agent_idles_while_a_workflow_waits_for_it(scenario: Scenario, done: Run, index: int, rows: list[int]) -> None:
    for start, end, waiting, busy in spans(scenario, done, rows):
        assert waiting == 0 or busy == done.pool_sizes[index], (done.pool_names[index], start, end)


def spans(scenario: Scenario, done: Run, rows: list[int]) -> list[tuple[float, float, int, int]]:
    """(from, to, waiting, busy) for every stretch of time between two events of a pool."""
    attempts = done.attempts
    waiting: dict[float, int] = defaultdict(int)
    busy: dict[float, int] = defaultdict(int)
    for row in rows:
        if attempts.ended[row] == Outcome.REJECTED:
            continue
        granted = attempts.granted_s[row]
        waiting[attempts.requested_s[row]] += 1
        waiting[granted if math.isfinite(granted) else left_queue_at(scenario, done, row)] -= 1
        if math.isfinite(granted):
            busy[granted] += 1
            busy[attempts.released_s[row]] -= 1
    found, waits, busies = [], 0, 0
    for start, end in pairwise(sorted({*waiting, *busy})):
        waits += waiting[start]
        busies += busy[start]
        found.append((start, end, waits, busies))
    return found


def left_queue_at(scenario: Scenario, done: Run, row: int) -> float:
    """When an attempt that was never granted left the queue: at a timeout, or when its workflow ended."""
    attempts = done.attempts
    if attempts.pool[row] == len(scenario.pools):  # a core: the burn was given up when its attempt ended
        same = (attempts.workflow == attempts.workflow[row]) & (attempts.step == attempts.step[row])
        same &= (attempts.attempt == attempts.attempt[row]) & (attempts.pool != attempts.pool[row])
        return float(attempts.released_s[same][0])
    kind = done.error_kinds[attempts.error[row]] if attempts.error[row] >= 0 else ""
    if kind.startswith("wait_timeout"):
        return float(attempts.requested_s[row] + (scenario.pools[attempts.pool[row]].wait_timeout_s or 0.0))
    finished = done.workflows.finished_s[attempts.workflow[row]]
    return float(finished if math.isfinite(finished) else done.ended_s)


def no_latency_is_below_its_service_time(scenario: Scenario, done: Run) -> None:
    programs = compile_programs(scenario)
    service: dict[int, float] = defaultdict(float)
    attempts, workflows = done.attempts, done.workflows
    for row in range(len(attempts)):
        if attempts.ended[row] != Outcome.SUCCEEDED or attempts.pool[row] == len(scenario.pools):
            continue
        number = int(attempts.workflow[row])
        step = programs[workflows.type[number]].steps[attempts.step[row]]
        drawn = (workflow_key(done.seed, number), int(attempts.step[row]), int(attempts.attempt[row]))
        needed = step.wait_s(*drawn) + step.burn_s(*drawn)
        assert attempts.released_s[row] - attempts.granted_s[row] >= needed - 1e-9
        service[number] += needed
    for number, needed in service.items():
        if workflows.outcome[number] == Outcome.SUCCEEDED:
            assert workflows.finished_s[number] - workflows.due_s[number] >= needed - 1e-9


@settings(max_examples=60, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_run(scenario: Scenario, seed: int) -> None:
    one, other = (run(scenario, clock="virtual", seed=seed, engine="loop") for _ in range(2))
    for group in ("workflows", "attempts"):
        for name in type(getattr(one, group)).__slots__:
            np.testing.assert_array_equal(getattr(getattr(one, group), name), getattr(getattr(other, group), name))
    assert one.error_kinds == other.error_kinds
    assert one.ended_s == other.ended_s


def test_luck_does_not_depend_on_pool_size() -> None:
    def waits(size: int) -> dict[tuple[int, int], float]:
        kind = WorkflowType("t", (Step("s", wait=Constant(0.5)),))
        scenario = Scenario(
            name="s", load=BurstLoad((30,)), types=(kind,), mix=(("t", 1.0),), pools=(Pool("agents", size),)
        )
        done = run(scenario, clock="virtual", seed=3, engine="loop")
        spent = (done.attempts.released_s - done.attempts.granted_s).tolist()
        return dict(
            zip(zip(done.attempts.workflow.tolist(), done.attempts.step.tolist(), strict=True), spent, strict=True)
        )

    few, many_agents = waits(2), waits(30)
    assert few.keys() == many_agents.keys()
    assert all(few[key] == pytest.approx(many_agents[key]) for key in few)


def test_the_cores_pool_is_named_only_where_something_burns() -> None:
    kind = WorkflowType("t", (Step("s", wait=Constant(0.5)),))
    scenario = Scenario(name="s", load=BurstLoad((3,)), types=(kind,), mix=(("t", 1.0),), pools=(Pool("agents", 2),))
    assert CORES not in run(scenario, clock="virtual", engine="loop").pool_names
