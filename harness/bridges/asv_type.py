"""The type of benchmark that asv needs for `ScenarioSuite`: it takes samples, and keys its cache by class.

asv keys what `setup_cache` returns by module and line, so that classes which inherit one `setup_cache` would all read
the results of the first. Here the key is the class.
"""

from __future__ import annotations

import re
from typing import Any

import asv_runner.benchmarks as _asv  # type: ignore[import-untyped]  # no types
from asv_runner.benchmarks._base import Benchmark  # type: ignore[import-untyped]  # no types
from asv_runner.benchmarks.mark import SkipNotImplemented  # type: ignore[import-untyped]  # no types

from harness.bridges.asv_suite import HEADLINES, ScenarioSuite


class LoadBenchmark(Benchmark):  # type: ignore[misc]  # its base has no types
    """One headline metric of one `ScenarioSuite`; its value is one sample per replication."""

    # whole names, so that no function of a user's own is taken for one of these
    name_regex = re.compile("|".join(f"^{headline.benchmark}$" for headline in HEADLINES))

    def __init__(self, name: str, func: Any, attr_sources: list[Any]) -> None:
        super().__init__(name, func, attr_sources)
        suite = getattr(func, "__self__", None)
        if not isinstance(suite, ScenarioSuite):
            raise TypeError(f"{name}: expected a method of a subclass of ScenarioSuite, found {func!r}")
        self.type = "load"
        self.unit = func.unit
        # a second round would read the same replications again and call them new samples
        self.rounds = 1
        self.setup_cache_key = f"{type(suite).__module__.partition('.')[2]}.{type(suite).__qualname__}"
        self.setup_cache_timeout = suite.run_timeout_s

    def run(self, *params: Any) -> object:
        """The samples; a metric that is not observable is skipped, which asv shows as n/a."""
        result = self.func(*params)
        if result is None:
            raise SkipNotImplemented(f"{self.name} is not observable on this target or clock")
        return result


def register() -> None:
    """Make asv know the type, in this process; called from `benchmarks/__init__.py`, which asv imports first."""
    if LoadBenchmark not in _asv.benchmark_types:
        _asv.benchmark_types.insert(0, LoadBenchmark)
