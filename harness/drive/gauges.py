"""Ask a target for its own figures about ten times a second, on the run's clock."""

from __future__ import annotations

import math

import numpy as np

from harness.drive.clock import Clock, Rank
from harness.drive.target import Gauged
from harness.measure.record import Series

INTERVAL_S = 0.1


class GaugeSampler:
    """Samples `target.gauges()` at absolute times; a target that raises gets a doubt, not a broken run."""

    def __init__(self, target: Gauged, clock: Clock, doubts: list[str]) -> None:
        self._target = target
        self._clock = clock
        self._doubts = doubts
        self._times: list[float] = []
        self._samples: list[dict[str, float]] = []
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
        self._times.append(self._clock.now())
        self._samples.append(figures)
        self._next = max(self._next + 1, math.floor(self._times[-1] / INTERVAL_S) + 1)
        self._clock.call_at(self._next * INTERVAL_S, Rank.LIMIT, self.sample)

    def series(self) -> Series:
        """What was sampled; NaN where a sample lacks a name."""
        names = sorted({name for sample in self._samples for name in sample})
        columns = {name: np.array([sample.get(name, math.nan) for sample in self._samples]) for name in names}
        return Series(np.array(self._times, dtype=np.float64), columns, modelled=False)
