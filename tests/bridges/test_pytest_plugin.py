"""The plugin in real pytest sessions: what it records, how it fails, and every mode of pytest-benchmark."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

# the sessions below run in this process: what they import must not be imported afresh by each of them
import harness.bridges.load_scenario
import harness.report.terminal  # noqa: F401
from harness.execute import run
from harness.report.document import read_report
from harness.scenario.load import find_scenario, load_scenarios

pytest_plugins = ["pytester"]

ALONE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:langsmith_plugin", "-p", "no:anyio")
"""Without the plugins that take seconds to import; each session would import them afresh."""

TESTS = """
import pytest

@pytest.mark.performance
@pytest.mark.benchmark(group="mine")
def test_quick(load_scenario):
    result = load_scenario("quick")
    assert result.metrics.offered == 4 * len(result.runs)

def test_other():
    pass
"""

SCENARIOS = """
[workflow.brief]
steps = [{ name = "wait", wait = { dist = "uniform", low = "5 ms", high = "15 ms" } }]

[scenario.quick]
load = { law = "closed", in_flight = 2, workflows = 4 }
mix = { brief = 1 }
pools.agents = { size = 2, queue = 4 }
baseline = { success_rate = ">= 80 %" }

[scenario.hopeless]
extends = "quick"
baseline = { latency_p95 = "< 1 ms", success_rate = ">= 80 %" }

[scenario.unseen]
extends = "quick"
baseline = { queue_depth_max = "< 5", success_rate = ">= 80 %" }

[scenario.endless]
load = { law = "closed", in_flight = 1, workflows = 100000 }
mix = { brief = 1 }
pools.agents = { size = 1, queue = 1 }
"""

TARGETS = """
import asyncio

async def handle(workflow):
    await asyncio.sleep(0.01)

async def tell(workflow):
    await asyncio.sleep(0.01)
    if workflow.number == 20:
        open("under_way", "w").close()
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's project: a test, scenarios and a target, with the virtual clock set in its ini file."""
    pytester.makefile(".toml", scenarios=SCENARIOS)
    pytester.makepyfile(test_load=TESTS, targets=TARGETS)
    pytester.makeini("[pytest]\nload_file = scenarios.toml\nload_clock = virtual\nload_rounds = 3\n")
    return pytester


def session(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_inprocess(*ALONE, "-W", "error", *arguments)


def write_test(project: pytest.Pytester, body: str) -> None:
    project.makepyfile(test_load=f"import pytest, targets\n\ndef test_it(load_scenario):\n    {body}\n")


def reports(project: pytest.Pytester) -> list[Path]:
    return sorted((project.path / "reports").glob("*.json"))


def strict_json(path: Path) -> Any:
    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{path.name} holds {name}, which is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def finite(value: Any) -> Iterator[bool]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from finite(item)
    else:
        yield not isinstance(value, float) or math.isfinite(value)


# --------------------------------------------------------------------------- what is recorded


def test_the_json_holds_the_virtual_makespan_of_each_seed(project: pytest.Pytester) -> None:
    assert session(project, "--benchmark-json", "out/bench.json", "--load-seeds", "3,7-8").ret == 0
    (bench,) = strict_json(project.path / "out/bench.json")["benchmarks"]
    quick = find_scenario(load_scenarios(project.path / "scenarios.toml"), "quick")
    runs = [run(quick, clock="virtual", seed=seed) for seed in (3, 7, 8)]
    assert bench["stats"]["data"] == [one.ended_s for one in runs] == bench["extra_info"]["makespan_s"]
    assert bench["stats"]["iterations"] == 1
    assert bench["options"]["timer"] == "makespan"
    info = bench["extra_info"]
    assert (info["scenario"], info["clock"], info["target"]) == ("quick", "virtual", "builtin")
    assert info["seeds"] == [3, 7, 8]
    assert info["scenario_digest"] == quick.digest
    assert all(len(info[name]) == 3 for name in ("latency_p50_s", "latency_p95_s", "latency_p99_s", "throughput_per_s"))
    assert info["error_rate"] == info["rejection_rate"] == [0, 0, 0]
    assert all(finite(info))
    report = project.path / info["report"]
    assert report.parent == project.path / "out"
    assert read_report(report).document["seeds"] == [3, 7, 8]


def test_on_the_wall_clock_a_round_is_the_makespan_in_real_seconds(project: pytest.Pytester) -> None:
    began = time.monotonic()
    assert session(project, "--benchmark-json", "bench.json", "--load-clock", "wall").ret == 0
    took_s = time.monotonic() - began
    (bench,) = strict_json(project.path / "bench.json")["benchmarks"]
    assert bench["stats"]["data"] == bench["extra_info"]["makespan_s"]
    # two after the other, each of 5 ms at least; start-up and the reading out of the monitor are not in it
    assert all(0.01 <= makespan_s < took_s for makespan_s in bench["stats"]["data"])
    assert sum(bench["stats"]["data"]) < took_s


def test_the_settings_of_the_tests_own_marker_are_kept(project: pytest.Pytester) -> None:
    session(project, "--benchmark-json", "bench.json")
    (bench,) = strict_json(project.path / "bench.json")["benchmarks"]
    assert bench["group"] == "mine"


def test_a_figure_that_was_not_seen_is_null(project: pytest.Pytester) -> None:
    assert session(project, "--benchmark-json", "bench.json", "--load-target", "targets:handle").ret == 0
    (bench,) = strict_json(project.path / "bench.json")["benchmarks"]
    assert bench["extra_info"]["rejection_rate"] == [None, None, None]
    assert bench["extra_info"]["target"] == "targets:handle"


def test_saved_runs_can_be_compared_with_the_plugins_own_command(project: pytest.Pytester) -> None:
    session(project, "--benchmark-autosave", "--benchmark-save-data")
    session(project, "--benchmark-autosave", "--load-seed", "10")
    saved = sorted((project.path / ".benchmarks").rglob("*.json"))
    assert len(saved) == 2
    assert len(strict_json(saved[0])["benchmarks"][0]["stats"]["data"]) == 3
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare"],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "test_quick" in done.stdout


# --------------------------------------------------------------------------- every mode


@pytest.mark.parametrize(
    ("arguments", "passed", "skipped", "rounds"),
    [
        ((), 2, 0, 3),
        (("--benchmark-only",), 1, 1, 3),
        (("--benchmark-skip",), 1, 1, 0),
        (("--benchmark-disable",), 2, 0, 1),
        (("--benchmark-cprofile=tottime",), 2, 0, 3),
        (("-p", "no:benchmark"), 2, 0, 3),
    ],
)
def test_the_modes_of_pytest_benchmark(
    project: pytest.Pytester, arguments: tuple[str, ...], passed: int, skipped: int, rounds: int
) -> None:
    result = session(project, *arguments)
    result.assert_outcomes(passed=passed, skipped=skipped)
    seeds = [seed for path in reports(project) for seed in read_report(path).document["seeds"]]
    assert seeds == list(range(rounds))


def test_workers_of_xdist_run_one_replication_and_the_terminal_shows_it(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess(*ALONE, "-n", "2", "--load-clock", "wall", "-v")
    result.assert_outcomes(passed=2, warnings=0)
    result.stdout.fnmatch_lines(["*load scenarios*", "quick * held", "doubt: *run beside other tests*"])
    (path,) = reports(project)
    assert read_report(path).document["seeds"] == [0]


CODSPEED = """
import types
import pytest

class Fixture:
    def __init__(self):
        self.extra_info = {}

    def pedantic(self, target, args=(), kwargs={}, setup=None, teardown=None, rounds=1, warmup_rounds=0, iterations=1):
        for _ in range(rounds + 1):  # once more, for the result
            setup()
            target()

@pytest.fixture
def benchmark():
    return Fixture()

def pytest_configure(config):
    config.pluginmanager.register(types.SimpleNamespace(is_codspeed_enabled=True), "codspeed_plugin")

def pytest_runtest_call(item):
    for marker in item.iter_markers("benchmark"):
        assert "timer" not in marker.kwargs, "pytest-codspeed refuses it"
"""


def test_a_fixture_that_measures_in_its_own_way_is_left_to_it(project: pytest.Pytester) -> None:
    project.makepyfile(**{"pytest_codspeed/__init__": "", "pytest_codspeed/plugin": CODSPEED})
    project.syspathinsert()
    result = session(project, "-p", "pytest_codspeed.plugin", "-p", "no:benchmark")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["quick * held", "pytest-codspeed timed the replications in real seconds*"])
    # the call beyond the rounds asked for is not a fourth replication
    assert read_report(reports(project)[0]).document["seeds"] == [0, 1, 2]


# --------------------------------------------------------------------------- how tests fail


@pytest.mark.parametrize("mode", [(), ("--benchmark-disable",), ("-p", "no:benchmark")])
def test_a_broken_line_fails_the_test_and_says_why(project: pytest.Pytester, mode: tuple[str, ...]) -> None:
    write_test(project, 'load_scenario("hopeless")')
    result = session(project, *mode)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "hopeless on builtin, virtual clock, seeds *: 1 of 2 baseline lines are broken",
            "  latency p95 * not < 1 ms*",
            "report: reports*hopeless-builtin-virtual-*.json",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    assert read_report(reports(project)[0]).verdict == "broken"


def test_what_cannot_be_told_does_not_fail_but_is_shown(project: pytest.Pytester) -> None:
    write_test(project, 'load_scenario("unseen", target=targets.handle)')
    for quiet in ((), ("-q",)):
        result = session(project, *quiet)
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["unseen * cannot tell", "cannot tell: unseen: deepest queue*not observable*"])


def test_the_summary_has_one_line_per_scenario_and_is_quiet_when_pytest_is(project: pytest.Pytester) -> None:
    loud = session(project)
    loud.stdout.fnmatch_lines(["*load scenarios*", "quick * held", "Reports*are in reports."])
    session(project, "-q").stdout.no_fnmatch_line("*load scenarios*")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("load_scenario(targets.handle)", "found the coroutine function 'handle'; to put it under load*target=handle*"),
        ("load_scenario(print)", "found the callable 'print'"),
        ("load_scenario(3)", "expected the name of a scenario or a Scenario, found int"),
        ('load_scenario("quikc")', "*expected*quick*found 'quikc'*"),
        ('load_scenario("quick"); load_scenario("unseen")', "expected one scenario per test, but quick was run*"),
        ('load_scenario("quick", target="nowhere:x")', "*nowhere*ModuleNotFoundError*"),
        ('load_scenario("quick", target=3)', "*found int*"),
        ('load_scenario("quick", clock="sundial")', "*one of wall, virtual*found 'sundial'*"),
        ('load_scenario("quick", seeds=[-1])', "*a whole number from 0*found -1*"),
        ('load_scenario("quick", file="no.toml")', "*no.toml*no such file*"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(project: pytest.Pytester, body: str, words: str) -> None:
    write_test(project, body)
    result = session(project, "-W", "ignore:Benchmark fixture was not used")
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*{words}*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_test_that_runs_in_an_event_loop_is_refused(project: pytest.Pytester) -> None:
    write_test(
        project,
        'import asyncio\n    async def inside():\n        load_scenario("quick")\n    asyncio.run(inside())',
    )
    result = session(project, "-W", "ignore:Benchmark fixture was not used")
    result.stdout.fnmatch_lines(["*expected a plain test function, found one that runs in an event loop*"])


def test_a_call_goes_before_the_options(project: pytest.Pytester) -> None:
    write_test(
        project,
        'r = load_scenario("quick", target=targets.handle, clock="virtual", seeds=[5, 6], file="scenarios.toml")\n'
        '    assert [x.seed for x in r.runs] == [5, 6] and r.report.target == "targets:handle"\n'
        "    assert r.path.is_file()",
    )
    session(project, "--load-clock", "wall", "--load-seed", "1").assert_outcomes(passed=1)


def test_a_scenario_may_be_built_in_the_test(project: pytest.Pytester) -> None:
    write_test(
        project,
        "from dataclasses import replace\n"
        "    from harness import load_scenarios\n"
        '    base = load_scenarios()["test_10_concurrent_workflows"]\n'
        '    assert load_scenario(replace(base, name="mine")).report.scenario == "mine"',
    )
    session(project).assert_outcomes(passed=1)


# --------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("clock", "sundial", "expected one of wall, virtual, found 'sundial'"),
        ("seed", "-1", "expected a whole number from 0 to *, found '-1'"),
        ("seed", "1.5", "expected a whole number*"),
        ("rounds", "0", "expected a whole number from 1 to 10000, found '0'"),
        ("seeds", "9-0", "*counts down"),
        ("seeds", "1,1", "*the seed 1 twice*"),
        ("seeds", "0-99999", "expected at most 10000 seeds*"),
        ("file", "nowhere.toml", "expected a TOML file of scenarios, found nothing at *nowhere.toml"),
        ("report-dir", "test_load.py", "expected a folder*found the file test_load.py"),
    ],
)
@pytest.mark.parametrize("twin", [False, True])
def test_a_bad_value_is_a_usage_error(
    project: pytest.Pytester, option: str, value: str, words: str, twin: bool
) -> None:
    key = f"load_{option.replace('-', '_')}"
    given = ("-o", f"{key}={value}") if twin else (f"--load-{option}={value}",)
    result = session(project, *given)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {f'ini option {key}' if twin else f'--load-{option}'}: {words}"])
    result.stderr.no_fnmatch_line("*Traceback*")


def test_values_that_contradict_each_other_are_usage_errors(project: pytest.Pytester) -> None:
    result = session(project, "--load-rounds", "2", "--load-seeds", "0-2", "--load-target", " ")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines_random(
        [
            "*--load-rounds: expected 3, the number of seeds in --load-seeds, found 2",
            "*--load-target: expected the name of a target, found nothing",
        ]
    )


def test_every_bad_value_is_named_at_once(project: pytest.Pytester) -> None:
    result = session(project, "--load-clock", "x", "--load-rounds", "x", "--load-seed", "1", "--load-seeds", "1")
    found = "\n".join(result.errlines)
    assert all(f"--load-{name}" in found for name in ("clock", "rounds", "seed and --load-seeds"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--load-target", "targets:handel"), "*targets has no attribute 'handel'; did you mean 'handle'?"),
        (("--load-file", "broken.toml"), "*broken.toml: *syntax error*"),
    ],
)
def test_what_cannot_be_loaded_is_a_usage_error_before_any_test(
    project: pytest.Pytester, arguments: tuple[str, ...], words: str
) -> None:
    project.makefile(".toml", broken="[scenario")
    result = session(project, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {words}"])
    # a session in which no test uses a load does not care
    assert session(project, *arguments, "-k", "other", "--collect-only").ret in (0, 4)


def test_the_command_line_goes_before_the_ini_file(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nload_file = scenarios.toml\nload_clock = virtual\nload_seeds = 7-9\n")
    session(project)
    session(project, "--load-seed", "2")
    assert sorted(read_report(path).document["seeds"] for path in reports(project)) == [[2], [7, 8, 9]]


def test_options_are_listed_with_their_ini_twins(project: pytest.Pytester) -> None:
    text = session(project, "--help").stdout.str()
    for name in ("target", "clock", "seed", "seeds", "rounds", "report-dir", "file"):
        assert f"--load-{name}=" in text
        assert f"load_{name.replace('-', '_')} (string)" in text


# --------------------------------------------------------------------------- cost and manners


def test_a_session_without_load_pays_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules); import harness.bridges.pytest_plugin; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"numpy", "scipy", "psutil", "rich", "jsonschema", "asyncio", "click"}
    assert not heavy & set(done.stdout.split())


def test_ctrl_c_writes_what_was_measured(project: pytest.Pytester) -> None:
    write_test(project, 'load_scenario("endless", target=targets.tell)')
    command = [sys.executable, "-m", "pytest", *ALONE, "--load-clock", "wall"]
    with subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, text=True) as child:
        patience = time.monotonic() + 60
        while not (project.path / "under_way").exists() and time.monotonic() < patience:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=30)
    assert child.returncode == pytest.ExitCode.INTERRUPTED, said
    report = read_report(reports(project)[0])
    assert report.document["stopped"] == "interrupted"
    assert report.document["outcomes"]["succeeded"] >= 20
