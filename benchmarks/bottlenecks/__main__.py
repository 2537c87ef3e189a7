"""Reproduce the table of bottlenecks: causes planted by seed, what was named, and whether relieving it helps."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.bottlenecks.planted import CAUSES, Planted, planted
from benchmarks.bottlenecks.real import loop_table
from benchmarks.bottlenecks.relief import all_relieved, others, p95_of_offered, relieved
from harness.drive.clock import ClockName
from harness.judge.bottleneck.limiting import limiting
from harness.measure.estimates import share
from harness.scenario.model import Scenario
from harness.simulate.simulator import AgentLoadSimulator

OUTCOMES = (*CAUSES, "other pool")


def named(case: Planted, seed: int) -> str:
    """The cause that is named; another pool than the planted one is `other pool`."""
    found = limiting(case.scenario, [AgentLoadSimulator(case.scenario).run(seed)])
    pool = case.cause in ("agent_pool", "named_pool") and found.cause in ("agent_pool", "named_pool")
    return "other pool" if pool and found.name != case.name else found.cause


def main() -> int:
    """Print (or write) the confusion table and the effect of relief."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenarios", type=int, default=200, help="random scenarios for each cause")
    parser.add_argument(
        "--relief", type=int, default=50, help="scenarios for each cause in which each part is relieved"
    )
    parser.add_argument("--hybrid", type=int, default=20, help="event loops for each row on the hybrid clock")
    parser.add_argument("--wall", type=int, default=8, help="event loops for each row on the wall clock")
    parser.add_argument("--seed", type=int, default=1_000_000, help="the first seed")
    parser.add_argument("--out", type=Path, help="a Markdown file; without it, standard output")
    given = parser.parse_args()
    lines: list[str] = []
    for line in _tables(given):
        lines.append(line)
        print(line, file=sys.stderr if given.out else sys.stdout, flush=True)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _tables(given: argparse.Namespace) -> Iterator[str]:
    if given.scenarios:
        yield from _confusion(given.scenarios, given.seed)
    if given.relief:
        yield from _relief(given.relief, given.seed)
    loops: dict[ClockName, int] = {"hybrid": given.hybrid, "wall": given.wall}
    if any(loops.values()):
        yield from loop_table({clock: count for clock, count in loops.items() if count}, given.seed)


def _confusion(count: int, first: int) -> Iterator[str]:
    yield f"| planted ({count} each, seeds from {first}) | right | 95 % interval | named instead |"
    yield "| :-- | --: | --: | :-- |"
    for cause in CAUSES:
        found = Counter(named(planted(cause, seed), seed) for seed in range(first, first + count))
        right = share(found[cause], count)
        wrong = ", ".join(f"{found[one]} {one}" for one in found if one != cause) or "-"
        value, low, high = (100 * (of or 0.0) for of in (right.value, right.low, right.high))
        yield f"| {cause} | {value:.1f} % | {low:.1f} to {high:.1f} % | {wrong} |"


def _relief(count: int, first: int) -> Iterator[str]:
    yield ""
    yield f"| planted ({count} each) | p95 with four times as much of it | of whatever else helps most |"
    yield "| :-- | --: | --: |"
    for cause in CAUSES:
        mine, best = [], []
        for seed in range(first, first + count):
            case = planted(cause, seed)
            before = _p95(case.scenario, seed)
            better = all_relieved(case.scenario) if cause == "none" else relieved(case.scenario, cause, case.name)
            mine.append(_ratio(_p95(better, seed), before))
            instead = [] if cause == "none" else others(case.scenario, cause, case.name)
            tried = (_ratio(_p95(relieved(case.scenario, *one), seed), before) for one in instead)
            best.append(min(tried, default=1.0))
        helped, at_most, at_least = median(mine), max(mine), min(best)
        yield f"| {cause} | {helped:.2f} (at most {at_most:.2f}) | {median(best):.2f} (at least {at_least:.2f}) |"


def _p95(scenario: Scenario, seed: int) -> float:
    return p95_of_offered(AgentLoadSimulator(scenario).run(seed))


def _ratio(after: float, before: float) -> float:
    """What is left of a p95; of one that was infinite, nothing where it has become finite."""
    if before == float("inf"):
        return 1.0 if after == before else 0.0
    return after / before


if __name__ == "__main__":
    sys.exit(main())
