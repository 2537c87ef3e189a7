"""The built-in orchestrator: agent pools with bounded queues, steps that wait, burn, hold and fail, retries, timeouts.

A real asyncio system on the wall clock, and the readable definition of what the compiled twin must reproduce on the
virtual one. Every attempt at a step leaves one row in the recorder, written when it ends, and before it one for each
stay elsewhere: at its rate limit, its connection pool, the cores.

What a scenario declares as policies is in modules of its own: `pools.py` (overflow, replicas, connections), `calls.py`,
`breaker.py`, `limits.py` (rate limits, the budget of retries), `admission.py` (memory), `scaling.py` (pools and queues
that change). An attempt passes them in this order: budget, breaker, replica, agent, cache, connection, token, wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from harness.drive.admission import Admission
from harness.drive.attempts import Attempt, Rows
from harness.drive.backpressure import Backpressure
from harness.drive.breaker import REFUSED, Breaker
from harness.drive.calls import Calls, RateLimited
from harness.drive.clock import Clock, Rank
from harness.drive.drawn_ahead import DrawnType
from harness.drive.limits import Budget
from harness.drive.machine import Machine
from harness.drive.pools import (
    AgentPool,
    ConnectionTimeout,
    Dropped,
    Stay,
    StepTimeout,
    WaitTimeout,
    balancers_of,
    was_granted,
)
from harness.drive.scaling import Scaling
from harness.drive.target import Failed, Rejected, TimedOut, Workflow, WorkflowError
from harness.measure.record import Outcome, Recorder
from harness.plan.arrivals import Plan
from harness.plan.places import pools_of
from harness.plan.program import StepProgram, backoff_s

# looked up once: a member of an enumeration is found by a call
_SUCCEEDED = int(Outcome.SUCCEEDED)
_FAILED, _TIMED_OUT, _REJECTED = int(Outcome.FAILED), int(Outcome.TIMED_OUT), int(Outcome.REJECTED)
_WORK, _DEADLINE = int(Rank.WORK), Rank.DEADLINE

_ENDINGS: Mapping[int, type[WorkflowError]] = {
    Outcome.FAILED: Failed,
    Outcome.TIMED_OUT: TimedOut,
    Outcome.REJECTED: Rejected,
}


class Orchestrator:
    """The target `builtin`."""

    def __init__(self, plan: Plan, clock: Clock, recorder: Recorder, machine: Machine) -> None:
        self._plan = plan
        self._clock = clock
        self._recorder = recorder
        self._machine = machine
        self._now = clock.now
        self._new_future = clock.loop.create_future
        self._retry = plan.scenario.retry
        self._retried = {int(Outcome[name.upper()]) for name in self._retry.on}
        self._types = {program.name: DrawnType(program, plan.seed) for program in plan.programs}
        self.backpressure = Backpressure()
        """See `target.Paced`."""
        self._declare(plan)

    def _declare(self, plan: Plan) -> None:
        scenario = plan.scenario
        places = pools_of(scenario)
        self._memory = len(places) - 1
        """Its place, where there is any."""
        self._attempts = Rows(self._recorder, len(places))
        self._calls = Calls(scenario, places, self._clock, self._attempts)
        self.pools = tuple(
            AgentPool(place, scenario.pools[place.declared], index, self._recorder, self.backpressure)
            for index, place in enumerate(places)
            if place.kind == "agents"
        )
        self._balancers = balancers_of(self.pools)
        self._scaling = Scaling(self.pools, self._clock)
        self._budget = None if self._retry.budget is None else Budget(self._retry.budget)
        self._admission = None if scenario.memory is None else Admission(scenario.memory)
        self._needs_b = {program.name: program.memory_b for program in plan.programs}
        self._breakers: dict[str, tuple[Breaker, ...]] | None = None
        if scenario.breaker is not None:
            declared = scenario.breaker
            self._breakers = {p.name: tuple(Breaker(declared) for _ in p.steps) for p in plan.programs}

    def queue_and_pool(self) -> Mapping[str, float]:
        """See `target.Pooled`: all pools of agents together."""
        return {
            "queue_depth": float(sum(len(pool.waiters) for pool in self.pools)),
            "agents_busy": float(sum(pool.busy for pool in self.pools)),
            "pool_size": float(sum(pool.size for pool in self.pools)),
        }

    def run(self, workflow: Workflow) -> Coroutine[Any, Any, None]:
        """Carry out the workflow's steps in order; raises `Failed`, `TimedOut` or `Rejected` with the kind of error."""
        if self._admission is None:
            return self._carry_out(workflow)
        return self._carry_out_admitted(workflow, self._admission)

    async def _carry_out(self, workflow: Workflow) -> None:
        drawn = self._types[workflow.type]
        key, durations = drawn.of(workflow.number)
        for index, step in enumerate(drawn.steps):
            number = 1
            wait_s, burn_s = durations[index]
            while True:
                attempt = Attempt(workflow.number, index, number, step.pool, self._now(), wait_s, burn_s)
                if number == 1 and self._budget is not None:
                    self._budget.earn()
                if self._breakers is None:
                    await self._try(attempt, step, key)
                else:
                    await self._try_breaker(self._breakers[workflow.type][index], attempt, step, key)
                if attempt.ended == _SUCCEEDED:
                    break
                if number >= self._retry.max_attempts or attempt.ended not in self._retried:
                    raise _ENDINGS[attempt.ended](attempt.kind)
                if self._budget is not None and not self._budget.spend():
                    raise _ENDINGS[attempt.ended](attempt.kind)
                await asyncio.sleep(backoff_s(self._retry, key, index, number))
                number += 1
                wait_s, burn_s = step.wait_s(key, index, number), step.burn_s(key, index, number)

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
            self._attempts.add_stay(stay, workflow.number, 0, 0, self._memory)

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
                if was_granted(waiter):  # at this very instant
                    stay.granted_s = waiter.result()
                admission.admit(self._now())
                raise
        stay.busy = admission.used_b

    async def _try_breaker(self, breaker: Breaker, attempt: Attempt, step: StepProgram, key: int) -> None:
        """One attempt at a step with a breaker."""
        attempt.era = breaker.enter(attempt.requested_s)
        if attempt.era == REFUSED:
            attempt.end(_REJECTED, f"breaker_open:{step.name}")
            self._attempts.add(attempt)
            return
        try:
            await self._try(attempt, step, key)
        finally:
            breaker.leave(attempt.era, attempt.ended, self._now())

    # long: a line or two for each way in which an attempt may end
    async def _try(self, attempt: Attempt, step: StepProgram, key: int) -> None:
        """One attempt from the request to the record: `attempt` says how it ended."""
        if self._balancers and attempt.pool in self._balancers:
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
            await self._serve(step, key, attempt)
        except WaitTimeout:
            attempt.end(_TIMED_OUT, f"wait_timeout:{pool.name}")
        except StepTimeout:
            attempt.end(_TIMED_OUT, f"step_timeout:{step.name}")
        except Dropped:
            attempt.released_s = self._now()
            attempt.end(_REJECTED, f"queue_dropped:{pool.name}")
        except ConnectionTimeout:
            attempt.end(_TIMED_OUT, f"connection_timeout:{self._calls.connections[step.connection].name}")
        except RateLimited:
            attempt.end(_FAILED, f"rate_limited:{self._calls.limits[step.rate_limit].name}")
        finally:
            if attempt.granted_s == attempt.granted_s:  # not NaN: it was granted
                attempt.released_s = self._now()
                pool.release(attempt.released_s)
            self._attempts.add(attempt)

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

    # long: what an attempt does with its agent, in its order
    async def _serve(self, step: StepProgram, key: int, attempt: Attempt) -> None:
        held = self._machine.hold(step.hold_b) if step.hold_b else None
        deadline_s = None if step.timeout_s is None else attempt.granted_s + step.timeout_s
        cached = step.cache_ratio > 0 and step.hits(key, attempt.step, attempt.number)
        if cached:
            await self._calls.wait(step.cached_wait_s(key, attempt.step, attempt.number), deadline_s)
        elif step.connection >= 0 or step.rate_limit >= 0:
            await self._calls.call(step, deadline_s, attempt)
        elif attempt.wait_s > 0:
            over: asyncio.Future[None] = self._new_future()
            self._clock.resolve_at(self._now() + attempt.wait_s, _WORK, over)
            await (over if deadline_s is None else self._calls.until(over, deadline_s))
        if attempt.burn_s > 0:
            burn = self._machine.burn(attempt.burn_s)
            try:
                await (burn.done if deadline_s is None else self._calls.until(burn.done, deadline_s))
                burn.ended = _SUCCEEDED
                self._machine.finish(burn)
            except StepTimeout:
                burn.ended = _TIMED_OUT
                raise
            finally:
                if burn.ended != _SUCCEEDED:
                    self._machine.give_up(burn)
                self._attempts.add_burn(burn, attempt)
        del held
        if step.fail and not cached and step.fails(key, attempt.step, attempt.number):
            attempt.end(_FAILED, f"step_failed:{step.name}")
        else:
            attempt.ended = _SUCCEEDED


def _expire_waiter(pool: AgentPool, waiter: asyncio.Future[float]) -> None:
    if not waiter.done():
        pool.leave(waiter)
        waiter.set_exception(WaitTimeout())


def _leave(pool: AgentPool, waiter: asyncio.Future[float], attempt: Attempt) -> None:
    """Take a cancelled waiter out of the queue; one that was granted at this very instant owns its agent already."""
    if was_granted(waiter):
        attempt.granted_s = waiter.result()
        attempt.busy = pool.busy
    elif waiter in pool.waiters:
        pool.leave(waiter)
