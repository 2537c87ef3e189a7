"""Rounds in which both sides ran together: seeing that they did, and comparing them moment by moment."""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from harness.judge.statistics import location
from harness.judge.statistics.replicates import Bools, Floats, quantile_of
from harness.judge.statistics.screening import Screened

_PAIR_FROM = 10
_PAIR_LEVEL = 0.005
_BLOCK = 20
"""Values in a block at least: enough for its median to be about as sharp as its share of the round."""
_BLOCKS_AT_LEAST = 3
_BLOCKS_AT_MOST = 10


def moves_together(base: Floats, head: Floats, ordered: bool) -> Bools:
    """Rounds whose changes from one to the next agree on both sides were run side by side.

    Changes, not levels: two unrelated drifts correlate by chance far more often than their changes do.
    """
    n = base.shape[1]
    if n != head.shape[1] or n < _PAIR_FROM or not ordered:
        return np.zeros(len(base), dtype=bool)
    a, b = np.diff(base, axis=1), np.diff(head, axis=1)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    r = np.divide((a * b).sum(axis=1), size, out=np.zeros(len(base)), where=size > 0)
    return np.asarray(r > np.tanh(ndtri(1 - _PAIR_LEVEL) * np.sqrt(1.5 / (n - 3))))


def sharpest(chosen: list[tuple[Screened, str]], differences: Floats) -> tuple[Floats, Bools]:
    """Head minus base per round; for medians, time-aligned block by block wherever that is the sharper of the two.

    `chosen` holds each metric's processes and scale, `differences` has the shape (metrics, rounds); so has the answer,
    with a flag for each metric taken block by block.
    """
    aligned = np.zeros(len(chosen), dtype=bool)
    finer = {k: found for k, prepared in enumerate(chosen) if (found := _aligned(*prepared)) is not None}
    if not finer:
        return differences, aligned
    rows, blocks = np.array(list(finer)), np.array(list(finer.values()))
    sharper = location.paired(blocks).error < location.paired(differences[rows]).error
    aligned[rows[sharper]] = True
    rounds = differences.copy()
    rounds[rows[sharper]] = blocks[sharper]
    return rounds, aligned


def _aligned(screened: Screened, scale: str) -> Floats | None:
    base, head = screened.base, screened.head
    if quantile_of(screened.metric.statistic) != 0.5 or scale != "log":
        return None
    if min(min(values) for values in (*base, *head)) <= 0:
        return None
    return _aligned_differences(base, head)


def _aligned_differences(base: Sequence[Sequence[float]], head: Sequence[Sequence[float]]) -> Floats | None:
    """Log ratio of each round's medians, taken block by block in time, shape (rounds,); None if rounds are too short.

    Each round's values, in the order they were measured, are cut into as many blocks on one side as on the other, and
    the median over the blocks of the ratio of their medians is taken: where the two sides of a round ran interleaved, a
    disturbance hits the same block of both, or is outvoted. All values must be positive.
    """
    shortest = min(len(values) for values in (*base, *head))
    blocks = min(shortest // _BLOCK, _BLOCKS_AT_MOST)
    if blocks < _BLOCKS_AT_LEAST:
        return None
    ratios = [_block_medians(h, blocks) - _block_medians(b, blocks) for b, h in zip(base, head, strict=True)]
    return np.array([np.median(ratio) for ratio in ratios])


def _block_medians(values: Sequence[float], blocks: int) -> Floats:
    """Log median of each of `blocks` consecutive stretches of nearly equal length."""
    data = np.log(np.asarray(values, dtype=np.float64))
    if len(data) % blocks == 0:
        return np.asarray(np.median(data.reshape(blocks, -1), axis=1))
    return np.array([np.median(part) for part in np.array_split(data, blocks)])
