"""The kernel compiled by numba, on arrays: the same source, many times as fast. Imported only where it is wanted."""

from __future__ import annotations

import functools
import hashlib
import inspect
import logging
import sys
from collections import namedtuple
from typing import Any

import numba
import numpy as np
from numba.core import event
from numba.extending import register_jitable

from harness.measure import histogram
from harness.measure.record import AttemptColumns, Floats, Ints, WorkflowColumns
from harness.plan import draws
from harness.plan.arrivals import Plan
from harness.plan.laws import CHUNK, exponential_table
from harness.simulate import (
    admission,
    ahead,
    arrays,
    detours,
    endings,
    flat,
    gates,
    kernel,
    passage,
    queues,
    records,
    scaling,
    sources,
    timers,
)
from harness.simulate.facts import facts_of
from harness.simulate.feed import Stretch
from harness.simulate.loading import blas_unasked, collecting_seldom
from harness.simulate.records import (
    LINE,
    NEEDS_EVENTS,
    NEEDS_JOBS,
    Extra,
    Job,
    Pool,
    Sim,
    Step,
    World,
    dtype_of,
    dtype_of_column,
)
from harness.simulate.setting import Setting

_SHARED = (queues, timers, sources, endings, gates, admission, scaling, detours, passage, kernel)
"""Modules whose functions are compiled as they stand."""

_CALLED = (queues.leave, queues.join)
"""Functions of the kernel that the one with policies calls."""

_INPUT = ("firsts", "needs", "sizes", "change_s", "due", "batch", "kinds")
_INDEXED = ("jobs", "extras", "pools", "steps", *_INPUT, "outcomes", "buckets")
"""Arrays that are never counted from the end."""

# Without counting references: nothing is allocated in there, and counting them takes nine tenths of the time.
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
_LOG = logging.getLogger(__name__)


def _digest(source: str) -> str:
    """Of every source that goes into a compiled kernel; numba itself only looks at the file of one function."""
    modules = (sys.modules[__name__], ahead, arrays, queues, records, draws, histogram)
    return hashlib.sha256("".join([source, *map(inspect.getsource, modules)]).encode()).hexdigest()[:16]


@functools.cache
@collecting_seldom()
def _kernel(facts: tuple[tuple[str, float], ...]) -> Any:
    """The kernel for what is declared; not compiled before it is called."""
    parts: dict[Any, Any] = {**flat.functions_of(_SHARED), **arrays.BODIES}
    if "world.policies" not in dict(facts):
        # the kernel that knows all policies has them in a score of places each, and would take twice as long to compile
        parts = {part: body for part, body in parts.items() if part not in _CALLED}
    source, known = flat.flattened(kernel.run, parts, dict(facts), "run", _INDEXED)
    known["unsigned"] = np.uint64
    for leaf in (draws.quantile, histogram.bucket_of, *_CALLED):
        if leaf.__name__ in known:
            known[leaf.__name__] = register_jitable(leaf)
    name = f"run_{_digest(source)}"
    made = flat.made(source.replace("def run(", f"def {name}(", 1), known, name, str(kernel.__file__))
    made.__module__ = kernel.__name__
    return numba.njit(**_OPTIONS)(made)


@functools.cache
def _gap_filler() -> Any:
    for leaf in (draws.quantile,):
        register_jitable(leaf)
    return numba.njit(**_OPTIONS)(arrays.gap_filler(_digest("")))


class _Announcer(event.Listener):  # type: ignore[misc, unused-ignore]  # numba's own classes are untyped
    """Says that the kernel is being compiled, while it is: a program that stands still without a word looks broken."""

    def __init__(self, made: Any) -> None:
        timing: Any = event.TimingListener
        self._timing: Any = timing()
        self._made = made

    def on_start(self, happening: event.Event) -> None:
        """Numba has begun to compile something; a kernel found in its cache does not come here."""
        if happening.data["dispatcher"] is self._made:
            _LOG.warning("compiling the simulation kernel; this is done once, and takes about ten seconds ...")
            self._timing.on_start(happening)

    def on_end(self, happening: event.Event) -> None:
        """It has ended."""
        if happening.data["dispatcher"] is self._made:
            self._timing.on_end(happening)
            _LOG.warning("compiled the simulation kernel in %.1f s", self._timing.duration)


def _loaded(made: Any, *arguments: Any) -> Any:
    """The function, loaded or compiled for such arguments."""
    if not made.signatures:
        with blas_unasked(), collecting_seldom():
            made.compile(tuple(map(numba.typeof, arguments)))
    return made


def _run(made: Any, sim: Any) -> int:
    if not made.signatures:
        announcer: Any = _Announcer
        with event.install_listener("numba:compile", announcer(made)):
            _loaded(made, sim)
    return int(made(sim))


STRETCH = 2**16
"""Workflows to be fed at a time."""
_SPARE = 1.1
"""So many times the rows that a run without retries writes are made room for; what is never written costs nothing."""
_JOBS = 64
_EVENTS = 256
_MARGIN = 20
"""No turn sets as many timers; some places before the first event are free, and those behind the last are compared."""
# named like the columns of a Run, which mypy cannot read off their slots
Rows: Any = namedtuple("Rows", AttemptColumns.__slots__)  # type: ignore[misc]  # as said
Flows: Any = namedtuple("Flows", WorkflowColumns.__slots__)  # type: ignore[misc]  # as said
_JOB = dtype_of(Job)
_EXTRA = dtype_of(Extra)
_WORLD = dtype_of(World)

Records = np.ndarray[Any, np.dtype[np.void]]


def _columns(columns: Any, length: int) -> Any:
    """Columns of a Run with room for `length` rows, in arrays that are not written to before the kernel does."""
    return columns(*(np.empty(length, dtype=dtype_of_column(name)) for name in columns._fields))


def _longer(columns: Any, length: int) -> Any:
    """The same columns with room for more."""
    longer = _columns(type(columns), length)
    for old, new in zip(columns, longer, strict=True):
        new[: len(old)] = old
    return longer


def _on_lines(count: int, dtype: Any) -> Any:
    """An array of zeros that begins with a line of the cache."""
    size = count * np.dtype(dtype).itemsize
    room = np.zeros(size + LINE, dtype=np.uint8)
    begin = -room.ctypes.data % LINE
    return room[begin : begin + size].view(dtype)


def _calendar(size: int) -> tuple[Any, ...]:
    """Places for timers: when, order, target; all free, which is at infinity."""
    when_s, *rest = (_on_lines(size, dtype) for dtype in ("f8", "i8", "i8"))
    when_s[:] = np.inf
    return when_s, *rest


def _rows_of(found: list[Any], dtype: np.dtype[np.void]) -> Records:
    rows = np.zeros(len(found), dtype=dtype)
    for place, record in enumerate(found):
        for name in dtype.names or ():
            if hasattr(record, name):
                rows[place][name] = getattr(record, name)
    return rows


def _declared(setting: Setting) -> dict[str, Any]:
    """The setting as arrays."""
    return {
        "worlds": _rows_of([setting.world], _WORLD),
        "pools": _rows_of(setting.pools, dtype_of(Pool)),
        "steps": _rows_of(setting.steps, dtype_of(Step)),
        "firsts": np.array(setting.firsts, dtype=np.int64),
        "needs": np.array(setting.needs, dtype=np.int64),
        "sizes": np.array(setting.sizes, dtype=np.int64),
        "change_s": np.array(setting.change_s, dtype=np.float64),
        "tables": np.concatenate([table.knots for table in setting.tables] or [np.empty(0)]),
    }


def _room(streaming: bool, errors: int, rows: int, events: int) -> dict[str, Any]:
    """Arrays for what the run brings; they grow when it asks for more."""
    return {
        "jobs": np.zeros(0, dtype=_JOB),
        "extras": np.zeros(0, dtype=_EXTRA),
        "due": np.empty(0),
        "batch": np.empty(0, dtype=np.int64),
        "kinds": np.empty(0, dtype=np.int64),
        "luck": np.empty(0),
        "calendar": _calendar(events),
        "rows": _columns(Rows, rows),
        "flows": _columns(Flows, 0),
        "outcomes": np.zeros(5, dtype=np.int64),
        "errors": np.zeros(errors + 1, dtype=np.int64),
        "buckets": np.zeros(histogram.BUCKETS if streaming else 0, dtype=np.int64),
    }


class Compiled:
    """One run of the compiled kernel; see `forms.Form`."""

    stretch = STRETCH

    @staticmethod
    def gaps(mean_s: float, seed: int, first: int) -> Floats:
        """`plan.laws.gaps_before`, compiled: the same bits."""
        found = np.empty(CHUNK)
        filled = found, np.uint64(draws.seed_key(seed)), first, exponential_table(mean_s).knots
        _loaded(_gap_filler(), *filled)(*filled)
        return found

    def __init__(self, plan: Plan, setting: Setting, streaming: bool) -> None:
        longest = max(len(program.steps) for program in plan.programs)
        self._turn = 5 * longest + 5 if setting.world.policies else 2 * longest + 2
        """No single turn of a job writes as many rows."""
        self._workflows = plan.total or 0
        self._guess = setting.in_flight
        world = setting.world
        world.seed_key = draws.seed_key(plan.seed)
        world.streaming = int(streaming)
        world.row_room = 0
        events = _EVENTS + 2 * len(setting.pools)
        world.event_room = events - _MARGIN
        self._kernel = _kernel(tuple(facts_of(setting, streaming).items()))
        self.sim = Sim(**_declared(setting), **_room(streaming, len(setting.error_kinds), self._turn, events))

    def run(self) -> int:
        """See `kernel.run`."""
        return _run(self._kernel, self.sim)

    def feed(self, stretch: Stretch) -> None:
        """Give the kernel its next input."""
        world: Any = self.sim.worlds[0]
        world["base"] = stretch.base
        world["total"] = stretch.total
        world["known"] = known = stretch.base + len(stretch.kinds)
        flows: Any = self.sim.flows
        room = len(flows.due_s)
        if not world["streaming"] and known > room:
            flows = _longer(flows, max(2 * room, known, self._workflows))
        given: dict[str, Any] = {"kinds": stretch.kinds, "due": stretch.due_s, "batch": stretch.batch, "flows": flows}
        self.sim = self.sim._replace(**given)

    def make_room(self, need: int) -> None:
        """Double what ran out."""
        world: Any = self.sim.worlds[0]
        if need == NEEDS_JOBS:
            self._add_jobs(world)
        elif need == NEEDS_EVENTS:
            calendar = self.sim.calendar
            longer = _calendar(2 * len(calendar[0]))
            for old, new in zip(calendar, longer, strict=True):
                new[: len(old)] = old
            self.sim = self.sim._replace(calendar=longer)
            world["event_room"] = len(longer[0]) - _MARGIN
        else:
            rows: Any = self.sim.rows
            expected = self._turn * max(self._workflows, int(world["known"]))
            length = max(2 * len(rows.workflow), int(_SPARE * expected))
            self.sim = self.sim._replace(rows=_longer(rows, length))
            world["row_room"] = length - self._turn

    def _add_jobs(self, world: Any) -> None:
        jobs: Any = self.sim.jobs
        count = max(len(jobs), min(self._guess, STRETCH), _JOBS)
        grown = _on_lines(len(jobs) + count, _JOB)
        grown[: len(jobs)] = jobs
        more = grown[len(jobs) :]
        more["slot"] = np.arange(len(jobs), len(grown))
        more["next_ready"] = more["slot"] + 1
        more["next_ready"][-1] = world["free"]
        world["free"] = len(jobs)
        self.sim = self.sim._replace(jobs=grown)
        if world["policies"]:
            extras: Any = np.concatenate([self.sim.extras, np.zeros(count, dtype=_EXTRA)])
            self.sim = self.sim._replace(extras=extras)

    def stop_here(self) -> None:
        """See `forms.Form`."""
        world: Any = self.sim.worlds[0]
        world["limit_s"] = world["now"]

    def world(self) -> World:
        """See `forms.Form`; a row with the fields of a world."""
        found: Any = self.sim.worlds[0]
        return World(**{name: found[name] for name in World.__slots__})

    def pools(self) -> list[Pool]:
        """See `forms.Form`."""
        rows: Any = self.sim.pools
        return [Pool(**{name: row[name] for name in Pool.__slots__}) for row in rows]

    def ended_rows(self) -> tuple[Floats, Floats, Ints, Ints]:
        """See `forms.Form`; rows of workflows in flight have not been written to, and the newest have not started."""
        flows: Any = self.sim.flows
        jobs: Any = self.sim.jobs
        world: Any = self.sim.worlds[0]
        ended = np.ones(int(world["offered"]), dtype=np.bool_)
        slot, not_started = int(world["oldest"]), int(world["in_flight"])
        while slot >= 0:
            ended[jobs["number"][slot]] = False
            slot, not_started = int(jobs["younger"][slot]), not_started - 1
        ended[len(ended) - not_started :] = False
        due_s, finished_s, outcome, error = (
            column[: len(ended)][ended] for column in (flows.due_s, flows.finished_s, flows.outcome, flows.error)
        )
        return due_s, finished_s, outcome, error

    def workflow_columns(self) -> WorkflowColumns:
        """What became of the workflows; errors by the kernel's own codes."""
        flows: Any = self.sim.flows
        return WorkflowColumns(*(column[: self.world().offered] for column in flows))

    def attempt_columns(self) -> AttemptColumns:
        """The attempts, in the order in which they ended; errors by the kernel's own codes."""
        rows: Any = self.sim.rows
        return AttemptColumns(*(column[: self.world().rows] for column in rows))
