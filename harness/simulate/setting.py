"""From a plan to the state that the kernel starts with; the same for both forms, which differ in what holds it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.measure.record import Outcome
from harness.plan.arrivals import Arrivals, ClosedArrivals, DrainedBursts, OpenArrivals, Plan
from harness.plan.draws import QuantileTable
from harness.plan.places import PlannedPool, pools_of
from harness.plan.program import StepProgram
from harness.scenario.model import Scenario
from harness.simulate.declared import agents_pool, balancing_of, bound_policies, declares_policies, other_place
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
    needs: list[int]
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
    places = pools_of(scenario)
    pools = _pools(scenario, places)
    steps = [_step(step, tables, scenario, places) for program in plan.programs for step in program.steps]
    firsts = [0]
    for program in plan.programs:
        firsts.append(firsts[-1] + len(program.steps))
    world = World(seed=plan.seed)
    _bound(world, scenario)
    world.policies = int(declares_policies(scenario))
    bound_policies(world, scenario, places)
    _number_errors(world, len(places), len(steps))
    return Setting(
        world=world,
        pools=pools,
        steps=steps,
        firsts=firsts,
        needs=[program.memory_b for program in plan.programs],
        sizes=_sizes(plan.arrivals),
        change_s=[at_s for at_s, _ in plan.arrivals.changes] if isinstance(plan.arrivals, ClosedArrivals) else [],
        tables=tables,
        error_kinds=_error_kinds(plan, places),
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


def _step(step: StepProgram, tables: list[QuantileTable], scenario: Scenario, places: tuple[PlannedPool, ...]) -> Step:
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
    made.cache_ratio = step.cache_ratio
    if isinstance(step.cache_wait, float):
        made.cache_s = step.cache_wait
    else:
        made.cache_table = len(tables)
        tables.append(step.cache_wait)
    made.connection, made.rate_limit, made.replicas = step.connection, step.rate_limit, step.replicas
    made.balancing = balancing_of(scenario.pools[places[step.pool].declared])
    return made


def _pools(scenario: Scenario, places: tuple[PlannedPool, ...]) -> list[Pool]:
    pools = [
        agents_pool(scenario.pools[place.declared]) if place.kind == "agents" else other_place(scenario, place)
        for place in places
    ]
    pools.append(Pool(size=scenario.cores))
    for index, pool in enumerate(pools):
        pool.index = index
    return pools


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
    world.breakers = world.step_failures + steps
    world.drops = world.breakers + steps
    world.refusals = world.drops + pools
    world.line_timeouts = world.refusals + pools
    world.memory_limit = world.line_timeouts + pools
    world.workflow_timeout = world.memory_limit + 1
    world.run_timeout = world.workflow_timeout + 1


def _error_kinds(plan: Plan, places: tuple[PlannedPool, ...]) -> list[str]:
    pools = [place.name for place in places]
    steps = [step.name for program in plan.programs for step in program.steps]
    words = [("queue_full", pools), ("wait_timeout", pools), ("step_timeout", steps), ("step_failed", steps)]
    words += [("breaker_open", steps), ("queue_dropped", pools), ("rate_limited", pools), ("connection_timeout", pools)]
    kinds = [f"{word}:{name}" for word, names in words for name in names]
    return [*kinds, "memory_limit", "workflow_timeout", "run timeout"]


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
