"""The built-in orchestrator: agent pools with bounded queues, steps that wait, burn, hold and fail, retries, timeouts.

A real asyncio system on the wall clock, and the readable definition of what the compiled twin must reproduce on the
virtual one. Every attempt at a step leaves one row in the recorder, written when it ends, and before it one for each
stay elsewhere: at its rate limit, its connection pool, the cores.

What a scenario declares as policies is in modules of its own: `pools.py` (overflow, replicas, connections),
`breaker.py`, `limits.py` (rate limits, the budget of retries), `admission.py` (memory), `scaling.py` (pools and queues
that change). An attempt passes them in this order: budget, breaker, replica, agent, cache, connection, token, wait.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

from harness.drive.admission import Admission
from harness.drive.backpressure import Backpressure
from harness.drive.breaker import REFUSED, Breaker
from harness.drive.clock import Clock, Rank
from harness.drive.drawn_ahead import DrawnStep
from harness.drive.limits import Budget, RateLimiter
from harness.drive.machine import Burn, Machine
from harness.drive.pools import (
    AgentPool,
    Connections,
    ConnectionTimeout,
    Dropped,
    Stay,
    StepTimeout,
    WaitTimeout,
    balancers_of,
)
from harness.drive.scaling import Scaling
from harness.drive.target import Failed, Rejected, TimedOut, Workflow, WorkflowError
from harness.measure.record import NEVER, Outcome, Recorder, packed_attempt
from harness.plan.arrivals import Plan
from harness.plan.draws import workflow_key
from harness.plan.places import pools_of
from harness.plan.program import StepProgram, backoff_s

# looked up once: a member of an enumeration is found by a call
_SUCCEEDED, _CANCELLED = int(Outcome.SUCCEEDED), int(Outcome.CANCELLED)
_FAILED, _TIMED_OUT, _REJECTED = int(Outcome.FAILED), int(Outcome.TIMED_OUT), int(Outcome.REJECTED)
_WORK, _DEADLINE = Rank.WORK, Rank.DEADLINE

_ENDINGS: Mapping[int, type[WorkflowError]] = {
    Outcome.FAILED: Failed,
    Outcome.TIMED_OUT: TimedOut,
    Outcome.REJECTED: Rejected,
}


class RateLimited(Exception):  # noqa: N818 - private signal from a rate limit to the attempt that it refuses
    """There is no token for the attempt."""


class Attempt:
    """One attempt at a step, as it will be recorded."""

    __slots__ = (
        "busy",
        "depth",
        "ended",
        "era",
        "granted_s",
        "kind",
        "number",
        "pool",
        "released_s",
        "requested_s",
        "step",
        "workflow",
    )

    def __init__(self, workflow: int, step: int, number: int, pool: int, requested_s: float) -> None:
        self.workflow = workflow
        self.step = step
        self.number = number
        self.pool = pool
        self.requested_s = requested_s
        self.granted_s = NEVER
        self.released_s = NEVER
        self.depth = 0
        self.busy = 0
        self.ended = _CANCELLED
        self.kind = ""
        self.era = REFUSED
        """That of its step's breaker when it was let through."""

    def end(self, ended: int, kind: str) -> None:
        """It ended like this (an `Outcome`), with this kind of error; until then it counts as cancelled."""
        self.ended = ended
        self.kind = kind


class Orchestrator:
    """The target `builtin`."""

    def __init__(self, plan: Plan, clock: Clock, recorder: Recorder, machine: Machine) -> None:
        self._plan = plan
        self._clock = clock
        self._recorder = recorder
        self._rows = recorder.attempts
        self._machine = machine
        self._now = clock.now
        self._new_future = clock.loop.create_future
        self._retry = plan.scenario.retry
        self._retried = {int(Outcome[name.upper()]) for name in self._retry.on}
        self._steps = {
            program.name: tuple(DrawnStep(step, plan.seed, index) for index, step in enumerate(program.steps))
            for program in plan.programs
        }
        self.backpressure = Backpressure()
        """See `target.Paced`."""
        self._declare(plan)

    def _declare(self, plan: Plan) -> None:
        scenario = plan.scenario
        places = pools_of(scenario)
        self._cores = len(places)
        self.pools = tuple(
            AgentPool(place, scenario.pools[place.declared], index, self._recorder, self.backpressure)
            for index, place in enumerate(places)
            if place.kind == "agents"
        )
        self._balancers = balancers_of(self.pools)
        self._connections = {
            index: Connections(scenario.connections[place.declared])
            for index, place in enumerate(places)
            if place.kind == "connections"
        }
        self._limits = {
            index: RateLimiter(scenario.rate_limits[place.declared])
            for index, place in enumerate(places)
            if place.kind == "rate_limit"
        }
        self._scaling = Scaling(self.pools, self._clock)
        self._budget = None if self._retry.budget is None else Budget(self._retry.budget)
        self._admission = None if scenario.memory is None else Admission(scenario.memory)
        self._needs_b = {program.name: program.memory_b for program in plan.programs}
        breaker = scenario.breaker
        if breaker is not None:
            for steps in self._steps.values():
                for step in steps:
                    step.breaker = Breaker(breaker)

    async def run(self, workflow: Workflow) -> None:
        """Carry out the workflow's steps in order; raises `Failed`, `TimedOut` or `Rejected` with the kind of error."""
        if self._admission is None:
            await self._carry_out(workflow)
        else:
            await self._carry_out_admitted(workflow, self._admission)

    async def _carry_out(self, workflow: Workflow) -> None:
        key = workflow_key(workflow.seed, workflow.number)
        for index, step in enumerate(self._steps[workflow.type]):
            number = 1
            while True:
                attempt = Attempt(workflow.number, index, number, step.program.pool, self._now())
                if number == 1 and self._budget is not None:
                    self._budget.earn()
                if step.breaker is None:
                    await self._try(attempt, step, key)
                else:
                    await self._try_breaker(step.breaker, attempt, step, key)
                if attempt.ended == _SUCCEEDED:
                    break
                if number >= self._retry.max_attempts or attempt.ended not in self._retried:
                    raise _ENDINGS[attempt.ended](attempt.kind)
                if self._budget is not None and not self._budget.spend():
                    raise _ENDINGS[attempt.ended](attempt.kind)
                await asyncio.sleep(backoff_s(self._retry, key, index, number))
                number += 1

    def begin(self) -> None:
        """See `target.Paced`."""
        self._scaling.begin()

    def end(self) -> None:
        """See `target.Paced`."""
        self._scaling.stop()

    def stop(self) -> None:
        """Let go of the machine's threads."""
        self._machine.close()

    async def _carry_out_admitted(self, workflow: Workflow, admission: Admission) -> None:
        """Carry out a workflow once its memory is there; its stay there is recorded when it ends."""
        need_b = self._needs_b[workflow.type]
        stay = Stay(self._now())
        try:
            await self._admit(need_b, stay, admission)
            stay.ended = _SUCCEEDED
            await self._carry_out(workflow)
        finally:
            if stay.granted_s == stay.granted_s:  # not NaN: it was admitted
                stay.released_s = self._now()
                admission.release(need_b, stay.released_s)
            self._record_stay(stay, workflow.number, 0, 0, self._cores - 1)

    async def _admit(self, need_b: int, stay: Stay, admission: Admission) -> None:
        if need_b > admission.limit_b:
            stay.depth, stay.busy, stay.ended = len(admission.waiters), admission.used_b, _REJECTED
            raise Rejected("memory_limit")
        if admission.has_room(need_b):
            admission.used_b += need_b
            stay.granted_s = stay.requested_s
        else:
            waiter: asyncio.Future[float] = self._new_future()
            admission.waiters.append((waiter, need_b))
            stay.depth = len(admission.waiters)
            try:
                stay.granted_s = await waiter
            except asyncio.CancelledError:
                if _was_granted(waiter):  # at this very instant
                    stay.granted_s = waiter.result()
                admission.admit(self._now())
                raise
        stay.busy = admission.used_b

    async def _try_breaker(self, breaker: Breaker, attempt: Attempt, drawn: DrawnStep, key: int) -> None:
        """One attempt at a step with a breaker."""
        attempt.era = breaker.enter(attempt.requested_s)
        if attempt.era == REFUSED:
            attempt.end(_REJECTED, f"breaker_open:{drawn.program.name}")
            self._record(attempt)
            return
        try:
            await self._try(attempt, drawn, key)
        finally:
            breaker.leave(attempt.era, attempt.ended, self._now())

    async def _try(self, attempt: Attempt, drawn: DrawnStep, key: int) -> None:
        """One attempt from the request to the record: `attempt` says how it ended."""
        if attempt.pool in self._balancers:
            attempt.pool = self._balancers[attempt.pool].choose(key, attempt.step, attempt.number)
        pool = self.pools[attempt.pool]
        try:
            if pool.busy < pool.size:
                pool.busy += 1
                pool.grants += 1
                attempt.granted_s = attempt.requested_s
            elif pool.is_full():
                attempt.depth = len(pool.waiters)
                attempt.busy = pool.busy
                attempt.end(_REJECTED, f"queue_full:{pool.name}")
                return
            else:
                await self._wait_in(pool, attempt)
            attempt.busy = pool.busy
            await self._serve(drawn, key, attempt)
        except WaitTimeout:
            attempt.end(_TIMED_OUT, f"wait_timeout:{pool.name}")
        except StepTimeout:
            attempt.end(_TIMED_OUT, f"step_timeout:{drawn.program.name}")
        except Dropped:
            attempt.released_s = self._now()
            attempt.end(_REJECTED, f"queue_dropped:{pool.name}")
        except ConnectionTimeout:
            attempt.end(_TIMED_OUT, f"connection_timeout:{self._connections[drawn.program.connection].name}")
        except RateLimited:
            attempt.end(_FAILED, f"rate_limited:{self._limits[drawn.program.rate_limit].name}")
        finally:
            if attempt.granted_s == attempt.granted_s:  # not NaN: it was granted
                attempt.released_s = self._now()
                pool.release(attempt.released_s)
            self._record(attempt)

    async def _wait_in(self, pool: AgentPool, attempt: Attempt) -> None:
        waiter: asyncio.Future[float] = self._new_future()
        attempt.depth = pool.join(waiter, attempt.requested_s)
        timeout_s = pool.declared.wait_timeout_s
        timer = None
        if timeout_s is not None:
            when_s = attempt.requested_s + timeout_s
            timer = self._clock.call_at(when_s, _DEADLINE, _expire_waiter, pool, waiter)
        try:
            attempt.granted_s = await waiter
        except asyncio.CancelledError:
            _leave(pool, waiter, attempt)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def _serve(self, drawn: DrawnStep, key: int, attempt: Attempt) -> None:
        step = drawn.program
        held = self._machine.hold(step.hold_b) if step.hold_b else None
        deadline_s = None if step.timeout_s is None else attempt.granted_s + step.timeout_s
        cached = step.cache_ratio > 0 and step.hits(key, attempt.step, attempt.number)
        if cached:
            await self._wait(step.cached_wait_s(key, attempt.step, attempt.number), deadline_s)
        elif step.connection >= 0 or step.rate_limit >= 0:
            await self._call(drawn, key, deadline_s, attempt)
        else:
            wait_s = drawn.wait.of(attempt.workflow, key, attempt.number)
            if wait_s > 0:
                over: asyncio.Future[None] = self._new_future()
                self._clock.resolve_at(self._now() + wait_s, _WORK, over)
                await (over if deadline_s is None else self._until(over, deadline_s))
        burn_s = drawn.burn.of(attempt.workflow, key, attempt.number)
        if burn_s > 0:
            await self._burn(burn_s, deadline_s, attempt)
        del held
        if step.fail and not cached and step.fails(key, attempt.step, attempt.number):
            attempt.end(_FAILED, f"step_failed:{step.name}")
        else:
            attempt.end(_SUCCEEDED, "")

    async def _wait(self, wait_s: float, deadline_s: float | None) -> None:
        if wait_s > 0:
            await self._wait_until(self._now() + wait_s, deadline_s)

    async def _wait_until(self, when_s: float, deadline_s: float | None) -> None:
        over: asyncio.Future[None] = self._new_future()
        self._clock.resolve_at(when_s, _WORK, over)
        await (over if deadline_s is None else self._until(over, deadline_s))

    async def _call(self, drawn: DrawnStep, key: int, deadline_s: float | None, attempt: Attempt) -> None:
        """Wait for a model or tool that needs a connection, a token or both; the connection is held for so long."""
        step = drawn.program
        line = self._connections.get(step.connection)
        stay = Stay(self._now())
        try:
            if line is not None:
                await self._connect(line, stay, deadline_s)
            if step.rate_limit >= 0:
                await self._take_token(step, deadline_s, attempt)
            await self._wait(drawn.wait.of(attempt.workflow, key, attempt.number), deadline_s)
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
                self._record_stay(stay, attempt.workflow, attempt.step, attempt.number, step.connection)

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
            if _was_granted(waiter):  # at this very instant
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
        limit = self._limits[step.rate_limit]
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
            self._record_stay(stay, attempt.workflow, attempt.step, attempt.number, step.rate_limit)

    async def _await_token(self, limit: RateLimiter, stay: Stay, deadline_s: float | None) -> None:
        limit.waiting += 1
        stay.depth = limit.waiting
        try:
            await self._wait_until(limit.book(stay.requested_s), deadline_s)
        finally:
            limit.waiting -= 1

    async def _burn(self, seconds: float, deadline_s: float | None, attempt: Attempt) -> None:
        burn = self._machine.burn(seconds)
        ended = _CANCELLED
        try:
            await (burn.done if deadline_s is None else self._until(burn.done, deadline_s))
            ended = _SUCCEEDED
            self._machine.finish(burn)
        except StepTimeout:
            ended = _TIMED_OUT
            raise
        finally:
            if ended != _SUCCEEDED:
                self._machine.give_up(burn)
            self._record_burn(burn, attempt, ended)

    async def _until(self, done: asyncio.Future[None], deadline_s: float) -> None:
        timer = self._clock.call_at(deadline_s, _DEADLINE, _expire_step, done)
        try:
            await done
        finally:
            timer.cancel()

    def _record(self, attempt: Attempt) -> None:
        self._rows += packed_attempt(
            attempt.workflow,
            attempt.step,
            attempt.number,
            attempt.pool,
            attempt.requested_s,
            attempt.granted_s,
            attempt.released_s,
            attempt.depth,
            attempt.busy,
            attempt.ended,
            self._recorder.error_index(attempt.kind) if attempt.kind else -1,
        )

    def _record_burn(self, burn: Burn, attempt: Attempt, ended: int) -> None:
        self._rows += packed_attempt(
            attempt.workflow,
            attempt.step,
            attempt.number,
            self._cores,
            burn.requested_s,
            burn.granted_s,
            burn.released_s,
            burn.depth,
            burn.busy,
            ended,
            -1,
        )

    def _record_stay(self, stay: Stay, workflow: int, step: int, number: int, place: int) -> None:
        self._rows += packed_attempt(
            workflow,
            step,
            number,
            place,
            stay.requested_s,
            stay.granted_s,
            stay.released_s,
            stay.depth,
            stay.busy,
            stay.ended,
            -1,
        )


def _expire_step(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_exception(StepTimeout())


def _expire_waiter(pool: AgentPool, waiter: asyncio.Future[float]) -> None:
    if not waiter.done():
        pool.leave(waiter)
        waiter.set_exception(WaitTimeout())


def _expire_connection(line: Connections, waiter: asyncio.Future[float], error: type[Exception]) -> None:
    if not waiter.done():
        line.waiters.remove(waiter)
        waiter.set_exception(error())


def _was_granted(waiter: asyncio.Future[float]) -> bool:
    """Whether a waiter whose task is being cancelled has got what it waited for."""
    return waiter.done() and not waiter.cancelled() and waiter.exception() is None


def _leave(pool: AgentPool, waiter: asyncio.Future[float], attempt: Attempt) -> None:
    """Take a cancelled waiter out of the queue; one that was granted at this very instant owns its agent already."""
    if _was_granted(waiter):
        attempt.granted_s = waiter.result()
        attempt.busy = pool.busy
    elif waiter in pool.waiters:
        pool.leave(waiter)
