"""`uses_of`: the uses of every resource that a run shows, from its rows where it has them, else from what was seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.measure.generator import GENERATOR_LIMITED
from harness.measure.record import Run
from harness.measure.uses import Latencies, ResourceUse, Uses, latencies_of, part, window_of
from harness.measure.uses_rows import uses_of_rows
from harness.measure.uses_seen import uses_of_process, uses_seen
from harness.scenario.model import ClosedLoad, Scenario

_NO_POOLS = "its agent pools and queues are not seen (the target shows no gauges)"
_NO_ROWS = "its agent pools and queues are not seen (no rows were kept, and there are no gauges)"
_NO_LOOP = "its event loop and CPU are not seen (it is another process)"


def uses_of(scenario: Scenario, runs: Sequence[Run], spent_s: Sequence[float] | None = None) -> Uses:
    """The uses in `runs`, at least one; `spent_s` sums each run's latencies where runs have no rows of them."""
    latencies = latencies_of(runs)
    rows = any(len(run.attempts) for run in runs)
    spent = [float(of.spent_s[of.counted].sum()) for of in latencies] if spent_s is None else spent_s
    name = scenario.pools[0].name if len(scenario.pools) == 1 else "target"
    pools = uses_of_rows(scenario, runs, latencies) if rows else uses_seen(runs, latencies, spent, name)
    return Uses(
        each=(*_source(scenario, runs, latencies, pools), *pools, *uses_of_process(runs)),
        rows=rows,
        carried_out=sum(int(of.counted.sum()) for of in latencies),
        in_flight=scenario.load.in_flight if isinstance(scenario.load, ClosedLoad) else None,
        generator=next((run.invalid for run in runs if run.invalid and GENERATOR_LIMITED in run.invalid), None),
        unseen=tuple(_unseen(runs, rows, pools, spent_s is not None)),
    )


def _source(
    scenario: Scenario, runs: Sequence[Run], latencies: Sequence[Latencies], within: Sequence[ResourceUse]
) -> list[ResourceUse]:
    """The load's own cap on workflows in flight, or a full queue that holds the load back: where it held any.

    `within` is what those in flight may wait for: of the cap, only who waits for none of it is at work. A load that is
    held back without a cap is held back by a queue, and all of its waits are for what is within.
    """
    held = [np.nan_to_num(run.workflows.held_s) for run in runs]
    pairs = [of.shares([one]) for one, of in zip(held, latencies, strict=True)]
    held_s = sum(mean for mean, _ in pairs)
    if not held_s:
        return []
    spent = [of.shares([of.spent_s]) for of in latencies]
    of_mean = part(held_s, sum(mean for mean, _ in spent))
    cap = getattr(scenario.load, "max_in_flight", None)
    used = None if cap is None else part(sum(map(_in_flight_s, runs)), cap * sum(map(_length_s, runs)))
    waiting = part(sum(one.of_mean or 0.0 for one in within), 1.0 - of_mean)
    return [
        ResourceUse(
            "source",
            "max_in_flight",
            size=cap,
            utilisation=used,
            working=None if used is None else used * (1.0 - waiting),
            of_mean=of_mean,
            of_p95=part(sum(tail for _, tail in pairs), sum(tail for _, tail in spent)),
        )
    ]


def _length_s(run: Run) -> float:
    begin, end = window_of(run)
    return end - begin


def _in_flight_s(run: Run) -> float:
    """Seconds of workflows in flight, within the window."""
    rows = run.workflows
    begun = ~np.isnan(rows.started_s)
    finished = np.where(np.isnan(rows.finished_s), run.ended_s, rows.finished_s)[begun]
    begin, end = window_of(run)
    return float((np.clip(finished, begin, end) - np.clip(rows.started_s[begun], begin, end)).sum())


def _unseen(runs: Sequence[Run], rows: bool, pools: Sequence[ResourceUse], totals: bool) -> list[str]:
    said = []
    if not rows and not any(one.kind == "agents" for one in pools):
        said.append(_NO_ROWS if totals else _NO_POOLS)
    if any(not run.generator.in_process for run in runs):
        said.append(_NO_LOOP)
    return said
