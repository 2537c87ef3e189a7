"""How many agents a pool had, and how many its queue could hold, at any instant of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.measure.record import Floats, Ints, Run

_UNBOUNDED = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Sizes:
    """From `t_s` on (ascending, the first is 0) the pool had `size` agents and its queue held `queue`; shape (k,)."""

    t_s: Floats
    size: Ints
    queue: Ints

    @property
    def constant(self) -> bool:
        """Whether they never changed."""
        return len(self.t_s) == 1

    def largest_at(self, values: Ints, time_s: Floats) -> Ints:
        """The largest of `values` that held at `time_s`, shape (n,): a change counts from just before its instant.

        At equal times the order of a change and a request is not in the columns, so neither is held against the other.
        """
        last = np.searchsorted(self.t_s, time_s, side="right") - 1
        most = values[last]
        first = np.maximum(np.searchsorted(self.t_s, time_s, side="left") - 1, 0)
        for back in range(1, int((last - first).max(initial=0)) + 1):
            most = np.maximum(most, values[np.maximum(last - back, first)])
        return np.asarray(most)

    def unit_seconds(self, ended_s: float) -> float:
        """The integral of the size until `ended_s`: agents times seconds."""
        return float((np.diff(self.t_s, append=max(ended_s, self.t_s[-1])) * self.size).sum())


def sizes_of(run: Run, pool: int) -> Sizes:
    """The sizes of pool `pool` over `run`."""
    mine = run.pool_changes.pool == pool
    queue = run.pool_queues[pool]
    queues = np.concatenate(([-1 if queue is None else queue], run.pool_changes.queue[mine]))
    return Sizes(
        t_s=np.concatenate(([0.0], run.pool_changes.t_s[mine])),
        size=np.concatenate(([run.pool_sizes[pool]], run.pool_changes.size[mine])),
        queue=np.where(queues < 0, _UNBOUNDED, queues),
    )


def beyond_size(sizes: Sizes, busy: Ints, granted_s: Floats, released_s: Floats) -> Ints:
    """By how many the busy agents exceeded the size right after each grant, shape (m,); negative: room was left.

    `busy` is what the rows say of it. Of a pool that changes, it is counted from the times instead: on a clock that
    does not jump a row is written a little later than its grant, when the pool may have another size already.
    """
    if not sizes.constant:
        came = np.searchsorted(np.sort(granted_s), granted_s, side="right")
        busy = came - np.searchsorted(np.sort(released_s), granted_s, side="right")
    return np.asarray(busy - sizes.largest_at(sizes.size, granted_s))


@dataclass(frozen=True, slots=True)
class BusyOverTime:
    """Between the instants at which anything changed: how long (shape (k,)), how many were busy, of how many."""

    length_s: Floats
    busy: Ints
    size: Ints

    def saturated_s(self) -> float:
        """Seconds in which all were busy."""
        return float(self.length_s[self.busy >= self.size].sum())

    def largest_share(self) -> float:
        """The largest share that was busy for any time; of a pool without agents, all of them are."""
        lasting = self.length_s > 0
        return float((self.busy[lasting] / np.maximum(self.size[lasting], 1)).max(initial=0.0))


def busy_over_time(sizes: Sizes, granted_s: Floats, released_s: Floats, ended_s: float) -> BusyOverTime:
    """What was busy of a pool that changed; `granted_s` and `released_s` are those of its grants, shape (m,)."""
    times = np.unique(np.concatenate((sizes.t_s, granted_s, released_s, [ended_s])))
    came = np.searchsorted(np.sort(granted_s), times, side="right")
    gone = np.searchsorted(np.sort(released_s), times, side="right")
    size = sizes.size[np.searchsorted(sizes.t_s, times, side="right") - 1]
    return BusyOverTime(np.diff(times, append=times[-1]), came - gone, size)
