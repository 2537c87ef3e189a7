"""Little's law on what was measured: L = λ W, where L is integrated over time and λ and W are counted.

J. D. C. Little, "A Proof for the Queuing Formula L = λW", Operations Research 9(3), 1961. Over a window of time it is
off by what its edges cut: workflows that are in flight at its end count for L and not yet for W, those that were in
flight at its beginning count for W with time before the window. Both are known here; what is left when they are taken
off must be nothing, or the columns contradict each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.measure.latency import carried_out
from harness.measure.record import Floats, Run


@dataclass(frozen=True, slots=True)
class LittlesLaw:
    """`in_flight` (L) is the mean over time, `rate_per_s` (λ) what was carried out per second, `latency_s` (W) mean.

    `residual` is (L - λW) / L, `edges` the part of it that the edges of the window explain, and `left` the rest. The
    window runs from the first workflow done to the last one due where there is such a time, else over the whole run.
    """

    in_flight: float
    rate_per_s: float
    latency_s: float
    residual: float
    edges: float
    left: float


@dataclass(frozen=True, slots=True)
class _Window:
    """Sums over one window: seconds in flight, workflows carried out in it, their latencies, seconds cut by edges."""

    length_s: float
    in_flight_s: float
    done: int
    latency_s: float
    edges_s: float


def littles_law(runs: Sequence[Run]) -> LittlesLaw | None:
    """Over the windows of all `runs` together; None where nothing was carried out in them."""
    windows = [window for run in runs if (window := _window(run)) is not None]
    length = sum(one.length_s for one in windows)
    inside = sum(one.in_flight_s for one in windows)
    done = sum(one.done for one in windows)
    if length <= 0 or inside <= 0 or not done:
        return None
    spent = sum(one.latency_s for one in windows)
    edges = sum(one.edges_s for one in windows)
    return LittlesLaw(
        in_flight=inside / length,
        rate_per_s=done / length,
        latency_s=spent / done,
        residual=(inside - spent) / inside,
        edges=edges / inside,
        left=(inside - spent - edges) / inside,
    )


def _window(run: Run) -> _Window | None:
    rows = run.workflows
    begun = rows.due_s
    ended = np.where(np.isnan(rows.finished_s), run.ended_s, rows.finished_s)
    done = carried_out(run)
    if not done.any():
        return None
    begin, end = float(ended[done].min()), float(begun.max())
    if not _fills(begin, end, ended[done]):
        begin, end = 0.0, run.ended_s
    counted = done & (ended > begin) & (ended <= end)
    inside = np.clip(np.minimum(ended, end) - np.maximum(begun, begin), 0.0, None)
    cut_before = np.clip(begin - begun[counted], 0.0, None)
    return _Window(
        length_s=end - begin,
        in_flight_s=_integral_s(begun, ended, begin, end),
        done=int(counted.sum()),
        latency_s=float((ended - begun)[counted].sum()),
        edges_s=float(inside[~counted].sum() - cut_before.sum()),
    )


def _fills(begin: float, end: float, ended: Floats) -> bool:
    """Whether at least a tenth of the workflows is done between; a burst has no such time."""
    return begin < end and int(((ended > begin) & (ended <= end)).sum()) >= max(10, len(ended) // 10)


def _integral_s(begun: Floats, ended: Floats, begin: float, end: float) -> float:
    """The integral of the number in flight: stepped over every arrival and end, not summed over workflows."""
    times = np.concatenate([begun, ended])
    change = np.repeat([1, -1], [len(begun), len(ended)])
    order = np.argsort(times, kind="stable")
    times, level = np.clip(times[order], begin, end), np.cumsum(change[order])
    return float((np.diff(times, append=end) * level).sum())
