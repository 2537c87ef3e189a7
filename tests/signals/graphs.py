"""LangGraph graphs of two nodes, with and without a checkpointer in memory: what the slope of memory is calibrated on.

Without a checkpointer a workflow keeps nothing; `InMemorySaver` keeps every checkpoint of every thread for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from harness import Workflow


class State(TypedDict, total=False):
    """What the nodes hand on."""

    workflow_id: str
    answer: str


async def think(state: State) -> State:
    """A model call."""
    await asyncio.sleep(0.01)
    return {"answer": f"of {state['workflow_id']}"}


async def check(state: State) -> State:
    """Another one."""
    await asyncio.sleep(0.01)
    return {"answer": state["answer"] + ", checked"}


def graph(saver: Any = None) -> Any:
    """Two nodes, one after the other."""
    builder = StateGraph(State)
    builder.add_node("think", think)
    builder.add_node("check", check)
    builder.add_edge(START, "think")
    builder.add_edge("think", "check")
    builder.add_edge("check", END)
    return builder.compile(checkpointer=saver)


class Graph:
    """The graph as a user's own target."""

    saver: Any = None

    def __init__(self) -> None:
        self.graph = graph(self.saver)

    async def run(self, workflow: Workflow) -> None:
        """One thread per workflow."""
        config = {"configurable": {"thread_id": workflow.id}}
        await self.graph.ainvoke({"workflow_id": workflow.id}, config)


class SavedGraph(Graph):
    """The same with a checkpointer in memory."""

    def __init__(self) -> None:
        self.saver = InMemorySaver()
        super().__init__()


graph_target = Graph
saver_target = SavedGraph
