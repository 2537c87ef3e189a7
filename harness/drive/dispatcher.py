"""Starts each workflow at its due time, bounds it by its timeout, and records how it ended.

Due times are absolute: the dispatcher never sleeps for a gap, it starts all that is due and sets a timer for the next
due time, so being late once does not make it late ever after.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from harness.drive.clock import Clock, Rank
from harness.drive.sources import source_for
from harness.drive.target import Rejected, TimedOut, Workflow, WorkflowError
from harness.measure.record import Outcome, Recorder
from harness.measure.tries import NOBODY, TryLog
from harness.plan.arrivals import Plan

GRACE_S = 2.0
"""How long cancelled workflows may take to end before the run goes on without them, in seconds on the run's clock."""

_SUCCEEDED = int(Outcome.SUCCEEDED)
_OUTCOMES: Mapping[type[WorkflowError], Outcome] = {
    Rejected: Outcome.REJECTED,
    TimedOut: Outcome.TIMED_OUT,
    WorkflowError: Outcome.FAILED,
}


class Dispatcher:
    """Drives one plan against `run`, the target's own coroutine function.

    `drive()` returns why the run ended early, or None. `request_stop(reason)` may be called on the loop's thread at
    any time: what is in flight is cancelled, and counted as such.
    """

    def __init__(
        self,
        plan: Plan,
        run: Callable[[Workflow], Awaitable[object]],
        clock: Clock,
        recorder: Recorder,
        tries: TryLog = NOBODY,
    ) -> None:
        self._plan = plan
        self._run = run
        self._clock = clock
        self._now = clock.now
        self._recorder = recorder
        self._tries = tries
        self._timeout_s = plan.scenario.timeout_s
        self._names = [kind.name for kind in plan.scenario.types]
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._deadlines: deque[tuple[float, int]] = deque()
        self._sweeping = False
        self._overdue: set[int] = set()
        self._stop_reason: str | None = None
        self._finished = clock.loop.create_future()
        self._source = source_for(self, plan.arrivals, clock, plan.seed)

    @property
    def ended(self) -> int:
        """How many workflows have ended so far."""
        return len(self._recorder.due) - len(self._tasks)

    async def drive(self) -> str | None:
        """Offer the whole plan and wait for it to end."""
        limit = self._clock.call_at(self._plan.scenario.run_timeout_s, Rank.LIMIT, self.request_stop, "run timeout")
        try:
            self._source.begin()
            self.settle()
            await self._finished
            if self._tasks:
                await self._give_up()
        finally:
            limit.cancel()
        return self._stop_reason

    def request_stop(self, reason: str) -> None:
        """End the run now."""
        if not self._finished.done():
            self._stop_reason = reason
            self._finished.set_result(None)

    @property
    def stopping(self) -> bool:
        """Whether nothing more is to be offered."""
        return self._finished.done()

    @property
    def in_flight(self) -> int:
        """How many workflows have been offered and have not ended."""
        return len(self._tasks)

    def offer(self, due_s: float, batch: int, held_s: float = 0.0) -> None:
        """Start the next workflow of the plan, which a cap has held back for `held_s`."""
        recorder = self._recorder
        kind = self._plan.deal.type_of(len(recorder.due))
        number = recorder.offer(due_s, kind, batch)
        if held_s:
            recorder.held[number] = held_s
        self._tasks[number] = self._clock.loop.create_task(self._carry_out(number, kind))

    async def _carry_out(self, number: int, kind: int) -> None:
        recorder = self._recorder
        recorder.started[number] = started_s = self._now()
        if self._timeout_s is not None:
            self._bound(number, started_s + self._timeout_s)
        try:
            workflow = Workflow(number, self._names[kind], self._plan.seed, self._tries)
            result = await self._run(workflow)
            recorder.finished[number] = self._now()
            recorder.outcome[number] = _SUCCEEDED
            if result is not None:
                self._check(result, workflow)
            if self._late(number, started_s):
                recorder.end(number, recorder.finished[number], Outcome.TIMED_OUT, "workflow_timeout")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the target's error is an outcome, not ours: test frameworks raise such ones
            if self._clock.loop.is_closed():
                raise  # not the target: Python is closing a coroutine that was left behind
            outcome, text = self._outcome_of(number, error)
            recorder.end(number, self._now(), outcome, text)
        del self._tasks[number]
        self._source.ended(number)
        self.settle()

    def _late(self, number: int, started_s: float) -> bool:
        """Whether a workflow that came to its end did so too late: a blocked loop lets no timeout fire."""
        if self._timeout_s is None:
            return False
        return number in self._overdue or self._recorder.finished[number] > started_s + self._timeout_s

    def _check(self, result: object, workflow: Workflow) -> None:
        if isinstance(result, Mapping) and result.get("workflow_id", workflow.id) != workflow.id:
            self._recorder.end(workflow.number, self._now(), Outcome.FAILED, "workflow_id_mismatch")

    def _outcome_of(self, number: int, error: BaseException) -> tuple[Outcome, str]:
        if number in self._overdue:
            return Outcome.TIMED_OUT, "workflow_timeout"
        if isinstance(error, WorkflowError):
            return next(outcome for kind, outcome in _OUTCOMES.items() if isinstance(error, kind)), error.kind
        if isinstance(error, TimeoutError):
            return Outcome.TIMED_OUT, type(error).__name__
        if isinstance(error, asyncio.CancelledError):
            return Outcome.CANCELLED, self._stop_reason or "cancelled by the target"
        return Outcome.FAILED, type(error).__name__

    def _bound(self, number: int, deadline_s: float) -> None:
        # every workflow has the same timeout, so deadlines come in order: one timer for the first is enough
        self._deadlines.append((deadline_s, number))
        if not self._sweeping:
            self._sweeping = True
            self._clock.call_at(deadline_s, Rank.DEADLINE, self._sweep)

    def _sweep(self) -> None:
        now_s = self._now()
        while self._deadlines:
            deadline_s, number = self._deadlines[0]
            task = self._tasks.get(number)
            if task is not None and deadline_s > now_s:
                self._clock.call_at(deadline_s, Rank.DEADLINE, self._sweep)
                return
            self._deadlines.popleft()
            if task is not None:
                self._overdue.add(number)
                task.cancel()
        self._sweeping = False

    def settle(self) -> None:
        """End the run if nothing is in flight and nothing more will come."""
        if not self._tasks and self._source.exhausted and not self._finished.done():
            self._finished.set_result(None)

    def close(self, ended_s: float, reason: str | None) -> None:
        """Account for all that never ended: what was due by `ended_s` and not offered, and what is still in flight."""
        recorder = self._recorder
        for due_s, batch in self._source.missed(ended_s):
            recorder.offer(due_s, self._plan.deal.type_of(len(recorder.due)), batch)
        for number, finished_s in enumerate(recorder.finished):
            if math.isnan(finished_s):
                recorder.error[number] = recorder.error_index(reason or "never ended")

    async def _give_up(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.wait(tuple(self._tasks.values()), timeout=GRACE_S)
        if self._tasks:
            self._recorder.doubts.append(
                f"{len(self._tasks)} workflow(s) went on {GRACE_S:g} s after they were cancelled; "
                "the target swallows cancellation"
            )
