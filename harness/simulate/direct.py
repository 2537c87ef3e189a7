"""One step, one pool, first come first served: a stream of it needs no calendar. Imported only where numba is.

A workflow begins when it is due or when the first agent is free, whichever is later (J. Kiefer and J. Wolfowitz, "On
the theory of queues with many servers", Trans. AMS 78, 1955), so one look at the agents' free times carries it from its
arrival to its end. Agents stand in the order in which they will be free, ties by number of workflow, which is the order
in which the general kernel's timers fire: whoever is taken off the front has just given its agent back, and its sums
are added then. So all that a `StreamedRun` reports has the same bits.

Where this is not the whole truth (the run's time limit is met, or work of no length falls on a tie), the pass says that
it cannot tell, and the general kernel runs instead.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
from numba.extending import register_jitable

from harness.measure.histogram import BUCKETS
from harness.measure.record import Floats, Outcome
from harness.plan.arrivals import Plan
from harness.plan.draws import Purpose, QuantileTable, seed_key
from harness.plan.laws import exponential_table
from harness.scenario.model import BurstLoad, Pool, RateLoad, Scenario, Step, WorkflowType, is_open
from harness.simulate import bulk, records
from harness.simulate.arrays import _GOLDEN, mix, uniform_of
from harness.simulate.bulk import count_latencies, read_off, room_for
from harness.simulate.compiled import _OPTIONS, _digest, _rows_of, _run
from harness.simulate.records import UNBOUNDED, Key, World, dtype_of
from harness.simulate.setting import Setting

MOST_AGENTS = 256
"""With more, keeping agents in order costs more than a calendar does."""

FEW = 8
"""So many agents stand in order without a branch that depends on the times: their numbers are the bytes of a word."""

BLOCK = 512
"""Workflows whose draws are made at a time: few enough for the nearest cache."""

AT_ONCE = 2**20
"""Workflows of one call: a signal is heard in between."""

_MORE, NEEDS_ROOM, UNDECIDED = range(3)
_WAIT = int(Purpose.WAIT)
_ARRIVAL = int(Purpose.ARRIVAL)
_1, _8 = np.uint64(1), np.uint64(8)
_BYTE = np.uint64(255)


@dataclass(slots=True)
class Line:
    """The pool, its queue and what is known of both so far; compiled, a row of a structured array (`records`)."""

    key: Key = 0
    size: int = 1
    queue: int = UNBOUNDED
    limit_s: float = math.inf
    duration_s: float = math.inf
    """Of arrivals made here: none is due from then on."""
    own_gaps: int = 0
    """Whether arrivals are made here, from exponential gaps; else they are given, from workflow `base` on."""
    base: int = 0
    until: int = 0
    """So many workflows may be offered."""
    wait_s: float = 0.0
    """Where it is not drawn."""
    offered: int = 0
    accepted: int = 0
    instants: int = 0
    """Different times above 0 at which something was due."""
    without_timer: int = 0
    """Workflows that took no time."""
    due_s: float = 0.0
    ended_s: float = 0.0
    busy_s: float = 0.0
    waited_s: float = 0.0
    deepest: int = 0
    most_busy: int = 0
    refused: int = 0
    """Turned away at this instant; `most_refused` at any."""
    most_refused: int = 0
    no_time_s: float = -1.0
    """When the last one that took no time was due."""
    word: Key = 0x0706050403020100
    """The numbers of up to `FEW` agents, from the first to be free up; of more, an array has them."""


@register_jitable(forceinline=True)
def fill(line: Any, block: Any, count: int, given: Any, knots: Any) -> int:
    """Due times and waits of the next workflows: how many of `count` are due before the load ends."""
    due, waits, _, room = block
    gap_knots, wait_knots = knots
    key, first, due_s = line.key, line.offered, line.due_s
    # two loops, so that the first is done several workflows at a time
    for k in range(count):
        mixed = mix(key + np.uint64(first + k + 1) * _GOLDEN)
        due[k] = uniform_of(mixed, 0, 0, _ARRIVAL)
        waits[k] = uniform_of(mixed, 0, 1, _WAIT)
    if line.own_gaps:
        read_off(due, count, gap_knots, room)
        for k in range(count):
            due_s += due[k]
            due[k] = due_s
    else:
        for k in range(count):
            due[k] = given[np.uint64(first - line.base + k)]
    if len(wait_knots) > 0:
        read_off(waits, count, wait_knots, room)
    else:
        for k in range(count):
            waits[k] = line.wait_s
    while count > 0 and due[np.uint64(count - 1)] >= line.duration_s:
        count -= 1
    return count


@register_jitable(forceinline=True)
def line_up_few(free_s: Any, word: Any, end_s: float) -> Any:
    """Put the first of `FEW` agents where one belongs that is free at `end_s`; return the word of their numbers.

    Every place gets the time in the middle of three: its own, the next one's and the new one. So it takes as long
    wherever that is, which a processor could not foresee.
    """
    ahead = 0
    for k in range(FEW):
        mine, following = free_s[np.uint64(k)], free_s[np.uint64(k + 1)]
        ahead += following <= end_s
        later = mine if mine > end_s else end_s
        free_s[np.uint64(k)] = following if following < later else later
    place = np.uint64(8 * ahead)
    others, below = word >> _8, (_1 << place) - _1
    return (others & below) | ((word & _BYTE) << place) | ((others & ~below) << _8)


@register_jitable(forceinline=True)
def line_up_many(free_s: Any, number: Any, end_s: float) -> None:
    """Put the first of any number of agents where one belongs that is free at `end_s`."""
    first, place = number[0], np.uint64(0)
    following = free_s[_1]
    while following <= end_s:
        free_s[place] = following
        number[place] = number[place + _1]
        place += _1
        following = free_s[place + _1]
    free_s[place] = end_s
    number[place] = first


@register_jitable(forceinline=True)
# long: the loop that everything is about, with all it counts in registers
def serve(line: Any, block: Any, count: int, agents: Any, starts: Any) -> int:  # noqa: PLR0912, PLR0915 - as said
    """Carry `count` workflows from arrival to end; return how many were accepted, or -1 where order is undecided.

    `agents` are: when each is free, ascending, with one at infinity; its number; by number, for how long its present
    workflow keeps it and has waited for it. `starts` is a ring of the latest times at which work began. Whether a
    workflow has to wait cannot be foreseen, so nothing is asked that depends on it but what seldom holds.
    """
    due, waits, late, _ = block
    free_s, number, kept_s, stood_s = agents
    mask, size, queue, limit_s = np.uint64(len(starts) - 1), line.size, line.queue, line.limit_s
    accepted, instants, deepest, most_busy = line.accepted, line.instants, line.deepest, line.most_busy
    busy_s, waited_s, last_s, ended_s = line.busy_s, line.waited_s, line.due_s, line.ended_s
    few, word = size <= FEW, line.word
    served = 0
    for k in range(count):
        now = due[np.uint64(k)]
        tied = now == last_s
        if tied:
            if now == line.no_time_s:
                return -1
        else:
            instants += 1
            line.refused = 0
        last_s = now
        free = free_s[0]
        begin = now if now > free else free
        # of the accepted, those that have not begun by now are the ones that wait
        starts[np.uint64(accepted) & mask] = begin
        if deepest >= queue and starts[np.uint64(accepted - queue) & mask] > now:
            line.refused += 1
            line.most_refused = max(line.most_refused, line.refused)
            if now > limit_s:
                return -1
            continue
        deepest += starts[np.uint64(accepted - deepest) & mask] > now
        if most_busy < size and free_s[np.uint64(size - most_busy)] > now:
            most_busy += 1
        end = begin + waits[np.uint64(k)]
        if end > limit_s:
            return -1
        agent = (word & _BYTE) if few else np.uint64(number[0])
        busy_s += kept_s[agent]
        waited_s += stood_s[agent]
        kept_s[agent] = end - begin
        stood_s[agent] = begin - now
        at_once = False
        if end == begin:
            # no timer: what was queued gives its agent back before other work of this instant, and stays the first
            if waits[np.uint64(k)] > 0.0 or tied:
                return -1
            line.without_timer += 1
            line.no_time_s = now
            at_once = free > now
        if not at_once:
            if few:
                word = line_up_few(free_s, word, end)
            else:
                line_up_many(free_s, number, end)
        ended_s = end if end > ended_s else ended_s
        late[np.uint64(served)] = end - now
        served += 1
        accepted += 1
    line.accepted, line.instants, line.deepest, line.most_busy = accepted, instants, deepest, most_busy
    line.busy_s, line.waited_s, line.due_s, line.ended_s = busy_s, waited_s, last_s, max(ended_s, last_s)
    line.word = word
    return served


def carrier(source: str) -> Callable[..., int]:
    """A function to be compiled; `source` stands for all that it is made of, as in `arrays.gap_filler`."""

    def carry(state: Any) -> int:
        _ = source
        lines, agents, starts, room, made_of = state
        line = lines[0]
        block, buckets = room
        given, knots = made_of
        while line.offered < line.until:
            if line.deepest + BLOCK + 2 > len(starts):
                return NEEDS_ROOM
            wanted = min(BLOCK, line.until - line.offered)
            count = fill(line, block, wanted, given, knots)
            served = serve(line, block, count, agents, starts)
            if served < 0:
                return UNDECIDED
            count_latencies(block[2], served, buckets)
            line.offered += count
            if count < wanted:
                line.until = line.offered
        return _MORE

    return carry


@functools.cache
def _carry() -> Any:
    return numba.njit(**_OPTIONS)(carrier(_digest(inspect.getsource(sys.modules[__name__]) + inspect.getsource(bulk))))


def is_plain(scenario: Scenario) -> bool:
    """Whether nothing is declared but what is read here: what is declared beside it one day makes it so no more."""
    if not is_open(scenario.load) or isinstance(scenario.load, BurstLoad):
        return False
    if len(scenario.types) > 1 or len(scenario.pools) > 1 or len(scenario.types[0].steps) > 1:
        return False
    (kind,), (pool,) = scenario.types, scenario.pools
    (step,) = kind.steps
    unread = (field for field in dataclasses.fields(Scenario) if field.name not in _READ)
    return (
        pool == Pool(pool.name, pool.size, pool.queue)
        and step == Step(step.name, pool.name, step.wait, hold_b=step.hold_b)
        and kind == WorkflowType(kind.name, (step,), kind.description)
        and all(getattr(scenario, field.name) == field.default for field in unread)
        and (pool.queue is None or scenario.retry.max_attempts == 1)
        and pool.size <= MOST_AGENTS
        and getattr(scenario.load, "max_in_flight", None) is None
    )


_READ = {"name", "load", "types", "mix", "pools", "retry", "run_timeout_s", "cores"}
_READ |= {"description", "baseline", "warm_up_s", "warm_up_workflows"}  # no part of what happens


class Direct:
    """One stream of a plain scenario under an open load; what it leaves is what `forms.Form` leaves."""

    def __init__(self, plan: Plan, setting: Setting) -> None:
        (pool,), load = plan.scenario.pools, plan.scenario.load
        self._load, self._pools = load, setting.pools
        line = Line(seed_key(plan.seed), pool.size, limit_s=setting.world.limit_s)
        line.queue = UNBOUNDED if pool.queue is None else pool.queue
        wait, waits, gaps = plan.programs[0].steps[0].wait, np.empty(0), np.empty(0)
        if isinstance(wait, QuantileTable):
            waits = wait.knots
        else:
            line.wait_s = wait
        if isinstance(load, RateLoad) and load.law == "poisson":
            line.own_gaps, line.duration_s = 1, math.inf if load.duration_s is None else load.duration_s
            gaps = exponential_table(1 / load.rate_per_s).knots
        self._knots = (gaps, waits)
        self._lines: Any = _rows_of([line], dtype_of(Line))
        room = max(pool.size, FEW)
        ends = np.concatenate([np.zeros(pool.size), np.full(room + 1 - pool.size, np.inf)])
        self._agents = (ends, np.arange(room + 1), np.zeros(room), np.zeros(room))
        self._starts = np.zeros(4 * BLOCK)
        self._block = (np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), room_for(BLOCK))
        errors = [0] * (len(setting.error_kinds) + 1)
        self.sim: Any = SimpleNamespace(outcomes=[0] * len(Outcome), errors=errors, buckets=np.zeros(BUCKETS, np.int64))

    def complete(self, stretches: Callable[[], Iterator[Floats]]) -> bool:
        """Carry the whole load; False where the general kernel has to do it. `stretches` makes due times."""
        line: Any = self._lines[0]
        if line["own_gaps"]:
            total = self._load.workflows if isinstance(self._load, RateLoad) else None
            while (total is None or line["offered"] < total) and line["offered"] == line["until"]:
                more = int(line["offered"]) + AT_ONCE
                line["until"] = asked = more if total is None else min(total, more)
                if not self._go(np.empty(0)):
                    return False
                if line["offered"] < asked:
                    break
        else:
            for due_s in stretches():
                line["base"] = line["offered"]
                line["until"] = line["base"] + len(due_s)
                if not self._go(due_s):
                    return False
        self._settle(line)
        return True

    def _go(self, given: Floats) -> bool:
        while True:
            room, made_of = (self._block, self.sim.buckets), (given, self._knots)
            state: Any = (self._lines, self._agents, self._starts, room, made_of)
            need = _run(_carry(), state)
            if need != NEEDS_ROOM:
                return need != UNDECIDED
            self._widen()

    def _widen(self) -> None:
        """Twice the room for the times at which work began."""
        old, accepted = self._starts, int(self._lines[0]["accepted"])
        self._starts = np.zeros(2 * len(old))
        latest = np.arange(max(0, accepted - len(old)), accepted)
        self._starts[latest % len(self._starts)] = old[latest % len(old)]

    def _settle(self, line: Any) -> None:
        """The last workflows end, in order, and everything is counted."""
        _, number, kept_s, stood_s = self._agents
        word = int(line["word"])
        few = [word >> 8 * place & 255 for place in range(FEW)]
        for agent in few if line["size"] <= FEW else number[:-1]:
            line["busy_s"] += kept_s[agent]
            line["waited_s"] += stood_s[agent]
        accepted, refused = int(line["accepted"]), int(line["offered"] - line["accepted"])
        self.sim.outcomes[Outcome.SUCCEEDED], self.sim.outcomes[Outcome.REJECTED] = accepted, refused
        self.sim.errors[0], self.sim.errors[-1] = refused, accepted

    def world(self) -> World:
        """See `forms.Form`."""
        line: Any = self._lines[0]
        deepest, refused = int(line["deepest"]), int(line["most_refused"])
        return World(
            now=float(line["ended_s"]),
            offered=int(line["offered"]),
            fired=int(line["instants"] + line["accepted"] - line["without_timer"]),
            # who is turned away was there for an instant, together with all others that were due then
            most_in_flight=int(line["most_busy"]) + deepest + refused,
        )

    def pools(self) -> list[records.Pool]:
        """See `forms.Form`."""
        line: Any = self._lines[0]
        pool = dataclasses.replace(self._pools[0], busy_s=float(line["busy_s"]), waited_s=float(line["waited_s"]))
        pool.deepest = int(line["deepest"])
        return [pool, self._pools[1]]
