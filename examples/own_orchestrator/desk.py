"""An orchestrator as one might have it already: a desk of agents, and a line of requests that wait for one."""

import asyncio


class Desk:
    """Answers requests with `agents` agents, first come first served. Knows nothing of any harness."""

    def __init__(self, agents: int) -> None:
        self.agents = agents
        self.busy = 0
        self.waiting = 0
        self._free = asyncio.Semaphore(agents)

    async def handle(self, request: str) -> str:
        """Wait for an agent, let it ask its model, and return the answer."""
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        self.busy += 1
        try:
            await asyncio.sleep(0.05)  # where the model is called
            return f"the answer to {request}"
        finally:
            self.busy -= 1
            self._free.release()
