"""The files that a repository gets: what stands in each, for this project."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path

import harness
from harness.adopt.project import Project
from harness.adopt.target import Found, suggestions
from harness.adopt.workflows import workflows

TEMPLATES = Path(__file__).with_name("templates")
PARTS = ("asv", "pytest", "github")
"""What can be left out."""
IGNORED = ("reports/", ".asv/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user asked for beyond what the project says of itself."""

    target: Found | None = None
    """Their own; None: a stub is written."""
    clock: str | None = None
    requirement: str | None = None
    """What pip is to install the harness from; None: this very version."""
    action: str | None = None
    """`OWNER/REPO@COMMIT` of the action that the workflow of pull requests is to use."""
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """The scenarios that the tests and the suite are to be of, as one file declares them."""

    file: str
    """From the top of the repository on, as the settings have it."""
    names: tuple[str, ...]
    settled: bool = True
    """Whether the settings name that file. Where they name none, the tests do."""


def own_scenarios(benchmarks: str) -> Scenarios:
    """Those of the file that `starter_files` brings along."""
    declared = tomllib.loads(_filled("load.toml", {}))["scenario"]
    return Scenarios(file=f"{benchmarks}/load.toml", names=tuple(declared))


def starter_files(project: Project, wishes: Wishes, benchmarks: str, scenarios: Scenarios) -> dict[Path, str]:
    """Path from the top on -> text, for every file that is this project's own to have.

    `benchmarks` is the folder of its benchmarks. What is to be amended, `.gitignore`, is not among them, and neither is
    a file of scenarios where `scenarios` are those of another.
    """
    return dict(_files(project, wishes, benchmarks, scenarios))


def has_asv(project: Project, wishes: Wishes) -> bool:
    """Whether asv gets anything: it measures what it can install."""
    return "asv" not in wishes.without and project.layout != "none"


def stub_of(benchmarks: str) -> str:
    """The target that is written where there is none."""
    return f"{benchmarks}/load_target.py:handle"


def clock_of(wishes: Wishes) -> str:
    """Asked for, or `wall` for a plain function, whose waits no clock can jump over, or `virtual`."""
    blocking = wishes.target is not None and wishes.target.blocking
    return wishes.clock or ("wall" if blocking else "virtual")


def requirement_of(wishes: Wishes) -> str:
    """The line that pip installs the harness by."""
    if wishes.requirement:
        return wishes.requirement
    name = "agent-load-harness[asv,github,pytest]"
    if wishes.action:
        repository, _, commit = wishes.action.partition("@")
        return f"{name} @ git+https://github.com/{repository}@{commit}"
    return f"{name}=={harness.__version__}"


def amended_gitignore(before: str) -> str:
    """With a line for each folder that runs write into; what is ignored already stays as it is."""
    there = {line.strip().strip("/") for line in before.splitlines()}
    missing = [line for line in IGNORED if line.strip("/") not in there]
    ended = before if not before or before.endswith("\n") else before + "\n"
    return ended + "".join(f"{line}\n" for line in missing)


def _files(project: Project, wishes: Wishes, benchmarks: str, scenarios: Scenarios) -> Iterator[tuple[Path, str]]:
    # long: one line for each file
    folder = Path(benchmarks)
    words = {"benchmarks": benchmarks, "clock": clock_of(wishes), "python": project.python}
    spec = wishes.target.spec if wishes.target else stub_of(benchmarks)
    yield Path("harness.toml"), _filled("harness.toml", words, target=json.dumps(spec))
    if Path(scenarios.file) == folder / "load.toml":
        yield folder / "load.toml", _filled("load.toml", words)
    if wishes.target is None:
        suggested = _suggested(project)
        yield folder / "load_target.py", _filled("load_target.py", words, name=project.name, suggested=suggested)
    yield folder / "requirements.txt", _filled("requirements.txt", words, requirement=requirement_of(wishes))
    if has_asv(project, wishes):
        yield folder / "__init__.py", _filled("__init__.py", words)
        yield folder / "load_scenarios.py", _suite(wishes, benchmarks, scenarios)
        name, branch = json.dumps(project.name), json.dumps(project.branch)
        yield Path("asv.conf.json"), _filled("asv.conf.json", words, name=name, branch=branch)
    if "pytest" not in wishes.without:
        place = project.tests / "performance"
        if (project.root / project.tests / "__init__.py").is_file():
            yield place / "__init__.py", ""
        yield place / "test_load_scenarios.py", _tests(place, benchmarks, scenarios)
    if "github" not in wishes.without:
        yield from workflows(project, wishes.action, benchmarks, history=has_asv(project, wishes))


def _suite(wishes: Wishes, benchmarks: str, scenarios: Scenarios) -> str:
    here = Path(scenarios.file).parent == Path(benchmarks)
    name = json.dumps(Path(scenarios.file).name if here else scenarios.file)
    file = f"_Path(__file__).with_name({name})" if here else f"{_top(benchmarks)} / {name}"
    words = {"file": file, "target": _in_asv(wishes, benchmarks), "clock": clock_of(wishes)}
    return _filled("load_scenarios.py", words, classes="\n".join(_classes(scenarios.names)))


def _classes(names: Sequence[str]) -> Iterator[str]:
    taken: set[str] = set()
    for name in names:
        words = re.findall(r"[A-Za-z0-9]+", name)
        called = "".join(word[0].upper() + word[1:] for word in words)
        called = called if called.isidentifier() and not iskeyword(called) else f"Load{called}"
        called = called if called not in taken else f"{called}{len(taken)}"
        taken.add(called)
        yield f"\nclass {called}(_Load):\n    scenario = {json.dumps(name)}\n"


def _tests(place: Path, benchmarks: str, scenarios: Scenarios) -> str:
    # a file that is handed to the fixture is looked for from the test's own folder on
    file = "" if scenarios.settled else f", file={json.dumps(Path(os.path.relpath(scenarios.file, place)).as_posix())}"
    words = {"benchmarks": benchmarks, "file": file, "scenarios": json.dumps(scenarios.names, ensure_ascii=False)}
    return _filled("test_load_scenarios.py", words)


def _top(benchmarks: str) -> str:
    """The top of the repository, as an expression of a module in its folder of benchmarks."""
    return f"_Path(__file__).resolve().parents[{benchmarks.count('/') + 1}]"


def _filled(template: str, words: dict[str, str], **more: str) -> str:
    text = (TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    for word, value in (words | more).items():
        text = text.replace(f"@{word}@", value)
    return text


def _suggested(project: Project) -> str:
    found = suggestions(project)
    if not found:
        return ""
    lines = "\n".join(f"    harness init --target {one}" for one in found)
    return f"\nWhat this project has that could be a target as it is:\n\n{lines}\n"


def _in_asv(wishes: Wishes, benchmarks: str) -> str:
    """The target as an expression of the suite: asv runs it in a folder of its own, where paths lead nowhere."""
    if wishes.target is None:
        return json.dumps(f"{benchmarks.replace('/', '.')}.load_target:handle")
    spec = wishes.target.spec
    if not spec.rpartition(":")[0].endswith(".py"):
        return json.dumps(spec)
    return f"str({_top(benchmarks)}) + {json.dumps('/' + spec)}"
