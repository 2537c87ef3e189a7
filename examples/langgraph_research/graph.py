"""A research team as a LangGraph graph: a planner, three researchers in parallel, a writer; checkpointed.

`harness run --target langgraph:examples.langgraph_research.graph:graph` puts it under load.
"""

import operator
from typing import Annotated, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from examples.langgraph_research.models import PLANNER, RESEARCHER, WRITER


class State(TypedDict, total=False):
    """What the team shares. `workflow_id` comes from the harness, which checks that it comes back."""

    workflow_id: str
    workflow_type: str
    questions: list[str]
    findings: Annotated[list[str], operator.add]
    report: str


class Question(TypedDict):
    """What one researcher is handed."""

    number: int
    question: str


async def plan(state: State, config: RunnableConfig) -> State:
    """Split the topic into three questions."""
    topic = state.get("workflow_type", "anything")
    answer = await PLANNER.ask(f"three questions about {topic}", config, call=0)
    return {"questions": [f"{answer}, question {number}" for number in (1, 2, 3)]}


async def hand_out(state: State) -> list[Send]:
    """One researcher per question, all at once. (Async: LangGraph runs plain functions in threads.)"""
    return [
        Send("research", Question(number=number, question=question))
        for number, question in enumerate(state["questions"], start=1)
    ]


async def research(question: Question, config: RunnableConfig) -> State:
    """Answer one question."""
    return {"findings": [await RESEARCHER.ask(question["question"], config, call=question["number"])]}


async def write(state: State, config: RunnableConfig) -> State:
    """Make one report of all findings."""
    return {"report": await WRITER.ask("\n".join(state["findings"]), config, call=4)}


builder = StateGraph(State)
builder.add_node("plan", plan)
builder.add_node("research", research)
builder.add_node("write", write)
builder.add_edge(START, "plan")
builder.add_conditional_edges("plan", hand_out, ["research"])
builder.add_edge("research", "write")
builder.add_edge("write", END)

graph = builder.compile(checkpointer=InMemorySaver())
