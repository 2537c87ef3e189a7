"""What may not stand in a scenario's records. Each check yields every mistake it finds, with its path and its unit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.errors import Mistake
from harness.scenario.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Uniform,
)
from harness.scenario.parts import (
    BASELINE_METRICS,
    RETRYABLE,
    BaselineLine,
    Pool,
    Retry,
    WorkflowType,
)

LONGEST_S = 30 * 24 * 3600.0
"""No duration may be longer: 30 days."""

OVERFLOWS: tuple[str, ...] = ("reject", "drop_oldest", "block")

OPERATORS = ("<", "<=", ">", ">=", "=", "recorded")

UNKNOWN_TYPE = "an unknown workflow type"


def pool_mistakes(pool: Pool) -> Iterator[Mistake]:
    """Every mistake in a pool, each with its path below the scenario's table."""
    where = f"pools.{pool.name}"
    yield from count(f"{where}.size", pool.size, 1, 10**6)
    if pool.queue is not None:
        yield from count(f"{where}.queue", pool.queue, 0, 10**7)
    if pool.overflow not in OVERFLOWS:
        yield Mistake(f"{where}.overflow", repr(pool.overflow), f"one of {', '.join(OVERFLOWS)}")
    if pool.wait_timeout_s is not None:
        yield from between(f"{where}.wait_timeout", pool.wait_timeout_s, 1e-6, LONGEST_S, "s")


def type_mistakes(kind: WorkflowType) -> Iterator[Mistake]:
    """Every mistake in a workflow type, each with its path from the top of the file."""
    if not kind.steps:
        yield Mistake(f"workflow.{kind.name}.steps", "no step", "at least one step")
    for k, step in enumerate(kind.steps):
        where = f"workflow.{kind.name}.steps[{k}]"
        yield from distribution_mistakes(f"{where}.wait", step.wait)
        yield from distribution_mistakes(f"{where}.burn", step.burn)
        yield from count(f"{where}.hold", step.hold_b, 0, 2**50, "B")
        yield from between(f"{where}.fail", step.fail, 0, 1)
        if step.timeout_s is not None:
            yield from between(f"{where}.timeout", step.timeout_s, 1e-6, LONGEST_S, "s")


def distribution_mistakes(where: str, dist: Distribution) -> Iterator[Mistake]:
    """Every mistake in a distribution that stands at `where`."""
    match dist:
        case Constant(value_s):
            yield from between(where, value_s, 0, LONGEST_S, "s")
        case Uniform(low_s, high_s):
            yield from between(f"{where}.low", low_s, 0, LONGEST_S, "s")
            yield from between(f"{where}.high", high_s, low_s, LONGEST_S, "s")
        case Exponential(mean_s):
            yield from between(f"{where}.mean", mean_s, 1e-9, LONGEST_S, "s")
        case Lognormal(median_s, sigma):
            yield from between(f"{where}.median", median_s, 1e-9, LONGEST_S, "s")
            yield from between(f"{where}.sigma", sigma, 1e-6, 5)
        case Gamma(mean_s, shape):
            yield from between(f"{where}.mean", mean_s, 1e-9, LONGEST_S, "s")
            yield from between(f"{where}.shape", shape, 0.01, 1e6)
        case Empirical(quantiles_s):
            yield from _empirical_mistakes(where, quantiles_s)


def _empirical_mistakes(where: str, quantiles_s: tuple[float, ...]) -> Iterator[Mistake]:
    if len(quantiles_s) < 2:
        yield Mistake(f"{where}.quantiles", f"{len(quantiles_s)} values", "at least 2 (the minimum and the maximum)")
    for k, value in enumerate(quantiles_s):
        yield from between(f"{where}.quantiles[{k}]", value, quantiles_s[k - 1] if k else 0, LONGEST_S, "s")


def retry_mistakes(retry: Retry) -> Iterator[Mistake]:
    """Every mistake in a retry policy, each with its path below the scenario's table."""
    yield from count("retry.max_attempts", retry.max_attempts, 1, 1000)
    yield from between("retry.base", retry.base_s, 0, LONGEST_S, "s")
    yield from between("retry.factor", retry.factor, 1, 1000)
    yield from between("retry.cap", retry.cap_s, retry.base_s, LONGEST_S, "s")
    if retry.jitter not in ("full", "none"):
        yield Mistake("retry.jitter", repr(retry.jitter), "one of full, none")
    for k, ending in enumerate(retry.on):
        if ending not in RETRYABLE:
            yield Mistake(f"retry.on[{k}]", repr(ending), f"one of {', '.join(RETRYABLE)}")


def baseline_mistakes(baseline: Sequence[BaselineLine]) -> Iterator[Mistake]:
    """Every mistake in baseline lines, each with its path below the scenario's table."""
    for line in baseline:
        where = f"baseline.{line.metric}"
        if line.metric not in BASELINE_METRICS:
            yield Mistake(where, "an unknown metric", f"one of {', '.join(BASELINE_METRICS)}")
        if line.op not in OPERATORS:
            yield Mistake(where, f"the operator {line.op!r}", f"one of {' '.join(OPERATORS)}")
        if not math.isfinite(line.limit):
            yield Mistake(where, f"the limit {line.limit}", "a finite limit")


def reference_mistakes(
    name: str, types: Sequence[WorkflowType], mix: Sequence[tuple[str, float]], pools: Sequence[Pool]
) -> Iterator[Mistake]:
    """What does not fit together in scenario `name`: its mix, the types it names, the pools that their steps name."""
    yield from _mix_mistakes(types, mix)
    names = [pool.name for pool in pools]
    mixed = {kind for kind, weight in mix if weight > 0}
    for kind in types:
        for k, step in enumerate(kind.steps):
            if step.pool not in names:
                allowed = f"a pool of scenario {name} ({', '.join(names) or 'it has none'})"
                yield Mistake(f"workflow.{kind.name}.steps[{k}].pool", repr(step.pool), allowed)
    for pool in dict.fromkeys(names):
        if names.count(pool) > 1:
            yield Mistake(f"pools.{pool}", "two pools of this name", "one pool of each name")
    used = {step.pool for kind in types if kind.name in mixed for step in kind.steps}
    # where a type or a pool is unknown, what it was meant to be might use the others
    if mixed and mixed <= {kind.name for kind in types} and used <= set(names):
        for pool in dict.fromkeys(names):
            if pool not in used:
                yield Mistake(f"pools.{pool}", "no step of the mix that uses it", "a pool that some step uses")


def _mix_mistakes(types: Sequence[WorkflowType], mix: Sequence[tuple[str, float]]) -> Iterator[Mistake]:
    known = [kind.name for kind in types]
    for name in dict.fromkeys(known):
        if known.count(name) > 1:
            yield Mistake(f"mix.{name}", "two workflow types of this name", "one workflow type of each name")
    total = 0.0
    for name, weight in mix:
        if name not in known:
            yield Mistake(f"mix.{name}", UNKNOWN_TYPE, f"one of {', '.join(known) or 'none'}")
        if not 0 <= weight < math.inf:
            yield Mistake(f"mix.{name}", f"{weight:g}", "a weight that is finite and not negative")
        total += weight
    if total == 0:
        yield Mistake("mix", "weights that sum to zero", "at least one weight above zero")


def count(where: str, value: int, low: int, high: int, unit: str = "") -> Iterator[Mistake]:
    """What keeps `value` from being a whole number from `low` to `high`."""
    # records are also built by hand, where no schema stands before them, and True is an int to Python
    if not isinstance(value, int) or isinstance(value, bool):
        yield Mistake(where, repr(value), "a whole number")
        return
    yield from between(where, value, low, high, unit)


def between(where: str, value: float, low: float, high: float, unit: str = "") -> Iterator[Mistake]:
    """What keeps `value` from lying in [low, high]; not a number does not lie anywhere."""
    if not (low <= value <= high):
        shown = f" {unit}" if unit else ""
        yield Mistake(
            where, f"{_shown(value)}{shown}", f"at least {_shown(low)}{shown} and at most {_shown(high)}{shown}"
        )


def _shown(value: float) -> str:
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else "a number of more than 64 bits"
    return f"{value:.12g}"
