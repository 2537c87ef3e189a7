"""The wait of a step for its model or tool, with what it needs for that: a connection, a token."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

from harness.drive.attempts import Attempt, Rows
from harness.drive.clock import Clock, Rank
from harness.drive.limits import RateLimiter
from harness.drive.pools import Connections, ConnectionTimeout, Stay, StepTimeout, was_granted
from harness.measure.record import Outcome
from harness.plan.places import PlannedPool
from harness.plan.program import StepProgram
from harness.scenario.model import Scenario

_SUCCEEDED, _TIMED_OUT, _REJECTED = int(Outcome.SUCCEEDED), int(Outcome.TIMED_OUT), int(Outcome.REJECTED)
_WORK, _DEADLINE = int(Rank.WORK), Rank.DEADLINE


class RateLimited(Exception):  # noqa: N818 - private signal from a rate limit to the attempt that it refuses
    """There is no token for the attempt."""


class Calls:
    """Waits on the run's clock, and what limits them; by the index of their place among all."""

    def __init__(self, scenario: Scenario, places: tuple[PlannedPool, ...], clock: Clock, rows: Rows) -> None:
        self._clock = clock
        self._now = clock.now
        self._new_future = clock.loop.create_future
        self._rows = rows
        self.connections: Mapping[int, Connections] = {
            index: Connections(scenario.connections[place.declared])
            for index, place in enumerate(places)
            if place.kind == "connections"
        }
        self.limits: Mapping[int, RateLimiter] = {
            index: RateLimiter(scenario.rate_limits[place.declared])
            for index, place in enumerate(places)
            if place.kind == "rate_limit"
        }

    async def wait(self, wait_s: float, deadline_s: float | None) -> None:
        if wait_s > 0:
            await self._wait_until(self._now() + wait_s, deadline_s)

    async def _wait_until(self, when_s: float, deadline_s: float | None) -> None:
        over: asyncio.Future[None] = self._new_future()
        self._clock.resolve_at(when_s, _WORK, over)
        await (over if deadline_s is None else self.until(over, deadline_s))

    async def call(self, step: StepProgram, deadline_s: float | None, attempt: Attempt) -> None:
        """Wait for a model or tool that needs a connection, a token or both; the connection is held for so long."""
        line = self.connections.get(step.connection)
        stay = Stay(self._now())
        try:
            if line is not None:
                await self._connect(line, stay, deadline_s)
            if step.rate_limit >= 0:
                await self._take_token(step, deadline_s, attempt)
            await self.wait(attempt.wait_s, deadline_s)
            stay.ended = _SUCCEEDED
        except (ConnectionTimeout, StepTimeout):
            stay.ended = _TIMED_OUT
            raise
        except RateLimited:
            stay.ended = _REJECTED
            raise
        finally:
            if line is not None:
                if stay.granted_s == stay.granted_s:  # not NaN: it was granted
                    stay.released_s = self._now()
                    line.release(stay.released_s)
                self._rows.add_stay(stay, attempt.workflow, attempt.step, attempt.number, step.connection)

    # long: one wait, with its timer and its three ends
    async def _connect(self, line: Connections, stay: Stay, deadline_s: float | None) -> None:
        """Get a connection, or give up: after the pool's wait timeout or at the step's, whichever comes first."""
        if line.busy < line.size:
            line.busy += 1
            stay.granted_s = stay.requested_s
            stay.busy = line.busy
            return
        waiter: asyncio.Future[float] = self._new_future()
        line.waiters.append(waiter)
        stay.depth = len(line.waiters)
        give_up_s = math.inf if line.wait_timeout_s is None else stay.requested_s + line.wait_timeout_s
        step_s = math.inf if deadline_s is None else deadline_s
        timer = None
        if min(give_up_s, step_s) < math.inf:
            error = ConnectionTimeout if give_up_s < step_s else StepTimeout
            timer = self._clock.call_at(min(give_up_s, step_s), _DEADLINE, _expire_connection, line, waiter, error)
        try:
            stay.granted_s = await waiter
        except asyncio.CancelledError:
            if was_granted(waiter):  # at this very instant
                stay.granted_s = waiter.result()
            elif waiter in line.waiters:
                line.waiters.remove(waiter)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        stay.busy = line.busy

    async def _take_token(self, step: StepProgram, deadline_s: float | None, attempt: Attempt) -> None:
        """Get a token of the step's rate limit, at once or, where it lets wait, when it comes."""
        limit = self.limits[step.rate_limit]
        stay = Stay(self._now())
        try:
            if not limit.take(stay.requested_s):
                if limit.refuses:
                    stay.ended = _REJECTED
                    raise RateLimited
                await self._await_token(limit, stay, deadline_s)
            stay.granted_s = stay.released_s = self._now()
            stay.ended = _SUCCEEDED
        except StepTimeout:
            stay.ended = _TIMED_OUT
            raise
        finally:
            self._rows.add_stay(stay, attempt.workflow, attempt.step, attempt.number, step.rate_limit)

    async def _await_token(self, limit: RateLimiter, stay: Stay, deadline_s: float | None) -> None:
        limit.waiting += 1
        stay.depth = limit.waiting
        try:
            await self._wait_until(limit.book(stay.requested_s), deadline_s)
        finally:
            limit.waiting -= 1

    async def until(self, done: asyncio.Future[None], deadline_s: float) -> None:
        """Wait for `done` until `deadline_s`, when `StepTimeout` is raised."""
        timer = self._clock.call_at(deadline_s, _DEADLINE, _expire_step, done)
        try:
            await done
        finally:
            timer.cancel()


def _expire_step(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_exception(StepTimeout())


def _expire_connection(line: Connections, waiter: asyncio.Future[float], error: type[Exception]) -> None:
    if not waiter.done():
        line.waiters.remove(waiter)
        waiter.set_exception(error())
