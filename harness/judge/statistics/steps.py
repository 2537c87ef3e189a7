"""Piecewise-constant fits: where a noisy series most plausibly jumped."""

import numpy as np
from scipy.special import ndtr

from harness.judge.statistics import ranks
from harness.judge.statistics.replicates import Floats

_GAUSSIAN = 1.4826
_BEND = 1.5
"""Deviations up to here count squared, larger ones linearly: 96 % as sharp as least squares, and deaf to outliers."""
NOTHING = 1e-12
"""Noise below this is rounding."""
_TELLS_NOISE = 6
"""Values from which a stretch is trusted to know its own noise."""
_PAIR_NOISE = float(np.sqrt(2))


def noise_of(values: Floats) -> float:
    """Robust standard deviation of the noise from successive differences, which a few steps hardly touch."""
    return _GAUSSIAN * float(np.median(np.abs(np.diff(values)))) / _PAIR_NOISE


def candidates(values: Floats, noise: float, penalty: float) -> list[int]:
    """First indices of all segments but the first, of the fit with the least loss plus `penalty` per step.

    The exact minimum over levels taken from the values themselves, by dynamic programming over (position, level), as
    Storath, Weinmann and Unser do for absolute values (IEEE Trans. Signal Process. 65, 2017); here with Huber's loss.
    Time and memory grow with the square of the number of values.
    """
    levels = np.unique(values)
    stays = np.empty((len(values), len(levels)), dtype=bool)
    arrives = np.empty(len(values), dtype=np.intp)
    total = np.zeros(len(levels))
    for k, value in enumerate(values):
        arrives[k] = int(np.argmin(total))
        jump = total[arrives[k]] + penalty
        stays[k] = total <= jump
        total = np.minimum(total, jump) + _huber((value - levels) / noise)
    level, steps = int(np.argmin(total)), []
    for k in range(len(values) - 1, 0, -1):
        if not stays[k, level]:
            steps.append(k)
            level = int(arrives[k])
    return steps[::-1]


def prune(values: Floats, steps: list[int], threshold: float, floor: float, shortest: int) -> list[int]:
    """Drop the least convincing step until every one left convinces against both its neighbours.

    A step convinces with at least `shortest` values on both sides, a level change beyond `floor`, and a strength of
    at least `threshold` standard errors.
    """
    kept = list(steps)
    while kept:
        judged = [_conviction(values, kept, k, floor, shortest) for k in range(len(kept))]
        weakest = int(np.argmin(judged))
        if judged[weakest] >= threshold:
            break
        del kept[weakest]
    return [_settled(values, kept, k) for k in range(len(kept))]


def strength(before: Floats, after: Floats, noise: float) -> float:
    """How many standard errors apart two stretches lie; a side is as noisy as the series, or as itself if louder."""
    shift = abs(_middle(after) - _middle(before))
    error = float(np.hypot(*(max(_own_noise(side), noise) / np.sqrt(len(side)) for side in (before, after))))
    return shift / error if error > 0 else float(np.inf * (shift > 0))


def gain(before: Floats, after: Floats, noise: float) -> float:
    """Loss that `after` is spared by having a level of its own instead of the one before it."""
    scale = max(noise, NOTHING)
    old, new = (after - _middle(before)) / scale, (after - _middle(after)) / scale
    return float((_huber(old) - _huber(new)).sum())


def residuals(values: Floats, steps: list[int]) -> Floats:
    """What is left of the series once each segment's level is taken away."""
    return np.concatenate([part - _middle(part) for part in np.split(values, steps)])


def resemblance(left: Floats) -> float:
    """Lag-one correlation of residuals, corrected for its bias towards minus one over n; 0 where it is negative."""
    spread = _GAUSSIAN * float(np.median(np.abs(left)))
    calm = np.clip(left, -3 * spread, 3 * spread) if spread > 0 else left
    energy = float(calm @ calm)
    if len(left) < 8 or energy == 0:
        return 0.0
    raw = float(calm[1:] @ calm[:-1]) / energy
    return float(np.clip((len(left) * raw + 1) / (len(left) - 3), 0.0, 0.9))


def plausible_range(values: Floats, step: int, start: int, stop: int, noise: float) -> tuple[int, int]:
    """First and last index the step may have, at about 95 %: those whose loss is within 3 units of the best."""
    before, after = _middle(values[start:step]), _middle(values[step:stop])
    spared = _huber((values[start:stop] - before) / noise) - _huber((values[start:stop] - after) / noise)
    loss = np.cumsum(spared)[:-1]
    near = np.flatnonzero(loss <= loss.min() + 3.0) + start + 1
    return int(min(near[0], step)), int(max(near[-1], step))


def chance(strength_: float, positions: int) -> float:
    """Bonferroni bound on the chance that noise alone steps this far anywhere in the series."""
    return float(min(2 * ndtr(-strength_) * positions, 1.0))


def _huber(z: Floats) -> Floats:
    size = np.abs(z)
    return np.asarray(np.where(size <= _BEND, 0.5 * size**2, _BEND * (size - _BEND / 2)))


def _middle(values: Floats) -> float:
    """The level that Huber's loss prefers, one step from the median: the mean of values clipped to 1.5 deviations."""
    median = float(np.median(values))
    spread = _GAUSSIAN * float(np.median(np.abs(values - median)))
    if spread == 0 or len(values) < 4:
        return median
    return median + float(np.mean(np.clip(values - median, -_BEND * spread, _BEND * spread)))


def _own_noise(side: Floats) -> float:
    """Robust standard deviation within one stretch; 0 where it is too short to tell."""
    if len(side) < _TELLS_NOISE:
        return 0.0
    left = np.abs(side - _middle(side))
    return _GAUSSIAN * float(np.median(left)) * float(np.sqrt(len(left) / (len(left) - 1)))


def _conviction(values: Floats, steps: list[int], k: int, floor: float, shortest: int) -> float:
    """Strength of step k against its neighbouring segments; 0 where a rule forbids it."""
    edges = [0, *steps, len(values)]
    before, after = values[edges[k] : edges[k + 1]], values[edges[k + 1] : edges[k + 2]]
    if min(len(before), len(after)) < shortest or abs(_middle(after) - _middle(before)) <= floor:
        return 0.0
    left = residuals(values, steps)
    rho = resemblance(left)
    noise = _GAUSSIAN * float(np.median(np.abs(left))) * float(np.sqrt(len(left) / max(len(left) - len(edges) + 1, 1)))
    if float(ranks.rank_sum_p(before[None, :], after[None, :])[0]) > _rank_level(len(before), len(after)):
        return 0.0
    return strength(before, after, noise) / float(np.sqrt((1 + rho) / (1 - rho)))


def _rank_level(n: int, m: int) -> float:
    return max(0.005, ranks.rank_sum_smallest(n, m) * 1.0001)


def _settled(values: Floats, steps: list[int], k: int) -> int:
    """The split of the two neighbouring segments with the least loss: pruning may have moved the best place."""
    edges = [0, *steps, len(values)]
    start, step, stop = edges[k], edges[k + 1], edges[k + 2]
    before, after = _middle(values[start:step]), _middle(values[step:stop])
    noise = max(_own_noise(values[start:step]), _own_noise(values[step:stop]), noise_of(values), NOTHING)
    part = values[start:stop]
    spared = _huber((part - before) / noise) - _huber((part - after) / noise)
    return start + 1 + int(np.argmin(np.cumsum(spared)[:-1]))
