"""The replications of one scenario as the rounds of a benchmark plugin, each timed by its makespan.

pytest-benchmark reads a timer before and after each round. The timer it is given here shows the makespan of the
replication that was just run, so that what it records is seconds of the run's own clock: virtual seconds on a virtual
clock, and on the wall clock no start-up of the loop and no reading out of the monitor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from harness.measure.record import Run

_PYTEST_BENCHMARK = ("benchmark", "pytest_benchmark.plugin")
_CODSPEED = ("codspeed", "pytest_codspeed.plugin")
STOP_REASONS = {"interrupted", "terminated"}


class Benchmark(Protocol):
    """The fixture `benchmark`, of pytest-benchmark or of pytest-codspeed."""

    extra_info: dict[str, Any]

    def pedantic(
        self, target: Callable[[], object], *, setup: Callable[[], None], rounds: int, iterations: int
    ) -> object:
        """Call `setup` and then `target`, `rounds` times; once where the plugin does not measure."""


def takes_timers(config: pytest.Config) -> bool:
    """Whether pytest-benchmark is active: the one plugin that a timer can be given to."""
    return _has_fixture(config, _PYTEST_BENCHMARK)


def brings_benchmark(config: pytest.Config) -> bool:
    """Whether some plugin brings the fixture `benchmark`."""
    return _has_fixture(config, _PYTEST_BENCHMARK) or _has_fixture(config, _CODSPEED)


def codspeed_measures(config: pytest.Config) -> bool:
    """Whether pytest-codspeed has put its own fixture in place: it takes no timer, and times in real seconds."""
    return bool(getattr(config.pluginmanager.get_plugin("codspeed_plugin"), "is_codspeed_enabled", False))


def _has_fixture(config: pytest.Config, names: tuple[str, ...]) -> bool:
    return any(hasattr(config.pluginmanager.get_plugin(name), "benchmark") for name in names)


class MakespanTimer:
    """A timer for pytest-benchmark: 0 when a round is set up, the makespan when it is over."""

    __name__ = "makespan"  # what pytest-benchmark writes into its file as the name of the timer

    def __init__(self) -> None:
        self._shown_s: float | None = None

    def reset(self) -> None:
        """A round begins."""
        self._shown_s = 0.0

    def show(self, makespan_s: float) -> None:
        """A round is over."""
        self._shown_s = makespan_s

    def __call__(self) -> float:
        """Seconds; raises `RuntimeError` where something else than a replication is to be timed."""
        if self._shown_s is None:
            raise RuntimeError("a test that uses load_scenario cannot time anything else with benchmark(...)")
        return self._shown_s


class Rounds:
    """Runs one replication per call, with the next of `seeds`, and keeps the runs in `runs`.

    A plugin may call once more than it was asked to, to profile or to get a result: such a call runs the last seed
    again and is not kept.
    """

    def __init__(self, replicate: Callable[[int], Run], seeds: Sequence[int], timer: MakespanTimer | None) -> None:
        self._replicate = replicate
        self._seeds = seeds
        self._timer = timer
        self.runs: list[Run] = []

    def setup(self) -> None:
        """Before a round."""
        if self._timer is not None:
            self._timer.reset()

    def __call__(self) -> None:
        """One round. Raises `KeyboardInterrupt` after one that a signal has ended early, whose run is kept."""
        kept = len(self.runs)
        run = self._replicate(self._seeds[min(kept, len(self._seeds) - 1)])
        if kept < len(self._seeds):
            self.runs.append(run)
        if self._timer is not None:
            self._timer.show(run.ended_s)
        if run.stopped in STOP_REASONS:
            raise KeyboardInterrupt

    def run_under(self, benchmark: Benchmark | None) -> None:
        """Run all seeds, one round each; without a benchmark plugin, just one after the other."""
        if benchmark is not None:
            benchmark.pedantic(self, setup=self.setup, rounds=len(self._seeds), iterations=1)
            return
        for _ in self._seeds:
            self()
