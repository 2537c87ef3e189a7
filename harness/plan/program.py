"""A workflow type as operations. Both engines, the asyncio one in `drive/` and the compiled one, run this one program.

Each step stands for the operations, in this order: acquire an agent of POOL, hold B bytes, wait D, burn D on a core,
check for failure, free the bytes, release the agent. An attempt that fails or times out frees and releases at once;
if it is tried again, it waits its backoff without an agent and starts over at acquire.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.plan.draws import Purpose, QuantileTable, table_of, uniform
from harness.scenario.model import Retry, Scenario, Step


@dataclass(frozen=True, slots=True)
class StepProgram:
    """One step with its pool as an index and its distributions as tables (or constants, in seconds)."""

    name: str
    pool: int
    wait: QuantileTable | float
    burn: QuantileTable | float
    hold_b: int
    fail: float
    timeout_s: float | None

    def wait_s(self, key: int, step: int, attempt: int) -> float:
        """How long attempt `attempt` at this step waits for its model or tool, in seconds."""
        table = self.wait
        return table if isinstance(table, float) else table.at(uniform(key, step, attempt, Purpose.WAIT))

    def burn_s(self, key: int, step: int, attempt: int) -> float:
        """How much CPU time the attempt burns, in seconds."""
        table = self.burn
        return table if isinstance(table, float) else table.at(uniform(key, step, attempt, Purpose.BURN))

    def fails(self, key: int, step: int, attempt: int) -> bool:
        """Whether the attempt fails at its end."""
        return self.fail > 0 and uniform(key, step, attempt, Purpose.FAIL) < self.fail


@dataclass(frozen=True, slots=True)
class Program:
    """A workflow type, compiled against a scenario's pools."""

    name: str
    steps: tuple[StepProgram, ...]


def compile_programs(scenario: Scenario) -> tuple[Program, ...]:
    """One program per workflow type, in the order of `scenario.types`."""
    return tuple(
        Program(kind.name, tuple(_compile_step(scenario, step) for step in kind.steps)) for kind in scenario.types
    )


def _compile_step(scenario: Scenario, step: Step) -> StepProgram:
    return StepProgram(
        name=step.name,
        pool=scenario.pool_index(step.pool),
        wait=table_of(step.wait),
        burn=table_of(step.burn),
        hold_b=step.hold_b,
        fail=step.fail,
        timeout_s=step.timeout_s,
    )


def burns(programs: tuple[Program, ...]) -> bool:
    """Whether any step burns CPU, so that cores are a resource of the run."""
    return any(not (isinstance(step.burn, float) and step.burn == 0) for p in programs for step in p.steps)


def backoff_s(retry: Retry, key: int, step: int, attempt: int) -> float:
    """Seconds to wait after the failed attempt `attempt` (from 1); see `Retry` for the formula.

    The power is taken by repeated multiplication: `**` may differ in the last place between engines.
    """
    wait = retry.base_s
    for _ in range(attempt - 1):
        wait *= retry.factor
        if wait >= retry.cap_s:
            break
    wait = min(wait, retry.cap_s)
    return wait if retry.jitter == "none" else wait * uniform(key, step, attempt, Purpose.JITTER)
