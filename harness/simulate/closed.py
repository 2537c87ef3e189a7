"""`Closed`: a stream of a closed load that needs no more than `rounds.py`. Imported only where numba is."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import numba
import numpy as np

from harness.measure.histogram import BUCKETS, buckets_of
from harness.measure.record import Floats, Outcome
from harness.plan.arrivals import Plan
from harness.plan.draws import seed_key
from harness.scenario.model import ClosedLoad, Constant, Pool, Scenario, Step, WorkflowType
from harness.simulate import bulk, flat, records, rounds
from harness.simulate.bulk import room_for
from harness.simulate.compiled import _OPTIONS, _digest, _rows_of, _run
from harness.simulate.loading import collecting_seldom
from harness.simulate.records import UNBOUNDED, World, dtype_of
from harness.simulate.rounds import BLOCK, ENDED, UNDECIDED, Client, Node, Part, Round, Station
from harness.simulate.setting import Setting

AT_ONCE = 2**20
"""Workflows of one call: a signal is heard in between."""

MOST_CLIENTS = 4096
"""With more, the way from leaf to top leaves the caches, and the general kernel's calendar is as quick."""

_CALLED = (rounds.bits_of, rounds.time_of, rounds.draw, rounds.draw_one)
"""What is called and not put in place."""

_INDEXED = ("clients", "parts", "stations", "nodes", "order", "idle", "queues", "ready", "late", "block")


class State(NamedTuple):
    """Everything that `rounds` works on, in arrays."""

    worlds: Any
    clients: Any
    parts: Any
    stations: Any
    nodes: Any
    order: Any
    """By leaf: that of its timer among those of an instant."""
    idle: Any
    queues: Any
    ready: Any
    late: Any
    """The latest latencies, not yet counted."""
    block: Any
    made_of: Any
    buckets: Any


def goes_round(scenario: Scenario) -> bool:
    """Whether nothing is declared but what is read here: what is declared beside it one day makes it so no more."""
    load = scenario.load
    if not isinstance(load, ClosedLoad) or load.think != Constant(0.0) or len(scenario.types) > 1:
        return False
    if load.in_flight > MOST_CLIENTS:
        return False
    (kind,) = scenario.types
    unread = (field for field in dataclasses.fields(Scenario) if field.name not in _READ)
    return (
        all(pool == Pool(pool.name, pool.size) for pool in scenario.pools)
        and all(step == Step(step.name, step.pool, step.wait, step.burn, step.hold_b) for step in kind.steps)
        and kind == WorkflowType(kind.name, kind.steps, kind.description)
        and all(getattr(scenario, field.name) == field.default for field in unread)
    )


_READ = {"name", "load", "types", "mix", "pools", "cores", "run_timeout_s"}
_READ |= {"retry", "description", "baseline", "warm_up_s", "warm_up_workflows"}  # no part of what happens here


@functools.cache
@collecting_seldom()
def _kernel() -> Any:
    parts = {function: body for function, body in flat.functions_of((rounds,)).items() if function not in _CALLED}
    source, known = flat.flattened(rounds.run, parts, {}, "run", _INDEXED)
    known["unsigned"] = np.uint64
    name = f"run_{_digest(source + inspect.getsource(rounds) + inspect.getsource(bulk))}"
    made = flat.made(source.replace("def run(", f"def {name}(", 1), known, name, str(rounds.__file__))
    made.__module__ = rounds.__name__
    return numba.njit(**_OPTIONS)(made)


class Closed:
    """One stream of a scenario that `goes_round`; what it leaves is what `forms.Form` leaves."""

    def __init__(self, plan: Plan, setting: Setting) -> None:
        load: Any = plan.scenario.load
        self._pools = setting.pools
        until = UNBOUNDED if load.workflows is None else load.workflows
        self._round = Round(
            limit_s=setting.world.limit_s,
            duration_s=math.inf if load.duration_s is None else load.duration_s,
            key=seed_key(plan.seed),
            clients=min(load.in_flight, until),
            steps=len(setting.steps),
            until=until,
            cores=len(setting.pools) - 1,
        )
        self._state = _state_of(self._round, setting)
        errors = [0] * (len(setting.error_kinds) + 1)
        self.sim: Any = SimpleNamespace(outcomes=[0] * len(Outcome), errors=errors, buckets=self._state.buckets)

    def complete(self, stretches: Callable[[], Iterator[Floats]]) -> bool:  # noqa: ARG002 - as `Direct.complete`
        """Carry the whole load; False where the general kernel has to do it."""
        row: Any = self._state.worlds[0]
        need = rounds.MORE
        while need == rounds.MORE:
            row["pause"] += AT_ONCE
            need = _run(_kernel(), self._state)
        if need == UNDECIDED:
            return False
        assert need == ENDED
        ended = int(row["ended"])
        np.add.at(self.sim.buckets, buckets_of(self._state.late[: ended % BLOCK]), 1)
        self.sim.outcomes[Outcome.SUCCEEDED] = self.sim.errors[-1] = ended
        return True

    def world(self) -> World:
        """See `forms.Form`."""
        row: Any = self._state.worlds[0]
        offered, fired = int(row["offered"]), int(row["fired"])
        return World(now=float(row["now"]), offered=offered, fired=fired, most_in_flight=self._round.clients)

    def pools(self) -> list[records.Pool]:
        """See `forms.Form`."""
        return [
            dataclasses.replace(
                pool, busy_s=float(row["busy_s"]), waited_s=float(row["waited_s"]), deepest=int(row["deepest"])
            )
            for pool, row in zip(self._pools, self._state.stations, strict=True)
        ]


# long: a line for each array
def _state_of(world: Round, setting: Setting) -> State:
    """The state at time 0; completes the round by the sizes of what it stands beside."""
    steps, ring = setting.steps, _power_above(world.clients)
    # a timer's client holds an agent, so there are no more timers than agents
    world.leaves = _power_above(min(world.clients, sum(pool.size for pool in setting.pools[:-1])) - 1)
    world.mask, world.idle = ring - 1, world.leaves
    parts = [Part(pool=step.pool, last=int(k == len(steps) - 1)) for k, step in enumerate(steps)]
    stations = [Station(size=pool.size, ring=ring * k) for k, pool in enumerate(setting.pools)]
    clients: Any = np.zeros(world.clients, dtype=dtype_of(Client))
    clients["slot"] = np.arange(world.clients)
    return State(
        worlds=_rows_of([world], dtype_of(Round)),
        clients=clients,
        parts=np.tile(_rows_of(parts, dtype_of(Part)), world.clients),
        stations=_rows_of(stations, dtype_of(Station)),
        nodes=np.repeat(_rows_of([Node()], dtype_of(Node)), 2 * world.leaves),
        order=np.zeros(world.leaves, dtype=np.int64),
        idle=np.arange(world.leaves)[::-1].copy(),
        queues=np.zeros(ring * len(stations), dtype=np.int64),
        ready=np.zeros(ring, dtype=np.int64),
        late=np.zeros(BLOCK),
        block=np.zeros(2 * len(steps) * BLOCK),
        made_of=_draws(setting),
        buckets=np.zeros(BUCKETS, dtype=np.int64),
    )


def _draws(setting: Setting) -> Any:
    """What `rounds.draw` makes its draws of."""
    keys, steps = np.zeros(BLOCK, dtype=np.uint64), _rows_of(setting.steps, dtype_of(records.Step))
    return keys, steps, np.concatenate([table.knots for table in setting.tables] or [np.empty(0)]), room_for(BLOCK)


def _power_above(count: int) -> int:
    """The least power of two above `count`, and at least 2."""
    return 1 << max(1, count.bit_length())
