"""What the documents promise is there: commands run, snippets work, tables match the code."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    path for path in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/README.md")] if path.is_file()
]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands(text: str) -> list[str]:
    return [line for block in blocks(text, "console") for line in block.splitlines() if line.strip()]


HARNESS = sorted(
    {line for path in DOCUMENTS for line in commands(path.read_text("utf-8")) if line.startswith("harness ")}
)


def test_the_documents_have_commands() -> None:
    assert len(HARNESS) >= 8


def test_the_two_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in commands(README)[:2]:
        assert re.search(rf"^{line.removeprefix('make ')}:", makefile, flags=re.MULTILINE), line


@pytest.mark.parametrize("line", HARNESS)
def test_every_documented_command_parses(line: str) -> None:
    words = shlex.split(line.split(">", maxsplit=1)[0])[1:]
    name, arguments = words[0], words[1:]
    command = main.commands[name]
    command.make_context(name, list(arguments), parent=main.make_context("harness", [name]))


@pytest.mark.parametrize("line", [line for line in commands(README) if line.startswith("harness ")])
def test_the_readme_s_commands_do_what_it_says(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if line.startswith("harness run") and "--clock virtual" not in line:
        pytest.skip("really waits; tests/performance runs the wall clock")
    if line.startswith("harness continuous"):
        pytest.skip("needs a repository with two commits; tests/compare makes one")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flow.py").write_text(blocks(README, "python")[0], encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    runner = CliRunner()
    (tmp_path / "my.toml").write_text(runner.invoke(main, ["show", "10_concurrent_workflows"]).output, encoding="utf-8")
    for folder in ("reports", "base", "head") if re.match("harness (report|compare|history)", line) else ():
        runner.invoke(main, ["run", "10_concurrent_workflows", "--clock", "virtual", "--report-dir", folder])
    words = [
        str(path)
        for word in shlex.split(line.split(">", maxsplit=1)[0])[1:]
        for path in (sorted(tmp_path.glob(word)) if "*" in word else [word])
    ]
    done = runner.invoke(main, words, catch_exceptions=False)
    # a target without pools or memory figures cannot be judged on every line, nor one report make a history
    expected = ExitCode.NOT_ENOUGH if "--target" in line or "history" in line else ExitCode.HELD
    assert done.exit_code == expected, done.output


def test_the_table_shown_is_the_table_printed(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["run", "--clock", "virtual", "--report-dir", str(tmp_path)], catch_exceptions=False
    )
    (shown,) = [block for block in blocks(README, "text") if block.startswith("8 of 8")]
    assert done.stdout.startswith(shown), "the README's table is not what the command prints: print it again"


def test_the_pytest_snippet_passes(tmp_path: Path) -> None:
    (tmp_path / "test_snippet.py").write_text(blocks(README, "python")[1], encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "test_snippet.py",
        "--load-clock",
        "virtual",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_exit_codes_are_those_of_the_code() -> None:
    table = re.findall(r"^\| (\d+) \| ([a-z ]+) \|", README, flags=re.MULTILINE)
    assert {int(code): name.strip() for code, name in table} == {
        code.value: code.name.lower().replace("_", " ") for code in ExitCode
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_within_the_repository_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
