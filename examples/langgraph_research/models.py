"""Models that need no key and send no bill: they wait as long as a real one might, and now and then they fail.

How long and whether is drawn from the workflow's own luck, which depends on the seed and the workflow alone. So the
same workflow waits as long in every run with the same seed, whatever else is going on.
"""

import asyncio
import math
import os
from dataclasses import dataclass
from statistics import NormalDist

from langchain_core.runnables import RunnableConfig

FIXED_WAIT_S = float(os.environ.get("RESEARCH_WAIT_S", "0"))
"""Seconds that every model takes, whatever its luck, where the environment says so: to compare clocks."""


class ModelOverloadedError(Exception):
    """What a real provider would answer with status 529."""


@dataclass(frozen=True)
class FakeModel:
    """A model whose latency is lognormal, with this median and this sigma of its logarithm."""

    name: str
    median_s: float
    sigma: float
    fail: float = 0.002

    async def ask(self, prompt: str, config: RunnableConfig, call: int) -> str:
        """Answer `prompt`; `call` numbers the calls of one workflow, so that each has luck of its own."""
        workflow = config["configurable"]["workflow"]
        await asyncio.sleep(self.latency_s(workflow.luck(2 * call)))
        if workflow.luck(2 * call + 1) < self.fail:
            raise ModelOverloadedError(self.name)
        return f"{self.name} on {prompt[:40]}"

    def latency_s(self, luck: float) -> float:
        """The quantile at `luck`, a number in [0, 1); whole microseconds, the same on every machine."""
        if FIXED_WAIT_S:
            return FIXED_WAIT_S
        sigmas = NormalDist().inv_cdf(max(luck, 1e-9))
        return round(self.median_s * math.exp(self.sigma * sigmas), 6)


PLANNER = FakeModel("planner", median_s=0.15, sigma=0.5)
RESEARCHER = FakeModel("researcher", median_s=0.20, sigma=0.5)
WRITER = FakeModel("writer", median_s=0.15, sigma=0.5)
