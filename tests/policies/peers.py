"""Policies in SimPy, each written from what its record says it does and from nothing of ours.

`Agents` is a pool whose every policy can be switched on; `attempt` of `Peer` is a workflow's way through all it needs.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

import simpy

from tests.policies.systems import Job, System

Way = Generator[Any, Any, Any]


class Turned(Exception):  # noqa: N818 - not an error: how an attempt ended
    """An attempt ended so: outcome and kind."""


class Agents:
    """A pool of agents: who waits is in one list, in the order of coming."""

    def __init__(self, env: simpy.Environment, size: int, queue: float = math.inf, overflow: str = "reject") -> None:
        self.env = env
        self.there = size
        self.queue = queue
        self.overflow = overflow
        self.working = 0
        self.waiting: list[tuple[float, simpy.Event]] = []
        self.doomed = 0
        self.starting = 0
        self.granted = 0
        self.eased: list[simpy.Event] = []

    def crowded(self) -> bool:
        """Whether somebody waits outside of a queue that blocks."""
        return self.overflow == "block" and len(self.waiting) > self.queue

    def enter(self) -> Way:
        """Get an agent."""
        if self.working < self.there:
            self.working += 1
            self.granted += 1
            return
        if len(self.waiting) >= self.queue and self.overflow != "block":
            if self.overflow == "reject" or not self.waiting:
                raise Turned("rejected queue_full:agents")
            self.waiting.pop(0)[1].fail(Turned("rejected queue_dropped:agents"))
        turn = self.env.event()
        self.waiting.append((self.env.now, turn))
        yield turn

    def leave(self) -> None:
        """Give the agent back."""
        self.working -= 1
        if self.doomed:
            self.doomed -= 1
            self.there -= 1
        self.serve()

    def serve(self) -> None:
        """Whoever can have an agent gets one."""
        while self.waiting and self.working < self.there:
            self.working += 1
            self.granted += 1
            self.waiting.pop(0)[1].succeed()
        if self.eased and not self.crowded():
            for event in self.eased:
                event.succeed()
            self.eased = []

    def more(self, by: int, delay_s: float) -> Way:
        """`by` agents start; those that were to leave stay instead."""
        kept = min(by, self.doomed)
        self.doomed -= kept
        self.starting += by - kept
        yield self.env.timeout(delay_s)
        self.starting -= by - kept
        self.there += by - kept
        self.serve()

    def fewer(self, by: int) -> None:
        """`by` agents go: idle ones now, busy ones later."""
        idle = min(by, self.there - self.working)
        self.there -= idle
        self.doomed += by - idle

    def remaining(self) -> int:
        """Agents that will stay."""
        return self.there - self.doomed


class Peer:
    """The jobs of a system on a SimPy clock; a policy is put in by taking the place of one of its parts."""

    def __init__(self, of: System, pool: Agents | None = None) -> None:
        self.of = of
        self.env = simpy.Environment() if pool is None else pool.env
        self.pools = [Agents(self.env, of.scenario.pools[0].size) if pool is None else pool]
        self.choose: Callable[[], Agents] = lambda: self.pools[0]
        self.gate: Callable[[Job], Callable[[bool], None] | None] = lambda _: None
        self.serve: Callable[[Job], Way] = self.wait
        self.admit: Callable[[Job], Way] = self.at_once
        self.discharge: Callable[[Job], Any] = lambda _: None
        self.earn: Callable[[], None] = lambda: None
        self.spend: Callable[[], bool] = lambda: True
        self.ends: list[tuple[float, str]] = [(math.nan, "")] * len(of.jobs)

    def run(self) -> list[tuple[float, str]]:
        """When each job ended, and how."""
        self.env.process(self.source())
        self.env.run()
        return self.ends

    def source(self) -> Way:
        for number, job in enumerate(self.of.jobs):
            if job.due_s > self.env.now:
                yield self.env.timeout(job.due_s - self.env.now)
            while any(pool.crowded() for pool in self.pools):
                relief = self.env.event()
                for pool in self.pools:
                    pool.eased.append(relief)
                yield relief
            self.env.process(self.workflow(number, job))
            yield self.env.timeout(0)  # it comes to its pool before the next one does

    def workflow(self, number: int, job: Job) -> Way:
        how = "succeeded"
        try:
            yield from self.admit(job)
            try:
                yield from self.tries(job)
            finally:
                self.discharge(job)
        except Turned as turned:
            how = str(turned)
        self.ends[number] = (self.env.now, how)

    def tries(self, job: Job) -> Way:
        retry = self.of.scenario.retry
        for number in range(1, retry.max_attempts + 1):
            if number == 1:
                self.earn()
            try:
                yield from self.attempt(job)
                return
            except Turned as turned:
                tried = str(turned).split()[0] in retry.on
                if number == retry.max_attempts or not tried or not self.spend():
                    raise
            yield self.env.timeout(min(retry.cap_s, retry.base_s * retry.factor ** (number - 1)))

    def attempt(self, job: Job) -> Way:
        told = self.gate(job)
        pool = self.choose()
        yield from pool.enter()
        bad = True
        try:
            yield from self.serve(job)
            bad = False
        finally:
            pool.leave()
            if told is not None:
                told(bad)

    def wait(self, job: Job) -> Way:
        yield self.env.timeout(job.wait_s)
        if job.fails:
            raise Turned("failed step_failed:work")

    def at_once(self, _: Job) -> Way:
        return
        yield

    def every(self, seconds: float, look: Callable[[], Any]) -> None:
        """Look at whole multiples of `seconds`, as long as jobs are left."""

        def ticking() -> Way:
            for number in range(1, 10**6):
                yield self.env.timeout(number * seconds - self.env.now)
                if not any(math.isnan(at) for at, _ in self.ends):
                    return
                look()

        self.env.process(ticking())


class Bucket:
    """A token bucket as it is usually drawn: a level that rises at a rate up to a brim, and may be owed."""

    def __init__(self, env: simpy.Environment, rate_per_s: float, burst: int) -> None:
        self.env, self.rate_per_s, self.burst = env, rate_per_s, burst
        self.level, self.at_s = float(burst), 0.0

    def fill(self) -> None:
        """Up to now."""
        self.level = min(self.burst, self.level + (self.env.now - self.at_s) * self.rate_per_s)
        self.at_s = self.env.now

    def take(self, waits: bool) -> Way:
        """Take a token, or be refused, or wait for one."""
        self.fill()
        if self.level < 1 - 1e-9 and not waits:
            raise Turned("failed rate_limited:models")
        self.level -= 1
        if self.level < -1e-9:
            yield self.env.timeout(-self.level / self.rate_per_s)


class Fuse:
    """A circuit breaker; `era` tells what began before its last change of state from what came after."""

    def __init__(self, env: simpy.Environment, rate: float, window: int, open_s: float, probes: int) -> None:
        self.env, self.rate, self.open_s, self.probes = env, rate, open_s, probes
        self.last: deque[bool] = deque(maxlen=window)
        self.state, self.until_s, self.era = "closed", 0.0, 0
        self.out = self.good = self.closed_again = 0

    def turn(self, state: str) -> None:
        self.state = state
        self.era += 1
        self.out = self.good = 0
        self.last.clear()
        self.until_s = self.env.now + self.open_s

    def gate(self) -> Callable[[bool], None]:
        """Let one through, or refuse it; what is returned is to be told how it ended."""
        if self.state == "open" and self.env.now >= self.until_s:
            self.turn("half")
        if self.state == "open" or (self.state == "half" and self.out >= self.probes):
            raise Turned("rejected breaker_open:work")
        self.out += 1
        return lambda bad, era=self.era: self.hear(bad) if era == self.era else None

    def hear(self, bad: bool) -> None:
        self.out -= 1
        if self.state == "half":
            self.good += not bad
            if bad:
                self.turn("open")
            elif self.good == self.probes:
                self.closed_again += 1
                self.turn("closed")
            return
        self.last.append(bad)
        if len(self.last) == self.last.maxlen and sum(self.last) / len(self.last) >= self.rate:
            self.turn("open")
