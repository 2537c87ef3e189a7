"""The built-in orchestrator: agent pools with bounded queues, steps that wait, burn, hold and fail, retries, timeouts.

A real asyncio system on the wall clock, and the readable definition of what the compiled twin must reproduce on the
virtual one. Every attempt at a step leaves one row in the recorder, written when it ends.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Mapping

from harness.drive.clock import Clock, Rank
from harness.drive.machine import Burn, Machine
from harness.drive.target import Failed, Rejected, TimedOut, Workflow, WorkflowError
from harness.measure.record import NEVER, Outcome, Recorder
from harness.plan.arrivals import Plan
from harness.plan.draws import workflow_key
from harness.plan.program import Program, StepProgram, backoff_s
from harness.scenario.model import Pool

_ENDINGS: Mapping[Outcome, type[WorkflowError]] = {
    Outcome.FAILED: Failed,
    Outcome.TIMED_OUT: TimedOut,
    Outcome.REJECTED: Rejected,
}


class WaitTimeout(Exception):  # noqa: N818 - private signal between a timer and the waiter it gives up
    """A waiter was not served within its pool's wait timeout."""


class StepTimeout(Exception):  # noqa: N818 - private signal between a timer and the attempt it ends
    """An attempt did not end within its step's timeout."""


class AgentPool:
    """`size` agents and a first-in-first-out queue; an agent given back goes straight to the first waiter."""

    __slots__ = ("busy", "declared", "waiters")

    def __init__(self, declared: Pool) -> None:
        self.declared = declared
        self.busy = 0
        self.waiters: deque[asyncio.Future[float]] = deque()

    def free(self) -> bool:
        """Whether an agent can be had at once."""
        return self.busy < self.declared.size

    def full(self) -> bool:
        """Whether the queue takes no more waiters."""
        return self.declared.queue is not None and len(self.waiters) >= self.declared.queue

    def release(self, now_s: float) -> None:
        """Give one agent back at `now_s`."""
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():  # a waiter that was cancelled at this very instant has not left the queue yet
                waiter.set_result(now_s)
                return
        self.busy -= 1


class Attempt:
    """One attempt at a step, as it will be recorded."""

    __slots__ = ("busy", "depth", "granted_s", "number", "pool", "released_s", "requested_s", "step", "workflow")

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


class Orchestrator:
    """The target `builtin`."""

    def __init__(self, plan: Plan, clock: Clock, recorder: Recorder, machine: Machine) -> None:
        self._plan = plan
        self._clock = clock
        self._recorder = recorder
        self._machine = machine
        self._retry = plan.scenario.retry
        self._retried = {Outcome[name.upper()] for name in self._retry.on}
        self._programs = {program.name: program for program in plan.programs}
        self.pools = tuple(AgentPool(pool) for pool in plan.scenario.pools)

    async def run(self, workflow: Workflow) -> None:
        """Carry out the workflow's steps in order; raises `Failed`, `TimedOut` or `Rejected` with the kind of error."""
        program: Program = self._programs[workflow.type]
        key = workflow_key(workflow.seed, workflow.number)
        for index, step in enumerate(program.steps):
            number = 1
            while True:
                ended, kind = await self._attempt(workflow.number, key, index, step, number)
                if ended is Outcome.SUCCEEDED:
                    break
                if number >= self._retry.max_attempts or ended not in self._retried:
                    raise _ENDINGS[ended](kind)
                await asyncio.sleep(backoff_s(self._retry, key, index, number))
                number += 1

    def stop(self) -> None:
        """Let go of the machine's threads."""
        self._machine.close()

    async def _attempt(
        self, workflow: int, key: int, index: int, step: StepProgram, number: int
    ) -> tuple[Outcome, str]:
        attempt = Attempt(workflow, index, number, step.pool, self._clock.now())
        pool = self.pools[step.pool]
        ended, kind = Outcome.CANCELLED, ""
        try:
            ended, kind = await self._acquire(pool, attempt)
            if ended is Outcome.SUCCEEDED:
                ended, kind = Outcome.CANCELLED, ""
                ended, kind = await self._serve(step, key, attempt)
        finally:
            if not math.isnan(attempt.granted_s):
                attempt.released_s = self._clock.now()
                pool.release(attempt.released_s)
            self._record(attempt, ended, kind)
        return ended, kind

    async def _acquire(self, pool: AgentPool, attempt: Attempt) -> tuple[Outcome, str]:
        if pool.free():
            pool.busy += 1
            attempt.granted_s = attempt.requested_s
        elif pool.full():
            attempt.depth = len(pool.waiters)
            attempt.busy = pool.busy
            return Outcome.REJECTED, f"queue_full:{pool.declared.name}"
        else:
            try:
                attempt.granted_s = await self._wait_in(pool, attempt)
            except WaitTimeout:
                return Outcome.TIMED_OUT, f"wait_timeout:{pool.declared.name}"
        attempt.busy = pool.busy
        return Outcome.SUCCEEDED, ""

    async def _wait_in(self, pool: AgentPool, attempt: Attempt) -> float:
        waiter: asyncio.Future[float] = self._clock.loop.create_future()
        pool.waiters.append(waiter)
        attempt.depth = len(pool.waiters)
        timeout_s = pool.declared.wait_timeout_s
        timer = None
        if timeout_s is not None:
            when_s = attempt.requested_s + timeout_s
            timer = self._clock.call_at(when_s, Rank.DEADLINE, _expire_waiter, pool, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            _leave(pool, waiter, attempt)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    async def _serve(self, step: StepProgram, key: int, attempt: Attempt) -> tuple[Outcome, str]:
        held = self._machine.hold(step.hold_b)
        deadline_s = None if step.timeout_s is None else attempt.granted_s + step.timeout_s
        try:
            wait_s = step.wait_s(key, attempt.step, attempt.number)
            if wait_s > 0:
                await self._wait(wait_s, deadline_s)
            burn_s = step.burn_s(key, attempt.step, attempt.number)
            if burn_s > 0:
                await self._burn(burn_s, deadline_s, attempt)
        except StepTimeout:
            return Outcome.TIMED_OUT, f"step_timeout:{step.name}"
        finally:
            del held
        if step.fails(key, attempt.step, attempt.number):
            return Outcome.FAILED, f"step_failed:{step.name}"
        return Outcome.SUCCEEDED, ""

    async def _wait(self, seconds: float, deadline_s: float | None) -> None:
        if deadline_s is None:
            await asyncio.sleep(seconds)
            return
        done: asyncio.Future[None] = self._clock.loop.create_future()
        timer = self._clock.call_at(self._clock.now() + seconds, Rank.WORK, _resolve, done)
        try:
            await self._until(done, deadline_s)
        finally:
            timer.cancel()

    async def _burn(self, seconds: float, deadline_s: float | None, attempt: Attempt) -> None:
        burn = self._machine.burn(seconds)
        ended = Outcome.CANCELLED
        try:
            if deadline_s is None:
                await burn.done
            else:
                await self._until(burn.done, deadline_s)
            ended = Outcome.SUCCEEDED
        except StepTimeout:
            ended = Outcome.TIMED_OUT
            raise
        finally:
            if ended is not Outcome.SUCCEEDED:
                self._machine.give_up(burn)
            self._record_burn(burn, attempt, ended)

    async def _until(self, done: asyncio.Future[None], deadline_s: float) -> None:
        timer = self._clock.call_at(deadline_s, Rank.DEADLINE, _expire_step, done)
        try:
            await done
        finally:
            timer.cancel()

    def _record(self, attempt: Attempt, ended: Outcome, kind: str) -> None:
        self._recorder.attempts.append(
            (
                attempt.workflow,
                attempt.step,
                attempt.number,
                attempt.pool,
                attempt.requested_s,
                attempt.granted_s,
                attempt.released_s,
                attempt.depth,
                attempt.busy,
                ended,
                self._recorder.error_index(kind) if kind else -1,
            )
        )

    def _record_burn(self, burn: Burn, attempt: Attempt, ended: Outcome) -> None:
        self._recorder.attempts.append(
            (
                attempt.workflow,
                attempt.step,
                attempt.number,
                len(self.pools),
                burn.requested_s,
                burn.granted_s,
                burn.released_s,
                burn.depth,
                burn.busy,
                ended,
                -1,
            )
        )


def _resolve(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _expire_step(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_exception(StepTimeout())


def _expire_waiter(pool: AgentPool, waiter: asyncio.Future[float]) -> None:
    if not waiter.done():
        pool.waiters.remove(waiter)
        waiter.set_exception(WaitTimeout())


def _leave(pool: AgentPool, waiter: asyncio.Future[float], attempt: Attempt) -> None:
    """Take a cancelled waiter out of the queue; one that was granted at this very instant owns its agent already."""
    if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
        attempt.granted_s = waiter.result()
        attempt.busy = pool.busy
    elif waiter in pool.waiters:
        pool.waiters.remove(waiter)
