"""A scenario written back as the declaration it could have come from: `harness show` prints it, a user edits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from harness.scenario.model import (
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
    Retry,
    Scenario,
    Step,
    Uniform,
    WorkflowType,
)
from harness.units import DURATIONS_S, RATES_PER_S, SHARES, SIZES_B, parse_duration, parse_rate, parse_share, parse_size

Document = dict[str, Any]

_READABLE_DURATIONS = ("s", "ms", "us", "min", "h")


def declaration_of(scenario: Scenario) -> Document:
    """The document of `schemas/scenario.schema.json` that declares `scenario` and its workflow types.

    Loading it gives an equal scenario with the same digest: every quantity is written so that it reads back exactly.
    """
    body: Document = {"description": scenario.description} if scenario.description else {}
    if scenario.timeout_s is not None:
        body["timeout"] = duration(scenario.timeout_s)
    body |= {"run_timeout": duration(scenario.run_timeout_s), "cores": scenario.cores, "load": _load(scenario.load)}
    body["mix"] = dict(scenario.mix)
    body["pools"] = {pool.name: _pool(pool) for pool in scenario.pools}
    if scenario.retry != Retry():
        body["retry"] = _retry(scenario.retry)
    if scenario.baseline:
        body["baseline"] = {line.metric: line.text for line in scenario.baseline}
    # those of weight zero too: the mix names them, and a mix may only name what is declared
    types = {kind.name: _type(kind) for kind in scenario.types}
    return {"scenario": {scenario.name: body}, "workflow": types}


def duration(seconds: float) -> str:
    """The shortest text that reads back as exactly `seconds`."""
    return _shortest(seconds, {unit: DURATIONS_S[unit] for unit in _READABLE_DURATIONS}, parse_duration)


def size(size_b: int) -> str:
    """The shortest text that reads back as exactly `size_b` bytes."""
    return _shortest(size_b, SIZES_B, parse_size)


def rate(per_second: float) -> str:
    """The shortest text that reads back as exactly `per_second`."""
    return _shortest(per_second, RATES_PER_S, parse_rate)


def share(value: float) -> str:
    """The shortest text in per cent that reads back as exactly `value`."""
    # the product with 100 is rounded and may read back as a neighbour; the point moved in the decimal text does not
    return _shortest(value, SHARES, parse_share, f"{Decimal(repr(value)).scaleb(2)} %")


def _shortest(value: float, units: Mapping[str, Any], parse: Callable[[object], float], *more: str) -> str:
    texts = [f"{number} {unit}" for unit, scale in units.items() for number in _numbers(value / float(scale))]
    exact = [text for text in (*texts, *more) if parse(text) == value]
    return min(exact, key=len)


def _numbers(value: float) -> tuple[str, ...]:
    """Ways to write a number, rounded ones first; whether one reads back exactly is for the caller to try."""
    return (*(f"{value:.{digits}g}" for digits in (3, 6, 9, 12, 15)), repr(value).removesuffix(".0"))


def _load(load: Load) -> Document:
    document: Document = {"law": load.law}
    if isinstance(load, BurstLoad):
        document["sizes"] = list(load.sizes)
        if load.every_s is not None:
            return document | {"every": duration(load.every_s)}
        return document | {"after": "drain", "pause": duration(load.pause_s), "collect": load.collect}
    if isinstance(load, ClosedLoad):
        document["in_flight"] = load.in_flight
        if load.think_s:
            document["think"] = duration(load.think_s)
    else:
        document["rate"] = rate(load.rate_per_s)
    if load.workflows is not None:
        return document | {"workflows": load.workflows}
    return document | {"duration": duration(load.duration_s or 0.0)}


def _pool(pool: Pool) -> Document:
    document: Document = {"size": pool.size}
    if pool.queue is not None:
        document["queue"] = pool.queue
    document["overflow"] = pool.overflow
    if pool.wait_timeout_s is not None:
        document["wait_timeout"] = duration(pool.wait_timeout_s)
    return document


def _retry(retry: Retry) -> Document:
    return {
        "max_attempts": retry.max_attempts,
        "base": duration(retry.base_s),
        "factor": retry.factor,
        "cap": duration(retry.cap_s),
        "jitter": retry.jitter,
        "on": list(retry.on),
    }


def _type(kind: WorkflowType) -> Document:
    document: Document = {"description": kind.description} if kind.description else {}
    return document | {"steps": [_step(step) for step in kind.steps]}


def _step(step: Step) -> Document:
    document: Document = {"name": step.name, "pool": step.pool}
    if step.wait != Constant(0.0):
        document["wait"] = _distribution(step.wait)
    if step.burn != Constant(0.0):
        document["burn"] = _distribution(step.burn)
    if step.hold_b:
        document["hold"] = size(step.hold_b)
    if step.fail:
        document["fail"] = share(step.fail)
    if step.timeout_s is not None:
        document["timeout"] = duration(step.timeout_s)
    return document


def _distribution(dist: Distribution) -> str | Document:
    match dist:
        case Constant(value_s):
            return duration(value_s)
        case Uniform(low_s, high_s):
            return {"dist": "uniform", "low": duration(low_s), "high": duration(high_s)}
        case Exponential(mean_s):
            return {"dist": "exponential", "mean": duration(mean_s)}
        case Lognormal(median_s, sigma):
            return {"dist": "lognormal", "median": duration(median_s), "sigma": sigma}
        case Gamma(mean_s, shape):
            return {"dist": "gamma", "mean": duration(mean_s), "shape": shape}
        case Empirical(quantiles_s):
            return {"dist": "empirical", "quantiles": [duration(value_s) for value_s in quantiles_s]}
