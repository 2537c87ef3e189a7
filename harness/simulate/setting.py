"""From a plan to the state that the kernel starts with; the same for both forms, which differ in what holds it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.measure.record import Outcome
from harness.plan.arrivals import Arrivals, ClosedArrivals, DrainedBursts, OpenArrivals, Plan
from harness.plan.draws import QuantileTable
from harness.plan.program import StepProgram
from harness.scenario.model import Scenario
from harness.simulate.records import BURSTS, CLOSED, OPEN, UNBOUNDED, Pool, Step, World


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run starts from, and the words that its numbers stand for.

    `firsts[k]` is the first of program k's steps in `steps`, with one more at the end. `error_kinds` holds, by the
    kernel's own code, the kind of each error that can happen.
    """

    world: World
    pools: list[Pool]
    steps: list[Step]
    firsts: list[int]
    sizes: list[int]
    change_s: list[float]
    tables: list[QuantileTable]
    error_kinds: list[str]
    in_flight: int
    """How many jobs are surely in flight at once at some time: a first guess at the room they need."""


def setting_of(plan: Plan) -> Setting:
    """The state at time 0."""
    scenario = plan.scenario
    tables: list[QuantileTable] = []
    steps = [_step(step, tables) for program in plan.programs for step in program.steps]
    firsts = [0]
    for program in plan.programs:
        firsts.append(firsts[-1] + len(program.steps))
    world = World(seed=plan.seed)
    _bound(world, scenario)
    _number_errors(world, len(scenario.pools), len(steps))
    return Setting(
        world=world,
        pools=_pools(scenario),
        steps=steps,
        firsts=firsts,
        sizes=_sizes(plan.arrivals),
        change_s=[at_s for at_s, _ in plan.arrivals.changes] if isinstance(plan.arrivals, ClosedArrivals) else [],
        tables=tables,
        error_kinds=_error_kinds(plan),
        in_flight=_source(world, plan, tables),
    )


def _sizes(arrivals: Arrivals) -> list[int]:
    match arrivals:
        case DrainedBursts(sizes):
            return list(sizes)
        case ClosedArrivals(changes=changes):
            return [wanted for _, wanted in changes]
        case _:
            return []


def _step(step: StepProgram, tables: list[QuantileTable]) -> Step:
    made = Step(pool=step.pool, fail=step.fail, timeout_s=math.inf if step.timeout_s is None else step.timeout_s)
    if isinstance(step.wait, float):
        made.wait_s = step.wait
    else:
        made.wait_table = len(tables)
        tables.append(step.wait)
    if isinstance(step.burn, float):
        made.burn_s = step.burn
    else:
        made.burn_table = len(tables)
        tables.append(step.burn)
    return made


def _pools(scenario: Scenario) -> list[Pool]:
    pools = [
        Pool(
            size=pool.size,
            queue=UNBOUNDED if pool.queue is None else pool.queue,
            wait_timeout_s=math.inf if pool.wait_timeout_s is None else pool.wait_timeout_s,
        )
        for pool in scenario.pools
    ]
    return [*pools, Pool(size=scenario.cores)]


def _bound(world: World, scenario: Scenario) -> None:
    world.timeout_s = math.inf if scenario.timeout_s is None else scenario.timeout_s
    world.limit_s = scenario.run_timeout_s
    retry = scenario.retry
    world.max_attempts = retry.max_attempts
    world.base_s = retry.base_s
    world.factor = retry.factor
    world.cap_s = retry.cap_s
    world.jitter = int(retry.jitter != "none")
    world.retried = sum(1 << Outcome[name.upper()] for name in set(retry.on))


def _number_errors(world: World, pools: int, steps: int) -> None:
    world.cores = pools
    world.step_timeouts = 2 * pools
    world.step_failures = 2 * pools + steps
    world.workflow_timeout = 2 * pools + 2 * steps
    world.run_timeout = world.workflow_timeout + 1


def _error_kinds(plan: Plan) -> list[str]:
    pools = [pool.name for pool in plan.scenario.pools]
    steps = [step.name for program in plan.programs for step in program.steps]
    words = [("queue_full", pools), ("wait_timeout", pools), ("step_timeout", steps), ("step_failed", steps)]
    kinds = [f"{word}:{name}" for word, names in words for name in names]
    return [*kinds, "workflow_timeout", "run timeout"]


def _source(world: World, plan: Plan, tables: list[QuantileTable]) -> int:
    match plan.arrivals:
        case OpenArrivals(max_in_flight=cap):
            world.cap = UNBOUNDED if cap is None else cap
            # looks at once whether anything is due at time 0
            world.law, world.offering = OPEN, 1
            return 1
        case ClosedArrivals(in_flight, think, total, duration_s, changes):
            world.law, world.wanted, world.present, world.changes = CLOSED, in_flight, in_flight, len(changes)
            if isinstance(think, float):
                world.think_s = think
            else:
                world.think_table = len(tables)
                tables.append(think)
            world.duration_s = math.inf if duration_s is None else duration_s
            world.left = UNBOUNDED if total is None else total
            world.offering = min(in_flight, world.left)
            world.left -= world.offering
            world.exhausted = int(world.left == 0)
            return world.offering
        case DrainedBursts(sizes, pause_s, _):
            world.law, world.bursts, world.pause_s = BURSTS, len(sizes), pause_s
            world.burst, world.burst_left, world.offering = 1, sizes[0], sizes[0]
            world.exhausted = int(len(sizes) == 1)
            return max(sizes)
