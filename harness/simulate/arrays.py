"""The compiled bodies of `primitives.py`, over arrays. Imported only where numba is installed.

The calendar is a heap of four children a node: half as deep as a binary one, and the children of a node are neighbours
in memory (D. B. Johnson, "Priority queues with update and finding minimum spanning trees", IPL 4, 1975).
Draws are the arithmetic of `plan/draws.py` on unsigned 64-bit integers; without fast-math, so that bits are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba.extending import overload, register_jitable

from harness.plan.draws import CELLS, ROWS, quantile
from harness.simulate import primitives

EVENT = np.dtype([("when_s", "f8"), ("order", "i8"), ("target", "i8"), ("token", "i8")])
TABLE = ROWS * (CELLS + 1)

_Body = TypeVar("_Body", bound=Callable[..., Any])

_30, _27, _31, _11 = (np.uint64(n) for n in (30, 27, 31, 11))
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ODD = np.uint64(0xD1B54A32D192ED03)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_ONE = np.uint64(1)
_UNIT = 2.0**-53


def body_of(primitive: Callable[..., Any]) -> Callable[[_Body], _Body]:
    """Compiled code that calls `primitive` runs the decorated function, whatever the types it is called with."""

    def register(body: _Body) -> _Body:
        overload(primitive, strict=False)(lambda *_types: body)
        return body

    return register


@register_jitable
def mix(z: Any) -> Any:
    """`plan.draws.mix`."""
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    return z ^ (z >> _31)


@register_jitable
def before(a: Any, when_s: float, order: int) -> bool:
    """Whether event `a` fires before (when_s, order)."""
    return bool(a.when_s < when_s or (a.when_s == when_s and a.order < order))


@register_jitable
def put(event: Any, when_s: float, order: int, target: int, token: int) -> None:
    """Fill a place of the heap."""
    event.when_s = when_s
    event.order = order
    event.target = target
    event.token = token


@body_of(primitives.push)
def push(sim: Any, world: Any, when_s: float, order: int, target: int, token: int) -> None:  # noqa: PLR0917 - as there
    heap = sim.calendar
    place = world.events
    world.events = place + 1
    while place > 0:
        above = (place - 1) >> 2
        parent = heap[above]
        if not before(parent, when_s, order):
            put(heap[place], parent.when_s, parent.order, parent.target, parent.token)
            place = above
        else:
            break
    put(heap[place], when_s, order, target, token)


@body_of(primitives.pop)
def pop(sim: Any, world: Any) -> tuple[float, int, int, int]:
    heap = sim.calendar
    if world.events == 0:
        return math.inf, 0, 0, 0
    first = heap[0]
    found = first.when_s, first.order, first.target, first.token
    size = world.events - 1
    world.events = size
    last = heap[size]
    place = 0
    child = 1
    while child < size:
        least = child
        for other in range(child + 1, min(child + 4, size)):
            if before(heap[other], heap[least].when_s, heap[least].order):
                least = other
        small = heap[least]
        if not before(small, last.when_s, last.order):
            break
        put(heap[place], small.when_s, small.order, small.target, small.token)
        place = least
        child = 4 * place + 1
    put(heap[place], last.when_s, last.order, last.target, last.token)
    return found


@body_of(primitives.bring_luck)
def bring_luck(sim: Any, world: Any, job: Any) -> None:  # noqa: ARG001 - one signature for both forms
    job.key = mix(world.seed_key + np.uint64(job.number + 1) * _GOLDEN)


@register_jitable
def uniform(key: Any, place: int, attempt: int, purpose: int) -> float:
    """`plan.draws.uniform`."""
    counter = (((place << 16) | attempt) << 8) | purpose
    return float(np.int64(mix(key + np.uint64(counter + 1) * _ODD) >> _11) * _UNIT)


@body_of(primitives.chance)
def chance(sim: Any, world: Any, job: Any, purpose: int) -> float:  # noqa: ARG001 - one signature for both forms
    return uniform(job.key, job.place, job.attempt, purpose)


@body_of(primitives.drawn_s)
def drawn_s(sim: Any, world: Any, job: Any, table: int, purpose: int) -> float:  # noqa: ARG001 - as above
    return quantile(sim.tables, table * TABLE, uniform(job.key, job.place, job.attempt, purpose))


@body_of(primitives.write_attempt)
def write_attempt(sim: Any, world: Any, job: Any, pool: int, released_s: float) -> None:
    row = sim.rows[world.rows]
    world.rows += 1
    row.workflow = job.number
    row.step = job.place
    row.attempt = job.attempt
    row.pool = pool
    row.requested_s = job.requested_s
    row.granted_s = job.granted_s
    row.released_s = released_s
    row.depth = job.depth
    row.busy = job.busy
    row.ended = job.ended
    row.error = job.error


@body_of(primitives.write_burn)
def write_burn(sim: Any, world: Any, job: Any, ended: int) -> None:
    row = sim.rows[world.rows]
    world.rows += 1
    row.workflow = job.number
    row.step = job.place
    row.attempt = job.attempt
    row.pool = world.cores
    row.requested_s = job.burn_requested_s
    row.granted_s = job.burn_granted_s
    row.released_s = job.burn_released_s
    row.depth = job.burn_depth
    row.busy = job.burn_busy
    row.ended = ended
    row.error = -1


@body_of(primitives.write_workflow)
def write_workflow(sim: Any, world: Any, job: Any, outcome: int, error: int) -> None:
    row = sim.flows[job.number]
    row.due_s = job.due_s
    row.started_s = job.started_s
    row.finished_s = world.now
    row.outcome = outcome
    row.type = job.kind
    row.error = error
    row.batch = job.batch
