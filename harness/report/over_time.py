"""The report's blocks of what happened over time, and of the latency's whole distribution: what a page draws.

Figures that no sum is taken of have six significant digits: more than a plot can show, a third of the bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from harness.measure.cut import Level
from harness.measure.latency_curve import LatencyCurve, latency_curve
from harness.measure.over_time import LatencyOverTime, OverTime, over_time
from harness.measure.pools_over_time import PoolOverTime
from harness.measure.record import Run
from harness.measure.totals.over_time import totals_curve, totals_over_time
from harness.measure.totals.record import Totals
from harness.measure.warm_up import counted_part
from harness.report.figures import text
from harness.scenario.model import Scenario

MOST_POOLS = 8


def quantiles_block(scenario: Scenario, kept: Sequence[Run | Totals]) -> dict[str, Any]:
    """`{"quantiles": {…}}` of the latencies of all replications without warm-up; empty where there is none."""
    totals = [one for one in kept if isinstance(one, Totals)]
    rows = [counted_part(scenario, one) for one in kept if isinstance(one, Run)]
    found = totals_curve(totals) if totals else latency_curve(rows)
    return {} if found is None else {"quantiles": _quantiles(found)}


def _quantiles(curve: LatencyCurve) -> dict[str, Any]:
    return {
        "levels": list(curve.levels),
        "values_s": rounded(one.value for one in curve.quantiles),
        "low_s": rounded(one.low for one in curve.quantiles),
        "high_s": rounded(one.high for one in curve.quantiles),
    }


def over_time_block(scenario: Scenario, first: Run | Totals) -> dict[str, Any]:
    """`{"over_time": {…}}` of the first replication; empty where it took no time or offered nothing."""
    found = totals_over_time(scenario, first) if isinstance(first, Totals) else over_time(scenario, first)
    return {} if found is None else {"over_time": _over_time(found)}


def _over_time(seen: OverTime) -> dict[str, Any]:
    pools = _most_telling(seen.pools)
    block: dict[str, Any] = {
        "seed": seen.seed,
        "window_s": seen.window_s,
        "windows": seen.windows,
        "warm_up_until_s": seen.warm_up_until_s,
        "outcomes": {name: counts.tolist() for name, counts in seen.outcomes.items()},
        "latency_s": _latency(seen.latency),
        "pools": [_pool(one) for one in pools],
    }
    if len(pools) < len(seen.pools):
        block["pools_left_out"] = len(seen.pools) - len(pools)
    if seen.offered is not None:
        block["offered"] = seen.offered.tolist()
    if seen.in_flight is not None:
        block["in_flight"] = _level(seen.in_flight)
    if seen.outliers_s is not None:
        block["outliers"] = {"t_s": rounded(seen.outliers_s[0]), "latency_s": rounded(seen.outliers_s[1])}
    return block


def _latency(latency: LatencyOverTime) -> dict[str, Any]:
    figures = {name: rounded(getattr(latency, name)) for name in ("min", "p50", "p95", "max")}
    return {"count": latency.count.tolist(), **figures}


def _most_telling(pools: Sequence[PoolOverTime]) -> list[PoolOverTime]:
    """At most `MOST_POOLS`: those for which most waited, then those that were fullest, in the order of the run."""

    def tells(k: int) -> tuple[float, float]:
        waiting, busy, size = pools[k].waiting, pools[k].busy, pools[k].size
        waited = 0.0 if waiting is None else float(np.nansum(waiting.mean))
        used = 0.0 if busy is None else float(np.nansum(busy.mean))
        return waited, used / max(1.0, 1.0 if size is None else float(np.nansum(size)))

    chosen = sorted(range(len(pools)), key=lambda k: (*(-one for one in tells(k)), k))[:MOST_POOLS]
    return [pools[k] for k in sorted(chosen)]


def _pool(pool: PoolOverTime) -> dict[str, Any]:
    return {
        "name": text(pool.name),
        "kind": pool.kind,
        "busy": None if pool.busy is None else _level(pool.busy),
        "waiting": None if pool.waiting is None else _level(pool.waiting),
        "size": None if pool.size is None else rounded(pool.size),
    }


def _level(level: Level) -> dict[str, Any]:
    return {"mean": rounded(level.mean), "max": rounded(level.max)}


def rounded(values: Iterable[float | None]) -> list[float | int | None]:
    """Each value with six significant digits, a whole number as it is, None for what is not finite."""
    return [_rounded(value) for value in values]


def _rounded(value: float | None) -> float | int | None:
    if value is None or not math.isfinite(value):
        return None
    if value == int(value):
        return int(value)
    short = float(f"{value:.6g}")
    return int(short) if short == int(short) else short
