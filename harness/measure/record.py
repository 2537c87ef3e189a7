"""`Run`: everything that one seeded replication of a scenario left behind, as columns.

A `Recorder` collects while the run goes on (plain list appends, the cheapest store CPython has) and is frozen into a
`Run` once. What can be derived (queue depth over time, utilisation, attempts, queue wait per workflow) is not stored.
All times are seconds on the run's clock, 0 at the start of the run; NaN where the event never happened.
"""

from __future__ import annotations

import enum
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.plan import places

if TYPE_CHECKING:
    from harness.measure.rest import Rest
    from harness.measure.stalls import Stall
    from harness.measure.tries import TryColumns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NEVER = math.nan
CORES = places.CORES


class Outcome(enum.IntEnum):
    """How a workflow ended, or how an attempt at a step ended. Everything offered ends in exactly one of them."""

    SUCCEEDED = 0
    FAILED = 1
    TIMED_OUT = 2
    REJECTED = 3
    CANCELLED = 4


@dataclass(frozen=True, slots=True)
class WorkflowColumns:
    """One row per workflow offered, by workflow index; all arrays have shape (n,).

    `type` indexes `Run.type_names`, `error` indexes `Run.error_kinds` (-1: none), `batch` counts bursts from 0.
    `started_s` is NaN for a workflow that was due but never started, `finished_s` for one that never finished.
    `held_s` is how long the load's own cap on workflows in flight held it back (NaN for one that never started).
    """

    due_s: Floats
    started_s: Floats
    finished_s: Floats
    outcome: Ints
    type: Ints
    error: Ints
    batch: Ints
    held_s: Floats

    def __len__(self) -> int:
        return len(self.due_s)


@dataclass(frozen=True, slots=True)
class AttemptColumns:
    """One row per attempt at a step that a target reported (empty for a target that shows no pools); shape (m,).

    An attempt asks pool `pool` (index into `Run.pool_names`) for an agent at `requested_s`, gets it at `granted_s` and
    gives it back at `released_s`. `depth` is the pool's queue depth right after the request, this attempt included
    (0 where the agent was granted at once; for a rejected attempt, the depth it found). `busy` is the number of busy
    agents right after the grant, this one included (for a rejected attempt, the number it found; 0 if never granted).
    `ended` is an `Outcome`; `error` indexes `Run.error_kinds` (-1: none). Rows stand in the order in which they ended.

    A waiter that `drop_oldest` turned away was never granted and has `released_s` at that instant. Who waits outside a
    queue that blocks is not in `depth`, which is then the queue's capacity. What an open breaker refused is a row at
    the step's pool (of replicas, the first): rejected, depth and busy 0, its error `breaker_open:STEP`.

    An attempt has further rows, written before its own: at the cores (its burn), at its connection pool (released when
    the wait is over) and at its rate limit (granted and released when it got its token; refused, or given up before the
    token came: never granted; busy is 0 throughout). Those `ended` say how they were left: succeeded; rejected (a
    limit's refusal; the attempt itself failed); timed out; cancelled. Their error is -1. At the memory every workflow
    has one row, step 0, attempt 0: requested at its start, granted when it was admitted, released at its end, `busy` in
    bytes; its `ended` is succeeded once it was admitted, rejected (`memory_limit`), or cut off (timed out, cancelled).
    """

    workflow: Ints
    step: Ints
    attempt: Ints
    pool: Ints
    requested_s: Floats
    granted_s: Floats
    released_s: Floats
    depth: Ints
    busy: Ints
    ended: Ints
    error: Ints

    def __len__(self) -> int:
        return len(self.workflow)


@dataclass(frozen=True, slots=True)
class PoolChanges:
    """How pools changed while the run went on, in the order of `t_s`; shape (k,), empty where none may change.

    From `t_s` on pool `pool` has `size` agents and its queue holds `queue` (-1: unbounded); before its first change it
    is as `Run.pool_sizes` and `pool_queues` say. `size` counts the agents that are there, with busy ones that are to
    leave once they are given back.
    """

    pool: Ints
    t_s: Floats
    size: Ints
    queue: Ints

    def __len__(self) -> int:
        return len(self.t_s)


def no_changes() -> PoolChanges:
    """No pool changed."""
    whole = np.empty(0, dtype=np.int64)
    return PoolChanges(whole, np.empty(0), whole, whole)


def no_workflows() -> WorkflowColumns:
    """Columns without a row."""
    times, whole = np.empty(0), np.empty(0, dtype=np.int64)
    return WorkflowColumns(times, times, times, whole, whole, whole, whole, times)


def no_attempts() -> AttemptColumns:
    """Columns without a row."""
    times, whole = np.empty(0), np.empty(0, dtype=np.int64)
    return AttemptColumns(whole, whole, whole, whole, times, times, times, whole, whole, whole, whole)


@dataclass(frozen=True, slots=True)
class Series:
    """Sampled values over time: `t_s` of shape (k,), each of `values` of shape (k,), NaN where not observable.

    `modelled` says that the figures come from a model of the machine (virtual clock), not from the machine.
    Resource names: `rss_b`, `uss_b`, `cpu_share` (of the whole machine, 0 to 1), `cpu_cores` (cores' worth of CPU),
    `fds`, `threads`, `tasks`, `loop_lag_s`, `gc_collections`, `gc_pause_s` (both counted since the start).
    Gauges keep the names the target gave them; `queue_depth`, `agents_busy`, `pool_size` and `waiters` are understood.
    """

    t_s: Floats
    values: Mapping[str, Floats]
    modelled: bool = False


def empty_series(modelled: bool = False) -> Series:
    """A series with no sample."""
    return Series(np.empty(0), {}, modelled)


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker did of a run that was driven by several: worker `index` on `host`, process `pid`.

    `lost` counts workflows that were offered and had no end when the worker died. `clock_offset_s` is how far the
    worker's clock was ahead of the coordinator's, measured to within `clock_error_s`; due times allow for it.
    """

    index: int
    host: str
    pid: int
    offered: int
    lost: int = 0
    clock_offset_s: float = 0.0
    clock_error_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Generator:
    """What the drive knows of itself.

    `start_cost_s` is CPU seconds to start and record one workflow that does nothing, measured where a run was late
    (NaN: it was not). `starved_s` is how long the loop's thread waited for a core (NaN: unknown). `in_process` says
    whether the target's code runs on the same event loop.
    """

    start_cost_s: float = NEVER
    starved_s: float = NEVER
    in_process: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """One replication: who ran, what happened, what was measured beside it.

    `ended_s` is the clock when the last workflow ended or was given up. `stopped` says why a run ended early
    ("run timeout", "interrupted", "terminated"; None where it ran to its end). `driver_cpu_s` is the CPU time of the
    event loop's own thread over the run (NaN where it means nothing), `real_s` the wall time that the run took.
    `invalid` says why the figures may not be believed although the run came to its end (None: they may).
    `rest` is what the target still held when its work was done, `stalls` where its event loop was held up, `tries` the
    attempts that it reported of itself (None, empty: not looked at, or nothing there).
    `measured` holds what a target measured itself, by name (unit last): one value per observation, shape (k,).
    The pools are those of `plan.places.pools_of`, in its order, and `pool_kinds` says what each is ("agents", "cores",
    "connections", "rate_limit", "memory"); where it is empty, all are agents but a last one named `CORES` that the
    scenario does not declare. `pool_changes` says how their sizes and queues changed.
    `generator` is what the drive knows of its own work, `open_load` whether the due times were known beforehand.
    `shares` says what each worker did, where several drove the run (empty: this process drove it alone).
    """

    scenario: str
    digest: str
    target: str
    clock: str
    seed: int
    type_names: tuple[str, ...]
    pool_names: tuple[str, ...]
    pool_sizes: tuple[int, ...]
    pool_queues: tuple[int | None, ...]
    error_kinds: tuple[str, ...]
    workflows: WorkflowColumns
    attempts: AttemptColumns
    resources: Series
    gauges: Series
    ended_s: float
    stopped: str | None = None
    driver_cpu_s: float = NEVER
    real_s: float = NEVER
    doubts: tuple[str, ...] = ()
    invalid: str | None = None
    rest: Rest | None = None
    stalls: tuple[Stall, ...] = ()
    tries: TryColumns | None = None
    measured: Mapping[str, Floats] = field(default_factory=dict)
    shares: tuple[Share, ...] = ()
    generator: Generator = field(default_factory=Generator)
    open_load: bool = False
    pool_kinds: tuple[str, ...] = ()
    pool_changes: PoolChanges = field(default_factory=no_changes)


_COLUMNS = {one.name: "d" if one.name.endswith("_s") else "q" for one in fields(AttemptColumns)}
_ROW = np.dtype([(name, np.float64 if kind == "d" else np.int64) for name, kind in _COLUMNS.items()])

packed_attempt = struct.Struct("=" + "".join(_COLUMNS.values())).pack
"""One row of `AttemptColumns`, its values given in their order, as `Recorder.attempts` takes it: 88 bytes."""


@dataclass(slots=True)
class Recorder:
    """Collects one run. `offer` and `end` are called per workflow; hot loops append to the lists themselves."""

    due: list[float] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    finished: list[float] = field(default_factory=list)
    outcome: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    error: list[int] = field(default_factory=list)
    batch: list[int] = field(default_factory=list)
    held: dict[int, float] = field(default_factory=dict)
    """How long a cap held a workflow back, of those that it did."""
    attempts: bytearray = field(default_factory=bytearray)
    """The rows made by `packed_attempt`, one after the other."""
    error_kinds: dict[str, int] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    invalid: str | None = None
    measured: dict[str, list[float]] = field(default_factory=dict)
    changes: list[tuple[int, float, int, int]] = field(default_factory=list)
    """Of pools: index, time, size, capacity of the queue (-1: unbounded)."""

    @property
    def offered(self) -> int:
        """How many workflows have been offered so far."""
        return len(self.due)

    def offer(self, due_s: float, kind: int, batch: int) -> int:
        """Open the row of the next workflow and return its index; until it ends, it counts as cancelled."""
        index = len(self.due)
        self.due.append(due_s)
        self.kind.append(kind)
        self.batch.append(batch)
        self.started.append(NEVER)
        self.finished.append(NEVER)
        self.outcome.append(4)
        self.error.append(-1)
        return index

    def end(self, index: int, finished_s: float, outcome: int, error: str | None) -> None:
        """Close row `index`."""
        self.finished[index] = finished_s
        self.outcome[index] = outcome
        if error is not None:
            self.error[index] = self.error_index(error)

    def give_up(self, error: str) -> None:
        """Give what never ended its error; it counts as cancelled."""
        for index, finished_s in enumerate(self.finished):
            if math.isnan(finished_s):
                self.error[index] = self.error_index(error)

    def measure(self, name: str, value: float) -> None:
        """Keep one observation of something that only the target can see, such as the time to a first byte."""
        self.measured.setdefault(name, []).append(value)

    def resize(self, pool: int, t_s: float, size: int, queue: int | None) -> None:
        """From `t_s` on, pool `pool` has this size and a queue of this capacity (None: unbounded)."""
        self.changes.append((pool, t_s, size, -1 if queue is None else queue))

    def change_columns(self) -> PoolChanges:
        """The changes of pools recorded so far."""
        if not self.changes:
            return no_changes()
        pool, t_s, size, queue = zip(*self.changes, strict=True)
        whole = (np.array(values, dtype=np.int64) for values in (pool, size, queue))
        pools, sizes, queues = whole
        return PoolChanges(pools, np.array(t_s, dtype=np.float64), sizes, queues)

    def measured_columns(self) -> dict[str, Floats]:
        """What the target measured so far, by name."""
        return {name: np.array(values, dtype=np.float64) for name, values in sorted(self.measured.items())}

    def error_index(self, kind: str) -> int:
        """Index of an error kind, given a new one where it was not seen before."""
        return self.error_kinds.setdefault(kind, len(self.error_kinds))

    def canonical_errors(self) -> tuple[str, ...]:
        """The error kinds seen, sorted, with all rows made to index them: the order of events leaves no trace."""
        kinds = tuple(sorted(self.error_kinds))
        place = {self.error_kinds[kind]: new for new, kind in enumerate(kinds)} | {-1: -1}
        self.error = [place[old] for old in self.error]
        if kinds:
            rows = np.frombuffer(self.attempts, dtype=_ROW)
            rows["error"] = np.array([*(place[old] for old in range(len(kinds))), -1])[rows["error"]]
        self.error_kinds = {kind: new for new, kind in enumerate(kinds)}
        return kinds

    def workflow_columns(self) -> WorkflowColumns:
        """The workflows recorded so far."""
        return WorkflowColumns(
            due_s=np.array(self.due, dtype=np.float64),
            started_s=np.array(self.started, dtype=np.float64),
            finished_s=np.array(self.finished, dtype=np.float64),
            outcome=np.array(self.outcome, dtype=np.int64),
            type=np.array(self.kind, dtype=np.int64),
            error=np.array(self.error, dtype=np.int64),
            batch=np.array(self.batch, dtype=np.int64),
            held_s=self._held_s(),
        )

    def _held_s(self) -> Floats:
        held_s = np.zeros(len(self.due))
        held_s[list(self.held)] = list(self.held.values())
        held_s[np.isnan(np.array(self.started, dtype=np.float64))] = NEVER
        return held_s

    def attempt_columns(self) -> AttemptColumns:
        """The attempts recorded so far, in the order in which they ended."""
        rows = np.frombuffer(self.attempts, dtype=_ROW)
        return AttemptColumns(*(np.array(rows[name]) for name in _COLUMNS))
