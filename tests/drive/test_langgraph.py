"""LangGraph graphs as targets, in every form in which a module may hold one."""

from __future__ import annotations

import asyncio
import contextlib
import operator
import sys
import time
import types
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt

from harness.drive.adapters.langgraph import plain_nodes
from harness.drive.target import Workflow
from harness.errors import MissingExtraError, TargetError
from harness.execute import run
from harness.measure.record import Run
from tests.drive.small import errors, outcomes, scenario


class State(TypedDict, total=False):
    workflow_id: str
    workflow_type: str
    seen: Annotated[list[str], operator.add]


async def work(state: State, config: RunnableConfig) -> State:
    await asyncio.sleep(0.01)
    assert isinstance(config["configurable"]["workflow"], Workflow)
    return {"seen": [state.get("workflow_id", "none")]}


def plain_work(_state: State) -> State:
    return {"seen": ["plain"]}


def builder(node: Any = work, state: Any = State) -> Any:
    return StateGraph(state).add_node("work", node).add_edge(START, "work").add_edge("work", END)


def make_graph() -> Any:
    return builder().compile()


async def make_graph_async() -> Any:
    await asyncio.sleep(0)
    return builder().compile()


@contextlib.asynccontextmanager
async def make_graph_within() -> AsyncIterator[Any]:
    yield builder().compile()


@entrypoint()
async def functional(given: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(0.01)
    return given


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a scenario on an object, as if a module held it under the name `graph`."""

    def load_graph(graph: Any, clock: Any = "virtual", workflow_input: Any = None, **given: Any) -> Run:
        module = types.ModuleType("graph_under_test")
        module.graph = graph  # type: ignore[attr-defined]  # a module made for the test
        if workflow_input is not None:
            module.workflow_input = workflow_input  # type: ignore[attr-defined]  # as above
        monkeypatch.setitem(sys.modules, "graph_under_test", module)
        return run(scenario(**given), target="langgraph:graph_under_test:graph", clock=clock)

    return load_graph


# ------------------------------------------------------------------------------------------------ what may be a graph

GRAPHS = {
    "compiled": builder().compile(),
    "compiled, with a checkpointer": builder().compile(checkpointer=InMemorySaver()),
    "with a config of its own": builder().compile().with_config(recursion_limit=5),
    "not compiled": builder(),
    "function that returns a graph": make_graph,
    "function that returns a builder": builder,
    "async function": make_graph_async,
    "async context manager": make_graph_within,
    "functional": functional,
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS.keys())
@pytest.mark.parametrize("clock", ["wall", "virtual"])
def test_each_form_of_graph_runs(graph: Any, clock: Any, load: Any) -> None:
    done = load(graph, clock)
    assert outcomes(done) == {"succeeded": 3}
    assert done.doubts == ()
    if clock == "virtual":
        assert done.workflows.finished_s.tolist() == [0.01] * 3


def test_a_function_makes_one_graph_per_replication(load: Any) -> None:
    made = []

    def make() -> Any:
        made.append(make_graph())
        return made[-1]

    load(make)
    load(make)
    assert len(made) == 2


def test_the_context_of_a_graph_is_left_after_the_run(load: Any) -> None:
    log = []

    @contextlib.asynccontextmanager
    async def make() -> AsyncIterator[Any]:
        log.append("open")

        async def note(_state: State) -> State:
            log.append("run")
            return {}

        yield builder(note).compile()
        log.append("close")

    load(make, workflows=1)
    assert log == ["open", "run", "close"]


# ------------------------------------------------------------------------------------------- what a graph may not be


def needs_arguments(config: Any) -> Any:
    return config


def returns_text() -> str:
    return "graph"


def raises() -> Any:
    raise ConnectionError("no database")


NOT_GRAPHS = {
    "a number": (42, "found int 42"),
    "text": ("graph", "found str 'graph'"),
    "a class": (State, "found the class State"),
    "needs arguments": (needs_arguments, "found needs_arguments(config"),
    "returns no graph": (returns_text, "found a function that returns str 'graph'"),
    "raises": (raises, "making the graph failed: ConnectionError: no database"),
    "does not compile": (StateGraph(State), "compiling the graph failed: ValueError"),
}


@pytest.mark.parametrize(("graph", "text"), NOT_GRAPHS.values(), ids=NOT_GRAPHS.keys())
def test_what_is_not_a_graph_is_refused_with_what_was_found(graph: Any, text: str, load: Any) -> None:
    with pytest.raises(TargetError) as caught:
        load(graph)
    assert str(caught.value).startswith("--target langgraph:graph_under_test:graph: ")
    assert text in str(caught.value)


@pytest.mark.parametrize("spec", ["langgraph:", "langgraph:x", "langgraph::y", "langgraph:x:"])
def test_a_name_that_is_not_whole_is_refused(spec: str) -> None:
    with pytest.raises(TargetError, match="langgraph:module:graph"):
        run(scenario(), target=spec)


def test_a_module_or_graph_that_is_not_there_is_refused() -> None:
    with pytest.raises(TargetError, match="No module named 'not_there_at_all'"):
        run(scenario(), target="langgraph:not_there_at_all:graph")
    with pytest.raises(TargetError, match="did you mean 'InMemorySaver'"):
        run(scenario(), target="langgraph:langgraph.checkpoint.memory:InMemorySave")


def test_without_langgraph_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langgraph", None)
    with pytest.raises(MissingExtraError, match=r"agent-load-harness\[langgraph\]"):
        run(scenario(), target="langgraph:anything:graph")


def test_workflow_input_must_be_a_function(load: Any) -> None:
    with pytest.raises(TargetError, match=r"expected workflow_input\(workflow\), found dict"):
        load(builder(), workflow_input={})


# --------------------------------------------------------------------------------------------- what goes in and out


def recorded(log: list[Any]) -> Any:
    async def record(state: Any, config: RunnableConfig) -> dict[str, Any]:
        log.append((dict(state), config["configurable"]["thread_id"], config["metadata"]))
        return {}

    return record


def test_the_input_is_what_the_state_has_keys_for(load: Any) -> None:
    log: list[Any] = []
    load(builder(recorded(log)), workflows=1)
    assert log[0][0] == {"workflow_id": "0-0", "workflow_type": "simple", "seen": []}
    assert log[0][2]["workflow_type"] == "simple"

    log.clear()
    load(builder(recorded(log), MessagesState), workflows=1)
    assert log[0][0] == {"messages": []}


def test_a_module_may_map_a_workflow_to_its_input(load: Any) -> None:
    log: list[Any] = []

    def workflow_input(workflow: Workflow) -> dict[str, Any]:
        return {"messages": [("user", f"{workflow.type} {workflow.id}")]}

    load(builder(recorded(log), MessagesState), workflows=2, workflow_input=workflow_input)
    assert [state["messages"][0].content for state, _, _ in log] == ["simple 0-0", "simple 0-1"]


def test_no_thread_is_used_twice_so_that_no_state_bleeds_between_replications(load: Any) -> None:
    log: list[Any] = []
    saver = InMemorySaver()
    graph = builder(recorded(log)).compile(checkpointer=saver)
    load(graph)
    load(graph)
    assert len({thread for _, thread, _ in log}) == 6
    assert all(state["seen"] == [] for state, _, _ in log)
    # left behind, as any user of the graph would leave them
    assert len(list(saver.storage)) == 6


def test_an_id_that_comes_back_changed_is_a_failure(load: Any) -> None:
    async def mixes_up(state: State) -> State:
        return {"workflow_id": "0-0"} if state["workflow_id"] == "0-1" else {}

    done = load(builder(mixes_up))
    assert outcomes(done) == {"succeeded": 2, "failed": 1}
    assert errors(done) == {"workflow_id_mismatch": 1}


# -------------------------------------------------------------------------------------------------- what goes wrong


class ModelOverloadedError(Exception):
    """What a node raises."""


async def overloaded(_state: State) -> State:
    raise ModelOverloadedError


async def too_slow(_state: State) -> State:
    async with asyncio.timeout(0.01):
        await asyncio.sleep(1)
    return {}


async def asks(_state: State) -> State:
    return {"seen": [interrupt("may I?")]}


@pytest.mark.parametrize("clock", ["wall", "virtual"])
@pytest.mark.parametrize(
    ("node", "outcome", "kind"),
    [
        (overloaded, "failed", "ModelOverloadedError"),
        (too_slow, "timed_out", "TimeoutError"),
        (asks, "failed", "interrupted for input"),
    ],
)
def test_what_a_node_raises_is_the_outcome(node: Any, outcome: str, kind: str, clock: Any, load: Any) -> None:
    done = load(builder(node).compile(checkpointer=InMemorySaver()), clock)
    assert outcomes(done) == {outcome: 3}
    assert errors(done) == {kind: 3}


def test_a_graph_that_goes_in_circles_meets_its_recursion_limit(load: Any) -> None:
    graph = StateGraph(State).add_node("work", work).add_edge(START, "work").add_edge("work", "work")
    done = load(graph.compile().with_config(recursion_limit=4))
    assert errors(done) == {GraphRecursionError.__name__: 3}


def test_a_graph_that_hangs_times_out_and_is_cancelled(load: Any) -> None:
    async def hangs(_state: State) -> State:
        await asyncio.sleep(1000)
        return {}

    done = load(builder(hangs), timeout_s=0.5)
    assert outcomes(done) == {"timed_out": 3}
    assert done.workflows.finished_s == pytest.approx(0.5)


# ------------------------------------------------------------------------------------------------- nodes in threads


def test_plain_nodes_are_told_from_async_ones() -> None:
    graph = StateGraph(State).add_node("a", work).add_node("b", plain_work).add_edge(START, "a").add_edge("a", "b")
    assert plain_nodes(graph.compile()) == ["b"]
    assert plain_nodes(functional) == []


def test_plain_nodes_run_on_the_wall_clock_without_a_doubt(load: Any) -> None:
    def slow(_state: State) -> State:
        time.sleep(0.05)
        return {}

    done = load(builder(slow), "wall")
    assert outcomes(done) == {"succeeded": 3}
    assert done.doubts == ()
    assert (done.workflows.finished_s >= 0.05).all()


def test_plain_nodes_are_doubted_on_the_virtual_clock(load: Any) -> None:
    done = load(builder(plain_work), "virtual")
    assert outcomes(done) == {"succeeded": 3}
    (doubt,) = done.doubts
    assert "run in threads (work)" in doubt
