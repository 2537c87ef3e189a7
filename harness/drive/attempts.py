"""Attempts at steps, as they will be recorded, and the rows that they leave."""

from __future__ import annotations

from harness.drive.breaker import REFUSED
from harness.drive.machine import Burn
from harness.drive.pools import Stay
from harness.measure.record import NEVER, Outcome, Recorder, packed_attempt

_CANCELLED = int(Outcome.CANCELLED)


class Attempt:
    """One attempt at a step, as it will be recorded."""

    __slots__ = (
        "burn_s",
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
        "wait_s",
        "workflow",
    )

    def __init__(  # noqa: PLR0917 - made in one place, three times a workflow: names take time
        self, workflow: int, step: int, number: int, pool: int, requested_s: float, wait_s: float, burn_s: float
    ) -> None:
        self.workflow = workflow
        self.step = step
        self.number = number
        self.pool = pool
        self.requested_s = requested_s
        self.wait_s = wait_s
        self.burn_s = burn_s
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


class Rows:
    """Writes rows of `AttemptColumns`: of attempts, of their burns on `cores`, and of stays elsewhere."""

    def __init__(self, recorder: Recorder, cores: int) -> None:
        self._recorder = recorder
        self._rows = recorder.attempts
        self._cores = cores

    def add(self, attempt: Attempt) -> None:
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

    def add_burn(self, burn: Burn, attempt: Attempt) -> None:
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
            burn.ended,
            -1,
        )

    def add_stay(self, stay: Stay, workflow: int, step: int, number: int, place: int) -> None:
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
