"""From a `[provider]` table to a `Provider`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import DeclarationError, Mistake
from harness.provider.declaration import Capacity, Faults, Latency, Limit, Provider
from harness.scenario.model import Constant, Distribution, Empirical, Lognormal, Uniform
from harness.scenario.reading import Z95, Reading, Table, distribution
from harness.schema import schema_mistakes
from harness.units import parse_rate, parse_share

_MINUTE_S = 60.0


def build_provider(document: Mapping[str, Any], source: str, folder: Path | None = None) -> Provider:
    """The provider that a document with a `[provider]` table declares.

    `source` names it for people, files are looked for in `folder`. Raises `DeclarationError` with every mistake.
    """
    _refuse(source, schema_mistakes("provider", document))
    table, reading = document["provider"], Reading(folder)
    parts: dict[str, Any] = {
        "seed": table.get("seed", 0),
        "models": tuple(table.get("models", ())),
        "latency": _latency(table.get("latency", {}), reading),
        "capacity": _capacity(table.get("capacity", {})),
        "requests": _limit("requests", table.get("limits", {}), reading),
        "tokens": _limit("tokens", table.get("limits", {}), reading),
        "faults": _faults(table.get("faults", {}), reading),
    }
    _refuse(source, reading.texts)
    try:
        provider = Provider(**parts)
    except DeclarationError as error:
        below = [Mistake(f"provider.{one.where}", one.found, one.allowed) for one in error.mistakes]
        raise DeclarationError(source, [*reading.meanings, *below]) from None
    _refuse(source, reading.meanings)
    return provider


def _refuse(source: str, mistakes: list[Mistake]) -> None:
    if mistakes:
        raise DeclarationError(source, mistakes)


def _latency(table: Table, reading: Reading) -> Latency:
    default, where = Latency(), "provider.latency"
    per_token: Distribution = default.per_token
    if "tokens_per_second" in table:
        per_token = Constant(1 / table["tokens_per_second"])
    elif "time_per_token" in table:
        per_token = distribution(f"{where}.time_per_token", table["time_per_token"], reading)
    first = table.get("first_token")
    return Latency(
        first_token=default.first_token if first is None else distribution(f"{where}.first_token", first, reading),
        per_token=per_token,
        output_tokens=_tokens(table.get("output_tokens"), reading) or default.output_tokens,
    )


def _tokens(value: Any, reading: Reading) -> Distribution | None:
    if value is None or not isinstance(value, Mapping):
        return None if value is None else Constant(float(value))
    match value["dist"]:
        case "uniform":
            return Uniform(float(value["low"]), float(value["high"]))
        case "empirical":
            return Empirical(tuple(map(float, value["quantiles"])))
    median = float(value["median"])
    if "sigma" in value:
        return Lognormal(median, float(value["sigma"]))
    if value["p95"] <= median:
        allowed = f"more than the median, {value['median']}"
        reading.meanings.append(Mistake("provider.latency.output_tokens.p95", str(value["p95"]), allowed))
        return None
    return Lognormal(median, math.log(value["p95"] / median) / Z95)


def _capacity(table: Table) -> Capacity:
    queue = table.get("queue", "unbounded")
    return Capacity(
        table.get("concurrent"), None if queue == "unbounded" else queue, table.get("overflow", Capacity().overflow)
    )


def _limit(name: str, table: Table, reading: Reading) -> Limit | None:
    where, burst = f"provider.limits.{name}", table.get(f"{name}_burst")
    if name not in table:
        if burst is not None:
            reading.meanings.append(Mistake(f"{where}_burst", f"{name}_burst without {name}", f"it only beside {name}"))
        return None
    rate_per_s = reading.quantity(parse_rate, where, table[name])
    return Limit(rate_per_s, max(1.0, rate_per_s * _MINUTE_S) if burst is None else float(burst))


def _faults(table: Table, reading: Reading) -> Faults:
    default, where = Faults(), "provider.faults"
    errors = tuple(
        (int(status), reading.quantity(parse_share, f"{where}.errors.{status}", share))
        for status, share in table.get("errors", {}).items()
    )
    return Faults(
        errors=errors,
        stall=reading.quantity(parse_share, f"{where}.stall", table.get("stall", "0 %")),
        stall_for=distribution(f"{where}.stall_for", table["stall_for"], reading)
        if "stall_for" in table
        else default.stall_for,
        cut=reading.quantity(parse_share, f"{where}.cut", table.get("cut", "0 %")),
    )
