"""A mergeable log-linear histogram of durations, for runs too long to keep every sample.

Each octave (a factor of two) from 2**-30 s, about 1 ns, to 2**40 s is cut into 512 buckets of equal width: a bucket's
middle is within 1/1024 (less than 0.1 %) of every value in it. The idea is HdrHistogram's (G. Tene); the bucket is read
off a float's exponent and mantissa, exactly, so counts do not depend on who counted. Histograms are merged by adding
counts; percentiles are taken after that and never averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.measure.record import Floats, Ints

_PER_OCTAVE = 512
_LOWEST = -30
_OCTAVES = 70
BUCKETS = 1 + _PER_OCTAVE * _OCTAVES
"""Bucket 0 holds what is below 2**-30 s, zero included; the last one also holds all that is above 2**40 s."""

RELATIVE_ERROR = 1 / (2 * _PER_OCTAVE)
"""No percentile is further than this share from the sample it stands for (within the buckets' range)."""


def bucket_of(value_s: float) -> int:
    """The bucket that a duration falls into; exact in every form this function is run in."""
    mantissa, exponent = math.frexp(value_s)
    if exponent <= _LOWEST or value_s <= 0.0:
        return 0
    if exponent > _LOWEST + _OCTAVES:
        return BUCKETS - 1
    return 1 + (exponent - 1 - _LOWEST) * _PER_OCTAVE + int((mantissa - 0.5) * (2 * _PER_OCTAVE))


def buckets_of(values_s: Floats) -> Ints:
    """`bucket_of` each of an array of durations, of the same shape."""
    mantissa, exponent = np.frexp(values_s)
    place = ((mantissa - 0.5) * (2 * _PER_OCTAVE)).astype(np.int64)
    bucket = 1 + (exponent.astype(np.int64) - 1 - _LOWEST) * _PER_OCTAVE + place
    bucket[(exponent <= _LOWEST) | (values_s <= 0)] = 0
    bucket[exponent > _LOWEST + _OCTAVES] = BUCKETS - 1
    return np.asarray(bucket)


def lower_bound_s(bucket: int) -> float:
    """The least duration that falls into a bucket, in seconds."""
    if bucket == 0:
        return 0.0
    octave, place = divmod(bucket - 1, _PER_OCTAVE)
    return math.ldexp(1 + place / _PER_OCTAVE, octave + _LOWEST)


@dataclass(frozen=True, slots=True)
class Histogram:
    """`counts` has shape (BUCKETS,)."""

    counts: Ints

    @classmethod
    def of(cls, values_s: Floats) -> Histogram:
        """The histogram of an array of durations in seconds."""
        return cls(np.bincount(buckets_of(values_s), minlength=BUCKETS))

    def __len__(self) -> int:
        return int(self.counts.sum())

    def __add__(self, other: Histogram) -> Histogram:
        """Both together, as if all had been counted into one."""
        return Histogram(self.counts + other.counts)

    def percentile(self, share: float) -> float:
        """The smallest sample with at least `share` (in (0, 1]) of all at or below it, in seconds; NaN without one.

        The same rank as in an exact percentile; the value is the middle of its bucket.
        """
        total = len(self)
        if total == 0:
            return math.nan
        rank = max(1, math.ceil(share * total))
        bucket = int(np.searchsorted(np.cumsum(self.counts), rank))
        return self.middle_s(bucket)

    @staticmethod
    def middle_s(bucket: int) -> float:
        """What stands for every value of a bucket, in seconds."""
        return 0.0 if bucket == 0 else (lower_bound_s(bucket) + lower_bound_s(bucket + 1)) / 2

    def mean(self) -> float:
        """The mean of the buckets' middles, in seconds; NaN without a sample."""
        total = len(self)
        if total == 0:
            return math.nan
        used = np.flatnonzero(self.counts)
        middles = [self.middle_s(int(k)) for k in used]
        return math.fsum(m * int(c) for m, c in zip(middles, self.counts[used], strict=True)) / total
