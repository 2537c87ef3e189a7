"""Every fenced block of README, docs/ and the examples' READMEs does what its document says.

Each document has a folder of its own with what its commands take for granted (`premises`), and its blocks are gone
through in order: commands run in this process, on clocks that jump; Python runs; TOML, JSON and YAML are held to what
reads them; what is shown as output is what was printed. What cannot be run here is parsed, and listed with its reason
in exemptions.txt (`UPDATE_GOLDEN=1` writes it anew). The tutorial has a test of its own.
"""

from __future__ import annotations

import contextlib
import glob
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from click.testing import CliRunner
from jsonschema import Draft7Validator

from harness.bridges.settings import read_settings
from harness.bridges.waiver_file import read_waivers
from harness.cli import main
from harness.provider.build import build_provider
from harness.scenario.load import load_scenarios, read_document
from harness.schema import schema_mistakes
from tests.docs.blocks import ROOT, Block, blocks_of, documents, name_of
from tests.docs.premises import lay_out
from tests.docs.printed import is_printed

EXEMPTIONS = Path(__file__).with_name("exemptions.txt")
TUTORIAL = ROOT / "docs" / "tutorial.md"
GENERATED = ("{eval-rst}", "{toctree}")


class Reader:
    """One document's blocks, gone through in order in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        self.names: dict[str, object] = {"__name__": "__main__"}

    def read(self, block: Block) -> None:
        if "file" in block.says:
            path = self.folder / block.says["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        read = getattr(self, f"_{block.language}", None)
        assert read, f"{block.place}: nothing here checks a block of {block.language or 'no language'}"
        read(block)

    # ----------------------------------------------------------------- what runs

    def _console(self, block: Block) -> None:
        for number, (command, code) in enumerate(zip(block.commands, block.endings(), strict=True)):
            if block.is_exempt(number):
                parses(command)
                continue
            self.printed = ""
            with self._afresh() if "afresh" in block.says else contextlib.nullcontext():
                done = run(command)
            assert done.exit_code == code, f"{block.place}: {command} ended with {done.exit_code}:\n{done.output}"
            self.printed = done.stdout

    @contextlib.contextmanager
    def _afresh(self) -> Iterator[None]:
        copy = self.folder.with_name(f"{self.folder.name}-copy")
        shutil.copytree(self.folder, copy, symlinks=True)
        with contextlib.chdir(copy):
            yield
        shutil.rmtree(copy)

    def _python(self, block: Block) -> None:
        code = compile(block.text, block.place, "exec")
        if block.reason or "file" in block.says:
            return
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(code, self.names)
        self.printed = said.getvalue()

    def _text(self, block: Block) -> None:
        if "output" in block.says:
            assert is_printed(block.text, self.printed), f"{block.place}: what is printed is\n{self.printed}"
        else:
            assert block.reason or "file" in block.says, f"{block.place}: a text that is no output says why"

    # ----------------------------------------------------------------- what is read

    def _toml(self, block: Block) -> None:
        path = self.folder / block.says.get("file", "read-by-the-test.toml")
        beside = self.folder / block.says["beside"] if "beside" in block.says else None
        path.write_text((beside.read_text(encoding="utf-8") if beside else "") + block.text, encoding="utf-8")
        reader_of(tomllib.loads(block.text))(path)

    def _json(self, block: Block) -> None:
        assert "schema" in block.says, f"{block.place}: JSON says of which schema it is"
        assert not schema_mistakes(block.says["schema"], json.loads(block.text)), block.place

    def _yaml(self, block: Block) -> None:
        found = yaml.load(block.text, Loader=yaml.BaseLoader)
        jobs = {"one": {"runs-on": "ubuntu-latest", **found}} if "steps" in found else found["jobs"]
        workflow = {"on": "push", "jobs": jobs}
        errors = [error.message for error in WORKFLOWS.iter_errors(workflow)]
        assert not errors, f"{block.place}: {errors}"


WORKFLOWS = Draft7Validator(get_builtin_schema("vendor.github-workflows"))


def reader_of(document: dict[str, object]) -> Callable[[Path], object]:
    """What reads a TOML file of this shape; it raises for what it refuses."""
    for key, reader in (
        ("scenario", load_scenarios),
        ("workflow", load_scenarios),
        ("provider", _provider),
        ("waiver", read_waivers),
        ("target", load_scenarios if isinstance(document.get("target"), dict) else _settings),
    ):
        if key in document:
            return reader
    return _settings


def _provider(path: Path) -> object:
    return build_provider(read_document(path), str(path), path.parent)


def _settings(path: Path) -> object:
    folder = path.parent / "settings"
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder / "harness.toml")
    return read_settings(folder)


# --------------------------------------------------------------------------- commands


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed: on standard output, and in all."""

    exit_code: int
    stdout: str
    output: str


def run(command: str) -> Done:
    """Run one command as a shell would: patterns filled in, output sent where it says."""
    line, _, into = command.partition(" > ")
    words = [one for word in shlex.split(line) for one in (sorted(glob.glob(word)) if "*" in word else [word])]
    assert words[0] in RUN, f"{command}: nothing here runs {words[0]}"
    done = RUN[words[0]](words[1:])
    if into:
        Path(into.strip()).write_text(done.stdout, encoding="utf-8")
    return done


def harness(words: list[str]) -> Done:
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    return Done(done.exit_code, done.stdout, done.output)


def make(words: list[str]) -> Done:
    """That there is such a target; what it does is what this very run is a part of."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{word}:", makefile, flags=re.MULTILINE) for word in words), words
    return Done(0, "", "")


def a_process(*before: str) -> Callable[[list[str]], Done]:
    def run_it(words: list[str]) -> Done:
        done = subprocess.run([*before, *words], capture_output=True, text=True, check=False)
        return Done(done.returncode, done.stdout, done.stdout + done.stderr)

    return run_it


RUN = {"harness": harness, "make": make, "pytest": a_process(sys.executable, "-m", "pytest", "-p", "no:cacheprovider")}


def parses(command: str) -> None:
    """A command of ours has the options that it is given; others are words that a shell reads."""
    words = shlex.split(command.split(" > ", maxsplit=1)[0], comments=True)
    if words[0] != "harness":
        return
    context, command_of, rest = None, main, words[1:]
    while hasattr(command_of, "commands"):
        context = command_of.make_context("harness", [rest[0]], parent=context)
        command_of, rest = command_of.commands[rest[0]], rest[1:]
    command_of.make_context(command_of.name, rest, parent=context)


# --------------------------------------------------------------------------- the tests


@pytest.fixture(scope="session")
def premises(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the documents take for granted."""
    folder = tmp_path_factory.mktemp("premises")
    lay_out(folder)
    return folder


@pytest.fixture
def own_modules() -> Iterator[None]:
    """A document's modules are forgotten with it: the next one's have the same names."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if "pytest-of" in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


WITH_BLOCKS = [one for one in documents() if one != TUTORIAL and blocks_of(one)]


@pytest.mark.usefixtures("own_modules")
@pytest.mark.parametrize("document", WITH_BLOCKS, ids=name_of)
def test_every_block_does_what_its_document_says(
    document: Path, premises: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(premises, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    reader = Reader(folder)
    for block in blocks_of(document):
        if block.language not in GENERATED:
            reader.read(block)


def exempt() -> str:
    """Every exemption: where, what, why."""
    lines = []
    for document in documents():
        for block in blocks_of(document):
            if block.reason and block.language == "console":
                lines += [
                    f"{name_of(document)} | {command} | {block.reason}"
                    for number, command in enumerate(block.commands)
                    if block.is_exempt(number)
                ]
            elif block.reason:
                lines.append(f"{name_of(document)} | {block.language}: {block.commands[0]} | {block.reason}")
    return "".join(f"{line}\n" for line in lines)


def test_what_is_exempt_is_listed() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        EXEMPTIONS.write_text(exempt(), encoding="utf-8")
    assert exempt() == EXEMPTIONS.read_text(encoding="utf-8"), "a new exemption wants its line in exemptions.txt"
