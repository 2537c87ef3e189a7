"""A pool of agents, replayed one event at a time: slow, literal, and derived in none of the ways of `harness.measure`.

It makes a `Run` and, from its own state at every event, the truth about it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.measure.record import Outcome, Run
from harness.scenario.model import Pool
from tests.measure.made_runs import attempts, run, workflows


@dataclass(slots=True)
class Truth:
    """What the replay saw."""

    max_busy: int = 0
    max_depth: int = 0
    busy_seconds: float = 0.0
    depth_seconds: float = 0.0
    saturated_s: float = 0.0
    max_wait_s: float = 0.0
    waited_s: float = 0.0
    served_s: float = 0.0
    drops: int = 0
    concurrent: int = 0
    exhausted_at: float = math.inf


@dataclass(slots=True)
class Flight:
    """One workflow on its way: what it is doing now and since when."""

    number: int
    due_s: float
    services: Sequence[float]
    step: int = 0
    asked_s: float = math.nan
    granted_s: float = math.nan
    depth: int = 0
    busy: int = 0
    demand_as_asked: int = 0
    turn: int = 0
    finished_s: float = math.nan
    outcome: Outcome = Outcome.CANCELLED


@dataclass(slots=True)
class Replay:
    """First in, first out; at equal times work that ends comes first, then deadlines, then arrivals by number."""

    pool: Pool
    workflow_timeout_s: float | None
    flights: list[Flight]
    truth: Truth = field(default_factory=Truth)
    now_s: float = 0.0
    busy: int = 0
    alive: int = 0
    queue: deque[Flight] = field(default_factory=deque)
    rows: list[dict[str, float]] = field(default_factory=list)
    events: list[tuple[float, int, int, Callable[[], None]]] = field(default_factory=list)
    serial: itertools.count[int] = field(default_factory=itertools.count)

    def play(self) -> Run:
        for flight in self.flights:
            self.at(flight.due_s, 2, lambda flight=flight: self.arrive(flight))
        while self.events:
            time_s, _, _, act = heapq.heappop(self.events)
            passed = time_s - self.now_s
            self.truth.busy_seconds += self.busy * passed
            self.truth.depth_seconds += len(self.queue) * passed
            self.truth.saturated_s += passed if self.busy >= self.pool.size else 0.0
            self.now_s = time_s
            act()
        columns = workflows([(f.due_s, f.due_s, f.finished_s, f.outcome) for f in self.flights])
        ended_s = max((f.finished_s for f in self.flights), default=0.0)
        return run(columns, attempts(self.rows), ended_s=ended_s, pool=self.pool)

    def at(self, time_s: float, rank: int, act: Callable[[], None]) -> None:
        heapq.heappush(self.events, (time_s, rank, next(self.serial), act))

    def later(self, flight: Flight, time_s: float, rank: int, act: Callable[[Flight], None]) -> None:
        """Do `act` then, unless the flight has moved on."""
        turn = flight.turn
        self.at(time_s, rank, lambda: act(flight) if flight.turn == turn else None)

    def arrive(self, flight: Flight) -> None:
        self.alive += 1
        self.truth.concurrent = max(self.truth.concurrent, self.alive)
        if self.workflow_timeout_s is not None:
            self.at(self.now_s + self.workflow_timeout_s, 1, lambda: self.cut(flight))
        self.ask(flight)

    def ask(self, flight: Flight) -> None:
        flight.asked_s, flight.granted_s, flight.depth, flight.busy = self.now_s, math.nan, 0, 0
        flight.demand_as_asked = self.busy + len(self.queue) + 1
        flight.turn += 1
        if self.busy < self.pool.size:
            self.grant(flight)
        elif self.pool.queue is not None and len(self.queue) >= self.pool.queue:
            flight.depth, flight.busy = len(self.queue), self.busy
            self.truth.drops += 1
            self.truth.max_depth = max(self.truth.max_depth, len(self.queue))
            self.truth.exhausted_at = min(self.truth.exhausted_at, flight.demand_as_asked)
            self.write(flight, Outcome.REJECTED)
            self.end(flight, Outcome.REJECTED)
        else:
            self.queue.append(flight)
            flight.depth = len(self.queue)
            self.truth.max_depth = max(self.truth.max_depth, len(self.queue))
            if self.pool.wait_timeout_s is not None:
                self.later(flight, self.now_s + self.pool.wait_timeout_s, 1, self.give_up)

    def grant(self, flight: Flight) -> None:
        self.busy += 1
        self.truth.max_busy = max(self.truth.max_busy, self.busy)
        flight.granted_s, flight.busy = self.now_s, self.busy
        self.leave_queue(flight)
        self.later(flight, self.now_s + flight.services[flight.step], 0, self.finish_step)

    def leave_queue(self, flight: Flight) -> None:
        waited = self.now_s - flight.asked_s
        self.truth.waited_s += waited
        self.truth.max_wait_s = max(self.truth.max_wait_s, waited)
        if waited > 0:
            self.truth.exhausted_at = min(self.truth.exhausted_at, flight.demand_as_asked)

    def give_back(self, flight: Flight) -> None:
        self.truth.served_s += self.now_s - flight.granted_s
        self.busy -= 1
        if self.queue:
            self.grant(self.queue.popleft())

    def finish_step(self, flight: Flight) -> None:
        self.write(flight, Outcome.SUCCEEDED)
        self.give_back(flight)
        flight.step += 1
        if flight.step == len(flight.services):
            self.end(flight, Outcome.SUCCEEDED)
        else:
            self.ask(flight)

    def give_up(self, flight: Flight) -> None:
        if math.isnan(flight.granted_s):
            self.queue.remove(flight)
            self.leave_queue(flight)
            self.write(flight, Outcome.TIMED_OUT)
            self.end(flight, Outcome.TIMED_OUT)

    def cut(self, flight: Flight) -> None:
        if not math.isnan(flight.finished_s):
            return
        self.write(flight, Outcome.CANCELLED)
        if math.isnan(flight.granted_s):
            self.queue.remove(flight)
            self.leave_queue(flight)
        else:
            self.give_back(flight)
        self.end(flight, Outcome.TIMED_OUT)

    def end(self, flight: Flight, outcome: Outcome) -> None:
        flight.turn += 1
        flight.finished_s, flight.outcome = self.now_s, outcome
        self.alive -= 1

    def write(self, flight: Flight, ended: Outcome) -> None:
        self.rows.append(
            {
                "workflow": flight.number,
                "step": flight.step,
                "requested_s": flight.asked_s,
                "granted_s": flight.granted_s,
                "released_s": math.nan if math.isnan(flight.granted_s) else self.now_s,
                "depth": flight.depth,
                "busy": flight.busy,
                "ended": ended,
            }
        )
