"""What a target tells of its attempts, from any thread, on any clock, and what LangGraph is seen to try again."""

from __future__ import annotations

import asyncio
import pickle
import threading
from typing import Any, TypedDict

import numpy as np
import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy

from harness import Workflow
from harness.execute import run
from harness.measure.metrics import summarise
from harness.measure.record import Run
from harness.measure.tries import TryLog
from harness.scenario.model import ClosedLoad, Scenario
from tests.signals.test_matrix import scenario


def small(workflows: int = 4) -> Scenario:
    return scenario(ClosedLoad(2, workflows=workflows))


async def tried_twice(workflow: Workflow) -> None:
    """One step that fails once, and one that does not."""
    for last in (False, True):
        try:
            with workflow.attempt("search") as attempt:
                await asyncio.sleep(0.25)
                attempt.granted()
                attempt.granted()
                await asyncio.sleep(0.5)
                if not last:
                    raise ConnectionError
        except ConnectionError:
            await asyncio.sleep(1.0)
    workflow.attempt("answer")


def test_attempts_are_exact_on_the_virtual_clock() -> None:
    declared = small()
    done = run(declared, target=tried_twice, clock="virtual")
    assert done.tries is not None
    assert done.tries.steps == ("search", "answer")
    first = done.tries.workflow == 0
    columns = [getattr(done.tries, name)[first].tolist() for name in ("number", "begun_s", "granted_s", "failed")]
    assert columns[0] == [1, 2, 1]
    assert columns[1] == [0.0, 1.75, 2.5]
    assert columns[2][:2] == [0.25, 2.0], "granted is noted once"
    assert columns[3] == [True, False, False]
    assert done.tries.ended_s[first][:2].tolist() == [0.75, 2.5]
    assert np.isnan(done.tries.ended_s[first][2]), "one that is only called does not tell its end"
    metrics = summarise(declared, [done])
    assert metrics.attempts_per_workflow.value == 3.0
    assert metrics.signals is not None
    assert metrics.signals.attempts_per_step.value == 1.5
    assert metrics.signals.pool_wait_share.value == pytest.approx(1 / 3)
    assert metrics.signals.queue_oldest_s.value == 0.25


def test_two_runs_on_the_virtual_clock_tell_the_same() -> None:
    one, other = (run(small(), target=tried_twice, clock="virtual").tries for _ in range(2))
    assert one is not None
    assert other is not None
    for name in ("workflow", "step", "number", "begun_s", "granted_s", "ended_s", "failed"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name.endswith("_s")), name


def test_plain_functions_tell_of_attempts_too() -> None:
    def work(workflow: Workflow) -> None:
        workflow.attempt("call")
        workflow.attempt("call")

    done = run(small(), target=work)
    assert done.tries is not None
    assert sorted(done.tries.number.tolist()) == [1] * 4 + [2] * 4


def test_attempts_are_told_from_any_number_of_threads_at_once() -> None:
    log = TryLog(lambda: 1.0)
    threads = [threading.Thread(target=lambda k=k: [log.begin(k % 2, "s", None) for _ in range(500)]) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    columns = log.columns()
    assert columns is not None
    for workflow in (0, 1):
        assert columns.number[columns.workflow == workflow].tolist() == list(range(1, 1001))


def test_a_number_that_is_given_is_kept() -> None:
    log = TryLog(lambda: 0.0)
    for number in (1, 3, None, 2):
        log.begin(7, "s", number)
    columns = log.columns()
    assert columns is not None
    assert columns.number.tolist() == [1, 3, 3, 2]


@pytest.mark.parametrize(
    ("step", "number", "error"), [(3, None, TypeError), ("s", 0, ValueError), ("s", 1.5, ValueError)]
)
def test_what_cannot_be_an_attempt_is_refused_where_it_is_told(step: Any, number: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"workflow\.attempt"):
        TryLog(lambda: 0.0).begin(0, step, number)


def test_a_workflow_that_nobody_listens_to_can_still_tell() -> None:
    made = Workflow(1, "simple", 7)
    with made.attempt("search") as attempt:
        attempt.granted()
    heard = Workflow(1, "simple", 7, TryLog(lambda: 0.0))
    copy = pickle.loads(pickle.dumps(heard))
    copy.attempt("search")
    assert copy.log.columns() is None, "what another process tries is not heard of here"
    assert (copy.number, copy.type, copy.seed) == (1, "simple", 7)


# --------------------------------------------------------------------------- LangGraph


class State(TypedDict, total=False):
    """Two nodes' worth."""

    workflow_id: str
    seen: int


class Flaky:
    """A graph whose first node fails twice for every workflow."""

    def __init__(self, policy: RetryPolicy | None) -> None:
        self.policy = policy
        self.calls: dict[str, int] = {}

    async def think(self, state: State) -> State:
        count = self.calls[state["workflow_id"]] = self.calls.get(state["workflow_id"], 0) + 1
        await asyncio.sleep(0.01)
        if self.policy is not None and count < 3:
            raise ConnectionError
        return {"seen": count}

    async def check(self, state: State) -> State:
        return {"seen": state["seen"] + 1}

    def __call__(self) -> Any:
        builder = StateGraph(State)
        builder.add_node("think", self.think, retry_policy=self.policy)
        builder.add_node("check", self.check)
        builder.add_edge(START, "think")
        builder.add_edge("think", "check")
        builder.add_edge("check", END)
        return builder.compile()


def run_graph(make: Flaky, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(f"{__name__}.graph_under_test", make, raising=False)
    return run(small(6), target=f"langgraph:{__name__}:graph_under_test", clock="virtual")


def test_what_langgraph_tries_again_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = RetryPolicy(initial_interval=0.5, jitter=False, retry_on=ConnectionError)
    done = run_graph(Flaky(policy), monkeypatch)
    assert done.tries is not None
    think = done.tries.step == done.tries.steps.index("think")
    assert np.bincount(done.tries.number[think]).tolist() == [0, 6, 6, 6]
    assert done.tries.failed[think].sum() == 12
    assert not done.tries.failed[~think].any()
    gaps = np.diff(done.tries.begun_s[think & (done.tries.workflow == 0)])
    assert gaps.tolist() == pytest.approx([0.51, 1.01])


def test_a_graph_without_a_retry_policy_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_graph(Flaky(None), monkeypatch).tries is None
