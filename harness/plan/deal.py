"""Which type each workflow of a replication is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.plan.draws import Purpose, uniform, uniforms, workflow_key
from harness.scenario.model import BurstLoad, Scenario, TraceLoad

_BLOCK = 100
_GRID = 2.0**20
_GOLDEN_SECTION = 0.6180339887498949
_CHUNK = 4096
_REMEMBERED = 2**18
"""Types kept in a list: a soak of many millions has room for no more."""


class Dealing(Protocol):
    """Says which type each workflow is."""

    def type_of(self, workflow: int) -> int:
        """Index into `scenario.types` of the workflow with this index."""

    def more(self) -> NDArray[np.int64]:
        """Deal the next stretch and return its types, shape (k,); `type_of` will not know them."""


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
    _forgotten: int = 0
    _block: int = 0
    _start: int = 0

    def type_of(self, workflow: int) -> int:
        """Index into `scenario.types` of the workflow with this index; only the last few thousand are remembered."""
        while workflow >= self._forgotten + len(self._dealt):
            if len(self._dealt) >= _REMEMBERED:
                self._forgotten += len(self._dealt)
                self._dealt.clear()
            self._dealt.extend(self.more().tolist())
        if workflow < self._forgotten:
            return Deal(self.seed, self.weights, self.blocks, self.total).type_of(workflow)
        return self._dealt[workflow - self._forgotten]

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


@dataclass(slots=True)
class Recorded:
    """The types that a trace says; `types` has shape (n,)."""

    types: NDArray[np.int64]
    _given: int = 0

    def type_of(self, workflow: int) -> int:
        """See `Dealing`."""
        return int(self.types[workflow])

    def more(self) -> NDArray[np.int64]:
        """See `Dealing`; empty once the trace is at its end."""
        begin = self._given
        self._given += _CHUNK
        return self.types[begin : self._given]


def deal_of(scenario: Scenario, seed: int) -> Dealing:
    """How one replication deals its types."""
    load = scenario.load
    if isinstance(load, TraceLoad) and load.kinds:
        names = [kind.name for kind in scenario.types]
        place = np.array([names.index(name) for name in load.type_names], dtype=np.int64)
        return Recorded(place[np.frombuffer(load.kinds, dtype=np.uint16)])
    weights = dict(scenario.mix)
    shares = tuple(weights.get(kind.name, 0.0) for kind in scenario.types)
    if isinstance(load, BurstLoad):
        return Deal(seed, shares, load.sizes)
    return Deal(seed, shares, (), getattr(load, "workflows", None))
