"""`calibrate`: measured runs in, model out. The model is corrected until, simulated, it gives what was measured.

What a run shows of service times still holds what its workflows waited for one another inside the target: for the one
thread, or for a limit. The model makes workflows wait for these again, so its waits are lowered, quantile by quantile,
until simulating the load that was measured gives the service times that were measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from harness.judge.calibration.limits import limit_of_one, limit_of_several
from harness.judge.calibration.modelling import SERVICE, by_steps, cpu_of, model_of, wait_of
from harness.judge.calibration.records import Limit, Measured, Model, Simulate
from harness.measure.record import Outcome, Run
from harness.measure.service_times import Sample, TypeTimes
from harness.scenario.model import Scenario

ROUNDS = 8
ENOUGH_WORKFLOWS = 6000
MOST_SEEDS = 20
FIRST_SEED = 1_000_003
"""Seeds of simulations begin here: the luck of a measured run has no part in what is predicted."""
_CLOSE = 0.003
_FEW = 200
_MOST_SHRUNK = -0.5
"""A round halves the spread of waits at most, so that they stay in order."""
_FULL = 0.95


def calibrate(sources: Sequence[Measured], simulate: Simulate) -> Model:
    """The model of the target of `sources`, at least one; made from the one with the least in flight.

    The others show whether there is a limit on how many the target works on at once.
    """
    ordered = sorted(sources, key=lambda one: one.times.in_flight)
    base = ordered[0]

    def made(limit: Limit) -> Model:
        return _corrected(base, limit, simulate)

    limit = limit_of_one(base, max(one.times.in_flight for one in ordered))
    if limit.found_by == "none" and len(ordered) > 1:
        limit = limit_of_several(ordered, made, simulate)
    model = made(limit)
    return dataclasses.replace(model, doubts=tuple(_doubts(base, model)), spread=_spread(base))


def _spread(base: Measured) -> dict[str, tuple[float, float]]:
    """Half the intervals of what was measured: a model is no surer than the sample that it was fitted to."""
    return {
        name: (1 - seen.low / seen.value, seen.high / seen.value - 1)
        for name, seen in base.figures.items()
        if seen.value and seen.low is not None and seen.high is not None
    }


def simulated(scenario: Scenario, simulate: Simulate) -> Iterator[Run]:
    """Runs of `scenario` with seeds of their own until they hold workflows enough."""
    held = 0
    for seed in range(FIRST_SEED, FIRST_SEED + MOST_SEEDS):
        run = simulate(scenario, seed)
        yield run
        held += len(run.workflows)
        if held >= ENOUGH_WORKFLOWS:
            return


def _corrected(base: Measured, limit: Limit, simulate: Simulate) -> Model:
    model = model_of(base, limit)
    if base.builtin or by_steps(base) or not (cpu_of(base) or limit.size is not None):
        return model
    wanted = {one.name: one.service for one in base.times.types}
    waits = {(one.name, SERVICE): wait_of(base, one, cpu_of(base)) for one in base.times.types}
    for _ in range(ROUNDS):
        runs = list(simulated(model.scenario, simulate))
        off = 0.0
        for one in base.times.types:
            key = (one.name, SERVICE)
            waits[key], moved = _moved(waits[key], wanted[one.name], _served(runs, one, base))
            off = max(off, moved)
        model = model_of(base, limit, waits)
        if off < _CLOSE:
            break
    return model


def _served(runs: Sequence[Run], one: TypeTimes, base: Measured) -> Sample:
    found = [
        (run.workflows.finished_s - run.workflows.started_s)[
            (run.workflows.type == run.type_names.index(one.name)) & (run.workflows.outcome <= Outcome.TIMED_OUT)
        ]
        for run in runs
    ]
    pooled = np.concatenate(found)
    quantiles = np.quantile(pooled, base.times.levels) if len(pooled) else np.array(one.service.quantiles_s)
    return Sample(len(pooled), tuple(quantiles.tolist()))


def _moved(wait: Sample, wanted: Sample, served: Sample) -> tuple[Sample, float]:
    """`wait`, moved and stretched by what is missing of `wanted`; and how much that is at most, as a share.

    A line through what is missing, not every quantile for itself: to take noise out of a sum quantile by quantile has
    no stable answer, and would heap durations up at a few values.
    """
    before = np.array(wait.quantiles_s)
    missing = np.array(wanted.quantiles_s) - np.array(served.quantiles_s)
    body = slice(len(before) // 20, -max(1, len(before) // 20))
    if np.ptp(before[body]) > 0:
        slope, shift = np.polyfit(before[body], missing[body], 1)
    else:
        slope, shift = 0.0, float(missing[body].mean())
    move = shift + max(slope, _MOST_SHRUNK) * before
    after = np.maximum(before + move, 0.0)
    off = float(np.abs(move[body]).max() / max(1e-9, wanted.quantiles_s[len(before) // 2]))
    return Sample(wait.count, tuple(after.tolist())), off


def _doubts(base: Measured, model: Model) -> Iterator[str]:
    """Every reason for care, in plain words."""
    limit = model.limit
    if limit.found_by == "none":
        yield (
            f"no limit was seen up to {limit.seen_up_to:.0f} in flight; a limit beyond that cannot be seen in these "
            "runs, and whatever is predicted for more in flight holds only if there is none"
        )
    for one in base.times.types:
        if one.service.count < _FEW:
            yield f"{one.name}: {one.service.count} workflows say little of a 95th percentile; {_FEW} or more say more"
        if one.outcomes["rejected"] and limit.found_by == "none":
            yield f"{one.name}: {one.outcomes['rejected']} were rejected, by a rule that the runs do not show: none is"
    if not base.builtin:
        yield from _cpu_doubts(base)
        yield from _limit_doubts(base, model)


def _cpu_doubts(base: Measured) -> Iterator[str]:
    if cpu_of(base):
        return
    if base.times.in_process:
        yield "CPU time per workflow is not known of a virtual clock, so that contention for the loop is left out"
    else:
        yield (
            "the target is another process, whose CPU time is not seen (a gauge cpu_s would show it): contention for "
            "it is not in the model"
        )


def _limit_doubts(base: Measured, model: Model) -> Iterator[str]:
    if model.limit.size is None:
        return
    divided = [kind.name for kind in model.scenario.types if len(kind.steps) > 1]
    if divided and not by_steps(base):
        yield (
            f"{', '.join(divided)}: as many steps as were declared, taken to be alike and each to hold an agent; "
            "the target does not tell of them"
        )
    full = [pool.name for pool in base.pools if (pool.max_utilization or 0.0) >= _FULL and (pool.max_depth or 0) > 0]
    if full:
        yield f"{', '.join(full)} was full in the run itself: service times were worked out from beneath a queue"
