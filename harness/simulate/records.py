"""What the kernel keeps while it runs: a small mutable record per workflow in flight, pool and step, and one world.

Interpreted, a record is the object declared here; compiled, it is a row of a structured array with the same fields
(`dtype_of`). So one source, written against attributes, serves both. Times are seconds on the run's clock; an index of
-1 means none; a flag is 0 or 1.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Key = int
"""A workflow's 64-bit key of draws; unsigned where compiled."""

UNBOUNDED = 2**62
"""Stands for "no limit" where a count is compared with one."""

# What a job waits for.
NEW, QUEUED, WAITING, BURNING, BACKING_OFF, CONNECTING, FOR_TOKEN, ADMITTING = range(8)
# What woke it.
RESULT, EXPIRED, CANCELLED, DROPPED = range(4)
# Which of several timers due at the same instant fires first: as in the readable definition, by meaning.
WORK, DEADLINE, TICK, ARRIVAL = range(4)
# Whose timer it is: a job's (its slot, from 0 up), the source's, the sweep's, the number in flight's, pool p's
# (POOL - p), or one of the policies of a pool (see `scaling.policy_timer`).
SOURCE, SWEEP, CHANGE, POOL = -1, -2, -3, -4
POLICY = -(2**20)
# Laws of load.
OPEN, CLOSED, BURSTS = range(3)
# What a pool does with one request too many.
REJECT, DROP_OLDEST, BLOCK = range(3)
# How one of several replicas is chosen.
ROUND_ROBIN, LEAST_LOADED, TWO_CHOICES = range(3)
# What a pool's number of agents follows.
FIXED, DEMAND, UTILIZATION, QUEUE_DEPTH, QUEUE_WAIT = range(5)
# States of a breaker.
CLOSED_BREAKER, OPEN_BREAKER, HALF_OPEN = range(3)
# Why the kernel came back.
DONE, NEEDS_INPUT, NEEDS_JOBS, NEEDS_ROWS, NEEDS_EVENTS = range(5)


@dataclass(slots=True)
class Job:
    """One workflow in flight. `timer` and `expiry` are the orders of the timers that may wake it; any other is void."""

    # what every timer touches: compiled, one line of the cache
    timer: int = -1
    key: Key = 0
    requested_s: float = 0.0
    granted_s: float = math.nan
    burn_s: float = 0.0
    slot: int = 0
    state: int = NEW
    news: int = RESULT
    step: int = 0
    """Among the steps of all programs; `place` is the same within its own, `last` the last one of those."""
    place: int = 0
    last: int = 0
    # the next line: what stays at the cores and ends touch
    burn_requested_s: float = 0.0
    burn_granted_s: float = math.nan
    burn_released_s: float = math.nan
    due_s: float = 0.0
    next_ready: int = -1
    """The next in the ready queue, or in the list of free slots."""
    ahead: int = -1
    behind: int = -1
    """Neighbours in the queue of a pool or of the cores."""
    older: int = -1
    younger: int = -1
    """Neighbours among the workflows in flight, in the order in which they started."""
    kind: int = 0
    ended: int = 0
    error: int = -1
    # the rest
    number: int = -1
    started_s: float = 0.0
    expiry: int = -1
    """The deadline of an attempt whose burn waits for a core."""
    wait_order: int = 0
    """Order among timers of its wait timeout, taken when it joined the queue."""
    batch: int = 0
    attempt: int = 1
    overdue: int = 0
    depth: int = 0
    busy: int = 0
    burn_depth: int = 0
    burn_busy: int = 0
    luck: Any = None
    """Interpreted only: draws of its stretch made beforehand, by purpose; None where they are made one by one."""
    luck_at: int = 0
    """Interpreted only: where its own draws begin among them."""


@dataclass(slots=True)
class Extra:
    """What a job holds and waits for besides its agent; only where a scenario declares policies."""

    pool: int = 0
    """The pool that its present attempt asks: of replicas, the chosen one."""
    era: int = -1
    """That of its step's breaker when it was let through; -1: it was not."""
    hit: int = 0
    model_s: float = 0.0
    """How long it is to wait, once it has all that it needs for that."""
    connected: int = 0
    line_requested_s: float = 0.0
    line_granted_s: float = math.nan
    line_depth: int = 0
    line_busy: int = 0
    line_ended: int = 0
    token_requested_s: float = 0.0
    token_granted_s: float = math.nan
    token_depth: int = 0
    token_ended: int = 0
    admitted: int = 0
    """Whether it has its memory; -1: it was refused."""
    need_b: int = 0
    memory_requested_s: float = 0.0
    memory_granted_s: float = math.nan
    memory_depth: int = 0
    memory_busy: int = 0


@dataclass(slots=True)
class Pool:
    """A place at which something is granted, in the order of `plan.places`; the cores are the last.

    `armed`: a timer for its waiters' timeouts is set. Of memory, `size` and `busy` are bytes.
    """

    size: int = 1
    queue: int = UNBOUNDED
    wait_timeout_s: float = math.inf
    busy: int = 0
    waiting: int = 0
    head: int = -1
    tail: int = -1
    armed: int = 0
    busy_s: float = 0.0
    """Streaming: agent-seconds given back so far."""
    waited_s: float = 0.0
    """Streaming: seconds that granted attempts waited, summed."""
    deepest: int = 0
    """Streaming: the longest queue."""
    # policies
    index: int = 0
    overflow: int = REJECT
    turn: int = 0
    """The replica whose turn it is, counted from this one."""
    grants: int = 0
    """Since its queue's capacity was last set."""
    leaving: int = 0
    """Busy agents that will go when they are given back."""
    starting: int = 0
    follows: int = FIXED
    least: int = 0
    most: int = 0
    every_s: float = 0.0
    ticks: int = 0
    goal: float = 1.0
    """Of what follows demand: the utilisation aimed at."""
    up_above: float = 0.0
    down_below: float = 0.0
    stride: int = 1
    start_delay_s: float = 0.0
    patience_s: float = 0.0
    """How long fewer have to be wanted before any leave, or how long nothing changes after a change."""
    calm_s: float = 0.0
    """When that began, or when changes may be made again."""
    peak: int = 0
    """How many were wanted at most since then."""
    adapt_every_s: float = 0.0
    """How often the capacity of its queue is set; 0: never."""
    adapt_ticks: int = 0
    adapt_goal_s: float = 0.0
    adapt_least: int = 0
    adapt_most: int = 0
    token_s: float = 0.0
    """Of a rate limit: the time that one token takes to come."""
    slack_s: float = 0.0
    tat_s: float = 0.0
    """Of a rate limit: when the bucket would be full again (the theoretical arrival time of GCRA)."""
    refuses: int = 0
    present_s: float = 0.0
    """Streaming: agent-seconds that there were until `since_s`."""
    since_s: float = 0.0


@dataclass(slots=True)
class Step:
    """One step of one program. A table of -1 means the constant beside it."""

    pool: int = 0
    wait_table: int = -1
    wait_s: float = 0.0
    burn_table: int = -1
    burn_s: float = 0.0
    fail: float = 0.0
    timeout_s: float = math.inf
    # policies
    replicas: int = 1
    balancing: int = ROUND_ROBIN
    cache_ratio: float = 0.0
    cache_table: int = -1
    cache_s: float = 0.0
    connection: int = -1
    rate_limit: int = -1
    breaker: int = CLOSED_BREAKER
    era: int = 0
    """How often the breaker has changed its state."""
    bad: int = 0
    """Bit k: the attempt that ended k before the last one failed or timed out."""
    bads: int = 0
    seen: int = 0
    open_until_s: float = 0.0
    probing: int = 0
    passed: int = 0


@dataclass(slots=True)
class World:
    """All else: the clock, the lists' heads, the source, the policy of retries, and how much room is left."""

    now: float = 0.0
    serial: int = 0
    seed_key: Key = 0
    seed: int = 0
    fired: int = 0
    """Timers fired so far."""
    # lists of jobs
    ready_head: int = -1
    ready_tail: int = -1
    free: int = -1
    oldest: int = -1
    youngest: int = -1
    in_flight: int = 0
    most_in_flight: int = 0
    # the source
    law: int = OPEN
    base: int = 0
    """Number of the workflow that the input arrays begin with; they reach to `known`."""
    known: int = 0
    offered: int = 0
    offering: int = 0
    """How many workflows are due at this instant and not yet offered (an open source: 1 while it looks)."""
    left: int = UNBOUNDED
    exhausted: int = 0
    total: int = UNBOUNDED
    """Of an open load, where it is known."""
    burst: int = 0
    bursts: int = 0
    burst_left: int = 0
    due_s: float = math.inf
    """Of an open load: when the next workflow is due, once that is known."""
    think_s: float = 0.0
    think_table: int = -1
    wanted: int = 0
    """How many a closed load wants in flight; `present` are, or think."""
    present: int = 0
    change: int = 0
    """The next of the `changes` in that number."""
    changes: int = 0
    cap: int = UNBOUNDED
    """So many of an open load are carried out at once."""
    held: int = 0
    """Whether the cap holds back what is due."""
    pause_s: float = 0.0
    duration_s: float = math.inf
    # limits
    timeout_s: float = math.inf
    sweeping: int = 0
    limit_s: float = math.inf
    stopping: int = 0
    # retries
    max_attempts: int = 1
    base_s: float = 0.0
    factor: float = 1.0
    cap_s: float = 0.0
    jitter: int = 0
    retried: int = 0
    """Bit k: an attempt that ended with outcome k is tried again."""
    # policies
    policies: int = 0
    """Whether any is declared."""
    ticking: int = 0
    blocked: int = 0
    """How many pools that block have more waiters than their queue holds."""
    blocks: int = 0
    """Whether any pool may block."""
    budgeted: int = 0
    budget: float = 0.0
    budget_share: float = 0.0
    budget_reserve: float = 0.0
    breaks: int = 0
    breaker_rate: float = 1.0
    breaker_window: int = 1
    breaker_open_s: float = 0.0
    breaker_probes: int = 1
    memory: int = -1
    # what errors are numbered by
    drops: int = 0
    refusals: int = 0
    line_timeouts: int = 0
    breakers: int = 0
    memory_limit: int = 0
    cores: int = 0
    step_timeouts: int = 0
    step_failures: int = 0
    workflow_timeout: int = 0
    run_timeout: int = 0
    # room and modes
    streaming: int = 0
    rows: int = 0
    row_room: int = UNBOUNDED
    """So many rows may be there before a turn; what one turn can write fits beyond."""
    events: int = 0
    hole: int = 0
    """Compiled only: the first event has fired, and its place in the calendar is still to be filled."""
    event_room: int = UNBOUNDED
    """As for rows."""


class Sim(NamedTuple):
    """Everything the kernel works on: lists where it is interpreted, arrays where it is compiled.

    `extras` are the jobs' own, by slot (none without policies); `needs[k]` is the memory that program k asks for, in
    bytes. `sizes` are those of bursts, or the numbers that a closed load's number in flight changes to at `change_s`.
    `due`, `batch` and `kinds` are the input, from workflow `base` on; `firsts[k]` is the first step of program k (one
    more at the end); `calendar`, `rows`, `flows` and `tables` are known to the primitives only. The last three are
    filled while streaming: workflows by outcome, workflows by error (the last place: none), latencies by bucket.
    """

    worlds: list[World]
    jobs: list[Job]
    extras: list[Extra]
    pools: list[Pool]
    steps: list[Step]
    firsts: list[int]
    needs: list[int]
    sizes: list[int]
    change_s: list[float]
    due: list[float]
    batch: list[int]
    kinds: list[int]
    luck: Any
    tables: Any
    calendar: Any
    rows: Any
    flows: Any
    outcomes: list[int]
    errors: list[int]
    buckets: list[int]


def dtype_of_column(name: str) -> str:
    """The dtype of a column of a Run, which its name tells: times end in `_s`."""
    return "f8" if name.endswith("_s") else "i8"


LINE = 64
"""Bytes of a line of the cache."""

_INTERPRETED = {"luck", "luck_at"}
_CODES = {"int": "i8", "float": "f8", "Key": "u8"}
_SMALL = {"kind", "batch", "place", "step", "last", "attempt", "state", "news", "overdue", "ended", "error"}
_SMALL |= {"depth", "busy", "burn_depth", "burn_busy", "slot", "ahead", "behind", "next_ready", "older", "younger"}
"""Fields of a job that 32 bits hold: the fewer lines of the cache a job takes up, the better."""


def dtype_of(record: type) -> np.dtype[np.void]:
    """The structured dtype whose rows have the fields of a record class."""
    small = _SMALL if record is Job else set()
    fields = [
        (field.name, "i4" if field.name in small else _CODES[str(field.type)])
        for field in dataclasses.fields(record)
        if field.name not in _INTERPRETED
    ]
    names, formats = zip(*fields, strict=True)
    ends = list(itertools.accumulate(int(code[1]) for code in formats))
    # jobs are many, so none lies on more lines of the cache than it must
    size = -(-ends[-1] // LINE) * LINE if record is Job else ends[-1]
    return np.dtype({"names": names, "formats": formats, "offsets": [0, *ends[:-1]], "itemsize": size})
