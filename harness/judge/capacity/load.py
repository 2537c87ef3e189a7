"""What "load" is for each law, and the scenario that a trial at one level of it runs.

| law | load | a trial |
|---|---|---|
| `closed` | workflows in flight | so many held in flight, long enough for a steady state |
| `burst` | size of a burst | the declared bursts, at most three, all of that size; for the knee, as `closed` |
| `constant`, `poisson` | rate per second | that rate, for as long as declared, or longer |
| `ramp`, `steps`, `spikes`, `trace` | times the declared rates | the declared load, every rate times the factor |
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

from harness.errors import DeclarationError, Mistake
from harness.scenario.checks import LONGEST_S
from harness.scenario.model import (
    BurstLoad,
    ClosedLoad,
    Load,
    RampLoad,
    RateLoad,
    RateStep,
    Scenario,
    SpikesLoad,
    StepsLoad,
    TraceLoad,
)

AxisName = Literal["in flight", "burst size", "rate per second", "times the declared rates"]
SEARCHABLE = ("closed", "burst", "constant", "poisson", "ramp", "steps", "spikes", "trace")
_MOST_BURSTS = 3


@dataclass(frozen=True, slots=True)
class Axis:
    """What is varied. `declared` is the scenario's own level; `whole`: only whole numbers make sense.

    `steady`: a trial reaches a state in which throughput and number in flight mean something, so a knee can be fitted.
    """

    name: AxisName
    declared: float
    lowest: float
    highest: float
    whole: bool
    steady: bool


@dataclass(frozen=True, slots=True)
class Length:
    """How long a trial is: `warm_up` and `turns` of each place in flight, and at least `least` workflows in all.

    `service_s` is the latency at the lowest load, the unit of time for open loads (None: not measured yet).
    """

    turns: float = 8.0
    warm_up: float = 2.0
    least: int = 0
    service_s: float | None = None


def axis_of(scenario: Scenario) -> Axis:
    """What the load of `scenario` is; raises `DeclarationError` for a law that cannot be searched."""
    match scenario.load:
        case ClosedLoad(in_flight):
            return Axis("in flight", in_flight, 1, 4096, whole=True, steady=True)
        case BurstLoad(sizes):
            return Axis("burst size", max(sizes), 1, 4096, whole=True, steady=True)
        case RateLoad(rate_per_s):
            return Axis("rate per second", rate_per_s, rate_per_s / 16, rate_per_s * 256, whole=False, steady=True)
        case RampLoad() | StepsLoad() | SpikesLoad() | TraceLoad():
            return Axis("times the declared rates", 1.0, 1 / 16, 256.0, whole=False, steady=False)
        case other:
            allowed = f"one of {', '.join(SEARCHABLE)}: of the others no single number is the load"
            raise DeclarationError("capacity", [Mistake(f"scenario.{scenario.name}.load.law", other.law, allowed)])


def steady_trial(scenario: Scenario, level: float, length: Length) -> Scenario:
    """The scenario in a steady state at `level`: what the knee is measured on.

    The first `warm_up` turns count for nothing: workflows that start together end together for a while.
    """
    load = scenario.load
    if isinstance(load, RateLoad):
        return _rate_trial(scenario, load, level, length)
    count = math.ceil(level * (length.warm_up + length.turns))
    warm_up, count = math.ceil(level * length.warm_up), max(count, length.least)
    if isinstance(load, ClosedLoad):
        held = dataclasses.replace(load, in_flight=int(level), workflows=count, duration_s=None)
    else:
        held = ClosedLoad(int(level), workflows=count)
    # fewer at a time take longer for as many
    longer = count / _declared_count(load) * max(1.0, axis_of(scenario).declared / level)
    return _with(scenario, held, longer, warm_up_workflows=min(warm_up, count - 1), warm_up_s=0.0)


def baseline_trial(scenario: Scenario, level: float, length: Length) -> Scenario:
    """The scenario as declared, at `level`: what its baseline is judged on."""
    match scenario.load:
        case BurstLoad(sizes) as load:
            bursts = (int(level),) * min(len(sizes), _MOST_BURSTS)
            changed = dataclasses.replace(load, sizes=bursts)
            return _with(scenario, changed, sum(bursts) / sum(sizes), warm_up_workflows=0, warm_up_s=0.0)
        case RampLoad() | StepsLoad() | SpikesLoad() | TraceLoad() as varied:
            return _with(scenario, _scaled(varied, level), level)
        case _:
            return steady_trial(scenario, level, length)


def same_trial(scenario: Scenario) -> bool:
    """Whether the baseline is judged on the very trial that the knee is measured on."""
    return isinstance(scenario.load, ClosedLoad | RateLoad)


def _rate_trial(scenario: Scenario, load: RateLoad, rate_per_s: float, length: Length) -> Scenario:
    declared_s = load.duration_s or (load.workflows or 0) / load.rate_per_s
    service_s = length.service_s or 0.0
    warm_up_s = max(scenario.warm_up_s, (1 + length.warm_up) * service_s)
    turns_s = 2 * length.turns * service_s
    counted_s = max(declared_s - scenario.warm_up_s, turns_s, 20 / rate_per_s, length.least / rate_per_s)
    duration_s = warm_up_s + counted_s
    changed = dataclasses.replace(load, rate_per_s=rate_per_s, workflows=None, duration_s=duration_s)
    # a low rate takes longer for as many, a high one may leave more to be done at its end
    longer = max(duration_s / declared_s, duration_s * rate_per_s / max(declared_s * load.rate_per_s, 1))
    return _with(scenario, changed, longer, warm_up_workflows=0, warm_up_s=warm_up_s)


def _scaled(load: RampLoad | StepsLoad | SpikesLoad | TraceLoad, factor: float) -> Load:
    match load:
        case RampLoad():
            return dataclasses.replace(load, from_per_s=load.from_per_s * factor, to_per_s=load.to_per_s * factor)
        case StepsLoad(steps):
            scaled = tuple(RateStep(step.rate_per_s * factor, step.duration_s) for step in steps)
            return dataclasses.replace(load, steps=scaled)
        case SpikesLoad():
            spike = load.spike_per_s * factor
            return dataclasses.replace(load, rate_per_s=load.rate_per_s * factor, spike_per_s=spike)
        case TraceLoad():
            return dataclasses.replace(load, rate_factor=load.rate_factor * factor)


def _declared_count(load: Load) -> float:
    if isinstance(load, BurstLoad):
        return max(1, sum(load.sizes))
    if isinstance(load, ClosedLoad):
        return load.workflows or load.in_flight
    return 1.0


def _with(scenario: Scenario, load: Load, longer: float, **changed: float) -> Scenario:
    """With another load, and with a limit on the whole run that grows with the number of workflows."""
    limit_s = min(LONGEST_S, scenario.run_timeout_s * max(1.0, longer))
    return dataclasses.replace(scenario, load=load, run_timeout_s=limit_s, **changed)  # type: ignore[arg-type]  # numbers
