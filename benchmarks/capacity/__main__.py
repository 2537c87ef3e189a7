"""The table of docs/capacity.md: `python -m benchmarks.capacity [SEEDS]`, about a minute for 20 seeds."""

# ruff: noqa: T201 - a script that prints a table

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial

from benchmarks.capacity.planted import LIMITS, OPTIMUM, OTHERS, Contended, Hidden, limited, pool_of, search
from harness.judge.capacity.record import Capacity

_REPLICATIONS = 10


def line(what: str, planted: float, model: str, within: float, find: Callable[[int], Capacity], *, seeds: int) -> str:
    """One row: how many searches came within, the mean and the largest error, coverage, and what was named."""
    found = [find(seed) for seed in range(seeds)]
    knees = [one.knee for one in found if one.knee is not None]
    errors = [knee.in_flight / planted - 1 for knee in knees] or [float("nan")]
    close = sum(abs(error) <= within for error in errors)
    covered = sum((knee.low or 0) <= planted <= (knee.high or float("inf")) for knee in knees)
    right = sum(knee.model == model for knee in knees)
    causes = sorted({f"{one.cause.kind} {one.cause.name}".strip() for one in found})
    return (
        f"| {what} | {planted:g} | {close} of {seeds} | {100 * statistics.fmean(errors):+.2f} % "
        f"| {100 * max(map(abs, errors)):.2f} % | {covered} of {seeds} | {right} of {seeds} | {', '.join(causes)} |"
    )


def main() -> None:
    """Print the table."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    print("| planted | knee | close enough | mean error | largest | in the interval | right curve | named |")
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    for size in LIMITS:
        scenario = pool_of(size)
        print(
            line(
                "agent pool",
                size,
                "hard_limit",
                0.05,
                lambda seed, s=scenario: search(s, seed, _REPLICATIONS),
                seeds=seeds,
            )
        )
    for cause, knee in OTHERS:
        scenario = limited(cause, knee)
        find = partial(search, scenario, replications=_REPLICATIONS)
        print(line(cause.replace("_", " "), knee, "hard_limit", 0.05, find, seeds=seeds))
    scenario = pool_of(1)
    for size in LIMITS:
        how = {"target": lambda size=size: Hidden(size)}
        print(
            line(
                "pool not shown",
                size,
                "hard_limit",
                0.05,
                lambda seed, h=how: _black_box(scenario, seed, h),
                seeds=seeds,
            )
        )
    for sigma in (0.0, 0.02, 0.1):
        how = {"target": lambda sigma=sigma: Contended(sigma, noise=0.3)}
        what = f"contention, sigma {100 * sigma:g} %"
        print(line(what, OPTIMUM, "usl", 0.10, lambda seed, h=how: _black_box(scenario, seed, h), seeds=seeds))


def _black_box(scenario: object, seed: int, how: dict[str, object]) -> Capacity:
    make = how["target"]
    return search(scenario, seed, 3, {"target": make()})  # type: ignore[operator,arg-type]  # a table of lambdas


if __name__ == "__main__":
    main()
