"""The asv suite in this process: each trap of asv that it was built around, shown and avoided."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from asv import _stats
from asv.config import Config
from asv_runner.benchmarks._base import Benchmark
from asv_runner.benchmarks.mark import SkipNotImplemented
from asv_runner.benchmarks.track import TrackBenchmark
from asv_runner.discovery import disc_benchmarks

import harness.bridges.asv_replications as replications
from harness.bridges.asv_replications import Conditions, read_conditions, replicate
from harness.bridges.asv_suite import HEADLINES, ScenarioSuite, asv_samples
from harness.bridges.asv_type import LoadBenchmark, register
from harness.errors import DeclarationError, NotEnoughError, RunInvalidError
from harness.execute import run
from harness.scenario.load import load_catalog, load_scenarios

ROOT = Path(__file__).resolve().parents[2]

BRIEF = """
[workflow.brief]
steps = [{ name = "wait", wait = { dist = "uniform", low = "5 ms", high = "15 ms" } }]

[scenario.quick]
load = { law = "closed", in_flight = 2, workflows = 6 }
mix = { brief = 1 }
pools.agents = { size = 2, queue = 4 }

[scenario.stuck]
extends = "quick"
run_timeout = "10 ms"
"""


class Ten(ScenarioSuite):
    scenario = "test_10_concurrent_workflows"


class Overflow(ScenarioSuite):
    scenario = "test_queue_overflow_handling"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HARNESS_CLOCK", "HARNESS_TARGET", "HARNESS_SEEDS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def brief(tmp_path: Path) -> Path:
    path = tmp_path / "brief.toml"
    path.write_text(BRIEF)
    return path


@pytest.fixture(scope="module")
def discovered() -> list[Any]:
    return list(disc_benchmarks(str(ROOT / "benchmarks")))


def benchmark_of(suite: ScenarioSuite, name: str) -> LoadBenchmark:
    return LoadBenchmark(f"module.{type(suite).__name__}.{name}", getattr(suite, name), [suite])


def names_found_in(module: ModuleType) -> Iterator[str]:
    """The names of the benchmarks that asv finds in the public classes of `module`."""
    from asv_runner.discovery import _get_benchmark  # noqa: PLC0415 - what asv calls for each name of a module

    register()
    for klass in [value for name, value in vars(module).items() if not name.startswith("_") and inspect.isclass(value)]:
        for name, value in inspect.getmembers(klass, inspect.isfunction):
            found = _get_benchmark(name, module, klass, value)
            if found is not None:
                yield found.name


# --------------------------------------------------------------------------- what asv finds


def test_eight_classes_of_nine_metrics_and_nothing_else(discovered: list[Any]) -> None:
    assert len(discovered) == 72
    assert all(isinstance(benchmark, LoadBenchmark) for benchmark in discovered)
    names = {benchmark.name for benchmark in discovered}
    classes = {name.split(".")[1] for name in names}
    assert len(classes) == 8
    assert names == {f"multi_agent_load.{of}.{headline.benchmark}" for of in classes for headline in HEADLINES}


def test_each_scenario_of_the_catalog_has_its_class(discovered: list[Any]) -> None:
    scenarios = {benchmark.func.__self__.scenario for benchmark in discovered}
    assert scenarios == set(load_catalog())


def test_asvs_own_check_of_arguments_passes(discovered: list[Any]) -> None:
    assert all(benchmark.check(str(ROOT / "benchmarks")) for benchmark in discovered)


def test_a_base_imported_under_a_public_name_adds_no_benchmark() -> None:
    module = ModuleType("benchmarks.leaky")
    vars(module).update(ScenarioSuite=ScenarioSuite, Mine=type("Mine", (ScenarioSuite,), {"scenario": Ten.scenario}))
    assert {name.split(".")[1] for name in names_found_in(module)} == {"Mine"}


def test_scripts_below_the_suite_are_not_imported_by_asv() -> None:
    program = (
        "import sys; from asv_runner.discovery import disc_benchmarks, update_sys_path; "
        "sys.modules['asv'] = None; "  # asv's environment does not hold asv itself
        "update_sys_path(sys.argv[1]); print(len(list(disc_benchmarks(sys.argv[1])))); "
        "print(*(name for name in sys.modules if name.count('.') > 1 and name.startswith('benchmarks.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "benchmarks")],
        env={**os.environ, "ASV": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["72"]


def test_only_whole_names_are_taken_for_metrics() -> None:
    assert LoadBenchmark.name_regex.match("load_latency_p50")
    for name in ("load_dataset", "load_latency_p50_of_mine", "upload_latency_p50", "latency_p50"):
        assert not LoadBenchmark.name_regex.match(name)


def test_no_benchmark_is_a_coroutine_function(discovered: list[Any]) -> None:
    # asv would time the making of the coroutine, not its run
    assert not any(inspect.iscoroutinefunction(benchmark.func) for benchmark in discovered)


# --------------------------------------------------------------------------- one cache per class


def test_asv_keys_an_inherited_setup_cache_by_its_line_alone() -> None:
    keys = {
        TrackBenchmark("a", type(suite).load_makespan, [suite]).setup_cache_key  # type: ignore[attr-defined]
        for suite in (Ten(), Overflow())
    }
    assert len(keys) == 1, "asv mends this: the key of our own is no longer needed"


def test_our_key_is_the_class_and_all_its_metrics_share_it(discovered: list[Any]) -> None:
    keys: dict[str, set[str]] = {}
    for benchmark in discovered:
        keys.setdefault(benchmark.setup_cache_key, set()).add(benchmark.name.split(".")[1])
    assert len(keys) == 8
    assert all(len(classes) == 1 for classes in keys.values())


def test_one_run_per_seed_feeds_all_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    def counted(*args: Any, seed: int, **kwargs: Any) -> Any:
        seeds.append(seed)
        return run(*args, seed=seed, **kwargs)

    monkeypatch.setattr(replications, "run", counted)
    samples = Ten().setup_cache()
    found = [asv_samples(samples, headline) for headline in HEADLINES]
    assert seeds == list(range(10))
    assert sum(result is not None for result in found) == 8


# --------------------------------------------------------------------------- samples


def test_a_sample_is_one_replications_figure() -> None:
    suite = Ten()
    makespans = [run(suite.declared, clock="virtual", seed=seed).ended_s for seed in range(10)]
    result = getattr(suite, "load_makespan")(suite.setup_cache())  # noqa: B009 - made when the class was
    assert result == {"samples": makespans, "number": 1}
    json.dumps(result, allow_nan=False)


def test_what_the_clock_does_not_show_is_skipped_and_not_zero() -> None:
    suite = Ten()
    benchmark = benchmark_of(suite, "load_driver_cpu_per_workflow")
    with pytest.raises(SkipNotImplemented, match="not observable"):
        benchmark.run(suite.setup_cache())


def test_what_the_target_does_not_show_is_skipped_and_not_zero(brief: Path) -> None:
    quick = load_scenarios(brief)["quick"]
    samples = replicate(quick, Conditions(f"{__name__}:Echo", "virtual", (0, 1)))
    assert samples["rejection_rate"] == [None, None]
    assert samples["error_rate"] == [0.0, 0.0]


class Echo:
    """A target that shows no pool."""

    async def run(self, _workflow: object) -> None:
        return None


def test_a_figure_that_only_some_replications_have_fails() -> None:
    p50 = HEADLINES[0]
    with pytest.raises(NotEnoughError, match="1 of 3 replications do not have it"):
        asv_samples({p50.figure: [1.0, None, 2.0]}, p50)


def test_a_replication_that_does_not_end_is_no_sample(brief: Path) -> None:
    with pytest.raises(RunInvalidError, match="stuck, seed 0: stopped early"):
        replicate(load_scenarios(brief)["stuck"], Conditions("builtin", "virtual", (0,)))


def test_asvs_rank_test_can_fire_at_the_default_number_of_replications_and_not_at_six() -> None:
    def differs(count: int) -> bool:
        slow = [5.0 + k / 100 for k in range(count)]
        fast = [1.0 + k / 100 for k in range(count)]
        stats = [{"ci_99_a": low, "ci_99_b": low + 9} for low in (1.0, 5.0)]
        return bool(_stats.is_different(fast, slow, *stats))

    assert not differs(6), "a slowdown by five passes"
    assert differs(len(Ten().conditions.seeds))


def test_a_second_round_would_repeat_the_same_samples_so_there_is_one(discovered: list[Any]) -> None:
    assert {benchmark.rounds for benchmark in discovered} == {1}


def test_units_are_those_that_asv_scales(discovered: list[Any]) -> None:
    units = {benchmark.name.rsplit(".")[-1]: benchmark.unit for benchmark in discovered}
    assert units == {headline.benchmark: headline.unit for headline in HEADLINES}
    assert set(units.values()) == {"seconds", "bytes", "share"}
    assert all(benchmark.pretty_name.startswith("test_") for benchmark in discovered)


# --------------------------------------------------------------------------- identity


def test_the_version_is_the_scenarios_digest_and_the_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = load_catalog()["test_10_concurrent_workflows"].digest
    assert benchmark_of(Ten(), "load_makespan").version == f"{digest} builtin virtual 0-9"
    for name, value in {"CLOCK": "wall", "TARGET": "app:handle", "SEEDS": "0-2,8"}.items():
        monkeypatch.setenv(f"HARNESS_{name}", value)
    assert benchmark_of(Ten(), "load_makespan").version == f"{digest} app:handle wall 0-2,8"


def test_all_commits_are_measured_on_the_declaration_of_the_working_tree(discovered: list[Any]) -> None:
    files = {Path(benchmark.func.__self__.file) for benchmark in discovered}
    assert files == {ROOT / "harness/scenario/catalog.toml"}
    digests = {benchmark.func.__self__.declared.digest for benchmark in discovered}
    assert digests == {scenario.digest for scenario in load_catalog().values()}


def test_the_replications_have_the_time_that_their_scenario_allows_itself() -> None:
    benchmark = benchmark_of(Ten(), "load_makespan")
    assert benchmark.setup_cache_timeout > 10 * Ten().declared.run_timeout_s
    assert benchmark.timeout == 120


def test_every_bad_variable_is_named() -> None:
    with pytest.raises(DeclarationError) as caught:
        read_conditions({"HARNESS_CLOCK": "sundial", "HARNESS_SEEDS": "9-0"}, "builtin", "virtual", "0-9")
    assert [mistake.where for mistake in caught.value.mistakes] == ["HARNESS_CLOCK", "HARNESS_SEEDS"]


def test_a_method_of_something_else_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a method of a subclass of ScenarioSuite"):
        LoadBenchmark("module.load_makespan", test_every_bad_variable_is_named, [])


def test_registering_twice_is_registering_once() -> None:
    from asv_runner.benchmarks import benchmark_types  # noqa: PLC0415 - the list that is looked at

    register()
    register()
    assert benchmark_types.count(LoadBenchmark) == 1
    assert all(issubclass(kind, Benchmark) for kind in benchmark_types)


# --------------------------------------------------------------------------- the wall clock


def test_on_the_wall_clock_each_replication_has_a_process_of_its_own(brief: Path, tmp_path: Path) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/__init__.py").touch()
    # a target beside the benchmarks, which are importable only in the way that asv makes them
    (tmp_path / "benchmarks/own.py").write_text(
        "import os, pathlib\n"
        "async def handle(workflow):\n"
        f"    (pathlib.Path({str(tmp_path)!r}) / f'{{os.getpid()}}.pid').touch()\n"
    )
    conditions = Conditions("benchmarks.own:handle", "wall", (0, 1))
    samples = replicate(load_scenarios(brief)["quick"], conditions, str(tmp_path / "benchmarks"))
    processes = {path.stem for path in tmp_path.glob("*.pid")}
    assert len(processes) == 2
    assert str(os.getpid()) not in processes
    assert all(value is not None and value > 0 for value in samples["driver_cpu_per_workflow_s"])


# --------------------------------------------------------------------------- asv.conf.json


@pytest.fixture
def configuration(monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(ROOT)
    return Config.load("asv.conf.json")


def test_the_wheel_of_the_project_is_the_only_one_that_is_built(configuration: Config) -> None:
    (build,) = configuration.build_command
    assert {"--no-deps", "--no-build-isolation"} <= set(build.split())


def test_the_environment_holds_what_the_project_declares(configuration: Config) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    names = {re.split(r"[^A-Za-z0-9_.-]", text)[0] for text in declared}
    assert set(configuration.matrix["req"]) == names


def test_what_asv_writes_is_ignored_by_git(configuration: Config) -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert ".asv/" in ignored
    for folder in (configuration.env_dir, configuration.results_dir, configuration.html_dir):
        assert folder.startswith(".asv/")
