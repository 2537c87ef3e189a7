"""Ask a target for its own figures about ten times a second, on the run's clock."""

from __future__ import annotations

import math

from harness.drive.clock import Clock, Rank
from harness.drive.target import Gauged
from harness.measure.record import Series
from harness.measure.samples import SampleLog

INTERVAL_S = 0.1
LONGEST_NAME = 200
"""Characters; a name goes into the report with every point of its series beside it."""
_MOST_SAID = 20
"""Gauges that are said to be left out; a target may show others each time."""


class GaugeSampler:
    """Samples `target.gauges()` at absolute times; a target that raises gets a doubt, not a broken run.

    A gauge that is no number, or whose name is too long, is left out with a doubt; the others are kept.
    """

    def __init__(self, target: Gauged, clock: Clock, doubts: list[str]) -> None:
        self._target = target
        self._clock = clock
        self._doubts = doubts
        self._log = SampleLog()
        self._next = 0
        self._stopped = False
        self._left_out: set[str] = set()

    def stop(self) -> None:
        """Take no more samples."""
        self._stopped = True

    def sample(self) -> None:
        """Take one sample and set the timer for the next."""
        if self._stopped:
            return
        try:
            figures = self._figures()
        except Exception as error:
            self._doubts.append(f"the target's gauges() failed: {type(error).__name__}: {error}")
            return
        now_s = self._clock.now()
        if figures:
            self._log.add((now_s,), figures)
        self._next = max(self._next + 1, math.floor(now_s / INTERVAL_S) + 1)
        self._clock.call_at(self._next * INTERVAL_S, Rank.LIMIT, self.sample)

    def _figures(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for named, value in self._target.gauges().items():
            name = str(named)
            try:
                if len(name) > LONGEST_NAME:
                    raise ValueError(f"its name has {len(name)} characters, and {LONGEST_NAME} are allowed")
                found[name] = float(value)
            except (ArithmeticError, TypeError, ValueError) as error:
                self._leave_out(name[:LONGEST_NAME], error)
        return found

    def _leave_out(self, name: str, error: Exception) -> None:
        if name not in self._left_out and len(self._left_out) < _MOST_SAID:
            self._left_out.add(name)
            self._doubts.append(f"the target's gauge {name} is left out: {type(error).__name__}: {error}")

    def last(self) -> dict[str, float]:
        """The newest sample, empty before the first; from any thread."""
        return self._log.last()

    def series(self) -> Series:
        """What was sampled; NaN where a sample lacks a name."""
        return Series(self._log.times(), self._log.columns(self._log.names()), modelled=False)
