"""How far a simulation has come, for a view: read between two pieces of it, on its own thread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.measure.watch import Seen, sampled
from harness.plan.arrivals import Plan
from harness.plan.places import pools_of
from harness.simulate.forms import Form


def seen_of(form: Form, plan: Plan, error_kinds: Sequence[str]) -> Seen:
    """What can be seen of a form that has come back from `run`; `error_kinds` by the kernel's codes."""
    world = form.world()
    due_s, finished_s, outcome, error = form.ended_rows()
    counts = np.bincount(error + 1, minlength=1)[1:].tolist()
    return Seen(
        now_s=float(world.now),
        offered=int(world.offered),
        ended=len(due_s),
        in_flight=int(world.in_flight),
        errors={error_kinds[code]: count for code, count in enumerate(counts) if count},
        latency=sampled(due_s, finished_s, outcome),
        gauges=_queue_and_pool(form, plan),
    )


def _queue_and_pool(form: Form, plan: Plan) -> dict[str, float]:
    """Of all pools of agents together."""
    places = pools_of(plan.scenario)
    pools = [pool for pool, place in zip(form.pools(), places, strict=False) if place.kind == "agents"]
    return {
        "queue_depth": float(sum(pool.waiting for pool in pools)),
        "agents_busy": float(sum(pool.busy for pool in pools)),
        "pool_size": float(sum(pool.size for pool in pools)),
    }
