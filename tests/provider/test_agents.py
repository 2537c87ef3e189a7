"""An agent framework runs against the provider as against the real one: answers, streams, retries, usage."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from harness.provider.declaration import Faults, Latency, Limit, Provider
from harness.scenario.model import Constant
from tests.provider.serving import AT_ONCE, served, stats

agents = pytest.importorskip("agents")  # openai-agents, of the extra dev


@asynccontextmanager
async def agent(url: str, workflow: str):
    headers = {"x-workflow-id": workflow}
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=30, default_headers=headers) as client:
        model = agents.OpenAIChatCompletionsModel(model="fake-model", openai_client=client)
        yield agents.Agent(name="desk", instructions="Answer in one sentence.", model=model)


async def answer(url: str, workflow: str, asked: str):
    async with agent(url, workflow) as desk:
        return await agents.Runner.run(desk, asked)


@pytest.fixture(autouse=True)
def _no_traces() -> None:
    agents.set_tracing_disabled(True)


def test_agents_get_answers_streams_and_usage() -> None:
    async def work(url: str) -> None:
        result = await answer(url, "1", "What is the plan?")
        assert len(result.final_output.split()) == 5
        usage = result.context_wrapper.usage
        assert (usage.requests, usage.output_tokens) == (1, 5)
        assert usage.total_tokens == usage.input_tokens + 5
        async with agent(url, "1") as desk:
            streamed = agents.Runner.run_streamed(desk, "What is the plan?")
            deltas = [
                event.data.delta
                async for event in streamed.stream_events()
                if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
            ]
        assert "".join(deltas) == streamed.final_output == result.final_output

    with served(Provider(latency=AT_ONCE)) as url:
        asyncio.run(work(url))


async def crowd(url: str) -> dict[str, Any]:
    """Twelve agents at once, each of which gets its answer; what the provider counted."""
    done = await asyncio.gather(*(answer(url, f"w-{k}", f"Task {k}") for k in range(12)))
    assert all(len(result.final_output.split()) == 5 for result in done)
    async with aiohttp.ClientSession() as plain:
        return await stats(plain, url)


LATENCY = Latency(Constant(0.01), Constant(0.0), Constant(5.0))


def test_a_crowd_of_agents_gets_through_a_rate_limit() -> None:
    with served(Provider(latency=LATENCY, requests=Limit(40.0, 6))) as url:
        truth = asyncio.run(crowd(url))
    assert truth["statuses"]["200"] == truth["calls"]["succeeded"] == 12
    # all are told nearly the same time, come again together, and all but one are turned away once more
    assert truth["statuses"]["429"] == truth["retries"] >= 6
    assert truth["requests"] == 12 + truth["retries"]


def test_a_crowd_of_agents_gets_through_errors() -> None:
    with served(Provider(seed=1, latency=LATENCY, faults=Faults(errors=((500, 0.1), (529, 0.1))))) as url:
        truth = asyncio.run(crowd(url))
    planted = sum(truth["planted_errors"].values())
    assert truth["statuses"]["200"] == truth["calls"]["succeeded"] == 12
    assert truth["retries"] == planted > 0
    assert truth["requests"] == 12 + planted
