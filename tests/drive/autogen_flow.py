"""An agent of autogen-core that waits. (A module, because handlers are read by annotation.)"""

import asyncio
from dataclasses import dataclass

from autogen_core import (  # type: ignore[import-not-found]  # optional
    AgentId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)


@dataclass
class Question:
    """What the agent is asked."""

    text: str


class Waiter(RoutedAgent):  # type: ignore[misc]  # optional
    """Takes 0.2 s for an answer."""

    @message_handler  # type: ignore[untyped-decorator]  # optional
    async def on_question(self, message: Question, ctx: MessageContext) -> Question:  # noqa: ARG002 - autogen's signature
        await asyncio.sleep(0.2)
        return message


async def ask(times: int) -> None:
    """Ask one agent so many times, on a runtime of its own."""
    runtime = SingleThreadedAgentRuntime()
    await Waiter.register(runtime, "waiter", lambda: Waiter("waits"))
    runtime.start()
    for number in range(times):
        await runtime.send_message(Question(str(number)), AgentId("waiter", "default"))
    await runtime.stop_when_idle()
