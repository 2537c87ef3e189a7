"""Cut a plan: what one of several workers drives of it, or what is left of a run that was cut off."""

from __future__ import annotations

import dataclasses

import numpy as np

from harness.errors import DeclarationError, Mistake
from harness.plan.arrivals import ClosedArrivals, DrainedBursts, OpenArrivals, Plan
from harness.plan.part import Part


def part_of(plan: Plan, part: Part) -> Plan:
    """What `part` drives of `plan`, by a clock that begins when the part does.

    Raises `DeclarationError` for a load that cannot be cut: bursts that wait for the one before to drain, and fewer
    workflows in flight than workers.
    """
    match plan.arrivals:
        case OpenArrivals() as load:
            arrivals: OpenArrivals | ClosedArrivals = _open_part(plan, load, part)
        case ClosedArrivals() as load:
            arrivals = _closed_part(plan, load, part)
        case DrainedBursts():
            raise _uncut(plan, "bursts, each of which waits for the one before to drain", 'bursts with "every"')
    return dataclasses.replace(plan, arrivals=arrivals, part=part)


def _open_part(plan: Plan, load: OpenArrivals, part: Part) -> OpenArrivals:
    mine = slice(part.first + part.worker, None, part.workers)
    cap = load.max_in_flight
    if cap is not None:
        _enough(plan, "max_in_flight", cap, part)
        cap = _share(cap, part)
    due_s = np.maximum(load.due_s[mine] - part.begin_s, 0.0)
    return dataclasses.replace(load, due_s=due_s, batch=load.batch[mine], max_in_flight=cap)


def _closed_part(plan: Plan, load: ClosedArrivals, part: Part) -> ClosedArrivals:
    in_flight, changes = load.in_flight, []
    for time_s, count in load.changes:
        if time_s <= part.begin_s:
            in_flight = count
        else:
            changes.append((time_s - part.begin_s, _share(count, part)))
    _enough(plan, "in_flight", max(in_flight, *(count for _, count in load.changes), 0), part)
    return dataclasses.replace(
        load,
        in_flight=_share(in_flight, part),
        total=None if load.total is None else _share(load.total - part.first, part),
        duration_s=None if load.duration_s is None else max(0.0, load.duration_s - part.begin_s),
        changes=tuple(changes),
    )


def _share(count: int, part: Part) -> int:
    """How many of `count`, dealt out one by one, are the worker's."""
    return max(0, -(-(count - part.worker) // part.workers))


def _enough(plan: Plan, name: str, count: int, part: Part) -> None:
    if count < part.workers:
        raise _uncut(plan, f"{name} = {count} and {part.workers} workers", f"at least one of {name} for each worker")


def _uncut(plan: Plan, found: str, allowed: str) -> DeclarationError:
    return DeclarationError("--workers", [Mistake(f"scenario.{plan.scenario.name}.load", found, allowed)])
