"""`harness doctor`: reads what a repository measures with, and names every trap in it. Nothing is imported or run."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from harness.adopt.asv_traps import traps_in_configuration
from harness.adopt.commands import Line, logical_lines, traps_in
from harness.adopt.findings import Examination, Finding
from harness.adopt.pytest_traps import traps_in_tests
from harness.adopt.reading import read_json5, read_python, read_text, read_yaml
from harness.adopt.suite_traps import Folder, traps_in_suites
from harness.adopt.workflow_traps import command_lines, is_about_benchmarks, traps_in_nodes
from harness.bridges.settings import read_settings
from harness.errors import DeclarationError, HarnessError, Mistake

_Read = TypeVar("_Read")

_BENCHMARKS = "benchmarks"
_ASV = ("asv.conf.json", "asv.conf.jsonc")
_SCRIPTS = {"Makefile", "makefile", "GNUmakefile", "justfile", "Justfile", "tox.ini", "pytest.ini", "setup.cfg"}
_SCRIPTS |= {"pyproject.toml"}
_NEVER = {"node_modules", "site-packages", "dist-packages", "build", "dist", "__pycache__"}
_SEEN_HIDDEN = {".github", ".ci"}


def examine(folder: Path) -> Examination:
    """Every finding in `folder`. Raises `DeclarationError` where it is none."""
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there"
        raise DeclarationError("doctor", [Mistake("FOLDER", f"{found} ({folder})", "a folder")])
    return _Doctor(folder).examination()


class _Doctor:
    """Goes through one folder once; what cannot be read is kept beside what was found."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = sorted(_files(folder))
        self._unreadable: list[str] = []
        self._examined: dict[str, None] = {}
        self._findings: set[Finding] = set()

    def examination(self) -> Examination:
        ordinary = self._asv()
        self._tests()
        self._workflows(ordinary)
        self._scripts(ordinary)
        self._read(lambda _path: read_settings(self._folder), self._folder)
        return Examination(tuple(self._examined), tuple(sorted(self._findings)), tuple(dict.fromkeys(self._unreadable)))

    def _asv(self) -> bool:
        """Every configuration of asv and its benchmarks; whether any of them is no load scenario."""
        places = [path for path in self._files if path.name in _ASV]
        folders = [self._configured(place) for place in places]
        if not places and (self._folder / _BENCHMARKS / "__init__.py").is_file():
            folders.append(self._folder / _BENCHMARKS)
        ordinary = False
        for inside in folders:
            folder = Folder(self._modules(inside))
            ordinary = ordinary or folder.has_ordinary
            for path, line, trap, found in traps_in_suites(folder):
                self._add(Path(path), line, trap, found)
        return ordinary

    def _configured(self, place: Path) -> Path:
        """The folder of benchmarks that a configuration names, which is examined on the way."""
        configuration = self._read(read_json5, place) or {}
        if configuration:
            self._note(place)
            depends = self._read(lambda _path: _depends(self._folder), place) is not False
            for line, trap, found in traps_in_configuration(configuration, read_text(place), depends=depends):
                self._add(place, line, trap, found)
        named = configuration.get("benchmark_dir", _BENCHMARKS)
        return Path(os.path.normpath(place.parent / (named if isinstance(named, str) else _BENCHMARKS)))

    def _modules(self, inside: Path) -> dict[str, ast.Module]:
        found = {}
        for path in self._files:
            if path.suffix == ".py" and path.is_relative_to(inside):
                tree = self._read(read_python, path)
                if tree is not None:
                    self._note(path)
                    found[str(path)] = tree
        return found

    def _tests(self) -> None:
        for path in self._files:
            if path.suffix != ".py" or not (path.stem.startswith("test_") or path.stem.endswith("_test")):
                continue
            tree = self._read(read_python, path)
            if tree is not None:
                self._note(path)
                for line, trap, found in traps_in_tests(tree, self._is_async):
                    self._add(path, line, trap, found)

    def _is_async(self, module: str, name: str) -> bool:
        parts = module.split(".")
        for root in (self._folder, self._folder / "src"):
            for path in (root.joinpath(*parts).with_suffix(".py"), root.joinpath(*parts, "__init__.py")):
                tree = self._read(read_python, path) if path.is_file() else None
                if tree is not None:
                    return any(isinstance(one, ast.AsyncFunctionDef) and one.name == name for one in tree.body)
        return False

    def _workflows(self, ordinary: bool) -> None:
        for path in self._files:
            if path.suffix not in {".yml", ".yaml"} or not _is_workflow(path.relative_to(self._folder)):
                continue
            root = self._read(read_yaml, path)
            if root is None or not is_about_benchmarks(read_text(path)):
                continue
            self._note(path)
            for line, trap, found in traps_in_nodes(root):
                self._add(path, line, trap, found)
            self._commands(path, command_lines(root), ordinary)

    def _scripts(self, ordinary: bool) -> None:
        for path in self._files:
            inside = path.relative_to(self._folder)
            if path.name not in _SCRIPTS and path.suffix not in {".sh", ".bash"} and inside.parts[0] != ".ci":
                continue
            text = self._read(read_text, path)
            if text is not None:
                self._commands(path, logical_lines(text), ordinary)

    def _commands(self, path: Path, lines: Iterator[Line], ordinary: bool) -> None:
        for line in lines:
            for trap, found in traps_in(line, ordinary=ordinary):
                self._note(path)
                self._add(path, line.number, trap, found)

    def _read(self, read: Callable[[Path], _Read], path: Path) -> _Read | None:
        try:
            return read(path)
        except HarnessError as error:
            self._unreadable += str(error).splitlines()
            return None

    def _note(self, path: Path) -> None:
        self._examined[path.relative_to(self._folder).as_posix()] = None

    def _add(self, path: Path, line: int, trap: str, found: str) -> None:
        self._findings.add(Finding(path.relative_to(self._folder).as_posix(), line, trap, found))


def _files(folder: Path) -> Iterator[Path]:
    """Every file that people write: nothing of git, of environments, of caches, of what was built."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = [
            name
            for name in folders
            if (not name.startswith(".") or name in _SEEN_HIDDEN)
            and name not in _NEVER
            and not (here / name / "pyvenv.cfg").exists()
        ]
        yield from (here / name for name in files)


def _is_workflow(inside: Path) -> bool:
    in_folder = inside.parts[:2] in {(".github", "workflows"), (".github", "actions")}
    return in_folder or inside.as_posix() in {"action.yml", "action.yaml"}


def _depends(folder: Path) -> bool:
    """Whether the project needs anything else; True where that cannot be told."""
    pyproject = folder / "pyproject.toml"
    if not pyproject.is_file():
        return True
    from harness.scenario.load import read_document  # noqa: PLC0415 - only where there is one

    project: Any = read_document(pyproject).get("project")
    if not isinstance(project, dict) or "dependencies" in project.get("dynamic", []):
        return True
    return bool(project.get("dependencies", []))
