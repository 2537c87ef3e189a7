"""From tables, whose shape the schema has accepted, to records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from harness.errors import DeclarationError, Mistake
from harness.scenario.build_load import build_load
from harness.scenario.build_policies import build_budget, build_cache, policies_of, pool_policies
from harness.scenario.model import (
    BASELINE_METRICS,
    BaselineLine,
    Pool,
    Retry,
    Scenario,
    Step,
    WorkflowType,
    step_policy_mistakes,
    type_mistakes,
)
from harness.scenario.reading import Reading, Table, distribution
from harness.units import parse_count, parse_duration, parse_rate, parse_ratio, parse_share, parse_size

__all__ = ["Reading", "Table", "build_scenario", "build_type"]

_LIMITS: Mapping[str, Callable[[object], float]] = {
    "share": parse_share,
    "duration": parse_duration,
    "size": parse_size,
    "rate": parse_rate,
    "count": parse_count,
    "ratio": parse_ratio,
}


def build_type(name: str, table: Table, reading: Reading) -> WorkflowType:
    """The workflow type of a `[workflow.NAME]` table; what is wrong with it is noted in `reading`."""
    where = f"workflow.{name}"
    steps = tuple(_step(f"{where}.steps[{k}]", step, reading) for k, step in enumerate(table["steps"]))
    kind = WorkflowType(name, steps, table.get("description", ""))
    reading.meanings.extend((*type_mistakes(kind), *step_policy_mistakes(kind)))
    return kind


def _step(where: str, table: Table, reading: Reading) -> Step:
    return Step(
        name=table["name"],
        pool=table.get("pool", "agents"),
        wait=distribution(f"{where}.wait", table.get("wait", "0 s"), reading),
        burn=distribution(f"{where}.burn", table.get("burn", "0 s"), reading),
        hold_b=int(reading.quantity(parse_size, f"{where}.hold", table.get("hold", "0 B"))),
        fail=reading.quantity(parse_share, f"{where}.fail", table.get("fail", "0 %")),
        timeout_s=reading.duration_or_none(where, table, "timeout"),
        cache=build_cache(f"{where}.cache", table["cache"], reading) if "cache" in table else None,
        connections=table.get("connections"),
        rate_limit=table.get("rate_limit"),
    )


def build_scenario(name: str, table: Table, types: Mapping[str, WorkflowType], reading: Reading) -> Scenario | None:
    """The scenario of a `[scenario.NAME]` table, or None where the record refuses it (noted in `reading`)."""
    where = f"scenario.{name}"
    parts: dict[str, Any] = {
        "load": build_load(f"{where}.load", table["load"], tuple(table["mix"]), reading),
        "types": tuple(types[kind] for kind in table["mix"] if kind in types),
        "mix": tuple((kind, float(weight)) for kind, weight in table["mix"].items()),
        "pools": tuple(_pool(f"{where}.pools.{pool}", pool, of, reading) for pool, of in table["pools"].items()),
        "retry": _retry(f"{where}.retry", table.get("retry", {}), reading),
        "timeout_s": reading.duration_or_none(where, table, "timeout"),
        "baseline": _baseline(f"{where}.baseline", table.get("baseline", {}), reading),
        **policies_of(where, table, reading),
    }
    if "warm_up" in table and isinstance(table["warm_up"], str):
        parts["warm_up_s"] = reading.duration(where, table, "warm_up")
    elif "warm_up" in table:
        parts["warm_up_workflows"] = int(table["warm_up"])
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


def _pool(where: str, name: str, table: Table, reading: Reading) -> Pool:
    queue = table.get("queue", "unbounded")
    return Pool(
        name=name,
        size=int(table["size"]),
        queue=None if queue == "unbounded" else int(queue),
        overflow=table.get("overflow", "reject"),
        wait_timeout_s=reading.duration_or_none(where, table, "wait_timeout"),
        **pool_policies(where, table, reading),
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
        budget=build_budget(f"{where}.budget", table["budget"], reading) if "budget" in table else None,
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
