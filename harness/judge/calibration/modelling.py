"""From the service times of one measured run to a scenario that stands for its target.

Three forms, by what the target shows. The built-in orchestrator shows every attempt: its declaration is kept, and
waits, CPU times and failure shares are replaced. A target that tells of its steps, one after the other, gets them as
steps. Any other gets one step per workflow type: what it does inside is known only as a whole.

What a target takes of the event loop's thread is CPU time on one core, which workflows contend for: it is taken out of
the wait, in slices, because a loop turns to the others between two callbacks of one workflow.
"""

from __future__ import annotations

import dataclasses
import math

from harness.judge.calibration.dividing import one_of_equals
from harness.judge.calibration.fitting import fit, rounded
from harness.judge.calibration.records import FailureShare, Fit, Limit, Measured, Model
from harness.measure.estimates import share
from harness.measure.service_times import Sample, StepTimes, TypeTimes
from harness.measure.summary import Estimate
from harness.scenario.model import Constant, Distribution, Pool, Retry, Scenario, Step, WorkflowType

UNLIMITED = 100_000
"""Agents of a pool that stands for a target in which no limit was seen."""
SLICES = 4
AGENTS = "agents"
SERVICE = "service"
_FAR = 2.0
_AT_TIMEOUT = 0.999


def model_of(source: Measured, limit: Limit, waits: dict[tuple[str, str], Sample] | None = None) -> Model:
    """The model of `source` with `limit`; `waits` takes the place of what was measured of (type, step)."""
    if source.builtin:
        return _declared_model(source, limit)
    parts = _Parts([], [], waits or {})
    cpu_s = cpu_of(source)
    kinds = tuple(_kind(source, one, cpu_s, limit, parts) for one in source.times.types)
    size, queue = limit.size or UNLIMITED, limit.queue
    scenario = dataclasses.replace(
        source.scenario,
        types=kinds,
        mix=_mix(source),
        pools=(Pool(AGENTS, size=size, queue=queue),),
        retry=Retry(),  # what the target tried again is within its service times
        cores=1 if cpu_s else source.scenario.cores,
        breaker=None,
        rate_limits=(),
        connections=(),
        memory=None,
    )
    return Model(scenario, tuple(parts.fits), tuple(parts.failures), limit, cpu_s or None, ())


@dataclasses.dataclass(frozen=True, slots=True)
class _Parts:
    """What is collected as types are made, and the waits that take the place of what was measured."""

    fits: list[Fit]
    failures: list[FailureShare]
    waits: dict[tuple[str, str], Sample]


def cpu_of(source: Measured) -> float:
    """CPU seconds per workflow of a target's one thread; 0 where they are not known."""
    times = source.times
    known = not source.builtin and math.isfinite(times.cpu_per_workflow_s)
    return rounded(times.cpu_per_workflow_s) if known else 0.0


def by_steps(source: Measured) -> bool:
    """Whether every type is made of steps that its target told of and that all of its workflows went through."""
    kinds = source.times.types
    return (
        source.times.steps_whole
        and any(len(one.steps) > 1 for one in kinds)
        and all(one.steps and all(step.attempts >= 0.9 * one.service.count for step in one.steps) for one in kinds)
    )


def _mix(source: Measured) -> tuple[tuple[str, float], ...]:
    known = {one.name for one in source.times.types}
    return tuple((name, weight) for name, weight in source.scenario.mix if name in known)


# --------------------------------------------------------------------------- a target of one's own


def wait_of(source: Measured, one: TypeTimes, cpu_s: float) -> Sample:
    """The service of a type without CPU time, and beyond the workflow's timeout where that cut it off."""
    stretched = beyond_timeout(one.service, source.scenario.timeout_s)
    return Sample(stretched.count, tuple(max(0.0, q - cpu_s) for q in stretched.quantiles_s))


def beyond_timeout(sample: Sample, timeout_s: float | None) -> Sample:
    """`sample`, with what was cut off at `timeout_s` as far beyond it as it takes to be cut off again."""
    if timeout_s is None:
        return sample
    reached = _AT_TIMEOUT * timeout_s
    return Sample(sample.count, tuple(q if q < reached else _FAR * max(q, timeout_s) for q in sample.quantiles_s))


def _cut(sample: Sample, timeout_s: float | None) -> bool:
    return timeout_s is not None and bool(sample.quantiles_s) and sample.quantiles_s[-1] >= _AT_TIMEOUT * timeout_s


def _kind(source: Measured, one: TypeTimes, cpu_s: float, limit: Limit, parts: _Parts) -> WorkflowType:
    if by_steps(source):
        burn_s = cpu_s / len(one.steps)
        return WorkflowType(one.name, tuple(_told(one, step, burn_s, source.times.levels, parts) for step in one.steps))
    sample = parts.waits.get((one.name, SERVICE)) or wait_of(source, one, cpu_s)
    own = _cut(one.service, source.scenario.timeout_s)
    fitted = fit(one.name, SERVICE, "wait", sample, source.times.levels, own=own)
    parts.fits.append(fitted)
    failed = FailureShare(one.name, "", *_failed(source, one))
    declared = next(tuple(step.name for step in kind.steps) for kind in source.scenario.types if kind.name == one.name)
    parts.failures.append(failed)
    kept = limit.size is not None and len(declared) > 1
    steps = _holds(fitted, declared, cpu_s) if kept else _slices(fitted, cpu_s, limit)
    steps[-1] = dataclasses.replace(steps[-1], fail=failed.share.value or 0.0)
    return WorkflowType(one.name, tuple(steps))


def _slices(fitted: Fit, cpu_s: float, limit: Limit) -> list[Step]:
    """One step, and its CPU time in slices; in one piece where an agent has to be held all the while."""
    slices = SLICES if cpu_s and limit.size is None else 1
    burn = Constant(rounded(cpu_s / slices))
    first = Step(SERVICE, AGENTS, wait=fitted.distribution, burn=burn)
    return [first, *(Step(f"loop_{k}", AGENTS, burn=burn) for k in range(2, slices + 1))]


def _holds(fitted: Fit, declared: tuple[str, ...], cpu_s: float) -> list[Step]:
    """As many steps as were declared, alike: each asks for an agent, and between two of them others have their turn."""
    wait = one_of_equals(fitted.distribution, len(declared))
    burn = Constant(rounded(cpu_s / len(declared)))
    return [Step(name, AGENTS, wait=wait, burn=burn) for name in declared]


def _failed(source: Measured, one: TypeTimes) -> tuple[int, int, Estimate]:
    """Failed, carried out, and the share; a target's own timeouts are failures of its, the scenario's are not."""
    ended = one.outcomes
    own = 0 if _cut(one.service, source.scenario.timeout_s) else ended["timed_out"]
    failed, total = ended["failed"] + own, ended["succeeded"] + ended["failed"] + ended["timed_out"]
    return failed, total, share(failed, total)


def _told(one: TypeTimes, step: StepTimes, burn_s: float, levels: tuple[float, ...], parts: _Parts) -> Step:
    less = Sample(step.wait.count, tuple(max(0.0, q - burn_s) for q in step.wait.quantiles_s))
    fitted = fit(one.name, step.name, "wait", less, levels)
    failed = FailureShare(one.name, step.name, step.failed, step.attempts, share(step.failed, step.attempts))
    parts.fits.append(fitted)
    parts.failures.append(failed)
    burn = Constant(rounded(burn_s))
    return Step(step.name, AGENTS, wait=fitted.distribution, burn=burn, fail=failed.share.value or 0.0)


# --------------------------------------------------------------------------- the built-in orchestrator


def _declared_model(source: Measured, limit: Limit) -> Model:
    parts = _Parts([], [], {})
    seen = {one.name: one for one in source.times.types}
    kinds = tuple(
        _declared(kind, seen[kind.name], source, parts) for kind in source.scenario.types if kind.name in seen
    )
    used = {step.pool for kind in kinds for step in kind.steps}
    pools = tuple(pool for pool in source.scenario.pools if pool.name in used)
    scenario = dataclasses.replace(source.scenario, types=kinds, mix=_mix(source), pools=pools)
    return Model(scenario, tuple(parts.fits), tuple(parts.failures), limit, None, ())


def _declared(kind: WorkflowType, seen: TypeTimes, source: Measured, parts: _Parts) -> WorkflowType:
    of_step = {step.name: step for step in seen.steps}
    steps = tuple(
        _replaced(kind.name, step, of_step[step.name], source, parts) if step.name in of_step else step
        for step in kind.steps
    )
    return dataclasses.replace(kind, steps=steps)


def _replaced(kind: str, step: Step, seen: StepTimes, source: Measured, parts: _Parts) -> Step:
    levels, timeout_s = source.times.levels, step.timeout_s
    wait = fit(kind, step.name, "wait", beyond_timeout(seen.wait, timeout_s), levels, own=_cut(seen.wait, timeout_s))
    parts.fits.append(wait)
    burn: Distribution = Constant(0.0) if seen.burn is None else _burnt(kind, step, seen.burn, levels, parts)
    ended = seen.attempts - seen.timed_out
    failed = FailureShare(kind, step.name, seen.failed, ended, share(seen.failed, ended))
    parts.failures.append(failed)
    return dataclasses.replace(step, wait=wait.distribution, burn=burn, fail=failed.share.value or 0.0)


def _burnt(kind: str, step: Step, seen: Sample, levels: tuple[float, ...], parts: _Parts) -> Distribution:
    burn = fit(kind, step.name, "burn", seen, levels)
    parts.fits.append(burn)
    return burn.distribution


def scenario_of_load(model: Scenario, load_of: Scenario) -> Scenario:
    """`model` under the load, mix and timeouts of `load_of`."""
    return dataclasses.replace(
        model,
        name=load_of.name,
        load=load_of.load,
        mix=load_of.mix,
        timeout_s=load_of.timeout_s,
        run_timeout_s=load_of.run_timeout_s,
        warm_up_s=load_of.warm_up_s,
        warm_up_workflows=load_of.warm_up_workflows,
        baseline=load_of.baseline,
        description=load_of.description,
    )
