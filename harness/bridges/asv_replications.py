"""The replications behind one asv benchmark class: run once, read by every metric of the class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from harness.bridges.seeds import parse_seeds, write_seeds
from harness.drive.clock import CLOCKS, ClockName
from harness.drive.opening import BUILTIN
from harness.errors import DeclarationError, Mistake, RunInvalidError, UnitError
from harness.execute import run
from harness.judge.observed import rejections_seen
from harness.measure.metrics import ReplicationMetrics, summarise
from harness.measure.record import Run
from harness.scenario.model import Scenario

DEFAULT_SEEDS = "0-9"
"""Ten replications: below that there are sizes at which asv's rank test can never fire (6 against 6, 5 against 7)."""

Samples = dict[str, list[float | None]]
"""A metric's name -> one value per replication, None where it is not observable."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the replications are run under. Two results compare only where all of it is the same."""

    target: str
    clock: ClockName
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        """`builtin virtual 0-9`."""
        return f"{self.target} {self.clock} {write_seeds(self.seeds)}"


def read_conditions(environment: Mapping[str, str], target: str, clock: str, seeds: str) -> Conditions:
    """The conditions given, each replaced by `HARNESS_TARGET`, `HARNESS_CLOCK` or `HARNESS_SEEDS` where that is set.

    Raises `DeclarationError` that names every variable that says what it may not say.
    """
    mistakes = []
    chosen = environment.get("HARNESS_CLOCK") or clock
    if chosen not in CLOCKS:
        mistakes.append(Mistake("HARNESS_CLOCK", repr(chosen), f"one of {', '.join(CLOCKS)}"))
    try:
        numbers = parse_seeds(environment.get("HARNESS_SEEDS") or seeds)
    except UnitError as error:
        mistakes.append(Mistake("HARNESS_SEEDS", error.found, error.allowed))
    if mistakes:
        raise DeclarationError("environment", mistakes)
    on: ClockName = chosen  # type: ignore[assignment]  # CLOCKS holds the values of ClockName
    return Conditions(environment.get("HARNESS_TARGET") or target or BUILTIN, on, numbers)


def replicate(scenario: Scenario, conditions: Conditions, benchmark_dir: str | None = None) -> Samples:
    """Run `scenario` once per seed; one sample per replication for each headline metric.

    On a clock that takes real time, each replication has a process to itself: memory over its start means little in a
    process that holds what the replication before it gave back. `benchmark_dir` is asv's folder of benchmarks, which
    targets may be imported from. Raises `RunInvalidError` where a replication did not run to its end.
    """
    runs = (
        _together(scenario, conditions)
        if conditions.clock == "virtual"
        else _apart(scenario, conditions, benchmark_dir)
    )
    each: list[ReplicationMetrics] = []
    seen = True
    for done in runs:
        if done.stopped:
            raise RunInvalidError(f"{scenario.name}, seed {done.seed}: stopped early: {done.stopped}")
        metrics = summarise(scenario, [done])
        each.extend(metrics.replications)
        seen = seen and rejections_seen(scenario, metrics)
    samples: Samples = {name: [getattr(one, name) for one in each] for name in _FIGURES}
    if not seen:
        samples["rejection_rate"] = [None] * len(each)
    return samples


_FIGURES = tuple(
    name for name in ReplicationMetrics.__dataclass_fields__ if name not in {"seed", "offered", "succeeded"}
)


def _together(scenario: Scenario, conditions: Conditions) -> Iterator[Run]:
    for seed in conditions.seeds:
        yield run(scenario, target=conditions.target, clock=conditions.clock, seed=seed)


def _apart(scenario: Scenario, conditions: Conditions, benchmark_dir: str | None) -> Iterator[Run]:
    # a fresh interpreter, not a fork: a fork starts with its parent's memory, threads and locks
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for seed in conditions.seeds:
            yield pool.submit(_alone, scenario, conditions, seed, benchmark_dir).result()


def _alone(scenario: Scenario, conditions: Conditions, seed: int, benchmark_dir: str | None) -> Run:
    if benchmark_dir is not None:
        # asv's own way to make its benchmarks importable; it has no types
        from asv_runner._aux import update_sys_path  # type: ignore[import-untyped]  # noqa: PLC0415

        update_sys_path(benchmark_dir)
    return run(scenario, target=conditions.target, clock=conditions.clock, seed=seed)


def conditions_from_environment(target: str, clock: str, seeds: str) -> Conditions:
    """`read_conditions` of this process's environment, which asv hands on to every process it starts."""
    return read_conditions(os.environ, target, clock, seeds)
