"""How loads are driven: caps, changes in flight, tasks that carry out several workflows, loops and precision."""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli import main
from harness.drive.adapters.callables import factory_for
from harness.drive.target import Workflow
from harness.errors import DeclarationError, ExitCode
from harness.execute import run
from harness.measure.metrics import summarise
from harness.measure.record import Outcome, Run
from harness.scenario.model import (
    ClosedLoad,
    ClosedRampLoad,
    Constant,
    Load,
    Pool,
    RampLoad,
    RateLoad,
    Scenario,
    Step,
    WorkflowType,
)
from harness.simulate.simulator import AgentLoadSimulator
from tests.drive.random_scenarios import scenarios
from tests.drive.small import outcomes, scenario


def driven(found: Any, load: Load, **given: Any) -> Run:
    declared = replace(scenario(), load=load, timeout_s=given.pop("timeout_s", None))
    return run(declared, target=factory_for("tests:it", found), **given)


def most_in_flight(done: Run) -> int:
    rows = done.workflows
    changes = [(t, 1) for t in rows.started_s.tolist()] + [(t, -1) for t in rows.finished_s.tolist()]
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


# --------------------------------------------------------------------------- tasks

SEEN: contextvars.ContextVar[int] = contextvars.ContextVar("SEEN")


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("clock", ["wall", "virtual", "hybrid"])
def test_what_a_workflow_leaves_in_its_context_no_other_finds(waits: bool, clock: Any) -> None:
    leaked = []

    async def target(workflow: Workflow) -> None:
        leaked.append(SEEN.get(None))
        token = SEEN.set(workflow.number)
        if waits:
            await asyncio.sleep(0)
        if workflow.number % 2:
            SEEN.reset(token)

    done = driven(target, ClosedLoad(3, workflows=60), clock=clock)
    assert outcomes(done) == {"succeeded": 60}
    assert set(leaked) == {None}


def test_workflows_that_wait_have_tasks_of_their_own_and_others_share() -> None:
    tasks: dict[str, list[asyncio.Task[Any] | None]] = {"waits": [], "does_not": []}

    async def waits(_workflow: Workflow) -> None:
        tasks["waits"].append(asyncio.current_task())
        await asyncio.sleep(0)

    async def does_not(_workflow: Workflow) -> None:
        tasks["does_not"].append(asyncio.current_task())

    for target in (waits, does_not):
        driven(target, ClosedLoad(2, workflows=64))
    assert len(set(map(id, tasks["waits"]))) == 64
    assert len(set(map(id, tasks["does_not"]))) <= 8


def test_others_get_their_turn_though_no_workflow_ever_waits() -> None:
    turns = []

    async def target(_workflow: Workflow) -> None:
        if not turns:
            asyncio.get_running_loop().call_soon(turns.append, 1)
        turned.append(len(turns))

    turned: list[int] = []
    driven(target, ClosedLoad(1, workflows=200))
    assert turned.count(0) <= 32


def test_errors_refusals_and_late_results_of_workflows_that_never_wait_are_told_apart() -> None:
    async def target(workflow: Workflow) -> object:
        match workflow.number % 4:
            case 0:
                raise ValueError("no")
            case 1:
                raise TimeoutError
            case 2:
                return {"workflow_id": "another"}
        return {"workflow_id": workflow.id}

    done = driven(target, ClosedLoad(2, workflows=40), timeout_s=30.0)
    assert outcomes(done) == {"failed": 20, "timed_out": 10, "succeeded": 10}
    kinds = Counter(done.error_kinds[code] for code in done.workflows.error.tolist() if code >= 0)
    assert kinds == {"ValueError": 10, "TimeoutError": 10, "workflow_id_mismatch": 10}


def test_a_workflow_that_cancels_its_own_task_harms_no_other() -> None:
    async def target(workflow: Workflow) -> None:
        task = asyncio.current_task()
        assert task is not None
        if workflow.number == 5:
            task.cancel()
        elif workflow.number > 5:
            await asyncio.sleep(0)

    done = driven(target, ClosedLoad(1, workflows=20))
    assert outcomes(done) == {"succeeded": 20}


def test_a_timeout_ends_the_workflow_that_waits_and_only_that() -> None:
    async def target(workflow: Workflow) -> None:
        if workflow.number % 5 == 3:
            try:
                await asyncio.sleep(30)
            finally:
                await asyncio.sleep(0)  # a cancelled workflow may still have something to put away

    done = driven(target, ClosedLoad(2, workflows=20), timeout_s=0.05)
    assert outcomes(done) == {"succeeded": 16, "timed_out": 4}


def test_what_is_awaited_reaches_a_coroutine_that_was_begun_by_hand() -> None:
    async def target(workflow: Workflow) -> object:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        loop.call_soon(future.set_result, workflow.number)
        assert await future == workflow.number
        broken: asyncio.Future[int] = loop.create_future()
        loop.call_soon(broken.set_exception, KeyError("x"))
        with pytest.raises(KeyError):
            await broken
        async with asyncio.timeout(5):
            await asyncio.gather(asyncio.sleep(0), asyncio.to_thread(len, "abc"))
        return {"workflow_id": workflow.id}

    assert outcomes(driven(target, ClosedLoad(3, workflows=12))) == {"succeeded": 12}


# --------------------------------------------------------------------------- caps and changes


@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_a_cap_holds_and_what_it_holds_back_is_told_from_lag(clock: Any) -> None:
    async def target(_workflow: Workflow) -> None:
        await asyncio.sleep(0.02)

    done = driven(target, RateLoad(200.0, "constant", workflows=60, max_in_flight=3), clock=clock)
    assert outcomes(done) == {"succeeded": 60}
    assert most_in_flight(done) == 3
    rows = done.workflows
    lag = rows.started_s - rows.due_s - rows.held_s
    assert (rows.held_s >= 0).all()
    assert (lag > -1e-9).all()
    assert rows.held_s[-1] > 0.05  # 3 in 20 ms are 150 a second: 60 of them end 0.1 s after the last is due
    if clock == "virtual":
        assert np.abs(lag).max() < 1e-9


def test_what_a_cap_never_let_go_is_counted_as_cancelled() -> None:
    async def hangs(_workflow: Workflow) -> None:
        await asyncio.sleep(1000)

    load = RateLoad(10.0, "constant", workflows=100, max_in_flight=4)
    declared = replace(scenario(), load=load, run_timeout_s=5.0)
    done = run(declared, target=factory_for("tests:it", hangs), clock="virtual")
    assert done.stopped == "run timeout"
    assert outcomes(done) == {"cancelled": 51}
    assert int(np.isnan(done.workflows.started_s).sum()) == 47


def test_the_number_in_flight_follows_its_ramp() -> None:
    async def target(_workflow: Workflow) -> None:
        await asyncio.sleep(0.05)

    up = driven(target, ClosedRampLoad(1, 9, 4.0), clock="virtual")
    for at_s, expected in ((0.2, 1), (1.2, 3), (2.2, 5), (3.9, 8)):
        rows = up.workflows
        assert int(((rows.started_s <= at_s) & (rows.finished_s > at_s)).sum()) == expected
    down = driven(target, ClosedRampLoad(9, 1, 4.0), clock="virtual")
    rows = down.workflows
    assert int(((rows.started_s <= 3.9) & (rows.finished_s > 3.9)).sum()) == 2


# --------------------------------------------------------------------------- laws of every load


@settings(max_examples=40, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(scenarios(most=40), st.integers(0, 2**32))
def test_the_parts_of_latency_sum_to_it(declared: Scenario, seed: int) -> None:
    done = AgentLoadSimulator(declared, "interpreted").run(seed)
    seen = summarise(declared, [done]).latency
    parts = [seen.lag, seen.admission_wait, seen.queue_wait, seen.service, seen.backoff]
    if seen.mean.value is None or any(part.value is None for part in parts):
        return
    total = sum(part.value or 0.0 for part in parts)
    assert total + (seen.overhead.value or 0.0) == pytest.approx(seen.mean.value, abs=1e-9)
    # virtual time is never late, and the orchestrator takes none of it
    assert seen.lag.value == pytest.approx(0.0, abs=1e-9)
    assert seen.overhead.value == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=25, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(scenarios(most=40), st.integers(0, 2**32))
def test_a_stream_counts_what_a_run_counts(declared: Scenario, seed: int) -> None:
    simulator = AgentLoadSimulator(declared, "interpreted")
    done, streamed = simulator.run(seed), simulator.stream(seed)
    assert streamed.offered == len(done.workflows)
    counts = np.bincount(done.workflows.outcome, minlength=5)
    assert streamed.outcomes == {outcome.name.lower(): counts[outcome] for outcome in Outcome}


def test_a_warm_up_is_kept_out_of_the_figures_and_counted_apart() -> None:
    kind = WorkflowType("t", (Step("s", wait=Constant(0.5)),))
    declared = Scenario(
        name="s",
        load=RateLoad(10.0, "constant", duration_s=20.0),
        types=(kind,),
        mix=(("t", 1.0),),
        pools=(Pool("agents", 100),),
        warm_up_s=5.0,
    )
    done = AgentLoadSimulator(declared).run(1)
    metrics = summarise(declared, [done])
    assert (metrics.offered, metrics.latency.samples) == (150, 150)
    assert metrics.warm_up is not None
    assert (metrics.warm_up.offered, metrics.warm_up.outcomes["succeeded"]) == (50, 50)
    assert metrics.throughput.mean.value == pytest.approx(10.0)
    assert metrics.throughput.excluded.startswith("warm-up (the first 5 s), ramp-up")
    assert "the first 5 s (50 workflows) are warm-up and kept out of the figures" in metrics.doubts
    by_count = replace(declared, warm_up_s=0.0, warm_up_workflows=50)
    again = summarise(by_count, [replace(done, digest=by_count.digest)])
    assert again.latency == metrics.latency
    assert again.throughput.mean == metrics.throughput.mean


def test_slow_starters_do_not_show_behind_a_warm_up() -> None:
    async def target(workflow: Workflow) -> None:
        await asyncio.sleep(1.0 if workflow.number < 20 else 0.1)

    declared = replace(scenario(), load=ClosedLoad(10, workflows=100), warm_up_workflows=20)
    done = run(declared, target=factory_for("tests:it", target), clock="virtual")
    seen = summarise(declared, [done])
    assert seen.latency.max.value == pytest.approx(0.1)
    assert seen.offered == 80


# --------------------------------------------------------------------------- loops and precision


@pytest.mark.parametrize("given", [{"precise": True}, {"loop": "uvloop"}, {"loop": "uvloop", "precise": True}], ids=str)
@pytest.mark.parametrize(
    "load",
    [RampLoad(100.0, 400.0, 0.3), ClosedLoad(4, workflows=40, think=Constant(0.01))],
    ids=["open", "closed"],
)
def test_nothing_starts_before_it_is_due(load: Load, given: dict[str, Any]) -> None:
    if given.get("loop") == "uvloop":
        pytest.importorskip("uvloop")

    async def target(_workflow: Workflow) -> None:
        await asyncio.sleep(0.001)

    done = driven(target, load, timeout_s=10.0, **given)
    assert set(outcomes(done)) == {"succeeded"}
    rows = done.workflows
    assert (rows.started_s >= rows.due_s).all()
    assert isinstance(load, ClosedLoad) or (np.diff(rows.due_s) >= 0).all()


@pytest.mark.parametrize("clock", ["virtual", "hybrid"])
def test_clocks_that_jump_take_neither(clock: Any) -> None:
    for options, said in (({"loop": "uvloop"}, f"found uvloop with --clock {clock}"), ({"precise": True}, "--precise")):
        with pytest.raises(DeclarationError, match=said):
            run(scenario(), clock=clock, **options)


def test_a_loop_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.drive.clock.find_spec", lambda name: None if name == "uvloop" else find_spec(name))
    done = CliRunner().invoke(main, ["run", "10_concurrent_workflows", "--loop", "uvloop"])
    assert done.exit_code == ExitCode.USAGE
    assert "agent-load-harness[uvloop]" in done.stderr
