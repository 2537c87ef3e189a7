"""How a test with a load fails, and how a bad option is refused: in words, before time is spent."""

from __future__ import annotations

import pytest

from harness.report.document import read_report
from tests.bridges.sessions import reports, session, write_test

pytest_plugins = ["pytester"]


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
        ('load_scenario("quick", job_grace_s=0)', "job_grace_s: expected a number of seconds from 0.01*found 0"),
        ('load_scenario("quick", patch_time="yes")', "patch_time: expected True or False, found 'yes'"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(project: pytest.Pytester, body: str, words: str) -> None:
    write_test(project, body)
    result = session(project, "-W", "ignore:Benchmark fixture was not used")
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*{words}*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_folder_that_cannot_be_written_is_refused_before_the_run(project: pytest.Pytester) -> None:
    write_test(project, 'load_scenario("endless")')
    result = session(
        project, "--load-report-dir", "test_load.py/reports", "-W", "ignore:Benchmark fixture was not used"
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["--load-report-dir *test_load.py/reports: cannot write there: *"])


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
        ("clock", "sundial", "expected one of wall, virtual, hybrid, found 'sundial'"),
        ("seed", "-1", "expected a whole number from 0 to *, found '-1'"),
        ("seed", "1.5", "expected a whole number*"),
        ("rounds", "0", "expected a whole number from 1 to 10000, found '0'"),
        ("seeds", "9-0", "*counts down"),
        ("seeds", "1,1", "*the seed 1 twice*"),
        ("seeds", "0-99999", "expected at most 10000 seeds*"),
        ("file", "nowhere.toml", "expected a TOML file of scenarios, found nothing at *nowhere.toml"),
        ("report-dir", "test_load.py", "expected a folder*found the file test_load.py"),
        ("job-grace", "0", "expected a number of seconds from 0.01 to 86400, found 0.0"),
        ("job-grace", "nan", "expected a number of seconds from 0.01 to 86400, found nan"),
        ("job-grace", "5s", "expected a number of seconds from 0.01 to 86400, found '5s'"),
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


def test_no_name_of_a_folder_is_not_the_folder_one_is_in(project: pytest.Pytester) -> None:
    write_test(project, 'load_scenario("quick")')
    result = session(project, "--load-report-dir=")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--load-report-dir: expected the name of a folder (*), found nothing"])


def test_a_yes_or_no_in_the_ini_file_is_one_of_both(project: pytest.Pytester) -> None:
    result = session(project, "-o", "load_patch_time=perhaps")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: ini option load_patch_time: expected true or false, found 'perhaps'"])


READER = (
    "    import time\n"
    "    async def target(workflow):\n"
    "        before = time.monotonic()\n"
    "        time.sleep(5)\n"
    "        assert time.monotonic() - before > 4\n"
)


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (("--load-patch-time",), ""),
        (("-o", "load_patch_time=yes"), ""),
        (("-o", "load_patch_time=no"), ", patch_time=True"),
    ],
)
def test_time_is_patched_where_it_is_asked_for(project: pytest.Pytester, arguments: tuple[str, ...], call: str) -> None:
    write_test(
        project,
        f'pass\n{READER}    r = load_scenario("quick", target=target, clock="virtual"{call})\n'
        "    assert r.runs[0].ended_s >= 20 and r.runs[0].real_s < 5",
    )
    session(project, *arguments).assert_outcomes(passed=1)


THREAD = "    import asyncio, time\n    async def target(workflow):\n        await asyncio.to_thread(time.sleep, 1.5)\n"


@pytest.mark.parametrize(
    ("arguments", "call"), [(("--load-job-grace", "0.6"), ""), (("--load-job-grace", "60"), ", job_grace_s=0.6")]
)
def test_the_grace_of_outside_work_is_as_asked_for(
    project: pytest.Pytester, arguments: tuple[str, ...], call: str
) -> None:
    write_test(project, f'pass\n{THREAD}    load_scenario("quick", target=target, clock="virtual"{call})')
    result = session(project, *arguments)
    result.assert_outcomes(failed=1)
    read = read_report(reports(project)[0]).document
    assert any("for 0.6 s of real time, the grace" in doubt for doubt in read["doubts"]), read["doubts"]


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
    for name in ("target", "clock", "seed", "seeds", "rounds", "report-dir", "file", "patch-time", "job-grace"):
        assert f"--load-{name}" in text
        assert f"load_{name.replace('-', '_')} (string)" in text
