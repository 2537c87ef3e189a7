"""Laws that the built-in orchestrator keeps, read from what a run recorded, whatever its scenario declares.

What a pool may do is judged by what it was at that instant: a policy may have changed it, more than once, and rows
do not say what of an instant came first. Each law says for which kinds of places it is one.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from harness.measure.record import Outcome, Run
from harness.plan.draws import workflow_key
from harness.plan.places import PlannedPool, pools_of
from harness.plan.program import burns, compile_programs
from harness.scenario.model import BurstLoad, RateLimit, Scenario

Key = tuple[int, int, int]
"""Workflow, step, attempt."""


@dataclass(frozen=True, eq=False)
class Row:
    """One row of the attempts. `left_s` is when it left its queue, granted, turned away or given up."""

    key: Key
    type: int
    requested_s: float
    granted_s: float
    released_s: float
    left_s: float
    depth: int
    busy: int
    ended: int
    kind: str
    amount: int
    """How much it takes: bytes of memory, one of all else."""

    @property
    def granted(self) -> bool:
        return math.isfinite(self.granted_s)


@dataclass(frozen=True)
class Place:
    """One place, the rows at it, and from when on it had which size and capacity (infinite: any number may wait)."""

    planned: PlannedPool
    rows: tuple[Row, ...]
    times: tuple[float, ...]
    rooms: tuple[tuple[int, float], ...]

    def at(self, time_s: float) -> tuple[tuple[int, float], ...]:
        """What it was at some point of an instant: as it came into it, and all that it became in it."""
        return self.rooms[max(0, bisect_left(self.times, time_s) - 1) : bisect_right(self.times, time_s)]

    def after(self, time_s: float) -> tuple[int, float]:
        """What it is once an instant is over."""
        return self.rooms[bisect_right(self.times, time_s) - 1]


@dataclass(frozen=True)
class Span:
    """From the end of one instant at which something happened at a place to the begin of the next."""

    start_s: float
    end_s: float
    waiting: frozenset[Row]
    used: int


def everything_holds(scenario: Scenario, done: Run) -> None:
    """All laws, of a run of `scenario` on the virtual clock."""
    everything_offered_is_accounted_for(scenario, done)
    places = places_in(scenario, done)
    no_latency_is_below_its_service_time(scenario, done, places)
    retries_stay_within_their_budget(scenario, places)
    what_a_breaker_refuses_takes_no_time_and_comes_after_failures(scenario, places)
    for place in places:
        if place.planned.kind == "rate_limit":
            tokens_come_at_their_rate(scenario.rate_limits[place.planned.declared], place)
            continue
        found = spans(place)
        capacity_is_respected_at_every_instant(scenario, place, found)
        first_in_is_first_out(place)
        nothing_idles_while_somebody_waits_for_it(place, found)
        if place.planned.kind == "agents":
            a_pool_changes_within_its_bounds(scenario, place)
            a_full_pool_that_blocks_holds_an_open_load_back(scenario, done, place, found)


# --------------------------------------------------------------------------- what was recorded, as places


def places_in(scenario: Scenario, done: Run) -> list[Place]:
    planned = pools_of(scenario, cores=burns(compile_programs(scenario)) and len(done.attempts) > 0)
    assert tuple(one.name for one in planned) == done.pool_names
    assert tuple(one.kind for one in planned) == done.pool_kinds
    columns, changes = done.attempts, done.pool_changes
    own = {
        key: float(released)
        for key, pool, released in zip(_keys(done), columns.pool.tolist(), columns.released_s.tolist(), strict=True)
        if planned[pool].kind == "agents"
    }
    rows: dict[int, list[Row]] = defaultdict(list)
    for index, pool in enumerate(columns.pool.tolist()):
        rows[pool].append(_row(scenario, done, planned[pool], index, own))
    found = []
    for pool, place in enumerate(planned):
        mine = np.flatnonzero(changes.pool == pool)
        room = [(place.size, math.inf if place.queue is None else place.queue)]
        room += [(int(changes.size[k]), math.inf if changes.queue[k] < 0 else int(changes.queue[k])) for k in mine]
        times = (-math.inf, *changes.t_s[mine].tolist())
        assert list(times) == sorted(times)
        found.append(Place(place, tuple(rows[pool]), times, tuple(room)))
    return found


def _keys(done: Run) -> list[Key]:
    columns = done.attempts
    return list(zip(columns.workflow.tolist(), columns.step.tolist(), columns.attempt.tolist(), strict=True))


def _row(scenario: Scenario, done: Run, place: PlannedPool, index: int, own: dict[Key, float]) -> Row:
    columns = done.attempts
    error = int(columns.error[index])
    workflow = int(columns.workflow[index])
    found = Row(
        key=(workflow, int(columns.step[index]), int(columns.attempt[index])),
        type=int(done.workflows.type[workflow]),
        requested_s=float(columns.requested_s[index]),
        granted_s=float(columns.granted_s[index]),
        released_s=float(columns.released_s[index]),
        left_s=math.nan,
        depth=int(columns.depth[index]),
        busy=int(columns.busy[index]),
        ended=int(columns.ended[index]),
        kind=done.error_kinds[error] if error >= 0 else "",
        amount=_amount(scenario, place, int(done.workflows.type[workflow])),
    )
    finished_s = float(done.workflows.finished_s[workflow])
    over_s = own.get(found.key, math.nan) if place.kind in ("cores", "connections", "rate_limit") else finished_s
    object.__setattr__(found, "left_s", _left_queue_s(scenario, place, found, over_s, done.ended_s))
    return found


def _amount(scenario: Scenario, place: PlannedPool, kind: int) -> int:
    return max(step.hold_b for step in scenario.types[kind].steps) if place.kind == "memory" else 1


def _left_queue_s(scenario: Scenario, place: PlannedPool, row: Row, over_s: float, ended_s: float) -> float:
    """When a row left its queue. `over_s` is when its attempt, or where it has none its workflow, was over."""
    if row.granted:
        return row.granted_s
    if row.ended == Outcome.REJECTED:
        return row.released_s if row.kind.startswith("queue_dropped") else row.requested_s
    if row.kind.startswith("wait_timeout"):
        return row.requested_s + (scenario.pools[place.declared].wait_timeout_s or 0.0)
    return over_s if math.isfinite(over_s) else ended_s


def spans(place: Place) -> list[Span]:
    """Every stretch of time between two instants at which something happened, and who waits and is served in it."""
    comes: dict[float, list[Row]] = defaultdict(list)
    goes: dict[float, list[Row]] = defaultdict(list)
    used: dict[float, int] = defaultdict(int)
    for row in place.rows:
        comes[row.requested_s].append(row)
        goes[row.left_s].append(row)
        if row.granted:
            used[row.granted_s] += row.amount
            used[row.released_s] -= row.amount
    times = sorted({*comes, *goes, *used, *(time for time in place.times if time >= 0)})
    found, waiting, now = [], set[Row](), 0
    for start, end in pairwise([*times, math.inf]):
        waiting.update(comes[start])
        waiting.difference_update(goes[start])
        now += used[start]
        found.append(Span(start, end, frozenset(waiting), now))
    return found


# --------------------------------------------------------------------------- laws of whole runs


def everything_offered_is_accounted_for(scenario: Scenario, done: Run) -> None:
    counts = np.bincount(done.workflows.outcome, minlength=len(Outcome))
    assert counts.sum() == len(done.workflows)
    if done.stopped is None:
        load = scenario.load
        expected = sum(load.sizes) if isinstance(load, BurstLoad) else getattr(load, "workflows", None)
        assert expected in (None, len(done.workflows))
        assert np.isfinite(done.workflows.finished_s).all()
        assert counts[Outcome.CANCELLED] == 0


def no_latency_is_below_its_service_time(scenario: Scenario, done: Run, places: list[Place]) -> None:
    """What an attempt does with its agent takes as long as was drawn for it: of a cache's hit, the hit's wait."""
    programs = compile_programs(scenario)
    service: dict[int, float] = defaultdict(float)
    for row in (row for place in places if place.planned.kind == "agents" for row in place.rows):
        if row.ended != Outcome.SUCCEEDED:
            continue
        workflow, number, attempt = row.key
        step = programs[done.workflows.type[workflow]].steps[number]
        drawn = (workflow_key(done.seed, workflow), number, attempt)
        hit = step.cache_ratio > 0 and step.hits(*drawn)
        needed = (step.cached_wait_s(*drawn) if hit else step.wait_s(*drawn)) + step.burn_s(*drawn)
        assert row.released_s - row.granted_s >= needed - 1e-9
        service[workflow] += needed
    for workflow, needed in service.items():
        if done.workflows.outcome[workflow] == Outcome.SUCCEEDED:
            assert done.workflows.finished_s[workflow] - done.workflows.due_s[workflow] >= needed - 1e-9


def retries_stay_within_their_budget(scenario: Scenario, places: list[Place]) -> None:
    """At every retry, no more have been made than the reserve and the share of the first attempts so far allow."""
    budget = scenario.retry.budget
    if budget is None:
        return
    begun = [(r.requested_s, r.key[2] > 1) for place in places if place.planned.kind == "agents" for r in place.rows]
    firsts = retries = 0
    for _, again in sorted(begun):  # of one instant, the first attempts first
        firsts, retries = firsts + (not again), retries + again
        assert not again or retries <= budget.reserve + budget.share * firsts + 1e-9


def what_a_breaker_refuses_takes_no_time_and_comes_after_failures(scenario: Scenario, places: list[Place]) -> None:
    """Nothing is refused before a window's worth of attempts at that step ended, with failures enough to open it."""
    declared = scenario.breaker
    ends: dict[tuple[int, int], list[tuple[float, bool]]] = defaultdict(list)
    refused: list[Row] = []
    for row in (row for place in places if place.planned.kind == "agents" for row in place.rows):
        if row.kind.startswith("breaker_open:"):
            assert (row.ended, row.depth, row.busy, row.granted) == (Outcome.REJECTED, 0, 0, False)
            refused.append(row)
        else:
            ended_s = row.released_s if row.granted else row.left_s
            ends[row.type, row.key[1]].append((ended_s, row.ended in (Outcome.FAILED, Outcome.TIMED_OUT)))
    for row in refused:
        assert declared is not None
        before = [bad for ended_s, bad in ends[row.type, row.key[1]] if ended_s <= row.requested_s]
        assert len(before) >= declared.window
        assert sum(before) >= declared.failure_rate * declared.window


# --------------------------------------------------------------------------- laws of places


def capacity_is_respected_at_every_instant(scenario: Scenario, place: Place, found: list[Span]) -> None:
    assert all(span.used <= place.after(span.start_s)[0] for span in found), place.planned.name
    if place.planned.kind == "memory":
        assert all(row.busy <= place.planned.size for row in place.rows)
        for row in place.rows:
            assert (row.ended == Outcome.REJECTED) == (row.amount > place.planned.size)
        return
    for row in place.rows:
        if row.granted:
            assert row.busy <= max(size for size, _ in place.at(row.granted_s))
    if place.planned.kind == "agents":
        what_is_turned_away_found_no_room(scenario, place, found)


def what_is_turned_away_found_no_room(scenario: Scenario, place: Place, found: list[Span]) -> None:
    """Who is let in finds room; who is not finds all agents busy and the queue as full as it may be, or fuller.

    Fuller only where the capacity shrank while they waited: they stay, and so one that takes the place of the first
    waiter may make a queue no shorter than it was.
    """
    declared = scenario.pools[place.planned.declared]
    starts = [span.start_s for span in found]
    for row in place.rows:
        rooms = place.at(row.requested_s)
        if row.kind.startswith("queue_full"):
            assert any(row.busy == size and row.depth >= queue for size, queue in rooms)
            assert declared.overflow == "reject" or (declared.overflow, row.depth) == ("drop_oldest", 0)
            assert declared.adaptive_queue is not None or row.depth == place.planned.queue
        elif row.depth:
            before = bisect_left(starts, row.requested_s) - 1
            most = max(queue for _, queue in rooms)
            if declared.overflow == "drop_oldest" and before >= 0:
                most = max(most, len(found[before].waiting))
            assert row.depth <= most
        if row.kind.startswith("queue_dropped"):
            assert declared.overflow == "drop_oldest"
            assert any(one.requested_s == row.released_s for one in place.rows)


def first_in_is_first_out(place: Place) -> None:
    """Who came earlier is served no later; from a queue that drops its oldest, who came earlier leaves no later."""
    left = [row for row in place.rows if row.granted or row.kind.startswith("queue_dropped")]
    for earlier, later in pairwise(sorted(left, key=lambda row: (row.requested_s, row.left_s))):
        assert earlier.requested_s == later.requested_s or earlier.left_s <= later.left_s


def nothing_idles_while_somebody_waits_for_it(place: Place, found: list[Span]) -> None:
    """While somebody waits all is in use; of memory, more than is free is needed by one of those who came first."""
    for span in found:
        if not span.waiting:
            continue
        size = place.after(span.start_s)[0]
        if place.planned.kind == "memory":
            since = min(row.requested_s for row in span.waiting)
            first = [row.amount for row in span.waiting if row.requested_s == since]
            assert span.used + max(first) > size, (place.planned.name, span)
        else:
            assert span.used == size, (place.planned.name, span)


def tokens_come_at_their_rate(limit: RateLimit, place: Place) -> None:
    """Every token comes when GCRA has it, as `RateLimit` writes it: none early, none late, none refused in vain."""
    token_s, slack_s = 1.0 / limit.rate_per_s, (limit.burst - 1) / limit.rate_per_s
    full_s = 0.0
    for now_s, together in groupby(sorted(place.rows, key=lambda row: row.requested_s), lambda row: row.requested_s):
        rows, due = list(together), []
        for _ in rows:
            full_s = max(full_s, now_s)
            if limit.on_limit == "refuse" and full_s - now_s > slack_s:
                break
            due.append(now_s if full_s - now_s <= slack_s else max(now_s, full_s - slack_s))
            full_s += token_s
        came = sorted(row.granted_s for row in rows if row.granted)
        refused = sum(row.ended == Outcome.REJECTED for row in rows)
        assert refused == len(rows) - len(due)
        assert set(came) <= set(due)
        assert all(came.count(time) <= due.count(time) for time in set(came))
        lost = [row.left_s for row in rows if not row.granted and row.ended != Outcome.REJECTED]
        assert len(came) + len(lost) == len(due)
        assert all(left_s <= due[-1] for left_s in lost)


def a_pool_changes_within_its_bounds(scenario: Scenario, place: Place) -> None:
    """Sizes and capacities stay within what their policies declare, and change when those look; nothing else does."""
    declared = scenario.pools[place.planned.declared]
    sizing, queueing = declared.dynamic or declared.scaling, declared.adaptive_queue
    for (was, now), time_s in zip(pairwise(place.rooms), place.times[1:], strict=True):
        assert was != now or sizing is not None
        if was[0] != now[0]:
            assert sizing is not None
            assert sizing.min <= now[0] <= sizing.max
        if was[1] != now[1]:
            assert queueing is not None
            assert queueing.min <= now[1] <= queueing.max
            assert math.isclose(time_s, round(time_s / queueing.every_s) * queueing.every_s)


def a_full_pool_that_blocks_holds_an_open_load_back(
    scenario: Scenario, done: Run, place: Place, found: list[Span]
) -> None:
    """While more wait than the queue holds, no workflow starts whose due time was known beforehand."""
    if scenario.pools[place.planned.declared].overflow != "block" or not done.open_load:
        return
    starts = np.sort(done.workflows.started_s)
    for span in found:
        if len(span.waiting) > place.after(span.start_s)[1]:
            within = np.searchsorted(starts, [span.start_s, span.end_s], side="right")
            began = starts[within[0] : within[1]]
            assert (began >= span.end_s).all(), (place.planned.name, span)
