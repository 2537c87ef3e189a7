"""From the table of a load, whose shape the schema has accepted, to its record."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

from harness.scenario.model import (
    BurstLoad,
    ClosedLoad,
    ClosedRampLoad,
    Load,
    Phase,
    PhasedLoad,
    RampLoad,
    RateLoad,
    RateStep,
    SpikesLoad,
    StepsLoad,
    TraceFile,
    TraceLoad,
)
from harness.scenario.reading import Reading, Table, distribution
from harness.scenario.trace import Columns, trace_of_file
from harness.units import parse_duration, parse_rate


def build_load(where: str, table: Table, mix: tuple[str, ...], reading: Reading) -> Load:
    """The load declared at `where`; what is wrong with it is noted in `reading`. `mix` names the workflow types."""
    if table["law"] != "phases":
        return _phase(where, table, mix, reading)
    phases = enumerate(table["phases"])
    return PhasedLoad(
        tuple(_phase(f"{where}.phases[{k}]", phase, mix, reading) for k, phase in phases), table.get("max_in_flight")
    )


# long: one way out for each law
def _phase(where: str, table: Table, mix: tuple[str, ...], reading: Reading) -> Phase:  # noqa: PLR0911 - as said
    duration_s = reading.duration_or_none(where, table, "duration")
    cap = table.get("max_in_flight")
    ends: dict[str, Any] = {
        "workflows": int(table["workflows"]) if "workflows" in table else None,
        "duration_s": duration_s,
    }
    changing: dict[str, Any] = {"spacing": table.get("spacing", "even"), "max_in_flight": cap}

    def rate(key: str) -> float:
        return reading.quantity(parse_rate, f"{where}.{key}", table[key])

    match table["law"]:
        case "closed":
            return ClosedLoad(int(table["in_flight"]), **ends, think=_think(where, table, reading))
        case "closed_ramp":
            think = _think(where, table, reading)
            return ClosedRampLoad(int(table["from"]), int(table["to"]), duration_s or 0.0, think)
        case "burst":
            return _burst(where, table, cap, reading)
        case "ramp":
            return RampLoad(rate("from"), rate("to"), duration_s or 0.0, **changing)
        case "steps":
            return StepsLoad(_steps(f"{where}.steps", table, reading), **changing)
        case "spikes":
            length_s, period_s = (reading.duration(where, table, key) for key in ("length", "period"))
            return SpikesLoad(rate("rate"), rate("spike"), length_s, period_s, duration_s or 0.0, **changing)
        case "trace":
            return _trace(where, table, mix, reading)
        case law:
            return RateLoad(rate("rate"), law, **ends, max_in_flight=cap)


def _think(where: str, table: Table, reading: Reading) -> Any:
    return distribution(f"{where}.think", table.get("think", "0 s"), reading)


def _burst(where: str, table: Table, cap: int | None, reading: Reading) -> BurstLoad:
    return BurstLoad(
        sizes=tuple(int(size) for size in table["sizes"]),
        every_s=reading.duration_or_none(where, table, "every"),
        pause_s=reading.duration(where, table, "pause"),
        collect=table.get("collect", False),
        max_in_flight=cap,
    )


def _steps(where: str, table: Table, reading: Reading) -> tuple[RateStep, ...]:
    return tuple(
        RateStep(
            reading.quantity(parse_rate, f"{where}[{k}].rate", step["rate"]),
            reading.duration(f"{where}[{k}]", step, "duration"),
        )
        for k, step in enumerate(table["steps"])
    )


def _trace(where: str, table: Table, mix: tuple[str, ...], reading: Reading) -> TraceLoad:
    given: dict[str, Any] = {
        "rate_factor": float(table.get("rate_factor", 1.0)),
        "duration_s": reading.duration_or_none(where, table, "duration"),
        "max_in_flight": table.get("max_in_flight"),
    }
    if "file" not in table:
        texts = enumerate(table["due"])
        due = array("d", (reading.quantity(parse_duration, f"{where}.due[{k}]", text) for k, text in texts))
        types = table.get("types", [])
        names = tuple(dict.fromkeys(types))
        kinds = array("H", map(names.index, types))
        return TraceLoad(due.tobytes(), kinds.tobytes(), names, **given)
    columns = Columns(table.get("time_column"), table.get("type_column"), table.get("time_unit", "s"))
    trace, mistakes = trace_of_file(f"{where}.file", table["file"], reading.folder, columns, mix)
    reading.texts.extend(mistakes)
    seen = sorted(set(trace.kinds))
    names = tuple(trace.type_names[place] for place in seen)
    # by what occurs, not by what the mix could name: the same trace is the same record
    place_of = {place: new for new, place in enumerate(seen)}
    kinds = array("H", (place_of[place] for place in trace.kinds))
    path = str(((reading.folder or Path()) / table["file"]).absolute())
    file = TraceFile(path, columns.time, columns.type, columns.unit)
    return TraceLoad(trace.times.tobytes(), kinds.tobytes(), names, **given, file=file)
