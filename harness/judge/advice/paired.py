"""Differences between two sides that ran the same seeds: the mean with Student's interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.measure.estimates import student_quantile


@dataclass(frozen=True, slots=True)
class Paired:
    """Mean of after - before over the seeds, with its 95 % interval; one seed has none, and both bounds are infinite.

    The counter-based draws give a workflow the same luck on both sides, so what differs is what was changed.
    """

    mean: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def paired(before: Sequence[float], after: Sequence[float]) -> Paired:
    """The paired difference; both in the order of the seeds. Raises `ValueError` for unlike or empty sides."""
    differences = [b - a for a, b in zip(before, after, strict=True)]
    if not differences:
        raise ValueError("expected at least one pair, found none")
    count = len(differences)
    mean = math.fsum(differences) / count
    if count == 1:
        return Paired(mean, -math.inf, math.inf)
    variance = math.fsum((one - mean) ** 2 for one in differences) / (count - 1)
    half = student_quantile(count - 1) * math.sqrt(variance / count)
    return Paired(mean, mean - half, mean + half)
