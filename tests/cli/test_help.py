"""Help teaches: every command has examples that work, in groups that are read, on a page that fits."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.cli_completion import targets
from harness.cli_help import COMMANDS
from harness.errors import ExitCode

SCENARIO = """
[scenario.peak]
load = { law = "closed", in_flight = 5, workflows = 20 }
mix = { simple = 1 }
pools = { agents = { size = 10 } }
timeout = "10 s"
run_timeout = "30 s"
baseline = { success_rate = ">= 50 %" }
"""
FLOW = "async def handle(workflow):\n    return None\n\nrun = handle\n"


def commands(
    group: click.Group = main, before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))


ALL = dict(commands())


def examples(command: click.Command) -> list[list[str]]:
    """What stands behind `harness` in the command's own text: comments, pipes and redirections left out."""
    found = []
    for line in (command.help or "").splitlines():
        text = line.strip().removeprefix("source <(")
        if text.startswith("harness "):
            words = shlex.split(re.split(r"\)? {3,}| \| | > |\)$", text)[0])
            found.append(words[1:])
    return found


EXAMPLES = [(" ".join(words), words) for command in [main, *ALL.values()] for words in examples(command)]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_examples_and_fits(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*path, "--help"], terminal_width=100)
    assert done.exit_code == 0
    assert len(examples(ALL[path])) >= 2, path
    assert max(map(len, done.output.splitlines())) <= 100
    narrow = CliRunner().invoke(main, [*path, "--help"], terminal_width=40)
    assert narrow.exit_code == 0


@pytest.mark.parametrize(("text", "words"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_every_example_can_be_typed(text: str, words: list[str]) -> None:
    command: click.Command = main
    context = click.Context(main, info_name="harness", **main.context_settings)
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, words)  # type: ignore[assignment]  # it is known
    made = command.make_context(name, list(words), parent=context)  # click keeps the first context's names for help
    assert made.params is not None, text


CHEAP = [
    "list",
    "show 10_concurrent_workflows",
    "schema scenario",
    "run --clock virtual",
    "run 25_concurrent_workflows --clock virtual --replications 3",
    "run -f my.toml --target flow.py:handle --clock virtual --html page.html",
    "show peak -f load.toml",
    "list -f my.toml",
    "completion bash",
    "doctor",
    "init --dry-run",
    "sweep peak -f load.toml --set agents=10..20/10 -n 2 --processes 1",
    "report reports/kept.json --html page.html",
]


@pytest.mark.parametrize("typed", CHEAP)
def test_examples_that_cost_little_are_run(typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flow.py").write_text(FLOW, encoding="utf-8")
    for name in ("my.toml", "load.toml"):
        Path(name).write_text(SCENARIO, encoding="utf-8")
    if typed.startswith("init"):
        subprocess.run(["git", "init", "--quiet"], check=True)
    if "kept.json" in typed:
        Path("reports").mkdir()
        shown = CliRunner().invoke(main, ["run", "10_concurrent_workflows", "-c", "virtual", "--json"])
        Path("reports/kept.json").write_text(shown.stdout, encoding="utf-8")
    done = CliRunner().invoke(main, typed.split(), catch_exceptions=False)
    assert done.exit_code in {ExitCode.HELD, ExitCode.NOT_ENOUGH if typed == "doctor" else ExitCode.HELD}, done.output


def test_all_options_of_run_are_in_a_group() -> None:
    done = CliRunner().invoke(main, ["run", "--help"], terminal_width=100)
    headings = [line for line in done.output.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        "What is run:",
        "On which clock:",
        "How often, and with how many:",
        "For hours:",
        "Output:",
        "Options:",
    ]
    assert done.output.split("\nOptions:\n")[1].strip().splitlines() == ["-h, --help  Show this message and exit."]
    shown = {word.rstrip(",") for line in done.output.splitlines() for word in line.split() if word.startswith("--")}
    assert {option for one in ALL[("run",)].params for option in one.opts if option.startswith("--")} <= shown


def test_every_command_stands_in_one_group() -> None:
    told = [name for names in COMMANDS.values() for name in names]
    assert sorted(told) == sorted(main.commands)
    done = CliRunner().invoke(main, ["--help"], terminal_width=100)
    assert all(f"\n{heading}:\n" in done.output for heading in COMMANDS)
    assert max(map(len, done.output.splitlines())) <= 100


def test_alone_it_says_how_to_begin_and_is_still_a_mistake() -> None:
    done = CliRunner().invoke(main, [])
    assert done.exit_code == ExitCode.USAGE
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) <= 12
    assert "harness run --clock virtual" in done.stderr


def test_the_target_is_taken_alike_wherever_something_is_measured() -> None:
    found = {
        " ".join(path): {key: value for key, value in vars(option).items() if key != "help"}
        for path, command in ALL.items()
        for option in command.params
        if option.name == "target" and option.default == "builtin"
    }
    assert set(found) >= {"run", "continuous", "capacity", "sweep"}
    for name, declared in found.items():
        assert declared == found["run"], name
    assert found["run"]["opts"] == ["-t", "--target"]
    assert found["run"]["_custom_shell_complete"] is targets


def names_of_options() -> dict[str, list[click.Option]]:
    """Every option by each of its names."""
    found: dict[str, list[click.Option]] = {}
    for command in ALL.values():
        for one in command.params:
            for name in one.opts if isinstance(one, click.Option) else ():
                found.setdefault(name, []).append(one)
    return found


def test_one_name_is_one_thing_in_every_command() -> None:
    for name, options in names_of_options().items():
        for told in ("metavar", "is_flag"):
            assert len({str(getattr(one, told)) for one in options}) == 1, (name, told)
        short = {tuple(one for one in option.opts if not one.startswith("--")) for option in options}
        assert len(short) == 1, f"{name} is {short}"


def test_what_has_progress_or_hints_can_be_made_quiet() -> None:
    measuring_and_judging = {"run", "report", "compare", "continuous", "history"}
    measuring_and_judging |= {"capacity", "sweep", "advise", "calibrate"}
    for name in measuring_and_judging:
        (option,) = [one for one in ALL[(name,)].params if "--quiet" in one.opts]
        assert option.opts == ["-q", "--quiet"]


def test_the_one_file_that_a_command_writes_goes_by_either_name() -> None:
    for command in ("sweep", "calibrate"):
        (option,) = [one for one in ALL[(command,)].params if one.name == "output"]
        assert set(option.opts) == {"-o", "--out", "--output"}
