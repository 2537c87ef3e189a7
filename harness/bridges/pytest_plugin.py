"""The pytest plugin that installing this package brings to a project: the fixture `load_scenario` and its options.

It is loaded in every session of such a project, so it imports nothing of the harness that a session without load does
not need. Where pytest-benchmark is installed, the fixture asks for its fixture `benchmark`: that is what
`--benchmark-only` and `--benchmark-skip` go by.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from harness.bridges.pytest_options import LoadOptions, add_options, check_in_full, read_options
from harness.bridges.pytest_summary import LoadSummary, attach
from harness.bridges.rounds import MakespanTimer, brings_benchmark, codspeed_measures, takes_timers

if TYPE_CHECKING:
    from harness.bridges.load_scenario import LoadScenario

_FIXTURE = "load_scenario"
_OPTIONS: pytest.StashKey[LoadOptions] = pytest.StashKey()
_TIMER: pytest.StashKey[MakespanTimer] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Every option has an ini twin."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and offer the fixture in the form that the plugins present allow."""
    config.addinivalue_line("markers", "performance: a load scenario, judged against its baseline.")
    config.stash[_OPTIONS] = read_options(config)
    if brings_benchmark(config):
        config.pluginmanager.register(_Measured(), "agent_load_harness_fixture")
    else:
        # tests may carry pytest-benchmark's marker, and still run where it is not installed
        config.addinivalue_line("markers", "benchmark: settings for pytest-benchmark, which is not active.")
        config.pluginmanager.register(_Plain(), "agent_load_harness_fixture")
    config.pluginmanager.register(LoadSummary(), "agent_load_harness_summary")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse a file or a target that cannot be loaded before the first test runs, if any test needs them."""
    # an error raised while an xdist worker collects would be shown as a crash; there, the tests fail with it
    if any(_uses_load(item) for item in items) and not hasattr(config, "workerinput"):
        check_in_full(config.stash[_OPTIONS])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give pytest-benchmark our timer, beside whatever the test's own marker says: only the closest marker counts."""
    if not _uses_load(item) or not takes_timers(item.config) or codspeed_measures(item.config):
        return
    timer = item.stash[_TIMER] = MakespanTimer()
    own = item.get_closest_marker("benchmark")
    args, kwargs = (own.args, own.kwargs) if own else ((), {})
    item.add_marker(pytest.mark.benchmark(*args, **{**kwargs, "timer": timer}), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test's report carry what the summary says about its scenario."""
    report = yield
    if call.when == "call" and _uses_load(item):
        from harness.bridges.load_scenario import DOCUMENTS  # noqa: PLC0415 - for tests that ran a load

        documents = item.stash.get(DOCUMENTS, None)
        if documents:
            attach(report, documents)
    return report


class _Measured:
    """The fixture where a plugin brings `benchmark`."""

    @pytest.fixture(name=_FIXTURE)
    def load_scenario(self, request: pytest.FixtureRequest, benchmark: Any) -> LoadScenario:
        """Run a load scenario: `load_scenario("test_10_concurrent_workflows")` returns its `LoadResult`.

        The test fails where a line of the scenario's baseline is broken. One round of the benchmark is one seeded
        replication, and its time is the makespan on the run's clock (--load-clock).
        """
        return _made(request, benchmark)


class _Plain:
    """The fixture without any benchmark plugin."""

    @pytest.fixture(name=_FIXTURE)
    def load_scenario(self, request: pytest.FixtureRequest) -> LoadScenario:
        """Run a load scenario: `load_scenario("test_10_concurrent_workflows")` returns its `LoadResult`.

        The test fails where a line of the scenario's baseline is broken.
        """
        return _made(request, None)


def _made(request: pytest.FixtureRequest, benchmark: Any) -> LoadScenario:
    from harness.bridges.load_scenario import LoadScenario  # noqa: PLC0415 - numpy and all, for tests that run a load

    node = request.node
    return LoadScenario(node, request.config.stash[_OPTIONS], benchmark, node.stash.get(_TIMER, None))


def _uses_load(item: pytest.Item) -> bool:
    return _FIXTURE in getattr(item, "fixturenames", ())
