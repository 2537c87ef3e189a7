"""Starts each workflow at its due time, bounds it by its timeout, and records how it ended.

Due times are absolute: the dispatcher never sleeps for a gap, it starts all that is due and sets a timer for the next
due time, so being late once does not make it late ever after.
"""

from __future__ import annotations

import asyncio
import functools
import math
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextvars import copy_context
from types import CoroutineType
from typing import Any

from harness.drive.backpressure import Backpressure
from harness.drive.clock import Clock, Rank
from harness.drive.sources import source_for
from harness.drive.target import Rejected, TimedOut, Workflow, WorkflowError
from harness.measure.record import Outcome, Recorder
from harness.measure.tries import NOBODY, TryLog
from harness.plan.arrivals import Plan

GRACE_S = 2.0
"""How long cancelled workflows may take to end before the run goes on without them, in seconds on the run's clock."""

_IN_ONE_TASK = 32
"""So many workflows that end at once are carried out before others get their turn: less than 0.1 ms, as a rule."""

_workflow: Callable[[tuple[int, str, int, TryLog]], Workflow] = functools.partial(tuple.__new__, Workflow)
"""Makes a `Workflow` of its fields, without the function that NamedTuple puts before it."""

_SUCCEEDED = int(Outcome.SUCCEEDED)
_OUTCOMES: Mapping[type[WorkflowError], Outcome] = {
    Rejected: Outcome.REJECTED,
    TimedOut: Outcome.TIMED_OUT,
    WorkflowError: Outcome.FAILED,
}


class _Rest:
    """The rest of a coroutine that was begun by hand and waits now; to be awaited by the task that began it."""

    __slots__ = ("_coroutine", "_waits_for")

    def __init__(self, coroutine: CoroutineType[Any, Any, Any], waits_for: object) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, object]:
        """What `await` does with a coroutine (PEP 380), but for its first step."""
        coroutine, waits_for = self._coroutine, self._waits_for
        try:
            while True:
                try:
                    sent = yield waits_for
                except GeneratorExit:
                    coroutine.close()
                    raise
                except BaseException as error:  # a cancellation, or the error of what was waited for
                    waits_for = coroutine.throw(error)
                else:
                    waits_for = coroutine.send(sent)
        except StopIteration as end:
            return end.value


class Dispatcher:
    """Drives one plan against `run`, the target's own coroutine function.

    `drive()` returns why the run ended early, or None. `request_stop(reason)` may be called on the loop's thread at
    any time: what is in flight is cancelled, and counted as such. Rows, called `number` here, count from 0 what this
    process offers; a workflow's own number is that in the whole plan, of which this may be a part.
    """

    def __init__(
        self,
        plan: Plan,
        run: Callable[[Workflow], Awaitable[object]],
        clock: Clock,
        recorder: Recorder,
        tries: TryLog = NOBODY,
        *,
        backpressure: Backpressure | None = None,
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
        self.stopping = False
        """Whether nothing more is to be offered."""
        self._seed = plan.seed
        self._first, self._stride = plan.part.number_of(0), plan.part.workers
        self._context = copy_context()
        self._longest_s = math.inf if self._timeout_s is None else 0.999 * self._timeout_s
        """A workflow that took no longer cannot have been late, whatever rounding does."""
        self._finished = clock.loop.create_future()
        # in a task of its own from the first step on: clocks that jump decide by the order of tasks
        self._carrying = self._carry_out if clock.jumps else self._carry_on
        self._source = source_for(self, plan.arrivals, clock, plan.seed, backpressure or Backpressure())

    @property
    def ended(self) -> int:
        """How many workflows have ended so far."""
        return self._recorder.offered - len(self._tasks)

    async def drive(self) -> str | None:
        """Offer the whole plan and wait for it to end."""
        limit = self._clock.call_at(self._plan.scenario.run_timeout_s, Rank.LIMIT, self.request_stop, "run timeout")
        try:
            self._now = self._clock.reader()
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
        if not self.stopping:
            self._stop_reason = reason
            self._finish()

    def flying(self) -> list[int]:
        """The rows in flight; from any thread, as copying a dictionary's whole numbers is one step."""
        return list(self._tasks)

    @property
    def in_flight(self) -> int:
        """How many workflows have been offered and have not ended."""
        return len(self._tasks)

    def offer(self, due_s: float, batch: int, held_s: float = 0.0) -> None:
        """Start the next workflow of the plan, which a cap has held back for `held_s`."""
        number, kind = self._open(due_s, batch)
        if held_s:
            self._recorder.held[number] = held_s
        # in a context of its own: what one workflow sets there, no other may find
        carrying = self._carrying(number, kind)
        self._tasks[number] = self._clock.loop.create_task(carrying, context=self._context.copy())

    def _open(self, due_s: float, batch: int) -> tuple[int, int]:
        """Open the row of the next workflow; the row and the type."""
        kind = self._type_of(self._recorder.offered)
        return self._recorder.offer(due_s, kind, batch), kind

    def _type_of(self, row: int) -> int:
        return self._plan.deal.type_of(self._first + row * self._stride)

    async def _carry_out(self, number: int, kind: int) -> None:
        """Carry out one workflow in a task of its own: clocks that jump decide by the order of tasks."""
        recorder = self._recorder
        started_s = recorder.started[number] = self._now()
        if self._timeout_s is not None:
            self._bound(number, started_s)
        workflow = _workflow((self._first + number * self._stride, self._names[kind], self._seed, self._tries))
        try:
            result = await self._run(workflow)
            recorder.finished[number] = self._now()
            recorder.outcome[number] = _SUCCEEDED
            if result is not None or self._timeout_s is not None:
                self._look_at(number, workflow, result)
        except BaseException as error:  # the target's error is an outcome, not ours: test frameworks raise such ones
            self._fail(number, error)
        del self._tasks[number]
        self._source.ended(self._first + number * self._stride, recorder.finished[number])
        self.settle()

    # long: the hottest loop of the harness; a call of a function costs a tenth of what it does for a workflow
    async def _carry_on(self, number: int, kind: int) -> None:
        """Carry out a workflow, and then the one that it makes room for, as long as none of them waits.

        A task costs more than all else that is done for a workflow which ends at once. The next one gets a new task as
        soon as it could tell: where a workflow waited, was cancelled, or left something in the task's context.
        """
        task, more, recorder, now = self._tasks[number], _IN_ONE_TASK, self._recorder, self._now
        first, stride = self._first, self._stride
        while True:
            more -= 1
            started_s = recorder.started[number] = now()
            workflow = _workflow((first + number * stride, self._names[kind], self._seed, self._tries))
            try:
                awaitable = self._run(workflow)
                if type(awaitable) is CoroutineType:
                    try:
                        waits_for = awaitable.send(None)
                    except StopIteration as end:
                        recorder.finished[number] = ended_s = now()
                        recorder.outcome[number] = _SUCCEEDED
                        if end.value is not None or ended_s - started_s > self._longest_s:
                            self._look_at(number, workflow, end.value)
                    else:
                        more = 0
                        self._bound(number, started_s)
                        self._succeed(number, workflow, await _Rest(awaitable, waits_for))
                else:
                    more = 0
                    self._bound(number, started_s)
                    self._succeed(number, workflow, await awaitable)
            except BaseException as error:  # the target's error is an outcome: test frameworks raise such ones
                self._fail(number, error)
            del self._tasks[number]
            ended_s = recorder.finished[number]
            same = more and not task.cancelling() and copy_context() == self._context
            if not same or not self._source.follows(ended_s):
                break
            number, kind = self._open(ended_s, 0)
            self._tasks[number] = task
        self._source.ended(first + number * stride, ended_s)
        self.settle()

    def _succeed(self, number: int, workflow: Workflow, result: object) -> None:
        """A workflow has come to its end."""
        self._recorder.finished[number] = self._now()
        self._recorder.outcome[number] = _SUCCEEDED
        self._look_at(number, workflow, result)

    def _look_at(self, number: int, workflow: Workflow, result: object) -> None:
        """What ended well may still be another's result, or too late: a blocked loop lets no timeout fire."""
        recorder = self._recorder
        if result is not None:
            self._check(number, result, workflow)
        if self._timeout_s is None:
            return
        finished_s = recorder.finished[number]
        if number in self._overdue or finished_s > recorder.started[number] + self._timeout_s:
            recorder.end(number, finished_s, Outcome.TIMED_OUT, "workflow_timeout")

    def _fail(self, number: int, error: BaseException) -> None:
        """A workflow has ended with an error; raises it again where it is not the target's."""
        if isinstance(error, KeyboardInterrupt) or self._clock.loop.is_closed():
            raise error  # a closed loop: Python is closing a coroutine that was left behind
        outcome, text = self._outcome_of(number, error)
        self._recorder.end(number, self._now(), outcome, text)

    def _check(self, number: int, result: object, workflow: Workflow) -> None:
        if isinstance(result, Mapping) and result.get("workflow_id", workflow.id) != workflow.id:
            self._recorder.end(number, self._now(), Outcome.FAILED, "workflow_id_mismatch")

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

    def _bound(self, number: int, started_s: float) -> None:
        # every workflow has the same timeout, so deadlines come in order: one timer for the first is enough
        if self._timeout_s is None:
            return
        deadline_s = started_s + self._timeout_s
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
        if not self._tasks and self._source.exhausted and not self.stopping:
            self._finish()

    def _finish(self) -> None:
        self.stopping = True
        if not self._finished.done():
            self._finished.set_result(None)

    def close(self, ended_s: float, reason: str | None) -> None:
        """Account for all that never ended: what was due by `ended_s` and not offered, and what is still in flight."""
        recorder = self._recorder
        for due_s, batch in self._source.missed(ended_s):
            recorder.offer(due_s, self._type_of(recorder.offered), batch)
        recorder.give_up(reason or "never ended")

    async def _give_up(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.wait(tuple(self._tasks.values()), timeout=GRACE_S)
        if self._tasks:
            self._recorder.doubts.append(
                f"{len(self._tasks)} workflow(s) went on {GRACE_S:g} s after they were cancelled; "
                "the target swallows cancellation"
            )
