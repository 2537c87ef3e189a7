"""How well a schedule is kept: 1000 no-op workflows per second for 5 s, beside a peer that sleeps for each gap.

The bars are for a machine that does nothing else: spinning is worse than waiting where no core is free.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.speed.rows import Row

RATE_PER_S = 1000.0
SECONDS = 5.0
ROUNDS = 5


def schedule_rows() -> Iterator[Row]:
    """Lag and achieved rate of ours, plain and precise, in turn with a peer that sleeps 1 / rate."""
    plain, precise, naive = [], [], []
    for _ in range(ROUNDS):
        plain.append(_ours())
        precise.append(_ours(precise=True))
        naive.append(_naive_share())
    what = f"{RATE_PER_S:.0f} workflows/s for {SECONDS:.0f} s"
    yield Row(f"{what}: lag p50", "ms", [lag for lag, _ in plain], bar=0.7)
    yield Row(f"{what}: lag p50, --precise", "ms", [lag for lag, _ in precise], bar=0.05)
    missed = [100 * (1 - share) for _, share in plain]
    yield Row(
        f"{what}: missed of the planned rate", "%", missed, "sleep(1 / rate)", [100 * (1 - n) for n in naive], None
    )
    yield Row(f"{what}: missed of the planned rate, worst of {ROUNDS}", "%", [max(missed)], bar=0.1)


def _ours(**options: Any) -> tuple[float, float]:
    """Median lag in ms, and achieved / planned rate."""
    import harness
    from harness.scenario.model import Pool, RateLoad, Scenario, Step, WorkflowType

    scenario = Scenario(
        name="schedule",
        load=RateLoad(RATE_PER_S, "constant", duration_s=SECONDS),
        types=(WorkflowType("simple", (Step("s"),)),),
        mix=(("simple", 1.0),),
        pools=(Pool("agents", 1),),
    )
    rows = harness.run(scenario, target=_nothing, **options).workflows
    lag = rows.started_s - rows.due_s
    # what was started within the planned time, of what was due in it: to end late is to have missed
    return float(np.median(lag)) * 1e3, float((rows.started_s <= rows.due_s[-1] + 1e-3).mean())


async def _nothing(_workflow: object) -> None:
    return None


def _naive_share() -> float:
    """Of the planned workflows, how many a loop starts in time that sleeps for each gap."""

    async def main() -> int:
        started, until = 0, time.monotonic() + SECONDS
        tasks = set()
        while time.monotonic() < until:
            task = asyncio.create_task(_nothing(started))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            started += 1
            await asyncio.sleep(1 / RATE_PER_S)
        return started

    return asyncio.run(main()) / (RATE_PER_S * SECONDS)
