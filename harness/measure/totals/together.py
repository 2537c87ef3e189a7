"""What several processes saw beside the workflows of one run, as if one had seen it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.measure.record import Floats, Series, empty_series

_LARGEST = ("loop_lag_s", "cpu_share")
"""A share of each worker's own machine, and a delay: there is no sum of these."""
_COUNTED = ("gc_collections", "gc_pause_s")
"""Counted since the start: what a process counted before it ended still counts."""


def series_together(parts: Sequence[Series], same_machine: bool = True) -> Series:
    """One series from those of several processes on the same run clock, at the times of the longest.

    Levels are added; delays, and shares of machines that differ, become the largest. Between its samples a process is
    taken to be as it was at the last one.
    """
    seen = [part for part in parts if len(part.t_s)]
    if not seen:
        return empty_series()
    longest = max(seen, key=lambda part: float(part.t_s[-1]) - float(part.t_s[0]))
    names = dict.fromkeys(name for part in seen for name in part.values)
    values = {name: _together(name, seen, longest.t_s, same_machine) for name in names}
    return Series(longest.t_s, values, longest.modelled)


def _together(name: str, parts: Sequence[Series], times: Floats, same_machine: bool) -> Floats:
    held = [_held(part.t_s, part.values[name], times, name in _COUNTED) for part in parts if name in part.values]
    stacked = np.array(held)
    unseen = np.isnan(stacked).all(axis=0)
    if name in _LARGEST and not (name == "cpu_share" and same_machine):
        together = np.where(np.isnan(stacked), -np.inf, stacked).max(axis=0)
    else:
        together = np.nansum(stacked, axis=0)
    return np.where(unseen, np.nan, together)


def _held(sampled_s: Floats, values: Floats, times: Floats, after_end: bool) -> Floats:
    """The last value seen at or before each of `times`; NaN before the first, and after the end unless it counts on."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return np.full(len(times), np.nan)
    place = np.searchsorted(sampled_s[known], times, side="right") - 1
    held = np.where(place >= 0, values[known][np.maximum(place, 0)], np.nan)
    # samples of two processes are never at one instant: the last of each still counts for the next tenth of a second
    ended = times > sampled_s[-1] + 1.0
    return held if after_end else np.where(ended, np.nan, held)


def doubts_together(parts: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Every doubt once; where only some processes have it, with the number of those that do."""
    doubts = dict.fromkeys(doubt for part in parts for doubt in part)
    said = []
    for doubt in doubts:
        count = sum(doubt in part for part in parts)
        said.append(doubt if count == len(parts) else f"{doubt} (in {count} of {len(parts)} workers)")
    return tuple(said)
