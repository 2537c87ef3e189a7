"""`uses_of`: the uses of every resource that a run shows, from its rows where it has them, else from what was seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.measure.generator import GENERATOR_LIMITED
from harness.measure.record import Run
from harness.measure.uses import Latencies, ResourceUse, Uses, latencies_of, part
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
        each=(*_source(scenario, runs, latencies), *pools, *uses_of_process(runs)),
        rows=rows,
        carried_out=sum(int(of.counted.sum()) for of in latencies),
        in_flight=scenario.load.in_flight if isinstance(scenario.load, ClosedLoad) else None,
        generator=next((run.invalid for run in runs if run.invalid and GENERATOR_LIMITED in run.invalid), None),
        unseen=tuple(_unseen(runs, rows, pools, spent_s is not None)),
    )


def _source(scenario: Scenario, runs: Sequence[Run], latencies: Sequence[Latencies]) -> list[ResourceUse]:
    """The load's own cap on workflows in flight, or a full queue that holds the load back: where it held any."""
    held = [np.nan_to_num(run.workflows.held_s) for run in runs]
    pairs = [of.shares([one]) for one, of in zip(held, latencies, strict=True)]
    if not sum(mean for mean, _ in pairs):
        return []
    spent = [of.shares([of.spent_s]) for of in latencies]
    cap = getattr(scenario.load, "max_in_flight", None)
    return [
        ResourceUse(
            "source",
            "max_in_flight",
            size=cap,
            utilisation=None,
            working=None,
            of_mean=part(sum(mean for mean, _ in pairs), sum(mean for mean, _ in spent)),
            of_p95=part(sum(tail for _, tail in pairs), sum(tail for _, tail in spent)),
        )
    ]


def _unseen(runs: Sequence[Run], rows: bool, pools: Sequence[ResourceUse], totals: bool) -> list[str]:
    said = []
    if not rows and not any(one.kind == "agents" for one in pools):
        said.append(_NO_ROWS if totals else _NO_POOLS)
    if any(not run.generator.in_process for run in runs):
        said.append(_NO_LOOP)
    return said
