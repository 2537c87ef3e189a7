"""How much something grows per 100 workflows, with an interval that neighbouring samples cannot narrow.

Samples that follow each other are alike (a heap is full until the collector comes), and a rank test takes them for
independent. So a long series is cut into a few stretches, and each is represented by its lowest sample: what is there
even then was not given back.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.measure.record import Floats, Run
from harness.measure.sampled import growth_points
from harness.measure.summary import Estimate
from harness.measure.trend import theil_sen

_STRETCHES = 12
_POINTS = "points after warm-up"


def growth_per_100(runs: Sequence[Run], name: str, missing: str) -> Estimate:
    """Slope of the resource `name` per 100 workflows over all `runs`; `missing` is the doubt where none sampled it."""
    points = [of for run in runs if (of := growth_points(run, name)) is not None]
    return slope_of(points, missing)


def slope_of(points: Sequence[tuple[Floats, Floats]], missing: str) -> Estimate:
    """The slope of (workflows done in hundreds, value) over all groups of points."""
    return theil_sen([_floors(*one) for one in points], _POINTS) if points else Estimate(None, doubt=missing)


def _floors(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The lowest point of each stretch; the points themselves where there are hardly more of them than stretches."""
    if len(x) < 2 * _STRETCHES:
        return x, y
    parts = np.array_split(np.arange(len(x)), _STRETCHES)
    rows = np.array([part[int(np.argmin(y[part]))] for part in parts])
    return x[rows], y[rows]
