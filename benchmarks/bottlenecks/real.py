"""Event loops planted on real clocks: a target that burns CPU on its loop, more than there is, or little of it."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random

from harness.drive.clock import ClockName
from harness.execute import run
from harness.judge.bottleneck.limiting import limiting
from harness.scenario.model import ClosedLoad, Pool, Scenario, Step, WorkflowType

SHORT = (1.5, 3.0)
AMPLE = (0.05, 0.3)


class Burning:
    """Burns `burn_s` of its loop and sleeps `sleep_s`, and shows a pool that is large enough for everybody."""

    def __init__(self, burn_s: float, sleep_s: float) -> None:
        self.burn_s = burn_s
        self.sleep_s = sleep_s
        self.busy = 0

    async def run(self, _workflow: object) -> None:
        """One workflow."""
        self.busy += 1
        end = time.thread_time() + self.burn_s
        while time.thread_time() < end:
            pass
        await asyncio.sleep(self.sleep_s)
        self.busy -= 1

    def gauges(self) -> Mapping[str, float]:
        """Its pool."""
        return {"agents_busy": float(self.busy), "pool_size": 1000.0, "queue_depth": 0.0}


def planted_loop(seed: int, share: tuple[float, float]) -> tuple[Scenario, Burning]:
    """In flight, `share` of what fills the loop: workflows times the loop time of each, over the length of each."""
    luck = Random(f"event loop {seed} {share}")
    burn_s, sleep_s = luck.uniform(0.005, 0.02), luck.uniform(0.05, 0.2)
    in_flight = max(1, math.ceil(luck.uniform(*share) * (burn_s + sleep_s) / burn_s))
    steps = (Step("only"),)
    load = ClosedLoad(in_flight, workflows=max(40, 2 * in_flight))
    scenario = Scenario("loop", load, (WorkflowType("made", steps),), (("made", 1.0),), (Pool("agents", 1000),))
    return scenario, Burning(burn_s, sleep_s)


def loop_table(counts: Mapping[ClockName, int], first: int) -> Iterator[str]:
    """What was named on each clock, of so many loops that are short and as many that are not."""
    yield ""
    yield f"| planted (seeds from {first}) | clock | named |"
    yield "| :-- | :-- | :-- |"
    for cause, share in (("event_loop", SHORT), ("none", AMPLE)):
        for clock, count in counts.items():
            found: Counter[str] = Counter()
            for seed in range(first, first + count):
                scenario, target = planted_loop(seed, share)
                named = limiting(scenario, [run(scenario, target=target, clock=clock, seed=seed)])
                found[named.cause] += 1
                if named.cause != cause:
                    sys.stderr.write(f"seed {seed}, {clock}, {cause}: {named.sentence}\n")
            yield f"| {cause}, {count} | {clock} | {', '.join(f'{many} {one}' for one, many in found.most_common())} |"
