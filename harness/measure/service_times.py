"""How long workflows and their steps were served, without what they waited for, and how they ended.

It is what is kept of the rows for a model of the target to be fitted to: quantiles, by type and by step. Service of a
workflow is finished - started: neither the generator's lag nor a wait at the load's own cap is in it; a wait inside the
target is, unless the target reports its attempts, whose queue waits are known.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.measure.agents import agent_attempts, core_attempts
from harness.measure.record import AttemptColumns, Flags, Floats, Ints, Outcome, Run
from harness.measure.timeline import in_flight
from harness.measure.tries import TryColumns
from harness.measure.warm_up import counted, counted_part
from harness.scenario.model import Scenario

CPU_GAUGE = "cpu_s"
"""The gauge by which a target tells its CPU time: seconds since it was started."""
_MOST_FIGURES = 800
_FEWEST, _MOST = 17, 161
_TAILS = (0.002, 0.005, 0.985, 0.995, 0.998, 0.999)
_DIGITS = 6
_WHOLE = 0.9
"""Steps that are told of make up a workflow where they take this share of its service at least."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`count` durations by their quantiles, seconds, at the levels that stand beside them."""

    count: int
    quantiles_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StepTimes:
    """One step of a type. `wait` is its time with its agent (or from begin to end, retries within), without `burn`,
    which is CPU time on a core where that was seen. Of `attempts`, some `failed` and some `timed_out`.

    `pool` is None where the target does not say what the step holds.
    """

    name: str
    pool: str | None
    attempts: int
    failed: int
    timed_out: int
    wait: Sample
    burn: Sample | None = None


@dataclass(frozen=True, slots=True)
class TypeTimes:
    """One workflow type: how its workflows ended, and how long those that were carried out were served."""

    name: str
    outcomes: dict[str, int]
    service: Sample
    steps: tuple[StepTimes, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """All types of a scenario that had a workflow, over all replications, without warm-up.

    `levels` are the probabilities of every sample's quantiles. `in_process` says whether the target ran on the event
    loop of the harness; then `cpu_per_workflow_s` is what one workflow took of that thread (NaN: not known).
    `in_flight` is the mean number of workflows started and not ended. `steps_whole` says that the steps of every type
    follow one another and make up its service.
    """

    levels: tuple[float, ...]
    types: tuple[TypeTimes, ...]
    in_process: bool
    cpu_per_workflow_s: float
    in_flight: float
    steps_whole: bool


@dataclass(slots=True)
class _Gathered:
    """What is known of one step, run after run."""

    wait_s: list[Floats] = field(default_factory=list)
    burn_s: list[Floats] = field(default_factory=list)
    attempts: int = 0
    failed: int = 0
    timed_out: int = 0
    pool: str | None = None


def service_times(scenario: Scenario, runs: Sequence[Run]) -> ServiceTimes:
    """What `runs`, replications of `scenario` on one target, show of service times."""
    counting = [counted_part(scenario, run) for run in runs]
    steps: dict[tuple[str, str], _Gathered] = {}
    whole = [_gather(scenario, *pair, steps) for pair in zip(runs, counting, strict=True)]
    parts = sum(1 + bool(of.burn_s) for of in steps.values()) + len(scenario.types)
    levels = _levels(_MOST_FIGURES // max(1, parts))
    in_process = all(run.generator.in_process for run in runs)
    named = [_type(name, counting, steps, levels) for name in runs[0].type_names]
    return ServiceTimes(
        levels=levels,
        types=tuple(one for one in named if sum(one.outcomes.values())),
        in_process=in_process,
        cpu_per_workflow_s=_cpu_per_workflow_s(runs, in_process),
        in_flight=float(np.mean([_mean_in_flight(run) for run in runs])),
        steps_whole=bool(steps) and all(whole),
    )


def _cpu_per_workflow_s(runs: Sequence[Run], in_process: bool) -> float:
    """What the target shows of its own CPU time; without that, the loop's thread, where the target is on it."""
    shown = [
        float(np.ptp(seen[~np.isnan(seen)]))
        for run in runs
        if (seen := run.gauges.values.get(CPU_GAUGE)) is not None and (~np.isnan(seen)).sum() > 1
    ]
    offered = sum(len(run.workflows) for run in runs)
    if not offered or not (in_process or len(shown) == len(runs)):
        return math.nan
    return (sum(shown) if len(shown) == len(runs) else sum(run.driver_cpu_s for run in runs)) / offered


def _levels(most: int) -> tuple[float, ...]:
    even = np.linspace(0, 1, min(max(most, _FEWEST), _MOST))
    return tuple(float(p) for p in np.unique(np.round([*even, *_TAILS], 5)))


def _mean_in_flight(run: Run) -> float:
    """Over the time from the first start until the last due time: the ramp down says nothing about the load."""
    flying, rows = in_flight(run.workflows), run.workflows
    started = rows.started_s[~np.isnan(rows.started_s)]
    if not len(started):
        return 0.0
    begin, end = float(started.min()), float(max(rows.due_s.max(), started.max()))
    if end <= begin:
        return float(flying.largest())
    ends = np.where(np.isnan(rows.finished_s), run.ended_s, rows.finished_s)
    inside = np.minimum(ends, end) - rows.started_s
    return float(np.nansum(np.maximum(inside, 0.0)) / (end - begin))


def _type(
    name: str, runs: Sequence[Run], steps: dict[tuple[str, str], _Gathered], levels: tuple[float, ...]
) -> TypeTimes:
    ended: Ints = np.zeros(len(Outcome), dtype=np.int64)
    served: list[Floats] = []
    for run in runs:
        mine = run.workflows.type == run.type_names.index(name)
        ended += np.bincount(run.workflows.outcome[mine], minlength=len(Outcome))
        mine &= run.workflows.outcome <= Outcome.TIMED_OUT
        served.append((run.workflows.finished_s - run.workflows.started_s)[mine])
    own = [(step, of) for (kind, step), of in steps.items() if kind == name]
    return TypeTimes(
        name=name,
        outcomes={outcome.name.lower(): int(ended[outcome]) for outcome in Outcome},
        service=_sample(served, levels),
        steps=tuple(
            StepTimes(
                step,
                of.pool,
                of.attempts,
                of.failed,
                of.timed_out,
                _sample(of.wait_s, levels),
                _sample(of.burn_s, levels) if of.burn_s else None,
            )
            for step, of in own
        ),
    )


def _sample(values: Sequence[Floats], levels: tuple[float, ...]) -> Sample:
    pooled = np.concatenate([*values, np.empty(0)])
    pooled = pooled[~np.isnan(pooled)]
    if not len(pooled):
        return Sample(0, ())
    # a clock that is read twice within its resolution may give a little less than nothing
    found = np.maximum(np.quantile(pooled, levels), 0.0)
    return Sample(len(pooled), tuple(float(f"{value:.{_DIGITS}g}") for value in found))


# --------------------------------------------------------------------------- steps


def _gather(scenario: Scenario, whole: Run, run: Run, steps: dict[tuple[str, str], _Gathered]) -> bool:
    """Add what `run` tells of steps to `steps`; whether they make up its workflows, one after the other."""
    if len(run.attempts):
        _of_attempts(scenario, run, steps)
        return True
    if whole.tries is not None:
        return _of_tries(whole, counted(scenario, whole), whole.tries, steps)
    return False


def _of_attempts(scenario: Scenario, run: Run, steps: dict[tuple[str, str], _Gathered]) -> None:
    """Every attempt with its agent: without its wait for the agent, and apart from its time on and for a core."""
    seen, cores = agent_attempts(scenario, run), core_attempts(scenario, run)
    columns = seen.columns
    place = {key: row for row, key in enumerate(_keys(cores))}
    core = np.array([place.get(key, -1) for key in _keys(columns)], dtype=np.int64)
    asked = np.append(cores.requested_s, np.nan)[core]
    wait_s = np.where(core >= 0, asked, seen.ended_s) - columns.granted_s
    burn_s = np.append(cores.released_s - cores.granted_s, np.nan)[core]
    named = {kind.name: kind for kind in scenario.types}
    kinds = run.workflows.type[columns.workflow]
    for kind, name in enumerate(run.type_names):
        for number, step in enumerate(named[name].steps):
            mine = (kinds == kind) & (columns.step == number) & seen.granted & (columns.ended <= Outcome.TIMED_OUT)
            if not mine.any():
                continue
            of = steps.setdefault((name, step.name), _Gathered(pool=step.pool))
            of.wait_s.append(wait_s[mine])
            burnt = burn_s[mine & (columns.ended != Outcome.TIMED_OUT)]
            if np.isfinite(burnt).any():
                of.burn_s.append(burnt)
            _count(of, columns.ended[mine])


def _keys(columns: AttemptColumns) -> Iterator[tuple[int, int, int]]:
    return zip(columns.workflow.tolist(), columns.step.tolist(), columns.attempt.tolist(), strict=True)


def _count(of: _Gathered, ended: Ints) -> None:
    of.attempts += len(ended)
    of.failed += int((ended == Outcome.FAILED).sum())
    of.timed_out += int((ended == Outcome.TIMED_OUT).sum())


def _of_tries(run: Run, counts: Flags, tries: TryColumns, steps: dict[tuple[str, str], _Gathered]) -> bool:
    """Every step of every workflow that counts, from the begin of its first attempt to the end of its last."""
    known = counts[tries.workflow] & ~np.isnan(tries.ended_s)
    spans: dict[tuple[int, int], list[float]] = {}
    rows = np.flatnonzero(known)
    for row in rows[np.lexsort((tries.number[rows], tries.step[rows], tries.workflow[rows]))]:
        key = (int(tries.workflow[row]), int(tries.step[row]))
        begun = spans[key][0] if key in spans else float(tries.begun_s[row])
        spans[key] = [begun, float(tries.ended_s[row]), float(tries.failed[row])]
    for (workflow, step), (begun_s, ended_s, failed) in sorted(spans.items(), key=lambda item: item[0]):
        name = run.type_names[int(run.workflows.type[workflow])]
        of = steps.setdefault((name, tries.steps[step]), _Gathered())
        of.wait_s.append(np.array([ended_s - begun_s]))
        _count(of, np.array([Outcome.FAILED if failed else Outcome.SUCCEEDED]))
    return bool(known.all()) and _tile(run, counts, spans)


def _tile(run: Run, counts: Flags, spans: dict[tuple[int, int], list[float]]) -> bool:
    """Whether the spans of no workflow overlap, and they take nearly all of the time that workflows were served."""
    of_workflow: dict[int, list[list[float]]] = {}
    for (workflow, _step), span in spans.items():
        of_workflow.setdefault(workflow, []).append(span)
    taken_s = 0.0
    for own in of_workflow.values():
        own.sort()
        if any(later[0] < earlier[1] for earlier, later in itertools.pairwise(own)):
            return False
        taken_s += sum(ended_s - begun_s for begun_s, ended_s, _failed in own)
    served = counts & (run.workflows.outcome <= Outcome.TIMED_OUT)
    return taken_s >= _WHOLE * float((run.workflows.finished_s - run.workflows.started_s)[served].sum())
