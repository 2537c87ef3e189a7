"""When each workflow is due, as arithmetic. Nothing here sleeps or knows a clock.

Two shapes of load: *open* (every due time is known beforehand: rates, bursts by the clock, traces) and *closed* (a
workflow is due when another ends: so many in flight, or bursts that wait for the one before to drain).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.plan.deal import Deal, Dealing, deal_of, quotas
from harness.plan.draws import Purpose, QuantileTable, table_of, uniform, workflow_key
from harness.plan.laws import CHUNK, Floats, Gaps, curve_of, curve_times, gaps_before
from harness.plan.part import WHOLE, Part
from harness.plan.program import Program, compile_programs
from harness.scenario.model import (
    BurstLoad,
    ClosedLoad,
    ClosedRampLoad,
    Load,
    Phase,
    PhasedLoad,
    RampLoad,
    RateLoad,
    Scenario,
    SpikesLoad,
    StepsLoad,
    TraceLoad,
    is_open,
    length_s,
)

__all__ = [
    "Arrivals",
    "ClosedArrivals",
    "Deal",
    "DrainedBursts",
    "OpenArrivals",
    "Plan",
    "deal_of",
    "due_stretches",
    "expected_workflows",
    "plan",
    "quotas",
]


@dataclass(frozen=True, slots=True)
class OpenArrivals:
    """Due times known beforehand: `due_s` ascending, shape (n,); `batch` of the same shape counts bursts from 0.

    No more than `max_in_flight` are carried out at once; what is due beyond that waits its turn.
    """

    due_s: NDArray[np.float64]
    batch: NDArray[np.int64]
    max_in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class ClosedArrivals:
    """`in_flight` at a time, the next one due a time to think after one ends, until `total` or `duration_s` is reached.

    `think` is a table to draw from, or seconds. `changes` are (time, in flight from then on), ascending.
    """

    in_flight: int
    think: QuantileTable | float
    total: int | None
    duration_s: float | None
    changes: tuple[tuple[float, int], ...] = ()

    def think_s(self, seed: int, workflow: int) -> float:
        """How long after the end of `workflow` the next one is due."""
        if isinstance(self.think, float):
            return self.think
        return self.think.at(uniform(workflow_key(seed, workflow), 0, 0, Purpose.THINK))


@dataclass(frozen=True, slots=True)
class DrainedBursts:
    """Burst k of `sizes[k]` workflows is due `pause_s` after burst k-1 has drained; `collect` garbage in between."""

    sizes: tuple[int, ...]
    pause_s: float
    collect: bool


Arrivals = OpenArrivals | ClosedArrivals | DrainedBursts


@dataclass(frozen=True, slots=True)
class Plan:
    """One replication, planned: everything the drive needs but a target and a clock.

    `part` says which of the replication's workflows these are.
    """

    scenario: Scenario
    seed: int
    arrivals: Arrivals
    deal: Dealing
    programs: tuple[Program, ...]
    part: Part = WHOLE

    @property
    def total(self) -> int | None:
        """How many workflows the plan offers; None where time ends it."""
        match self.arrivals:
            case OpenArrivals(due_s):
                return len(due_s)
            case DrainedBursts(sizes):
                return sum(sizes)
            case ClosedArrivals(total=total):
                return total


def plan(scenario: Scenario, seed: int) -> Plan:
    """Plan one replication of `scenario`: the same (scenario, seed) gives the same plan on every machine."""
    return Plan(scenario, seed, _arrivals(scenario.load, seed), deal_of(scenario, seed), compile_programs(scenario))


def _arrivals(load: Load, seed: int) -> Arrivals:
    match load:
        case ClosedLoad(in_flight, workflows, duration_s, think):
            return ClosedArrivals(in_flight, table_of(think), workflows, duration_s)
        case BurstLoad(sizes, None, pause_s, collect):
            return DrainedBursts(sizes, pause_s, collect)
        case BurstLoad(sizes):
            batch = np.repeat(np.arange(len(sizes)), sizes)
            return OpenArrivals(np.concatenate(list(due_stretches(load, seed))), batch, load.max_in_flight)
        case _ if not is_open(load):
            return _closed_phases(load)
        case _:
            due = np.concatenate(list(due_stretches(load, seed)))
            return OpenArrivals(due, np.zeros(len(due), dtype=np.int64), getattr(load, "max_in_flight", None))


def _closed_phases(load: Load) -> ClosedArrivals:
    """A closed load whose number in flight changes."""
    changes: list[tuple[float, int]] = []
    phases = load.phases if isinstance(load, PhasedLoad) else (load,)
    begin_s = 0.0
    for phase in phases:
        match phase:
            case ClosedLoad(in_flight):
                changes.append((begin_s, in_flight))
            case ClosedRampLoad(first, last, duration_s):
                count, way = abs(last - first), 1 if last > first else -1
                changes.append((begin_s, first))
                changes += [(begin_s + k * duration_s / count, first + way * k) for k in range(1, count + 1)]
        begin_s += length_s(phase) or 0.0
    think = next(phase.think for phase in phases if isinstance(phase, ClosedLoad | ClosedRampLoad))
    return ClosedArrivals(changes[0][1], table_of(think), None, begin_s, tuple(changes[1:]))


def due_stretches(load: Load, seed: int, first: int = 0, gaps: Gaps = gaps_before) -> Iterator[Floats]:
    """The due times of an open load, ascending, in arrays of a few thousand: a long load need not be held at once.

    `first` is the number of the first workflow. There is at least one array; any may be empty. `gaps` makes the random
    gaps, the same as `gaps_before`, perhaps faster.
    """
    match load:
        case PhasedLoad(phases):
            yield from _phased_times(phases, seed, gaps)
        case RateLoad():
            yield from _rate_times(load, seed, first, gaps)
        case RampLoad() | StepsLoad() | SpikesLoad():
            yield from curve_times(curve_of(load), load.spacing, seed, first, gaps)
        case TraceLoad():
            yield from _trace_times(load)
        case BurstLoad(sizes, every_s):
            yield np.repeat(np.arange(len(sizes)), sizes).astype(np.float64) * float(every_s or 0)


def _phased_times(phases: tuple[Phase, ...], seed: int, gaps: Gaps) -> Iterator[Floats]:
    """Each phase's own times, from where the one before it ends."""
    begin_s, offered = 0.0, 0
    for phase in phases:
        for times in due_stretches(phase, seed, offered, gaps):
            yield begin_s + times
            offered += len(times)
        begin_s += length_s(phase) or 0.0


def _rate_times(load: RateLoad, seed: int, first: int, gaps: Gaps) -> Iterator[Floats]:
    offered, now = 0, 0.0
    while True:
        if load.law == "poisson":
            # accumulate adds one gap after the other, from the left: the same bits as a loop
            times = np.add.accumulate(np.concatenate([[now], gaps(1 / load.rate_per_s, seed, first + offered)]))[1:]
        else:
            times = np.arange(offered, offered + CHUNK, dtype=np.float64) / load.rate_per_s
        if load.workflows is not None:
            times = times[: load.workflows - offered]
        if load.duration_s is not None:
            times = times[: _until(load, times, offered)]
        yield times
        offered += len(times)
        if len(times) < CHUNK:
            return
        now = float(times[-1])


def _until(load: RateLoad, times: Floats, offered: int) -> int:
    duration_s = load.duration_s or 0.0
    if load.law == "poisson":
        return int(np.searchsorted(times, duration_s))
    return max(0, math.ceil(load.rate_per_s * duration_s) - offered)


def _trace_times(load: TraceLoad) -> Iterator[Floats]:
    times = np.frombuffer(load.due, dtype=np.float64) / load.rate_factor
    if load.duration_s is not None:
        times = times[: np.searchsorted(times, load.duration_s)]
    for begin in range(0, max(len(times), 1), CHUNK):
        yield times[begin : begin + CHUNK]


def expected_workflows(load: Load) -> int | None:
    """About how many workflows a load offers, without planning it; None where only the run will show."""
    match load:
        case PhasedLoad(phases):
            counts = [expected_workflows(phase) for phase in phases]
            return None if None in counts else sum(count for count in counts if count is not None)
        case BurstLoad(sizes):
            return sum(sizes)
        case RateLoad():
            return load.workflows or math.ceil(load.rate_per_s * (load.duration_s or 0.0))
        case TraceLoad(due):
            return len(due) // 8
        case RampLoad() | StepsLoad() | SpikesLoad():
            return math.ceil(curve_of(load).amount())
        case _:
            return getattr(load, "workflows", None)
