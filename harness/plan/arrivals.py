"""When each workflow is due and which type it is, as arithmetic. Nothing here sleeps or knows a clock.

Two shapes of load: *open* (every due time is known beforehand: constant and Poisson rates, bursts by the clock) and
*closed* (a workflow is due when another ends: N in flight, or bursts that wait for the one before to drain).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.plan.draws import Purpose, QuantileTable, table_of, uniform, uniforms, workflow_key
from harness.plan.program import Program, compile_programs
from harness.scenario.model import BurstLoad, ClosedLoad, Exponential, RateLoad, Scenario

_BLOCK = 100
_GRID = 2.0**20
_GOLDEN_SECTION = 0.6180339887498949
_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class OpenArrivals:
    """Due times known beforehand: `due_s` ascending, shape (n,); `batch` of the same shape counts bursts from 0."""

    due_s: NDArray[np.float64]
    batch: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClosedArrivals:
    """`in_flight` at a time, the next one due `think_s` after one ends, until `total` or `duration_s` is reached."""

    in_flight: int
    think_s: float
    total: int | None
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class DrainedBursts:
    """Burst k of `sizes[k]` workflows is due `pause_s` after burst k-1 has drained; `collect` garbage in between."""

    sizes: tuple[int, ...]
    pause_s: float
    collect: bool


Arrivals = OpenArrivals | ClosedArrivals | DrainedBursts


@dataclass(slots=True)
class Deal:
    """Which type each workflow is: quotas of the mix within each block, in a seeded order.

    Blocks are the bursts of a burst load, and runs of 100 workflows otherwise, so that any stretch of a run carries
    the mix and two seeds carry the same amounts of work.
    """

    seed: int
    weights: tuple[float, ...]
    blocks: tuple[int, ...]
    """Sizes of the bursts; empty for other loads."""
    total: int | None = None
    """How many workflows there are, where that is known: the last block is cut to fit."""
    _dealt: list[int] = field(default_factory=list)
    _block: int = 0
    _start: int = 0

    def type_of(self, workflow: int) -> int:
        """Index into `scenario.types` of the workflow with this index."""
        while workflow >= len(self._dealt):
            self._dealt.extend(self.more().tolist())
        return self._dealt[workflow]

    def more(self) -> NDArray[np.int64]:
        """Deal the next stretch of whole blocks and return its types, shape (k,); `type_of` will not know them."""
        size = self._size_of(self._block)
        count = 1
        while (count + 1) * size <= _CHUNK and self._size_of(self._block + count) == size:
            count += 1
        numbers = np.arange(self._start, self._start + count * size, dtype=np.uint64)
        self._block += count
        self._start += count * size
        counts = quotas(self.weights, size, self._offsets(np.arange(self._block - count, self._block)))
        sorted_types = np.repeat(np.tile(np.arange(len(self.weights)), count), counts.ravel()).reshape(count, size)
        if np.count_nonzero(self.weights) == 1:
            return sorted_types.ravel()
        luck = uniforms(self.seed, numbers, Purpose.DEAL).reshape(count, size)
        dealt = np.empty((count, size), dtype=np.int64)
        np.put_along_axis(dealt, np.argsort(luck, axis=1, kind="stable"), sorted_types, axis=1)
        return dealt.ravel()

    def _offsets(self, blocks: NDArray[np.int64]) -> NDArray[np.float64]:
        """The golden section carries what one block leaves over to the next, so that rare types come round."""
        first = uniform(workflow_key(self.seed, 0), 0, 0, Purpose.QUOTA)
        return np.asarray((first + blocks * _GOLDEN_SECTION) % 1.0, dtype=np.float64)

    def _size_of(self, block: int) -> int:
        if self.blocks:
            return self.blocks[block] if block < len(self.blocks) else _BLOCK
        left = _BLOCK if self.total is None else self.total - block * _BLOCK
        return min(left, _BLOCK) if left > 0 else _BLOCK


def quotas(weights: tuple[float, ...], size: int, offsets: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of each type are in blocks of `size`; shape (blocks, types), every row sums to `size`.

    Systematic sampling (W. G. Madow, "On the theory of systematic sampling, II", 1949): type k gets the whole numbers
    that the k-th stretch of the cumulated shares crosses when shifted by the block's offset in [0, 1). Each count is
    within one of its exact share, and exact where the share is whole.
    """
    total = math.fsum(weights)
    # rounded, so that a share that is whole but for the last place of a float counts as whole
    edges = np.round(np.cumsum((0.0, *weights)) / total * size, 9)
    edges[-1] = size
    # on a grid, so that the sums are exact: 1 + 0.9999999999999999 is 2 in floats
    shifts = np.floor(offsets * _GRID) / _GRID
    crossed = np.floor(edges + shifts[:, np.newaxis]).astype(np.int64)
    return crossed[:, 1:] - crossed[:, :-1]


@dataclass(frozen=True, slots=True)
class Plan:
    """One replication, planned: everything the drive needs but a target and a clock."""

    scenario: Scenario
    seed: int
    arrivals: Arrivals
    deal: Deal
    programs: tuple[Program, ...]

    @property
    def total(self) -> int | None:
        """How many workflows the plan offers; None where time ends it."""
        match self.arrivals:
            case OpenArrivals(due_s, _):
                return len(due_s)
            case DrainedBursts(sizes, _, _):
                return sum(sizes)
            case ClosedArrivals(total=total):
                return total


def plan(scenario: Scenario, seed: int) -> Plan:
    """Plan one replication of `scenario`: the same (scenario, seed) gives the same plan on every machine."""
    return Plan(scenario, seed, _arrivals(scenario, seed), deal_of(scenario, seed), compile_programs(scenario))


def deal_of(scenario: Scenario, seed: int) -> Deal:
    """How one replication deals its types."""
    load = scenario.load
    weights = dict(scenario.mix)
    shares = tuple(weights.get(kind.name, 0.0) for kind in scenario.types)
    if isinstance(load, BurstLoad):
        return Deal(seed, shares, load.sizes)
    return Deal(seed, shares, (), load.workflows)


def _arrivals(scenario: Scenario, seed: int) -> Arrivals:
    match scenario.load:
        case ClosedLoad(in_flight, workflows, duration_s, think_s):
            return ClosedArrivals(in_flight, think_s, workflows, duration_s)
        case BurstLoad(sizes, None, pause_s, collect):
            return DrainedBursts(sizes, pause_s, collect)
        case BurstLoad(sizes, every_s):
            batch = np.repeat(np.arange(len(sizes)), sizes)
            return OpenArrivals(batch.astype(np.float64) * float(every_s or 0), batch)
        case RateLoad() as load:
            due = np.concatenate(list(due_stretches(load, seed)))
            return OpenArrivals(due, np.zeros(len(due), dtype=np.int64))


def due_stretches(load: RateLoad, seed: int) -> Iterator[NDArray[np.float64]]:
    """The due times of an open load, ascending, in arrays of a few thousand: a long load need not be held at once."""
    offered, now = 0, 0.0
    while True:
        if load.law == "poisson":
            luck = uniforms(seed, np.arange(offered, offered + _CHUNK, dtype=np.uint64), Purpose.ARRIVAL)
            # accumulate adds one gap after the other, from the left: the same bits as a loop
            times = np.add.accumulate(np.concatenate([[now], _gaps(load).all_at(luck)]))[1:]
        else:
            times = np.arange(offered, offered + _CHUNK, dtype=np.float64) / load.rate_per_s
        if load.workflows is not None:
            times = times[: load.workflows - offered]
        if load.duration_s is not None:
            times = times[: _until(load, times, offered)]
        yield times
        offered += len(times)
        if len(times) < _CHUNK:
            return
        now = float(times[-1])


def _until(load: RateLoad, times: NDArray[np.float64], offered: int) -> int:
    duration_s = load.duration_s or 0.0
    if load.law == "poisson":
        return int(np.searchsorted(times, duration_s))
    return max(0, math.ceil(load.rate_per_s * duration_s) - offered)


def _gaps(load: RateLoad) -> QuantileTable:
    table = table_of(Exponential(1 / load.rate_per_s))
    if isinstance(table, float):
        raise TypeError("the exponential distribution has a table")
    return table
