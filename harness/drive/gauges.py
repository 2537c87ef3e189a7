"""Ask a target for its own figures about ten times a second, on the run's clock."""

from __future__ import annotations

import math

from harness.drive.clock import Clock, Rank
from harness.drive.target import Gauged
from harness.measure.record import Series
from harness.measure.samples import SampleLog

INTERVAL_S = 0.1


class GaugeSampler:
    """Samples `target.gauges()` at absolute times; a target that raises gets a doubt, not a broken run."""

    def __init__(self, target: Gauged, clock: Clock, doubts: list[str]) -> None:
        self._target = target
        self._clock = clock
        self._doubts = doubts
        self._log = SampleLog()
        self._next = 0
        self._stopped = False

    def stop(self) -> None:
        """Take no more samples."""
        self._stopped = True

    def sample(self) -> None:
        """Take one sample and set the timer for the next."""
        if self._stopped:
            return
        try:
            figures = {str(name): float(value) for name, value in self._target.gauges().items()}
        except Exception as error:
            self._doubts.append(f"the target's gauges() failed: {type(error).__name__}: {error}")
            return
        now_s = self._clock.now()
        self._log.add((now_s,), figures)
        self._next = max(self._next + 1, math.floor(now_s / INTERVAL_S) + 1)
        self._clock.call_at(self._next * INTERVAL_S, Rank.LIMIT, self.sample)

    def last(self) -> dict[str, float]:
        """The newest sample, empty before the first; from any thread."""
        return self._log.last()

    def series(self) -> Series:
        """What was sampled; NaN where a sample lacks a name."""
        return Series(self._log.times(), self._log.columns(self._log.names()), modelled=False)
