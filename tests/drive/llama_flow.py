"""A workflow of llama-index-workflows: three steps that wait. (A module: steps are read by annotation.)"""

import asyncio

from workflows import Workflow, step  # type: ignore[import-not-found]  # optional
from workflows.events import Event, StartEvent, StopEvent  # type: ignore[import-not-found]  # optional


class Second(Event):  # type: ignore[misc]  # optional
    """The first step is done."""


class Third(Event):  # type: ignore[misc]  # optional
    """The second step is done."""


class Flow(Workflow):  # type: ignore[misc]  # optional
    """Three waits of 0.2 s."""

    @step
    async def one(self, _event: StartEvent) -> Second:
        await asyncio.sleep(0.2)
        return Second()

    @step
    async def two(self, _event: Second) -> Third:
        await asyncio.sleep(0.2)
        return Third()

    @step
    async def three(self, _event: Third) -> StopEvent:
        await asyncio.sleep(0.2)
        return StopEvent(result="done")
