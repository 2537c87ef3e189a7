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
from numba.extending import register_jitable

from harness.plan.draws import CELLS, ROWS, Purpose, quantile
from harness.simulate import primitives
from harness.simulate.ahead import fetch
from harness.simulate.records import UNBOUNDED

_Body = TypeVar("_Body", bound=Callable[..., Any])

_30, _27, _31, _11 = (np.uint64(n) for n in (30, 27, 31, 11))
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ODD = np.uint64(0xD1B54A32D192ED03)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_1, _2, _3, _4 = (np.uint64(n) for n in range(1, 5))
TOP = np.uint64(3)
"""Where the calendar's first event stands: then the four below a node are on one line of the cache."""
_UNIT = 2.0**-53
_ARRIVAL = int(Purpose.ARRIVAL)
_THINK = int(Purpose.THINK)
_TABLE = ROWS * (CELLS + 1)
"""Knots of one quantile table; compiled, tables lie one behind the other."""


BODIES: dict[Any, Any] = {}
"""What to put in place of each primitive."""


def body_of(primitive: Callable[..., Any]) -> Callable[[_Body], _Body]:
    """The decorated function is what a compiled kernel does where its source calls `primitive`."""

    def register(body: _Body) -> _Body:
        BODIES[primitive] = body
        return body

    return register


@register_jitable(forceinline=True)
def mix(z: Any) -> Any:
    """`plan.draws.mix`."""
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    return z ^ (z >> _31)


@register_jitable(forceinline=True)
def first_of_four(when_s: Any, order: Any, child: Any) -> Any:
    """Which of the events at `child` and the three places behind it fires first.

    Reckoned and not branched upon: which one it is cannot be foreseen, ties can.
    """
    a, b, c, d = when_s[child], when_s[child + _1], when_s[child + _2], when_s[child + _3]
    first, other = child + np.uint64(b < a), child + _2 + np.uint64(d < c)
    least, rest = min(a, b), min(c, d)
    first += np.uint64(rest < least) * (other - first)
    if least == rest or a == b or c == d:
        least = min(least, rest)
        for tied in (child, child + _1, child + _2, child + _3):
            if when_s[tied] == least and order[tied] < order[first]:
                first = tied
    return first


@register_jitable(forceinline=True)
def put(calendar: Any, place: Any, when: float, serial: int, aim: int) -> None:
    """Fill a place of the heap."""
    when_s, order, target = calendar
    when_s[place] = when
    order[place] = serial
    target[place] = aim


@register_jitable(forceinline=True)
def sink(calendar: Any, end: Any, when: float, serial: int, aim: int) -> None:
    """Put an event into the hole at the top of a heap that ends before `end`, or below it, where it belongs."""
    when_s, order, target = calendar
    place = TOP
    child = TOP + _1
    while child < end:
        least = first_of_four(when_s, order, child)
        if when < when_s[least] or (when == when_s[least] and serial < order[least]):
            break
        put(calendar, place, when_s[least], order[least], target[least])
        place = least
        child = (place - _2) << _2
    put(calendar, place, when, serial, aim)


@register_jitable(forceinline=True)
def rise(calendar: Any, place: Any, when: float, serial: int, aim: int) -> None:
    """Put an event into the heap at `place`, its end, or above it, where it belongs."""
    when_s, order, target = calendar
    while place > TOP:
        above = (place >> _2) + _2
        if when_s[above] < when or (when_s[above] == when and order[above] < serial):
            break
        put(calendar, place, when_s[above], order[above], target[above])
        place = above
    put(calendar, place, when, serial, aim)


@body_of(primitives.push)
def push(sim: Any, world: Any, when_s: float, order: int, target: int) -> None:
    # a timer that fires mostly sets another: it goes into the hole that the first one has left
    if world.hole:
        world.hole = 0
        sink(sim.calendar, np.uint64(world.events) + TOP, when_s, order, target)
    else:
        world.events += 1
        rise(sim.calendar, np.uint64(world.events - 1) + TOP, when_s, order, target)


@body_of(primitives.next_s)
def next_s(sim: Any, world: Any) -> float:
    when_s, order, target = sim.calendar
    if world.hole:
        world.hole = 0
        world.events -= 1
        last = np.uint64(world.events) + TOP
        when = when_s[last]
        when_s[last] = math.inf  # behind the last event all is at infinity, so that four children can be compared
        if last > TOP:
            sink(sim.calendar, last, when, order[last], target[last])
    return float(when_s[TOP])


@body_of(primitives.pop)
def pop(sim: Any, world: Any) -> tuple[float, int, int]:
    when_s, order, target = sim.calendar
    world.hole = min(1, world.events)
    # one of the four below the first event is most likely the next
    for place in (TOP + _1, TOP + _2, TOP + _3, TOP + _4):
        fetch(sim.jobs, target[place])
    return when_s[TOP], order[TOP], target[TOP]


@body_of(primitives.bring_luck)
def bring_luck(sim: Any, world: Any, job: Any) -> None:  # noqa: ARG001 - one signature for both forms
    job.key = mix(world.seed_key + np.uint64(job.number + 1) * _GOLDEN)


@register_jitable(forceinline=True)
def uniform_of(key: Any, place: int, attempt: int, purpose: int) -> float:
    """`plan.draws.uniform`."""
    counter = (((place << 16) | attempt) << 8) | purpose
    return float(np.int64(mix(key + np.uint64(counter + 1) * _ODD) >> _11) * _UNIT)


@body_of(primitives.chance)
def chance(sim: Any, world: Any, job: Any, purpose: int) -> float:  # noqa: ARG001 - one signature for both forms
    return uniform_of(job.key, job.place, job.attempt, purpose)


@body_of(primitives.drawn_s)
def drawn_s(sim: Any, world: Any, job: Any, table: int, purpose: int) -> float:  # noqa: ARG001 - as above
    luck = uniform_of(job.key, job.place, job.attempt, purpose)
    return quantile(sim.tables, table * _TABLE, luck)


@body_of(primitives.at_s)
def at_s(sim: Any, world: Any, table: int, luck: float) -> float:  # noqa: ARG001 - as above
    return quantile(sim.tables, table * _TABLE, luck)


@body_of(primitives.think_s)
def think_s(sim: Any, world: Any, job: Any) -> float:
    luck = uniform_of(job.key, 0, 0, _THINK)
    return quantile(sim.tables, world.think_table * _TABLE, luck)


@body_of(primitives.write_attempt)
def write_attempt(sim: Any, world: Any, job: Any, pool: int, released_s: float) -> None:
    rows, place = sim.rows, world.rows
    world.rows = place + 1
    rows.workflow[place] = job.number
    rows.step[place] = job.place
    rows.attempt[place] = job.attempt
    rows.pool[place] = pool
    rows.requested_s[place] = job.requested_s
    rows.granted_s[place] = job.granted_s
    rows.released_s[place] = released_s
    rows.depth[place] = job.depth
    rows.busy[place] = job.busy
    rows.ended[place] = job.ended
    rows.error[place] = job.error


@body_of(primitives.write_burn)
def write_burn(sim: Any, world: Any, job: Any, ended: int) -> None:
    rows, place = sim.rows, world.rows
    world.rows = place + 1
    rows.workflow[place] = job.number
    rows.step[place] = job.place
    rows.attempt[place] = job.attempt
    rows.pool[place] = world.cores
    rows.requested_s[place] = job.burn_requested_s
    rows.granted_s[place] = job.burn_granted_s
    rows.released_s[place] = job.burn_released_s
    rows.depth[place] = job.burn_depth
    rows.busy[place] = job.burn_busy
    rows.ended[place] = ended
    rows.error[place] = -1


@body_of(primitives.write_line)
def write_line(sim: Any, world: Any, job: Any, index: int, released_s: float) -> None:
    rows, place = sim.rows, world.rows
    extra = sim.extras[job.slot]
    world.rows = place + 1
    rows.workflow[place] = job.number
    rows.step[place] = job.place
    rows.attempt[place] = job.attempt
    rows.pool[place] = index
    rows.requested_s[place] = extra.line_requested_s
    rows.granted_s[place] = extra.line_granted_s
    rows.released_s[place] = released_s
    rows.depth[place] = extra.line_depth
    rows.busy[place] = extra.line_busy
    rows.ended[place] = extra.line_ended
    rows.error[place] = -1


@body_of(primitives.write_token)
def write_token(sim: Any, world: Any, job: Any, index: int) -> None:
    rows, place = sim.rows, world.rows
    extra = sim.extras[job.slot]
    world.rows = place + 1
    rows.workflow[place] = job.number
    rows.step[place] = job.place
    rows.attempt[place] = job.attempt
    rows.pool[place] = index
    rows.requested_s[place] = extra.token_requested_s
    rows.granted_s[place] = extra.token_granted_s
    rows.released_s[place] = extra.token_granted_s
    rows.depth[place] = extra.token_depth
    rows.busy[place] = 0
    rows.ended[place] = extra.token_ended
    rows.error[place] = -1


@body_of(primitives.write_memory)
def write_memory(sim: Any, world: Any, job: Any, released_s: float, ended: int) -> None:
    rows, place = sim.rows, world.rows
    extra = sim.extras[job.slot]
    world.rows = place + 1
    rows.workflow[place] = job.number
    rows.step[place] = 0
    rows.attempt[place] = 0
    rows.pool[place] = world.memory
    rows.requested_s[place] = extra.memory_requested_s
    rows.granted_s[place] = extra.memory_granted_s
    rows.released_s[place] = released_s
    rows.depth[place] = extra.memory_depth
    rows.busy[place] = extra.memory_busy
    rows.ended[place] = ended
    rows.error[place] = -1


@body_of(primitives.write_change)
def write_change(sim: Any, world: Any, pool: Any) -> None:
    rows, place = sim.rows, world.rows
    world.rows = place + 1
    rows.workflow[place] = -1
    rows.step[place] = 0
    rows.attempt[place] = 0
    rows.pool[place] = pool.index
    rows.requested_s[place] = world.now
    rows.granted_s[place] = math.nan
    rows.released_s[place] = math.nan
    rows.depth[place] = -1 if pool.queue == UNBOUNDED else pool.queue
    rows.busy[place] = pool.size
    rows.ended[place] = 0
    rows.error[place] = -1


@body_of(primitives.write_workflow)
def write_workflow(sim: Any, world: Any, job: Any, outcome: int, error: int) -> None:
    flows, place = sim.flows, job.number
    flows.due_s[place] = job.due_s
    flows.started_s[place] = job.started_s
    flows.finished_s[place] = world.now
    flows.outcome[place] = outcome
    flows.type[place] = job.kind
    flows.error[place] = error
    flows.batch[place] = job.batch
    flows.held_s[place] = job.started_s - job.due_s  # virtual time is never late: only a cap comes between


def gap_filler(source: str) -> Callable[..., None]:
    """A function to be compiled: gaps of an exponential table before the workflows from `first` on.

    `source` stands for all that it is made of: what numba caches is looked up by it.
    """

    def fill(found: Any, key: Any, first: int, knots: Any) -> None:
        _ = source
        for place in range(len(found)):
            workflow = mix(key + np.uint64(first + place + 1) * _GOLDEN)
            found[place] = quantile(knots, 0, uniform_of(workflow, 0, 0, _ARRIVAL))

    return fill
