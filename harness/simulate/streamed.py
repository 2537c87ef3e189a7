"""`StreamedRun`: what is kept of a run too long to keep its rows: counts, sums and a histogram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.measure.histogram import Histogram
from harness.measure.record import Outcome
from harness.plan.arrivals import Plan
from harness.plan.places import pools_of
from harness.simulate.forms import Left
from harness.simulate.records import Pool


@dataclass(frozen=True, slots=True)
class PoolTotals:
    """One pool over a streamed run. `busy_s` is in agent-seconds, `waited_s` sums the waits of granted attempts.

    `size` is that at the end. Of memory, `busy_s` is in byte-seconds.
    """

    size: int
    busy_s: float
    waited_s: float
    deepest_queue: int
    present_s: float | None = None
    """Agent-seconds that there were until the run ended, where the size changed."""

    def utilisation(self, ended_s: float) -> float:
        """Mean share of the agents that were busy over `ended_s` seconds."""
        there_s = self.size * ended_s if self.present_s is None else self.present_s
        return self.busy_s / there_s if there_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class StreamedRun:
    """One replication without its rows; two of different seeds are merged by adding what adds and `latency`.

    `latency` counts finished - due of all that was carried out (succeeded, failed or timed out), in seconds. `outcomes`
    and `errors` count workflows. The last of `pools` is named `cores`.
    """

    scenario: str
    digest: str
    seed: int
    offered: int
    outcomes: Mapping[str, int]
    errors: Mapping[str, int]
    latency: Histogram
    pools: Mapping[str, PoolTotals]
    most_in_flight: int
    timers: int
    ended_s: float
    stopped: str | None


# long: a line for each field
# long: one line for each field of the record
def streamed_run_of(plan: Plan, kinds: list[str], form: Left, stopped: str | None, held: int = 0) -> StreamedRun:
    """What a form that streamed has left; `held` more were due and held back by a cap when the run was stopped."""
    world, scenario = form.world(), plan.scenario
    errors: dict[str, int] = {}
    for kind, count in zip(kinds, form.sim.errors, strict=False):  # the last count is of workflows without an error
        if count:
            errors[kind] = errors.get(kind, 0) + int(count)
    outcomes = {outcome.name.lower(): int(form.sim.outcomes[outcome]) for outcome in Outcome}
    if held:
        outcomes["cancelled"] += held
        errors[kinds[-1]] = errors.get(kinds[-1], 0) + held
    names = [place.name for place in pools_of(scenario, cores=True)]
    ended_s = float(world.now)
    return StreamedRun(
        scenario=scenario.name,
        digest=scenario.digest,
        seed=plan.seed,
        offered=int(world.offered) + held,
        outcomes=outcomes,
        errors=errors,
        latency=Histogram(np.array(form.sim.buckets, dtype=np.int64)),
        pools={
            name: PoolTotals(
                int(pool.size), float(pool.busy_s), float(pool.waited_s), int(pool.deepest), _present_s(pool, ended_s)
            )
            for name, pool in zip(names, form.pools(), strict=True)
        },
        most_in_flight=int(world.most_in_flight),
        timers=int(world.fired),
        ended_s=ended_s,
        stopped=stopped,
    )


def _present_s(pool: Pool, ended_s: float) -> float | None:
    return float(pool.present_s + pool.size * (ended_s - pool.since_s)) if pool.since_s > 0 else None
