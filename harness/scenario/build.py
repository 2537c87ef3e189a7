"""From tables, whose shape the schema has accepted, to records."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from harness.errors import DeclarationError, Mistake, UnitError
from harness.scenario.model import (
    BASELINE_METRICS,
    BaselineLine,
    BurstLoad,
    ClosedLoad,
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Load,
    Lognormal,
    Pool,
    RateLoad,
    Retry,
    Scenario,
    Step,
    Uniform,
    WorkflowType,
    type_mistakes,
)
from harness.scenario.quantiles import quantiles_of_file
from harness.units import parse_count, parse_duration, parse_rate, parse_share, parse_size

Table = Mapping[str, Any]

Z95 = 1.6448536269514722
"""The 95 % quantile of the standard normal distribution."""

_LIMITS: Mapping[str, Callable[[object], float]] = {
    "share": parse_share,
    "duration": parse_duration,
    "size": parse_size,
    "rate": parse_rate,
    "count": parse_count,
}


class Reading:
    """One pass over a declaration: texts become quantities, and every mistake is kept with its path.

    `texts` holds the quantities that cannot be read, `meanings` what the records refuse. A stand-in takes the place of
    an unreadable quantity so that the pass goes on; where there are `texts`, `meanings` is not to be believed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.texts: list[Mistake] = []
        self.meanings: list[Mistake] = []

    def quantity(self, parse: Callable[[object], float], where: str, text: object) -> float:
        """The quantity `text` in its base unit; one that `parse` refuses is noted under `where`."""
        try:
            return parse(text)
        except UnitError as error:
            self.texts.append(Mistake(where, error.found, error.allowed))
            return 1.0

    def duration(self, where: str, table: Table, key: str, default: float = 0.0) -> float:
        """Seconds at `table[key]`, or `default` where the key is absent."""
        return self.quantity(parse_duration, f"{where}.{key}", table[key]) if key in table else default

    def duration_or_none(self, where: str, table: Table, key: str) -> float | None:
        """Seconds at `table[key]`, or None where the key is absent."""
        return self.duration(where, table, key) if key in table else None


def build_type(name: str, table: Table, reading: Reading) -> WorkflowType:
    """The workflow type of a `[workflow.NAME]` table; what is wrong with it is noted in `reading`."""
    where = f"workflow.{name}"
    steps = tuple(_step(f"{where}.steps[{k}]", step, reading) for k, step in enumerate(table["steps"]))
    kind = WorkflowType(name, steps, table.get("description", ""))
    reading.meanings.extend(type_mistakes(kind))
    return kind


def _step(where: str, table: Table, reading: Reading) -> Step:
    return Step(
        name=table["name"],
        pool=table.get("pool", "agents"),
        wait=_distribution(f"{where}.wait", table.get("wait", "0 s"), reading),
        burn=_distribution(f"{where}.burn", table.get("burn", "0 s"), reading),
        hold_b=int(reading.quantity(parse_size, f"{where}.hold", table.get("hold", "0 B"))),
        fail=reading.quantity(parse_share, f"{where}.fail", table.get("fail", "0 %")),
        timeout_s=reading.duration_or_none(where, table, "timeout"),
    )


def _distribution(where: str, value: str | Table, reading: Reading) -> Distribution:
    if isinstance(value, str):
        return Constant(reading.quantity(parse_duration, where, value))
    dist: Distribution
    match value["dist"]:
        case "constant":
            dist = Constant(reading.duration(where, value, "value"))
        case "uniform":
            dist = Uniform(reading.duration(where, value, "low"), reading.duration(where, value, "high"))
        case "exponential":
            dist = Exponential(reading.duration(where, value, "mean"))
        case "gamma":
            dist = Gamma(reading.duration(where, value, "mean"), float(value["shape"]))
        case "lognormal":
            dist = _lognormal(where, value, reading)
        case _:
            dist = _empirical(where, value, reading)
    return dist


def _lognormal(where: str, table: Table, reading: Reading) -> Lognormal:
    median_s = reading.duration(where, table, "median")
    if "sigma" in table:
        return Lognormal(median_s, float(table["sigma"]))
    p95_s = reading.duration(where, table, "p95")
    if not 0 < median_s < p95_s:
        reading.meanings.append(Mistake(f"{where}.p95", repr(table["p95"]), f"more than the median, {table['median']}"))
        return Lognormal(1.0, 1.0)
    # 12 digits: the last places of a library's logarithm differ between machines, and the digest must not
    return Lognormal(median_s, float(f"{math.log(p95_s / median_s) / Z95:.12g}"))


def _empirical(where: str, table: Table, reading: Reading) -> Empirical:
    if "file" in table:
        quantiles_s, mistakes = quantiles_of_file(f"{where}.file", table["file"], reading.folder)
        reading.texts.extend(mistakes)
        return Empirical(quantiles_s)
    texts = enumerate(table["quantiles"])
    return Empirical(tuple(reading.quantity(parse_duration, f"{where}.quantiles[{k}]", text) for k, text in texts))


def build_scenario(name: str, table: Table, types: Mapping[str, WorkflowType], reading: Reading) -> Scenario | None:
    """The scenario of a `[scenario.NAME]` table, or None where the record refuses it (noted in `reading`)."""
    where = f"scenario.{name}"
    parts: dict[str, Any] = {
        "load": _load(f"{where}.load", table["load"], reading),
        "types": tuple(types[kind] for kind in table["mix"] if kind in types),
        "mix": tuple((kind, float(weight)) for kind, weight in table["mix"].items()),
        "pools": tuple(_pool(f"{where}.pools.{pool}", pool, of, reading) for pool, of in table["pools"].items()),
        "retry": _retry(f"{where}.retry", table.get("retry", {}), reading),
        "timeout_s": reading.duration_or_none(where, table, "timeout"),
        "baseline": _baseline(f"{where}.baseline", table.get("baseline", {}), reading),
    }
    if "run_timeout" in table:
        parts["run_timeout_s"] = reading.duration(where, table, "run_timeout")
    if "cores" in table:
        parts["cores"] = int(table["cores"])
    try:
        return Scenario(name=name, description=table.get("description", ""), **parts)
    except DeclarationError as error:
        reading.meanings.extend(_from_the_top(where, mistake) for mistake in error.mistakes)
        return None


def _from_the_top(where: str, mistake: Mistake) -> Mistake:
    # the model gives paths below the scenario's table, and those of its workflow types from the top already
    if mistake.where.startswith("workflow."):
        return mistake
    return Mistake(f"{where}.{mistake.where}", mistake.found, mistake.allowed)


def _load(where: str, table: Table, reading: Reading) -> Load:
    workflows = int(table["workflows"]) if "workflows" in table else None
    duration_s = reading.duration_or_none(where, table, "duration")
    law = table["law"]
    if law == "closed":
        return ClosedLoad(int(table["in_flight"]), workflows, duration_s, reading.duration(where, table, "think"))
    if law == "burst":
        return BurstLoad(
            sizes=tuple(int(size) for size in table["sizes"]),
            every_s=reading.duration_or_none(where, table, "every"),
            pause_s=reading.duration(where, table, "pause"),
            collect=table.get("collect", False),
        )
    rate_per_s = reading.quantity(parse_rate, f"{where}.rate", table["rate"])
    return RateLoad(rate_per_s, law, workflows, duration_s)


def _pool(where: str, name: str, table: Table, reading: Reading) -> Pool:
    queue = table.get("queue", "unbounded")
    return Pool(
        name=name,
        size=int(table["size"]),
        queue=None if queue == "unbounded" else int(queue),
        overflow=table.get("overflow", "reject"),
        wait_timeout_s=reading.duration_or_none(where, table, "wait_timeout"),
    )


def _retry(where: str, table: Table, reading: Reading) -> Retry:
    default = Retry()
    return Retry(
        max_attempts=int(table.get("max_attempts", default.max_attempts)),
        base_s=reading.duration(where, table, "base", default.base_s),
        factor=float(table.get("factor", default.factor)),
        cap_s=reading.duration(where, table, "cap", default.cap_s),
        jitter=table.get("jitter", default.jitter),
        on=tuple(table.get("on", default.on)),
    )


def _baseline(where: str, table: Table, reading: Reading) -> tuple[BaselineLine, ...]:
    return tuple(_line(f"{where}.{metric}", metric, text, reading) for metric, text in table.items())


def _line(where: str, metric: str, text: str, reading: Reading) -> BaselineLine:
    if text.strip() == "recorded":
        return BaselineLine(metric, "recorded", 0.0, text)
    limit = text.lstrip("<>= ")
    op = text[: len(text) - len(limit)].strip()
    value = float(reading.quantity(_LIMITS[BASELINE_METRICS[metric]], where, limit))
    return BaselineLine(metric, cast(Literal["<", "<=", ">", ">=", "="], op), value, text)
