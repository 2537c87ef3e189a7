"""A run's figures of the machine from the samples of a `ResourceMonitor`."""

from __future__ import annotations

import itertools

import numpy as np

from harness.measure.machine import NOT_ON_HYBRID, NOT_ON_VIRTUAL, NOT_SAMPLED, Machine, batch_windows
from harness.measure.percentiles import nearest_rank
from harness.measure.record import Floats, Run
from harness.measure.trend import FEWEST_POINTS

_WARM_UP = 0.2
"""Share of the workflows done that is left out of the growth of memory: caches and imports are not a leak."""


# long: one line for each field of the record
def sampled_machine(run: Run) -> Machine:
    """Peaks are the largest sample, the mean CPU is weighted by the time each sample covers."""
    series = run.resources
    times = series.t_s
    if not len(times):
        return Machine(missing=_reason(run), modelled=series.modelled)
    columns = {name: values for name, values in series.values.items() if not np.isnan(values).all()}
    memory, cpu, lag = columns.get("rss_b"), columns.get("cpu_share"), columns.get("loop_lag_s")
    windows = batch_windows(run)
    highest = _largest(columns.get("rss_peak_b"))
    span = float(times[-1] - times[0])
    return Machine(
        missing=_reason(run),
        modelled=series.modelled,
        memory_peak_b=_larger(_largest(memory), highest),
        memory_start_b=None if memory is None else _first(memory),
        memory_end_b=None if memory is None else _first(memory[::-1]),
        uss_peak_b=_largest(columns.get("uss_b")),
        cpu_mean=_covered_mean(times, cpu),
        cpu_max=_largest(cpu),
        fds_max=_largest(columns.get("fds")),
        threads_max=_largest(columns.get("threads")),
        tasks_max=_largest(columns.get("tasks")),
        loop_lag_p99_s=_p99(lag),
        loop_lag_max_s=_largest(lag),
        gc_collections=_largest(columns.get("gc_collections")),
        gc_pause_s=_largest(columns.get("gc_pause_s")),
        peak_is_sampled=highest is None,
        rate_hz=(len(times) - 1) / span if span > 0 else 0.0,
        batch_memory_b=_batch_peaks(times, memory, windows, held=True),
        batch_cpu=_batch_peaks(times, cpu, windows, held=False),
        growth=None if memory is None else _growth(run, times, memory, windows),
    )


def growth_points(run: Run, name: str) -> tuple[Floats, Floats] | None:
    """Workflows done, in hundreds, and the resource `name` at that time, after warm-up; None where it has no sample."""
    values = run.resources.values.get(name)
    if values is None or not len(values) or np.isnan(values).all():
        return None
    return _growth(run, run.resources.t_s, values, batch_windows(run))


def _reason(run: Run) -> str:
    """Why a figure is missing, where one is."""
    if run.resources.modelled:
        return NOT_ON_VIRTUAL
    return NOT_ON_HYBRID if run.clock == "hybrid" and len(run.resources.t_s) else NOT_SAMPLED


def _largest(values: Floats | None) -> float | None:
    return None if values is None else float(np.nanmax(values))


def _larger(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _first(values: Floats) -> float:
    return float(values[~np.isnan(values)][0])


def _p99(values: Floats | None) -> float | None:
    if values is None:
        return None
    ordered = np.sort(values[~np.isnan(values)])
    return float(ordered[nearest_rank(len(ordered), 0.99) - 1])


def _covered_mean(times: Floats, values: Floats | None) -> float | None:
    """Mean of rates that each hold since the sample before."""
    if values is None:
        return None
    seen = np.flatnonzero(~np.isnan(values))
    covered = np.diff(times[seen], prepend=times[max(0, int(seen[0]) - 1)])
    total = float(covered.sum())
    return float((values[seen] * covered).sum()) / total if total > 0 else float(values[seen].mean())


def _batch_peaks(
    times: Floats, values: Floats | None, windows: dict[int, tuple[float, float]], held: bool
) -> dict[int, float]:
    """Peak per batch. A level (`held`) holds on from the sample before the window, a rate reaches back from the next.

    So even a batch shorter than the sampling interval has a peak, that of the samples that enclose it.
    """
    if values is None:
        return {}
    peaks = {}
    for batch, (begin, end) in windows.items():
        first = int(np.searchsorted(times, begin, side="right")) - held
        after = int(np.searchsorted(times, end, side="right")) + (not held)
        first = min(max(first, 0), len(times) - 1)
        inside = values[first : max(after, first + 1)]
        if not np.isnan(inside).all():
            peaks[batch] = float(np.nanmax(inside))
    return peaks


def _growth(run: Run, times: Floats, memory: Floats, windows: dict[int, tuple[float, float]]) -> tuple[Floats, Floats]:
    """Workflows done, in hundreds, and the memory then: at the end of each batch, or at each sample after warm-up.

    Batches that do not overlap are looked at when the next one is due, when they have given back what they will.
    """
    done = np.sort(run.workflows.finished_s[~np.isnan(run.workflows.finished_s)])
    seen = ~np.isnan(memory)
    times, memory = times[seen], memory[seen]
    bounds = sorted(windows.values())
    apart = all(end <= begin for (_, end), (begin, _) in itertools.pairwise(bounds))
    if apart and len(bounds) >= FEWEST_POINTS:
        looks = np.array([begin for begin, _ in bounds[1:]] + [run.ended_s])
        rows = np.maximum(np.searchsorted(times, looks, side="right") - 1, 0)
    else:
        finished = np.searchsorted(done, times, side="right")
        rows = np.flatnonzero((finished >= _WARM_UP * len(done)) & (times <= run.ended_s))
    return np.searchsorted(done, times[rows], side="right") / 100, memory[rows]
