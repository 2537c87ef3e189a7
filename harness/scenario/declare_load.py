"""A load written back as the table it could have come from."""

from __future__ import annotations

from array import array
from typing import Any

from harness.scenario.model import (
    BurstLoad,
    ClosedLoad,
    ClosedRampLoad,
    Constant,
    Load,
    PhasedLoad,
    RampLoad,
    RateLoad,
    SpikesLoad,
    StepsLoad,
    TraceLoad,
    packed_times,
)
from harness.scenario.written import distribution, duration, rate

Document = dict[str, Any]


def load_document(load: Load) -> Document:
    """The table that declares `load`; one that was read from a file names the file."""
    document: Document = {"law": load.law, **_own(load)}
    spacing, cap = getattr(load, "spacing", "even"), getattr(load, "max_in_flight", None)
    think = getattr(load, "think", Constant(0.0))
    if think != Constant(0.0):
        document["think"] = distribution(think)
    if spacing != "even":
        document["spacing"] = spacing
    if cap is not None:
        document["max_in_flight"] = cap
    return document


# long: one way out for each law
def _own(load: Load) -> Document:  # noqa: PLR0911 - as said
    match load:
        case PhasedLoad(phases):
            return {"phases": [load_document(phase) for phase in phases]}
        case BurstLoad(sizes, every_s) if every_s is not None:
            return {"sizes": list(sizes), "every": duration(every_s)}
        case BurstLoad(sizes):
            return {"sizes": list(sizes), "after": "drain", "pause": duration(load.pause_s), "collect": load.collect}
        case ClosedLoad(in_flight):
            return {"in_flight": in_flight, **_end(load)}
        case ClosedRampLoad(low, high, duration_s):
            return {"from": low, "to": high, "duration": duration(duration_s)}
        case RateLoad(rate_per_s):
            return {"rate": rate(rate_per_s), **_end(load)}
        case RampLoad(from_per_s, to_per_s, duration_s):
            return {"from": rate(from_per_s), "to": rate(to_per_s), "duration": duration(duration_s)}
        case StepsLoad(steps):
            return {"steps": [{"rate": rate(step.rate_per_s), "duration": duration(step.duration_s)} for step in steps]}
        case SpikesLoad():
            lengths = {"length": load.length_s, "period": load.period_s, "duration": load.duration_s}
            rates = {"rate": rate(load.rate_per_s), "spike": rate(load.spike_per_s)}
            return rates | {key: duration(length_s) for key, length_s in lengths.items()}
        case TraceLoad():
            return _trace(load)


def _end(load: ClosedLoad | RateLoad) -> Document:
    if load.workflows is not None:
        return {"workflows": load.workflows}
    return {"duration": duration(load.duration_s or 0.0)}


def _trace(load: TraceLoad) -> Document:
    document: Document
    if load.file is not None:
        file = load.file
        columns = {"time_column": file.time_column, "type_column": file.type_column, "time_unit": file.time_unit}
        document = {"file": file.path, **{key: given for key, given in columns.items() if given not in (None, "s")}}
    else:
        document = {"due": [duration(time_s) for time_s in packed_times(load.due)]}
        if load.kinds:
            kinds = array("H")
            kinds.frombytes(load.kinds)
            document["types"] = [load.type_names[kind] for kind in kinds]
    if load.rate_factor != 1.0:
        document["rate_factor"] = load.rate_factor
    if load.duration_s is not None:
        document["duration"] = duration(load.duration_s)
    return document
