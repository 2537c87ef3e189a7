"""Completion in the shells themselves: names of scenarios and metrics, options, files; quick, and never a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.errors import ExitCode
from harness.scenario.load import load_catalog

BUILT_IN = [name.removeprefix("test_") for name in load_catalog()]
MINE = '[scenario.peak_hour]\nextends = "10_concurrent_workflows"\n'
BROKEN = {
    "syntax.toml": "[scenario.",
    "schema.toml": "[scenario.x]\nnonsense = 1\n",
    "binary.toml": "\x00\xff",
    "folder.toml": None,
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(MINE, encoding="utf-8")


def completed(*words: str) -> list[str]:
    """What click answers a shell that asks for the last of `words`."""
    done = asked(*words)
    assert done.stderr == ""
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    lines = [line.split(",", 1) for line in done.stdout.splitlines() if line]
    return [f"<{kind}>" if kind != "plain" else name for kind, name in lines]


def asked(*words: str) -> Result:
    env = {
        "COMP_WORDS": " ".join(["harness", *words]),
        "COMP_CWORD": str(len(words)),
        "_HARNESS_COMPLETE": "bash_complete",
    }
    return CliRunner().invoke(main, env=env, prog_name="harness", args=[])


@pytest.mark.parametrize("command", ["run", "show", "advise", "capacity", "sweep", "continuous main HEAD"])
def test_names_of_scenarios(command: str) -> None:
    words = command.split()
    assert completed(*words, "") == BUILT_IN
    assert completed(*words, "10") == ["10_concurrent_workflows"]
    assert completed(*words, "test_10") == ["test_10_concurrent_workflows"]
    assert completed(*words, "-f", "mine.toml", "peak") == ["peak_hour"]
    assert completed(*words, "nothing") == []


def test_names_that_are_there_already_are_not_offered_again() -> None:
    assert "agent_pool_exhaustion" not in completed("run", "agent_pool_exhaustion", "")
    assert len(completed("run", "agent_pool_exhaustion", "")) == len(BUILT_IN) - 1


def test_the_settings_of_the_folder_name_the_file() -> None:
    Path("harness.toml").write_text('file = "mine.toml"\n', encoding="utf-8")
    assert "peak_hour" in completed("run", "")
    assert "peak_hour" in completed("show", "pe")


def test_options_choices_metrics_and_schemas() -> None:
    assert completed("run", "--clock", "") == ["wall", "virtual", "hybrid"]
    assert "--replications" in completed("run", "--rep")
    assert "continuous" in completed("co")
    assert completed("schema", "sc") == ["scenario"]
    assert completed("sweep", "x", "--metric", "latency_p9") == ["latency_p95_s", "latency_p99_s"]
    assert completed("completion", "") == ["bash", "zsh", "fish"]
    assert completed("run", "--file", "") == ["<file>"]
    assert completed("run", "--target", "b") == ["builtin", "<file>"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_completes_nothing_and_says_nothing(name: str) -> None:
    text = BROKEN[name]
    Path(name).mkdir() if text is None else Path(name).write_text(text, encoding="latin-1")
    assert completed("run", "-f", name, "") == []
    Path("harness.toml").write_text(f'file = "{name}"\n', encoding="utf-8")
    assert completed("run", "") == []
    Path("harness.toml").write_text("file = [", encoding="utf-8")
    assert completed("run", "") == []
    assert completed("run", "--clock", "v") == ["virtual"]


def test_nothing_heavy_is_imported_for_it() -> None:
    code = (
        "import sys, contextlib\n"
        "from harness.cli import main\n"
        "with contextlib.suppress(SystemExit): main(prog_name='harness')\n"
        "print(sorted({'numpy', 'scipy', 'psutil', 'rich', 'jsonschema'} & set(sys.modules)), file=sys.stderr)"
    )
    env = os.environ | {"COMP_WORDS": "harness run ", "COMP_CWORD": "2", "_HARNESS_COMPLETE": "bash_complete"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stderr.strip() == "[]"
    assert "10_concurrent_workflows" in done.stdout


@pytest.mark.parametrize(
    ("shell", "found"), [("/bin/bash", "bash"), ("/usr/bin/fish", "fish"), ("/bin/csh", ""), ("", "")]
)
def test_without_an_argument_it_is_the_shell_of_the_environment(shell: str, found: str) -> None:
    done = CliRunner().invoke(main, ["completion"], env={"SHELL": shell})
    if found:
        assert done.stdout == CliRunner().invoke(main, ["completion", found]).stdout
    else:
        assert done.exit_code == ExitCode.USAGE
        assert "expected one of bash, zsh, fish" in done.stderr


# --------------------------------------------------------------------------- the shells themselves


def in_shell(shell: str, script: str) -> str:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} here")
    Path("bin").mkdir()
    command = f'#!/bin/sh\nexec {sys.executable} -m harness "$@"\n'
    Path("bin/harness").write_text(command, encoding="utf-8")
    Path("bin/harness").chmod(0o755)
    Path(f"harness.{shell}").write_text(CliRunner().invoke(main, ["completion", shell]).stdout, encoding="utf-8")
    env = os.environ | {"PATH": f"{Path.cwd()}/bin:{os.environ['PATH']}", "HOME": str(Path.cwd())}
    done = subprocess.run([path, "-c", script], capture_output=True, text=True, check=True, env=env, timeout=60)
    assert done.stderr == ""
    return done.stdout


def test_bash() -> None:
    said = in_shell(
        "bash",
        "source ./harness.bash\n"
        'ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _harness_completion harness; \n'
        'echo "${COMPREPLY[*]}"; }\n'
        "compopt() { :; }\n"
        "complete -p harness\n"
        "ask harness run -f mine.toml pe\n"
        "ask harness capacity queue\n",
    )
    registered, *answers = said.splitlines()
    assert "_harness_completion harness" in registered
    assert answers == ["peak_hour", "queue_overflow_handling"]


def test_fish() -> None:
    said = in_shell(
        "fish", "source harness.fish; complete -C 'harness run -f mine.toml pe'; complete -C 'harness schema sc'"
    )
    assert [line.split("\t")[0] for line in said.splitlines()] == ["peak_hour", "scenario"]


def test_zsh() -> None:
    script = "autoload -Uz compinit; compinit -u; source ./harness.zsh; print $_comps[harness]"
    assert in_shell("zsh", script).strip() == "_harness_completion"
