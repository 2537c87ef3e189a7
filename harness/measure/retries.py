"""How often steps are tried again, and whether the retries come all at once.

Retries that wait equally long arrive together and knock over what had just recovered. How many would arrive together
by chance is not a matter of taste: had each waited an independent, evenly spread time with the same mean (full jitter:
M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015), so many would be expected in any tenth of a
second. Chernoff's bound on a Poisson tail, times the number of windows that were looked at, says how surprising the
fullest one is: it is never smaller than the true probability, and few retries cannot make it small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.measure.agents import AgentAttempts
from harness.measure.record import Floats, Ints, Run

WINDOW_S = 0.1
"""Retries within so many seconds come in the same instant."""


@dataclass(frozen=True, slots=True)
class Together:
    """The fullest window: `most` retries in it, `expected` had their waits been jittered, and how surprising that is.

    `chance` bounds the probability of such a window anywhere in the run; `wait_s` is the median wait of those in it.
    """

    most: int
    expected: float
    chance: float
    at_s: float
    wait_s: float


@dataclass(frozen=True, slots=True)
class Retries:
    """One run's attempts: `steps` is how many (workflow, step) were tried, `share_together` that of the fullest window.

    `together` is None where the waits before the retries are not known, or there are none.
    """

    attempts: int
    steps: int
    retries: int
    share_together: float | None
    together: Together | None


@dataclass(frozen=True, slots=True)
class _Rows:
    """Attempts by workflow, step and number; shape (m,) each."""

    workflow: Ints
    step: Ints
    number: Ints
    begun_s: Floats
    ended_s: Floats


def retries_of(run: Run, attempts: AgentAttempts) -> Retries | None:
    """What the attempts of `run` show, its target's own or those it reported; None where it tells of none."""
    if run.tries is not None:
        told = run.tries
        return _retries(_Rows(told.workflow, told.step, told.number, told.begun_s, told.ended_s))
    if len(attempts):
        own = attempts.columns
        return _retries(_Rows(own.workflow, own.step, own.attempt, own.requested_s, attempts.ended_s))
    return None


def _retries(rows: _Rows) -> Retries:
    made, count = len(rows.number), int(np.count_nonzero(rows.number > 1))
    if not count:
        return Retries(made, made, 0, None, None)  # nothing to put in order, which costs more than all else here
    # in the order of time: a step that is visited twice is tried for the first time twice
    order = np.lexsort((rows.number, rows.begun_s, rows.step, rows.workflow))
    workflow, step, number = rows.workflow[order], rows.step[order], rows.number[order]
    begun, ended = rows.begun_s[order], rows.ended_s[order]
    follows = (np.diff(workflow) == 0) & (np.diff(step) == 0) & (np.diff(number) == 1)
    later = np.flatnonzero(follows) + 1
    fullest = _fullest(np.sort(begun[number > 1]))[0]
    before = ended[later - 1]
    known = later[~np.isnan(before)]
    together = None
    if len(known) and len(known) == len(later):
        together = _together(before, begun[known], step[known] * (int(number.max()) + 1) + number[known])
    return Retries(made, made - count, count, fullest / count, together)


def _fullest(ordered_s: Floats) -> tuple[int, int]:
    """(count, index of the first) of the window of `WINDOW_S` with most of the times in it; the earliest of several."""
    counts = np.searchsorted(ordered_s, ordered_s + WINDOW_S, side="left") - np.arange(len(ordered_s))
    first = int(np.argmax(counts))
    return int(counts[first]), first


def _together(failed_s: Floats, begun_s: Floats, group: Ints) -> Together:
    """Waits are compared within a group: the k-th retry of one step, whose backoff is one and the same."""
    waits = np.maximum(begun_s - failed_s, 0.0)
    _, place = np.unique(group, return_inverse=True)
    spread = 2 * (np.bincount(place, weights=waits) / np.bincount(place))[place]
    order = np.argsort(begun_s, kind="stable")
    most, first = _fullest(begun_s[order])
    opens = float(begun_s[order][first])
    inside = np.clip(np.minimum(failed_s + spread, opens + WINDOW_S) - np.maximum(failed_s, opens), 0.0, None)
    at_once = (failed_s >= opens) & (failed_s < opens + WINDOW_S)
    share = np.where(spread > 0, inside / np.where(spread > 0, spread, 1.0), at_once)
    expected = float(share.sum())
    wait_s = float(np.median(waits[order][first : first + most]))
    return Together(most, expected, _chance(most, expected, len(waits)), opens, wait_s)


def _chance(most: int, expected: float, windows: int) -> float:
    """Bound on P(a Poisson of mean `expected` reaches `most`), for any of so many windows."""
    if most <= expected:
        return 1.0
    if expected <= 0:
        return 0.0
    return min(1.0, windows * math.exp(most - expected - most * math.log(most / expected)))
