"""Draws and latencies by the block, compiled: what a processor does several at a time, or without having to guess."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from harness.measure.histogram import BUCKETS
from harness.plan.draws import CELLS, EDGE, quantile

register_jitable(quantile)

_SHIFT = 43
_BELOW = ((1023 - 30) << 9) - 1
_LAST = BUCKETS - 1
_1 = np.uint64(1)


@register_jitable
def read_off(found: Any, count: int, knots: Any, room: Any) -> None:
    """Put `draws.quantile(knots, 0, u)` in place of each of the first `count` luck u of `found`.

    Which of them lie in a tail cannot be foreseen, so they are noted and done on their own. `room` is two arrays with
    a place for each, and one more.
    """
    where, tails = room
    many = 0
    for k in range(count):
        x = found[np.uint64(k)] * CELLS
        where[np.uint64(many)] = k
        many += (x < EDGE) | (x > CELLS - EDGE)
    for n in range(many):
        tails[np.uint64(n)] = quantile(knots, 0, found[np.uint64(where[np.uint64(n)])])
    for k in range(count):
        x = found[np.uint64(k)] * CELLS
        cell = np.uint64(x)
        near = knots[cell]
        found[np.uint64(k)] = near + (knots[cell + _1] - near) * (x - np.int64(cell))
    for n in range(many):
        found[np.uint64(where[np.uint64(n)])] = tails[np.uint64(n)]


@register_jitable
def count_latencies(late: Any, count: int, buckets: Any) -> None:
    """`histogram.bucket_of` each, read off the bits of the float: the exponent and nine bits of the mantissa."""
    bits = late.view(np.int64)
    for k in range(count):
        bucket = (bits[np.uint64(k)] >> _SHIFT) - _BELOW
        buckets[np.uint64(min(max(bucket, 0), _LAST))] += 1


def room_for(count: int) -> Any:
    """Room for `read_off` of so many."""
    return np.zeros(count + 1, dtype=np.int64), np.empty(count + 1)
