"""What a user's repository is: its name, package and layout, how it is built, its Python, its branches.

Everything is read, nothing of it is imported.
"""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import DeclarationError, Mistake
from harness.scenario.load import read_document

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_NEVER_PACKAGES = {
    "tests",
    "test",
    "docs",
    "doc",
    "examples",
    "benchmarks",
    "scripts",
    "tools",
    "build",
    "dist",
    "venv",
}
_BACKENDS = {
    "hatchling": "hatchling",
    "setuptools": "setuptools",
    "poetry": "poetry",
    "uv_build": "uv",
    "flit_core": "flit",
    "pdm": "pdm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository that is to get load tests. `root` is the top of its checkout."""

    root: Path
    name: str
    """The distribution's."""
    package: str | None
    """The name it is imported by; None where nothing is to be installed."""
    source: Path | None
    """Its folder, or its one module's file, from `root` on."""
    layout: str
    """`src`, `flat` or `none`."""
    backend: str
    """What builds it, or `none`."""
    manager: str
    """`uv`, `poetry` or `pip`: what a user adds dependencies with."""
    python: str
    """Such as `3.13`: what its workflows run."""
    branch: str
    """The default branch."""
    tests: Path
    """The folder of its tests, from `root` on."""


def detect(
    folder: Path, *, package: str | None = None, python: str | None = None, branch: str | None = None
) -> Project:
    """The project in `folder`; what is given is not looked for.

    Raises `DeclarationError` where it is not the top of a git repository, or the package cannot be told.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder.resolve():
        found = "no git repository" if top is None else f"a folder of the repository {top}"
        raise DeclarationError("init", [Mistake("folder", found, "the top of a git repository (git init makes one)")])
    pyproject = folder / "pyproject.toml"
    document = read_document(pyproject) if pyproject.is_file() else {}
    backend = _backend(folder, document)
    name = _name(folder, document)
    source = _source(folder, document, name, package, needed=backend != "none")
    return Project(
        root=folder,
        name=name,
        package=source.stem if source else None,
        source=source,
        layout="none" if source is None else "src" if source.parts[0] == "src" else "flat",
        backend=backend,
        manager=_manager(folder, document),
        python=python or _python(_table(document, "project").get("requires-python")),
        branch=branch or _branch(folder),
        tests=_tests(folder, document),
    )


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _table(document: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The table at `keys`; an empty one where there is none, or something else."""
    found: Any = document
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _backend(folder: Path, document: Mapping[str, Any]) -> str:
    named = str(_table(document, "build-system").get("build-backend", ""))
    for start, name in _BACKENDS.items():
        if named.startswith(start):
            return name
    if named:
        return "other"
    # without a build system, pip takes setuptools
    installable = (folder / "setup.py").is_file() or "project" in document
    return "setuptools" if installable else "none"


def _manager(folder: Path, document: Mapping[str, Any]) -> str:
    if (folder / "uv.lock").is_file() or _table(document, "tool", "uv"):
        return "uv"
    if (folder / "poetry.lock").is_file() or _table(document, "tool", "poetry"):
        return "poetry"
    return "pip"


# --------------------------------------------------------------------------- name and package


def _name(folder: Path, document: Mapping[str, Any]) -> str:
    """The distribution's name. Raises `DeclarationError` where it is none that could be installed."""
    named = _table(document, "project").get("name") or _table(document, "tool", "poetry").get("name")
    named = named or _name_in_cfg(folder) or _name_in_setup(folder)
    if named is None:
        return re.sub(r"[^A-Za-z0-9]+", "-", folder.resolve().name).strip("-") or "project"
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", str(named)):
        mistake = Mistake("project.name", repr(named), "letters, digits, dots, hyphens and underscores")
        raise DeclarationError("init", [mistake])
    return str(named)


def _name_in_cfg(folder: Path) -> str | None:
    return _ini(folder / "setup.cfg").get("metadata", {}).get("name")


def _name_in_setup(folder: Path) -> str | None:
    for node in ast.walk(_parsed(folder / "setup.py")):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "setup":
            for keyword in node.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return None


def _source(folder: Path, document: Mapping[str, Any], name: str, package: str | None, *, needed: bool) -> Path | None:
    """Where the package is, from the top on. Raises `DeclarationError` where that cannot be told."""
    there = list(dict.fromkeys(one for one in _candidates(folder, document) if (folder / one).exists()))
    wanted = [package] if package else [re.sub(r"[-.]+", "_", name).lower(), name]
    for one in there:
        if one.stem in wanted or one.stem.lower() in wanted:
            return one
    if package is None and len(there) == 1:
        return there[0]
    if package is None and not (needed or there):
        return None
    known = ", ".join(sorted({one.stem for one in there})) or "none"
    found = repr(package) if package else f"no package called {wanted[0]}"
    allowed = f"the name the project is imported by (packages there: {known})"
    raise DeclarationError("init", [Mistake("--package", found, allowed)])


def _candidates(folder: Path, document: Mapping[str, Any]) -> Iterator[Path]:
    """What may be the package: what the build's own table names first, then what lies about."""
    yield from _declared(document)
    for place in (Path("src"), Path()):
        if not (folder / place).is_dir():
            continue
        for path in sorted((folder / place).iterdir()):
            inside = place / path.name
            hidden = path.name.startswith((".", "_")) or path.name in _NEVER_PACKAGES
            module = path.suffix == ".py" and bool(place.parts)
            if not hidden and (module or (path / "__init__.py").is_file()):
                yield inside
    name = str(_table(document, "project").get("name", "")).replace("-", "_")
    if name:
        yield Path(f"{name}.py")


def _declared(document: Mapping[str, Any]) -> Iterator[Path]:
    tools = _table(document, "tool")
    for one in _list(_table(tools, "hatch", "build", "targets", "wheel").get("packages")):
        yield Path(str(one))
    for one in _list(_table(tools, "poetry").get("packages")):
        if isinstance(one, dict) and "include" in one:
            yield Path(str(one.get("from", ""))) / str(one["include"])
    setuptools = _table(tools, "setuptools")
    base = Path(str(_table(setuptools, "package-dir").get("", "")))
    for one in _list(setuptools.get("packages")):
        yield base / str(one).partition(".")[0]
    for one in _list(setuptools.get("py-modules")):
        yield base / f"{one}.py"
    uv = _table(tools, "uv", "build-backend")
    if isinstance(uv.get("module-name"), str):
        yield Path(str(uv.get("module-root", "src"))) / uv["module-name"]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# --------------------------------------------------------------------------- Python, branch, tests


def _python(required: Any) -> str:
    """The Python that runs this, where the project takes it; else the newest that it takes.

    Raises `DeclarationError` where it takes none that the harness runs on.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - only where there is one to read

    present = f"{sys.version_info[0]}.{sys.version_info[1]}"
    try:
        taken = SpecifierSet(str(required or ""))
    except InvalidSpecifier as error:
        mistake = Mistake("project.requires-python", repr(required), "version specifiers such as >=3.11")
        raise DeclarationError("pyproject.toml", [mistake]) from error
    for one in (present, *reversed(PYTHONS)):
        if taken.contains(f"{one}.99") and one in PYTHONS:
            return one
    allowed = f"a Python that the harness runs on ({', '.join(PYTHONS)})"
    raise DeclarationError("pyproject.toml", [Mistake("project.requires-python", repr(required), allowed)])


def _branch(folder: Path) -> str:
    """The remote's default branch; without a remote main or master, else the branch that is checked out."""
    remote = _git(folder, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
    if remote:
        return remote.partition("/")[2]
    for name in ("main", "master"):
        if _git(folder, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}") is not None:
            return name
    return _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD") or "main"


def _tests(folder: Path, document: Mapping[str, Any]) -> Path:
    """The first plain folder that pytest is told to look in; else `tests`."""
    told = _table(document, "tool", "pytest", "ini_options").get("testpaths", [])
    for file, section in (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        told = told or _ini(folder / file).get(section, {}).get("testpaths", "")
    names = [str(one) for one in told] if isinstance(told, list) else str(told).split()
    plain = [one for one in names if (folder / one).is_dir() and not Path(one).is_absolute() and ".." not in one]
    return Path(plain[0] if plain else "tests")


def _ini(path: Path) -> dict[str, dict[str, str]]:
    """An ini file's sections; none where there is no such file, or it is none."""
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])
