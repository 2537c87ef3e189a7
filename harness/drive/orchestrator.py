"""The built-in orchestrator: agent pools with bounded queues, steps that wait, burn, hold and fail, retries, timeouts.

A real asyncio system on the wall clock, and the readable definition of what the compiled twin must reproduce on the
virtual one. Every attempt at a step leaves one row in the recorder, written when it ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from harness.drive.clock import Clock, Rank
from harness.drive.drawn_ahead import DrawnStep
from harness.drive.machine import Burn, Machine
from harness.drive.target import Failed, Rejected, TimedOut, Workflow, WorkflowError
from harness.measure.record import NEVER, Outcome, Recorder, packed_attempt
from harness.plan.arrivals import Plan
from harness.plan.draws import workflow_key
from harness.plan.program import backoff_s
from harness.scenario.model import Pool

# looked up once: a member of an enumeration is found by a call
_SUCCEEDED, _CANCELLED = int(Outcome.SUCCEEDED), int(Outcome.CANCELLED)
_FAILED, _TIMED_OUT, _REJECTED = int(Outcome.FAILED), int(Outcome.TIMED_OUT), int(Outcome.REJECTED)
_WORK, _DEADLINE = Rank.WORK, Rank.DEADLINE

_ENDINGS: Mapping[int, type[WorkflowError]] = {
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

    __slots__ = ("busy", "declared", "size", "waiters")

    def __init__(self, declared: Pool) -> None:
        self.declared = declared
        self.size = declared.size
        self.busy = 0
        self.waiters: deque[asyncio.Future[float]] = deque()

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

    __slots__ = (
        "busy",
        "depth",
        "ended",
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
        self.pools = tuple(AgentPool(pool) for pool in plan.scenario.pools)

    async def run(self, workflow: Workflow) -> None:
        """Carry out the workflow's steps in order; raises `Failed`, `TimedOut` or `Rejected` with the kind of error."""
        key = workflow_key(workflow.seed, workflow.number)
        for index, step in enumerate(self._steps[workflow.type]):
            number = 1
            while True:
                attempt = Attempt(workflow.number, index, number, step.program.pool, self._now())
                await self._try(attempt, step, key)
                if attempt.ended == _SUCCEEDED:
                    break
                if number >= self._retry.max_attempts or attempt.ended not in self._retried:
                    raise _ENDINGS[attempt.ended](attempt.kind)
                await asyncio.sleep(backoff_s(self._retry, key, index, number))
                number += 1

    def stop(self) -> None:
        """Let go of the machine's threads."""
        self._machine.close()

    async def _try(self, attempt: Attempt, drawn: DrawnStep, key: int) -> None:
        """One attempt from the request to the record: `attempt` says how it ended."""
        pool = self.pools[attempt.pool]
        try:
            if pool.busy < pool.size:
                pool.busy += 1
                attempt.granted_s = attempt.requested_s
            elif pool.full():
                attempt.depth = len(pool.waiters)
                attempt.busy = pool.busy
                attempt.end(_REJECTED, f"queue_full:{pool.declared.name}")
                return
            else:
                await self._wait_in(pool, attempt)
            attempt.busy = pool.busy
            await self._serve(drawn, key, attempt)
        except WaitTimeout:
            attempt.end(_TIMED_OUT, f"wait_timeout:{pool.declared.name}")
        except StepTimeout:
            attempt.end(_TIMED_OUT, f"step_timeout:{drawn.program.name}")
        finally:
            if attempt.granted_s == attempt.granted_s:  # not NaN: it was granted
                attempt.released_s = self._now()
                pool.release(attempt.released_s)
            self._record(attempt)

    async def _wait_in(self, pool: AgentPool, attempt: Attempt) -> None:
        waiter: asyncio.Future[float] = self._new_future()
        pool.waiters.append(waiter)
        attempt.depth = len(pool.waiters)
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
        wait_s = drawn.wait.of(attempt.workflow, key, attempt.number)
        if wait_s > 0:
            over: asyncio.Future[None] = self._new_future()
            self._clock.resolve_at(self._now() + wait_s, _WORK, over)
            await (over if deadline_s is None else self._until(over, deadline_s))
        burn_s = drawn.burn.of(attempt.workflow, key, attempt.number)
        if burn_s > 0:
            await self._burn(burn_s, deadline_s, attempt)
        del held
        if step.fail and step.fails(key, attempt.step, attempt.number):
            attempt.end(_FAILED, f"step_failed:{step.name}")
        else:
            attempt.end(_SUCCEEDED, "")

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
            len(self.pools),
            burn.requested_s,
            burn.granted_s,
            burn.released_s,
            burn.depth,
            burn.busy,
            ended,
            -1,
        )


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
