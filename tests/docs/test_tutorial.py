"""The tutorial, as a newcomer follows it: in an empty folder, in a fresh environment, step by step.

Every file is saved and every command typed into one shell, in the document's order, and what each step promises is what
it prints. Only one thing is different: what the environment lacks is seen in the present one instead of fetched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adopt.steps import clean_environment
from tests.docs.blocks import ROOT, Block, blocks_of
from tests.docs.printed import is_printed

TUTORIAL = ROOT / "docs" / "tutorial.md"
_END = "--- that was it:"


class Shell:
    """One shell of one newcomer."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def typed(self, command: str) -> tuple[int, str]:
        """How the command ended, and what it printed."""
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f"{{ {command}\n}} < /dev/null\nprintf '\\n%s %s\\n' '{_END}' $?\n")
        self._bash.stdin.flush()
        printed = []
        for line in self._bash.stdout:
            if line.startswith(_END):
                return int(line.removeprefix(_END)), "".join(printed).removesuffix("\n")
            printed.append(line)
        raise AssertionError(f"the shell is gone after {command}: {''.join(printed)}")

    def close(self) -> None:
        self._bash.communicate("exit\n")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    (tmp_path / "agent-load-harness").symlink_to(ROOT)
    names = {f"GIT_{who}": "newcomer@example.org" for who in ("AUTHOR_NAME", "AUTHOR_EMAIL")}
    names |= {f"GIT_{who}": "newcomer@example.org" for who in ("COMMITTER_NAME", "COMMITTER_EMAIL")}
    # the newcomer's python3 is the one that these tests run on
    python3 = tmp_path / "bin" / "python3"
    python3.parent.mkdir()
    python3.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python3.chmod(0o755)
    environment = clean_environment(
        PATH=f"{python3.parent}{os.pathsep}{os.environ['PATH']}",
        HOME=str(tmp_path),
        PIP_NO_INDEX="1",
        PIP_NO_BUILD_ISOLATION="0",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        **names,
    )
    environment.pop("VIRTUAL_ENV", None)
    opened = Shell(tmp_path, environment)
    yield opened
    opened.close()


def lend_what_is_installed_here(environment: Path) -> None:
    """What is installed there comes first; what is not is looked for in the present environment."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = environment / "lib" / version / "site-packages"
    present = sysconfig.get_path("purelib")
    (library / "zz_present.pth").write_text(f"import site; site.addsitedir({present!r})\n")


def saved(block: Block, folder: Path) -> bool:
    """Save the block where it says; whether it says so."""
    for how, mode in (("file", "w"), ("append", "a")):
        if how in block.says:
            with (folder / block.says[how]).open(mode, encoding="utf-8") as file:
                file.write(block.text)
            return True
    return False


@pytest.mark.slow
def test_a_newcomer_gets_what_is_promised_at_every_step(shell: Shell, tmp_path: Path) -> None:
    desk, printed = tmp_path / "desk", ""
    for block in blocks_of(TUTORIAL):
        if saved(block, desk):
            continue
        if block.language == "console":
            for command, code in zip(block.commands, block.endings(), strict=True):
                ended, printed = shell.typed(command)
                assert ended == code, f"{block.place}: {command} ended with {ended}:\n{printed}"
                if command.startswith("python3 -m venv"):
                    lend_what_is_installed_here(desk / ".venv")
            continue
        assert "output" in block.says, f"{block.place}: neither a file, nor a command, nor what it prints"
        assert is_printed(block.text, printed), f"{block.place}: what is printed is\n{printed}"
    ended, where = shell.typed("python -c 'import harness; print(harness.__file__)'")
    assert (ended, where.startswith(str(desk / ".venv"))) == (0, True), where


def test_every_block_says_what_it_is() -> None:
    for block in blocks_of(TUTORIAL):
        assert block.language == "console" or block.says.keys() & {"file", "append", "output"}, block.place
        assert not block.reason, f"{block.place}: nothing of the tutorial is exempt"
