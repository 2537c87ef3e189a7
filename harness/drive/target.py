"""The seam between the harness and what it puts under load.

A target is any object with `async def run(workflow)`; raising means that the workflow failed. Three more methods are
optional: `start()` and `stop()`, plain or async, called once each around a run, and `gauges()`, which returns the
target's own figures (`queue_depth`, `agents_busy`, `pool_size`, `waiters`, or any other; docs/signals.md lists those
that are understood) as a mapping from name to number. An attribute `in_process = False` says that the work is done in
another process, and that what runs here is a client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from harness.drive.backpressure import Backpressure
from harness.drive.clock import Clock
from harness.measure.record import Recorder
from harness.measure.tries import NOBODY, Try, TryLog
from harness.plan.arrivals import Plan
from harness.plan.draws import Purpose, uniform, workflow_key

BUILTIN = "builtin"
"""The name of the built-in orchestrator as a target."""


class Workflow(NamedTuple):
    """One workflow handed to a target. A tuple, because one is made per workflow in the dispatcher's hottest line."""

    number: int
    type: str
    seed: int
    log: TryLog = NOBODY
    """Where `attempt` writes; a workflow made by hand has nobody to tell."""

    @property
    def id(self) -> str:
        """Unique within a report: seed and number."""
        return f"{self.seed}-{self.number}"

    def luck(self, n: int) -> float:
        """The workflow's own n-th uniform draw on [0, 1): the same in every run with the same seed."""
        return uniform(workflow_key(self.seed, self.number), n, 0, Purpose.TARGET)

    def attempt(self, step: str, number: int | None = None) -> Try:
        """Report that an attempt at `step` begins, from any thread; the harness sees no retry but those it is told of.

        `number` counts the attempts at this step from 1 (None: one more than were reported so far). The result may be
        ignored; `with workflow.attempt("search") as attempt:` also tells when the attempt ended and whether it raised,
        and `attempt.granted()` in it when a slot or a connection was had and the service began.
        """
        return self.log.begin(self.number, step, number)


@runtime_checkable
class Target(Protocol):
    """What every target has."""

    async def run(self, workflow: Workflow) -> object:
        """Carry out one workflow; raise to fail, `Rejected` to refuse it, `TimeoutError` where time ran out.

        A mapping with a `workflow_id` may be returned: one that is not `workflow.id` counts as failed, because the
        target has mixed up two runs.
        """


@runtime_checkable
class Paced(Protocol):
    """A target that does things of its own accord on the run's clock, and may hold its load back."""

    backpressure: Backpressure

    def begin(self) -> None:
        """The run begins: its time is 0. Called on the event loop's thread, as `end` is."""

    def end(self) -> None:
        """The last workflow has ended; called at that very instant."""


@runtime_checkable
class Gauged(Protocol):
    """A target that shows its own queue and pool."""

    def gauges(self) -> Mapping[str, float]:
        """The target's figures at this instant; called on the event loop's thread about ten times a second."""


@runtime_checkable
class Pooled(Protocol):
    """A target whose queue and pool may be looked at from any thread, at no cost to the one that it runs on."""

    def queue_and_pool(self) -> Mapping[str, float]:
        """Its figures at this instant, by the names that gauges have."""


class WorkflowError(Exception):
    """A workflow that ended badly in a way that the target can name; `kind` goes into the error breakdown."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


class Rejected(WorkflowError):  # noqa: N818 - an outcome, not a fault of the program
    """Raised by a target that refuses a workflow, for example because a queue is full."""

    def __init__(self, kind: str = "rejected") -> None:
        super().__init__(kind)


class Failed(WorkflowError):  # noqa: N818 - an outcome, not a fault of the program
    """Raised by a target for a workflow that failed."""


class TimedOut(WorkflowError):  # noqa: N818 - an outcome, not a fault of the program
    """Raised by a target for a workflow that ran out of time."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a target is made for: one replication, on one clock, recorded in one place."""

    plan: Plan
    clock: Clock
    recorder: Recorder
    tries: TryLog = NOBODY


@dataclass(frozen=True, slots=True)
class TargetFactory:
    """Makes a fresh target for one replication.

    `digest` turns a scenario's digest into that of the scenario on this target: another one where the target is
    declared, too, and says what is asked of it.
    """

    make: Callable[[Session], Target]
    digest: Callable[[str], str] = str

    def __call__(self, session: Session) -> Target:
        """The target for `session`."""
        return self.make(session)
