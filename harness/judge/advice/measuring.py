"""What one variation of a scenario comes to: the goal's figure in each replication, its lines, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.errors import RunInvalidError
from harness.judge.baseline import LineVerdict, judge_baseline, satisfies
from harness.judge.observed import METRICS, finite
from harness.measure.metrics import summarise
from harness.measure.record import Run
from harness.measure.summary import MultiAgentLoadMetrics
from harness.scenario.model import BASELINE_METRICS, BaselineLine, Scenario

RunOnce = Callable[[Scenario, int], Run]
_BETTER_HIGHER = frozenset({"success_rate", "throughput_mean", "pool_exhausted_at"})


@dataclass(frozen=True, slots=True)
class Goal:
    """The figure that advice is about: the worst broken line of the baseline, or the tightest one.

    `limit` and `op` are None where the scenario has no line that could be one: then p95 latency, the lower the better.
    """

    metric: str
    op: str | None
    limit: float | None

    @property
    def lower_is_better(self) -> bool:
        """Which way."""
        return self.op in (None, "<", "<=")

    def holds(self, value: float) -> bool:
        """Whether `value` satisfies the line; any value does where there is none."""
        if self.op is None or self.limit is None:
            return True
        return satisfies(self.op, value, self.limit, BASELINE_METRICS[self.metric])


@dataclass(frozen=True, slots=True)
class Measured:
    """Replications of one variation, each list in the order of the seeds.

    `values` has the goal's figure (None: not observable); `agent_s` is agents·seconds over all pools: the integral of
    their sizes from the start of the run to its end, whether agents were busy or not.
    """

    lines: tuple[LineVerdict, ...]
    values: tuple[float | None, ...]
    agent_s: tuple[float, ...]
    attempts: tuple[float | None, ...]
    rejected: tuple[float, ...]
    succeeded: tuple[float, ...]
    metrics: MultiAgentLoadMetrics = field(repr=False)

    @property
    def broken(self) -> tuple[str, ...]:
        """Metrics of the broken lines."""
        return tuple(line.line.metric for line in self.lines if line.verdict == "broken")

    @property
    def known(self) -> tuple[float, ...] | None:
        """The goal's figures, where every replication has one."""
        seen = [value for value in self.values if value is not None]
        return tuple(seen) if len(seen) == len(self.values) else None


_MACHINE = ("cpu_", "memory_")
_BEST = {"success_rate": 1.0, "error_rate": 0.0, "rejection_rate": 0.0, "rejected": 0.0}


class StoppedEarlyError(Exception):
    """A run was ended by a stop that was asked for; what it would have shown is not known."""


def replications(scenario: Scenario, seeds: Sequence[int], run: RunOnce) -> list[Run]:
    """`scenario` run with each seed. Raises `StoppedEarlyError`, and what `run` raises."""
    runs: list[Run] = []
    for seed in seeds:
        done = run(scenario, seed)
        if done.stopped in ("interrupted", "terminated"):
            raise StoppedEarlyError(done.stopped)
        if done.invalid:
            raise RunInvalidError(f"{scenario.name}, seed {seed}: {done.invalid}")
        runs.append(done)
    return runs


def measured_of(scenario: Scenario, goal: Goal, runs: Sequence[Run]) -> Measured:
    """What the replications of a variation come to, at least one."""
    whole = summarise(scenario, runs)
    singles = [summarise(scenario, [one]) for one in runs] if len(runs) > 1 else [whole]
    extract = METRICS[goal.metric].extract
    return Measured(
        lines=judge_baseline(scenario, whole),
        values=tuple(finite(extract(scenario, one).estimate.value) for one in singles),
        agent_s=tuple(map(agent_seconds, runs)),
        attempts=tuple(finite(one.attempts_per_workflow.value) for one in singles),
        rejected=tuple(one.rejection_rate.value or 0.0 for one in singles),
        succeeded=tuple(one.success_rate.value or 0.0 for one in singles),
        metrics=whole,
    )


def agent_seconds(run: Run) -> float:
    """The integral of all agent pools' sizes over the run, agents·seconds."""
    kinds = run.pool_kinds or ("agents",) * (len(run.pool_names) - 1) + ("cores",)
    changes, total = run.pool_changes, 0.0
    for pool, kind in enumerate(kinds):
        if kind == "agents":
            mine = changes.pool == pool
            times = np.concatenate([[0.0], np.minimum(changes.t_s[mine], run.ended_s)])
            sizes = np.concatenate([[float(run.pool_sizes[pool])], changes.size[mine].astype(np.float64)])
            total += float((np.diff(times, append=run.ended_s) * sizes).sum())
    return total


def goal_of(scenario: Scenario, metrics: MultiAgentLoadMetrics) -> Goal:
    """The worst broken line, else the tightest: the one whose figure is nearest to its limit, as a share of the limit.

    A line that asks for what nobody wants more of (`rejection_rate > 0 %`) shows that something happens; it is no goal.
    Nor is a figure that cannot be better than it is (every workflow succeeds), or, while its line holds, one of the
    machine: CPU that is not used is no aim.
    """
    margins: list[tuple[float, BaselineLine]] = []
    for line in scenario.baseline:
        value = finite(METRICS[line.metric].extract(scenario, metrics).estimate.value)
        wanted = (">", ">=") if line.metric in _BETTER_HIGHER else ("<", "<=")
        if line.op not in wanted or value is None or value == _BEST.get(line.metric):
            continue
        room = line.limit - value if line.op in ("<", "<=") else value - line.limit
        if room <= 0 or not line.metric.startswith(_MACHINE):
            margins.append((room / abs(line.limit) if line.limit else math.copysign(math.inf, room), line))
    if not margins:
        return Goal("latency_p95", None, None)
    _, line = min(margins, key=lambda pair: pair[0])
    return Goal(line.metric, line.op, line.limit)
