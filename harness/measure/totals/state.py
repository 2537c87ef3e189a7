"""Totals as plain values (for JSON) and back, exactly: a number of a checkpoint is the number that was measured.

Histograms are written as the buckets that hold something: `[[bucket, count], …]`. NaN is written as null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from harness.measure.histogram import BUCKETS, Histogram
from harness.measure.record import Ints, Outcome, Series, Share
from harness.measure.totals.measured import MeasuredTotals
from harness.measure.totals.record import Totals
from harness.measure.totals.windows import MOST, Windows

_PLAIN = (
    "scenario",
    "digest",
    "target",
    "clock",
    "seed",
    "offered",
    "errors",
    "latency_sum_s",
    "latency_max_s",
    "lag_sum_s",
    "most_in_flight",
    "ended_s",
    "stopped",
    "invalid",
)


def state_of(totals: Totals) -> dict[str, Any]:
    """All that `totals_of` needs to make the same totals again."""
    return {
        **{name: getattr(totals, name) for name in _PLAIN},
        "errors": dict(totals.errors),
        "driver_cpu_s": _number(totals.driver_cpu_s),
        "real_s": _number(totals.real_s),
        "doubts": list(totals.doubts),
        "outcomes": {outcome.name.lower(): int(totals.outcomes[outcome]) for outcome in Outcome},
        "windows": {
            "width_s": totals.windows.width_s,
            "succeeded": totals.windows.succeeded.tolist(),
            "carried_out": totals.windows.carried_out.tolist(),
            "latency": [_sparse(counts) for counts in totals.windows.latency],
        },
        "lag": _sparse(totals.lag.counts),
        "resources": _series_state(totals.resources),
        "gauges": _series_state(totals.gauges),
        "measured": {
            name: {"counts": _sparse(one.counts), "total": one.total, "largest": one.largest}
            for name, one in totals.measured.items()
        },
        "shares": [{name: getattr(share, name) for name in Share.__slots__} for share in totals.shares],
    }


def totals_of(state: Mapping[str, Any]) -> Totals:
    """The totals that `state_of` wrote. Raises `ValueError` where counts contradict each other or the layout."""
    windows = state["windows"]
    latency = np.array([_dense(pairs) for pairs in _of_length(windows["latency"], "latency")])
    found = Totals(
        **{name: state[name] for name in _PLAIN},
        driver_cpu_s=_float(state["driver_cpu_s"]),
        real_s=_float(state["real_s"]),
        doubts=tuple(state["doubts"]),
        outcomes=np.array([state["outcomes"][outcome.name.lower()] for outcome in Outcome], dtype=np.int64),
        windows=Windows(
            float(windows["width_s"]),
            np.array(_of_length(windows["succeeded"], "succeeded"), dtype=np.int64),
            np.array(_of_length(windows["carried_out"], "carried_out"), dtype=np.int64),
            latency,
        ),
        lag=Histogram(_dense(state["lag"])),
        resources=_series_of(state["resources"]),
        gauges=_series_of(state["gauges"]),
        measured={
            name: MeasuredTotals(_dense(one["counts"]), float(one["total"]), float(one["largest"]))
            for name, one in state.get("measured", {}).items()
        },
        shares=tuple(Share(**share) for share in state["shares"]),
    )
    _check(found)
    return found


def _check(totals: Totals) -> None:
    windows = totals.windows
    if int(totals.outcomes.sum()) > totals.offered:
        raise ValueError(f"outcomes: {int(totals.outcomes.sum())} workflows ended, but {totals.offered} were offered")
    if (windows.latency.sum(axis=1) != windows.carried_out).any():
        raise ValueError("windows: a histogram does not hold as many workflows as its window")
    if totals.carried_out > int(totals.outcomes[: Outcome.TIMED_OUT + 1].sum()):
        raise ValueError("windows: more workflows have a latency than were carried out")


def _sparse(counts: Ints) -> list[list[int]]:
    used = np.flatnonzero(counts)
    return [[bucket, count] for bucket, count in zip(used.tolist(), counts[used].tolist(), strict=True)]


def _dense(pairs: Iterable[tuple[int, int]]) -> Ints:
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for bucket, count in pairs:
        if not (0 <= bucket < BUCKETS and count > 0):
            raise ValueError(f"histogram: expected buckets from 0 to {BUCKETS - 1}, found {bucket} with count {count}")
        counts[bucket] += count
    return counts


def _of_length(values: list[Any], name: str) -> list[Any]:
    if len(values) != MOST:
        raise ValueError(f"windows.{name}: expected {MOST} windows, found {len(values)}")
    return values


def _series_state(series: Series) -> dict[str, Any]:
    values = {name: [_number(value) for value in column.tolist()] for name, column in series.values.items()}
    return {"t_s": series.t_s.tolist(), "values": values, "modelled": series.modelled}


def _series_of(state: Mapping[str, Any]) -> Series:
    times = np.array(state["t_s"], dtype=np.float64)
    values = {name: np.array([_float(v) for v in column]) for name, column in state["values"].items()}
    short = next((name for name, column in values.items() if len(column) != len(times)), None)
    if short is not None:
        raise ValueError(f"series {short}: {len(values[short])} values at {len(times)} times")
    return Series(times, values, state["modelled"])


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
