"""Frameworks for agents run unmodified on clocks that jump; each test runs only where its framework is installed.

Each framework runs 50 workflows at once, of three waits of 0.2 s: exactly 0.6 s on the virtual clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from harness.drive.target import Workflow
from tests.drive.small import drive, outcomes

WORKFLOWS, WAITS, WAIT_S = 50, 3, 0.2


def pydantic_ai() -> Any:
    pytest.importorskip("pydantic_ai")
    from pydantic_ai import Agent  # noqa: PLC0415 - optional
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart  # noqa: PLC0415 - optional
    from pydantic_ai.models.function import FunctionModel  # noqa: PLC0415 - optional

    async def answer(messages: Any, _info: Any) -> Any:
        await asyncio.sleep(WAIT_S)
        asked = sum(isinstance(message, ModelResponse) for message in messages)
        return ModelResponse(parts=[TextPart("done") if asked == WAITS - 1 else ToolCallPart("look", {})])

    agent = Agent(FunctionModel(answer))

    @agent.tool_plain
    async def look() -> str:
        return "seen"

    async def run(_workflow: Workflow) -> None:
        assert (await agent.run("go")).output == "done"

    return run


def openai_agents() -> Any:
    pytest.importorskip("agents")
    from agents import Agent, ModelResponse, Runner, Usage, function_tool, set_tracing_disabled  # noqa: PLC0415
    from agents.models.interface import Model  # noqa: PLC0415 - optional
    from openai.types import responses  # noqa: PLC0415 - optional

    set_tracing_disabled(True)

    class Fake(Model):
        async def get_response(self, *_given: Any, input: Any, **_named: Any) -> Any:  # noqa: A002 - the model's own
            await asyncio.sleep(WAIT_S)
            calls = 0 if isinstance(input, str) else sum(item.get("type") == "function_call" for item in input)
            text = responses.ResponseOutputText(text="done", type="output_text", annotations=[])
            last = responses.ResponseOutputMessage(
                id="m", content=[text], role="assistant", status="completed", type="message"
            )
            call = responses.ResponseFunctionToolCall(
                call_id=f"c{calls}", name="look", arguments="{}", type="function_call"
            )
            return ModelResponse(output=[last if calls == WAITS - 1 else call], usage=Usage(), response_id=None)

        def stream_response(self, *_given: Any, **_named: Any) -> Any:
            raise NotImplementedError

    @function_tool
    async def look() -> str:
        return "seen"

    agent = Agent(name="fake", model=Fake(), tools=[look])

    async def run(_workflow: Workflow) -> None:
        assert (await Runner.run(agent, "go")).final_output == "done"

    return run


def llama_index_workflows() -> Any:
    pytest.importorskip("workflows")
    from tests.drive.llama_flow import Flow  # noqa: PLC0415 - optional

    async def run(_workflow: Workflow) -> None:
        assert await Flow(timeout=100).run() == "done"

    return run


def autogen_core() -> Any:
    pytest.importorskip("autogen_core")
    from tests.drive.autogen_flow import ask  # noqa: PLC0415 - optional

    async def run(_workflow: Workflow) -> None:
        await ask(WAITS)

    return run


def _langgraph_builder() -> Any:
    from langgraph.graph import END, START, StateGraph  # noqa: PLC0415 - optional

    async def node(_state: Any) -> Any:
        await asyncio.sleep(WAIT_S)
        return {"x": 1}

    builder = StateGraph(dict)  # type: ignore[type-var]  # a plain dict is a state, too
    for name in "abc":
        builder.add_node(name, node)
    for one, other in ((START, "a"), ("a", "b"), ("b", "c"), ("c", END)):
        builder.add_edge(one, other)
    return builder


def langgraph() -> Any:
    pytest.importorskip("langgraph")
    graph = _langgraph_builder().compile()

    async def run(_workflow: Workflow) -> None:
        await graph.ainvoke({"x": 0})

    return run


def langgraph_with_checkpoints() -> Any:
    pytest.importorskip("langgraph")
    from langgraph.checkpoint.memory import InMemorySaver  # noqa: PLC0415 - optional

    graph = _langgraph_builder().compile(checkpointer=InMemorySaver())

    async def run(workflow: Workflow) -> None:
        await graph.ainvoke({"x": 0}, {"configurable": {"thread_id": workflow.id}})

    return run


def agent_framework() -> Any:
    pytest.importorskip("agent_framework")
    from agent_framework import Agent, BaseChatClient, ChatResponse, Message  # noqa: PLC0415 - optional

    class Fake(BaseChatClient):  # type: ignore[misc,type-arg,unused-ignore]  # where it is not installed, it is Any
        async def _answer(self) -> Any:
            await asyncio.sleep(WAIT_S)
            return ChatResponse(messages=[Message("assistant", ["done"])])

        def _inner_get_response(self, **_given: Any) -> Any:
            return self._answer()

    agent = Agent(client=Fake(), instructions="go")

    async def run(_workflow: Workflow) -> None:
        session = agent.create_session()
        for _ in range(WAITS):
            assert (await agent.run("go", session=session)).text == "done"

    return run


def anyio() -> Any:
    pytest.importorskip("anyio")
    import anyio as library  # noqa: PLC0415 - optional

    async def run(_workflow: Workflow) -> None:
        one_at_a_time = library.CapacityLimiter(1)

        async def child() -> None:
            async with one_at_a_time:
                with library.fail_after(5):
                    await library.sleep(WAIT_S)

        async with library.create_task_group() as group:
            for _ in range(WAITS):
                group.start_soon(child)

    return run


def aiosqlite() -> Any:
    pytest.importorskip("aiosqlite")
    import aiosqlite as driver  # noqa: PLC0415 - optional

    async def run(workflow: Workflow) -> None:
        async with driver.connect(":memory:") as database:
            await database.execute("create table step (number)")
            for _ in range(WAITS):
                await asyncio.sleep(WAIT_S)
                await database.execute("insert into step values (?)", (workflow.number,))
                await database.commit()
            async with database.execute("select count(*) from step") as cursor:
                assert await cursor.fetchone() == (WAITS,)

    return run


FRAMEWORKS: list[Callable[[], Any]] = [
    pydantic_ai,
    openai_agents,
    llama_index_workflows,
    autogen_core,
    langgraph,
    langgraph_with_checkpoints,
    agent_framework,
    anyio,
    aiosqlite,
]


@pytest.mark.parametrize("make", FRAMEWORKS, ids=lambda make: str(make.__name__))
def test_a_framework_runs_exactly(make: Callable[[], Any]) -> None:
    done = drive(make(), clock="virtual", workflows=WORKFLOWS)
    assert outcomes(done) == {"succeeded": WORKFLOWS}
    assert done.workflows.finished_s == pytest.approx(WAITS * WAIT_S, abs=1e-9)


@pytest.mark.parametrize("make", FRAMEWORKS, ids=lambda make: str(make.__name__))
def test_a_framework_shows_its_overhead_on_the_hybrid_clock(make: Callable[[], Any]) -> None:
    done = drive(make(), clock="hybrid", workflows=WORKFLOWS)
    assert outcomes(done) == {"succeeded": WORKFLOWS}
    assert (done.workflows.finished_s >= WAITS * WAIT_S).all()
