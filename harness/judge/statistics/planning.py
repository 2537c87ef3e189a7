"""How many runs would have settled it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri, stdtrit

from harness.judge.statistics.replicates import Floats

MOST = 10_000
"""Runs a side beyond which no number is promised."""
_POWER = 0.8


@dataclass(frozen=True, slots=True)
class Plan:
    """A metric's thresholds on the scale of its shift, and the error rates that apply to it."""

    floor: float
    margin: float
    alpha: float
    equivalence_alpha: float


def runs_needed(
    shift: float, run_variance: float, session_variance: float, plan: Plan, *, n: int, pair: bool
) -> int | None:
    """Fewest runs a side, more than `n`, at which the verdict would be settled 8 times in 10.

    `run_variance` is the variance of the shift times runs a side. Assumes the shift and the noise
    seen so far are true: a shift beyond the floor may be confirmed, one inside the margin may be shown to be small,
    whichever is sooner. None where `MOST` runs, or the session noise, forbid both.
    """
    runs = _candidates()
    error = np.sqrt(run_variance / runs + session_variance)
    detect, equivalent = _quantiles(plan.alpha, plan.equivalence_alpha, pair)
    z = float(ndtri(_POWER))
    settled = plan.margin - abs(shift) >= (equivalent + z) * error
    if abs(shift) > plan.floor:
        beyond = (abs(shift) >= (detect + z) * error) & (abs(shift) - plan.floor >= z * error)
        settled = settled | beyond
    enough = runs[settled & (runs > n)]
    return int(enough[0]) if len(enough) else None


def runs_to_separate(n: int, separated: float, alpha: float) -> int:
    """Runs a side at which a rank test that gave p = `separated` with `n` would give `alpha`: z grows with root n."""
    reached = max(float(-ndtri(separated / 2)), 0.1)
    return min(int(np.ceil(n * (float(-ndtri(alpha / 2)) / reached) ** 2)), MOST)


@lru_cache(maxsize=1)
def _candidates() -> Floats:
    return np.unique(np.round(np.geomspace(4, MOST, 400))).astype(np.float64)


@lru_cache(maxsize=64)
def _quantiles(alpha: float, equivalence_alpha: float, pair: bool) -> tuple[Floats, Floats]:
    freedom = _candidates() - 1 if pair else 2 * _candidates() - 2
    detect, equivalent = -stdtrit(freedom, alpha / 2), -stdtrit(freedom, equivalence_alpha)
    return np.asarray(detect, dtype=np.float64), np.asarray(equivalent, dtype=np.float64)
