"""Load scenarios as asv benchmarks: declare a class with a `scenario`, and it has one benchmark per headline metric.

    # benchmarks/__init__.py
    from harness.bridges import asv_type as _asv_type
    _asv_type.register()

    # benchmarks/load.py
    from harness.bridges.asv_suite import ScenarioSuite as _ScenarioSuite

    class TenInFlight(_ScenarioSuite):
        scenario = "test_10_concurrent_workflows"
        target = "my_app.flows:handle"

The clock is `virtual` unless a class or `HARNESS_CLOCK` says otherwise: latencies are then exact, so that any
difference between two commits is real, and the eight scenarios take seconds. What that clock does not show (CPU time of
the driver) is skipped there and measured with `HARNESS_CLOCK=wall`; memory is the model's there, and real on the wall
clock. `HARNESS_TARGET` and `HARNESS_SEEDS` (`0-9`) replace what the classes say, too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from harness.bridges.asv_replications import (
    DEFAULT_SEEDS,
    Conditions,
    Samples,
    conditions_from_environment,
    replicate,
)
from harness.errors import NotEnoughError
from harness.scenario.load import find_scenario, load_scenarios
from harness.scenario.model import Scenario

PREFIX = "load_"
_START_UP_S = 60.0


@dataclass(frozen=True, slots=True)
class Headline:
    """One metric as asv shows it. `unit` is one that asv scales (`seconds`, `bytes`) or a word. Lower is better."""

    name: str
    figure: str
    words: str
    unit: str

    @property
    def benchmark(self) -> str:
        """The name of its benchmark method."""
        return PREFIX + self.name


HEADLINES = (
    Headline("latency_p50", "latency_p50_s", "latency p50", "seconds"),
    Headline("latency_p95", "latency_p95_s", "latency p95", "seconds"),
    Headline("latency_p99", "latency_p99_s", "latency p99", "seconds"),
    Headline("makespan", "makespan_s", "makespan", "seconds"),
    # asv knows only "lower is better", so throughput is turned over
    Headline("seconds_per_workflow", "seconds_per_workflow", "makespan per succeeded workflow", "seconds"),
    Headline("error_rate", "error_rate", "error rate", "share"),
    Headline("rejection_rate", "rejection_rate", "rejection rate", "share"),
    Headline("memory_over_start", "memory_over_start_b", "peak memory over its start", "bytes"),
    Headline("driver_cpu_per_workflow", "driver_cpu_per_workflow_s", "driver CPU per workflow", "seconds"),
)


class ScenarioSuite:
    """Base of a benchmark class. A subclass names its `scenario`; all else has a default.

    `file` is a TOML file of scenarios (None: the built-in catalog of the harness under test); the other attributes are
    those of `harness run`. Methods that asv would take for benchmarks exist only in subclasses, so that importing this
    class, under whatever name, adds none.
    """

    scenario: ClassVar[str] = ""
    file: ClassVar[Path | str | None] = None
    target: ClassVar[str] = "builtin"
    clock: ClassVar[str] = "virtual"
    seeds: ClassVar[str] = DEFAULT_SEEDS
    timeout: ClassVar[float] = 120.0
    """Seconds for reading one metric; the replications themselves have `run_timeout_s`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give a class that names a scenario one benchmark per headline metric."""
        super().__init_subclass__(**kwargs)
        if cls.scenario:
            for headline in HEADLINES:
                setattr(cls, headline.benchmark, _benchmark(cls, headline))

    def setup_cache(self) -> Samples:
        """Run the replications, once for all metrics of the class; asv keeps what is returned for their processes."""
        return replicate(self.declared, self.conditions, _benchmark_dir(type(self)))

    @property
    def declared(self) -> Scenario:
        """The scenario. Raises `DeclarationError` where there is none of that name."""
        return _find(None if self.file is None else Path(self.file), self.scenario)

    @property
    def conditions(self) -> Conditions:
        """Target, clock and seeds, the environment's first."""
        return conditions_from_environment(self.target, self.clock, self.seeds)

    @property
    def version(self) -> str:
        """What asv compares before it compares two results: the scenario's digest and the conditions."""
        return f"{self.declared.digest} {self.conditions}"

    @property
    def run_timeout_s(self) -> float:
        """Seconds after which asv ends the replications."""
        return (self.declared.run_timeout_s + _START_UP_S) * len(self.conditions.seeds)


def asv_samples(samples: Samples, headline: Headline) -> dict[str, object] | None:
    """What asv takes as the samples of one benchmark, one per replication; None where the metric is not observable.

    Raises `NotEnoughError` where only some replications have it: leaving the others out would favour the better ones.
    """
    values = samples[headline.figure]
    missing = values.count(None)
    if missing == len(values):
        return None
    if missing:
        raise NotEnoughError(f"{headline.words}: {missing} of {len(values)} replications do not have it")
    return {"samples": values, "number": 1}


def _benchmark(cls: type[ScenarioSuite], headline: Headline) -> Callable[..., object]:
    def benchmark(self: ScenarioSuite, samples: Samples) -> object:  # noqa: ARG001 - a method, for asv
        return asv_samples(samples, headline)

    benchmark.__name__ = headline.benchmark
    benchmark.__qualname__ = f"{cls.__qualname__}.{headline.benchmark}"
    benchmark.__module__ = cls.__module__
    benchmark.__doc__ = f"{headline.words} of {cls.scenario}"
    vars(benchmark).update(
        pretty_name=f"{cls.scenario}: {headline.words}",
        pretty_source=f"{headline.words}, one sample per replication of: harness run {cls.scenario}",
        unit=headline.unit,
    )
    return benchmark


def _benchmark_dir(cls: type[ScenarioSuite]) -> str | None:
    package = sys.modules.get(cls.__module__.partition(".")[0])
    return str(Path(package.__file__).parent) if package is not None and package.__file__ else None


@cache
def _find(file: Path | None, name: str) -> Scenario:
    return find_scenario(load_scenarios(file), name)
