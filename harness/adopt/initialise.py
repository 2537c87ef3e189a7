"""`harness init`: from a user's wishes to the files planned, and to what is left for the user to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.adopt.in_force import Keeps, kept_settings, scenarios_in_force, settled
from harness.adopt.plan import SAME, Planned, plan
from harness.adopt.project import Project, detect
from harness.adopt.reading import read_json5
from harness.adopt.starter import (
    Scenarios,
    Wishes,
    amended_gitignore,
    own_scenarios,
    requirement_of,
    starter_files,
    stub_of,
)
from harness.adopt.target import examine
from harness.adopt.writing import write_all
from harness.bridges.settings import read_settings
from harness.errors import DeclarationError, Mistake

_ACTION = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+@[0-9a-f]{40}")
SETTLED = "[tool.harness] of pyproject.toml"
_ASV = ("asv.conf.json", "asv.conf.jsonc")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done: the project, what was asked for it, the files, and what was left as it is."""

    project: Project
    wishes: Wishes
    planned: list[Planned]
    left: tuple[str, ...]
    scenarios: Scenarios


def planned_files(folder: Path, options: Mapping[str, Any], keeps: Keeps) -> Asked:
    """What `init` would write into `folder`. Raises `DeclarationError` for whatever stands in its way.

    `keeps` is asked about settings and scenarios of the user's that differ: what stays of them decides the rest.
    """
    project = detect(folder, package=options["package"], python=options["python"], branch=options["branch"])
    if project.package == "harness" and project.name != "agent-load-harness":
        mistake = Mistake("package", "'harness', the name of this tool's own", "a package of another name")
        raise DeclarationError("init", [mistake])
    wishes = _wished(project, options)
    benchmarks, left = _benchmarks(folder)
    files = starter_files(project, wishes, benchmarks, own_scenarios(benchmarks))
    settings = kept_settings(folder, files, keeps)
    scenarios = scenarios_in_force(folder, files, benchmarks, settings, keeps)
    if settings is not None:
        wishes = settled(wishes, settings[1], stub_of(benchmarks))
    files = starter_files(project, wishes, benchmarks, scenarios)
    left += _settled(folder)
    left = tuple(name for name in left if _is_theirs(folder / name, files))
    for name in left:
        files.pop(Path("harness.toml" if name == SETTLED else "asv.conf.json"), None)
    ignore = Path(".gitignore")
    text = (folder / ignore).read_text(encoding="utf-8", errors="replace") if (folder / ignore).is_file() else ""
    return Asked(project, wishes, plan(folder, files, {ignore: amended_gitignore(text)}), left, scenarios)


def _wished(project: Project, options: Mapping[str, Any]) -> Wishes:
    target = examine(project, options["target"]) if options["target"] else None
    return Wishes(
        target=target,
        clock=options["clock"],
        requirement=_line(options["requirement"]),
        action=_action(options["action"]),
        without=tuple(options["without"]),
    )


def initialise(asked: Asked, kept: set[Path]) -> None:
    """Write what is planned, but for what is there already and what is `kept`; all of it or nothing."""
    texts = {one.path: one.text for one in asked.planned if one.state != SAME and one.path not in kept}
    write_all(asked.project.root, texts)


def next_steps(asked: Asked) -> list[str]:
    """What the user does now, in lines."""
    project = asked.project
    lines = ["", *(f"{name} was there and is left as it is" for name in asked.left)]
    if project.layout == "none":
        lines.append("no pyproject.toml or setup.py: nothing for asv to install, so its files were left out")
    if not asked.scenarios.settled:
        lines.append(f'the settings name no file of scenarios: file = "{asked.scenarios.file}" there makes it theirs')
    lines += ["", "next:"]
    if asked.wishes.target is None:
        lines.append("  put the call of your own code into load_target.py: until then a placeholder is measured")
    if project.package and find_spec(project.package) is None:
        lines.append("  pip install --editable .              the project itself is not importable here")
    lines += [
        "  harness run                           the scenarios, here and now",
        "  harness continuous HEAD~1 HEAD        the check of a pull request, here and now",
        "  harness doctor                        is the set-up sound?",
        "",
        "the load tests' own requirements, beside your other development dependencies if you like:",
        f"  {_adding(project, requirement_of(asked.wishes))}",
    ]
    return lines


def _adding(project: Project, requirement: str) -> str:
    """How the project's own tool adds it; init leaves pyproject.toml and lock files alone."""
    return {
        "uv": f"uv add --group bench '{requirement}'",
        "poetry": f"poetry add --group bench '{requirement}'",
    }.get(project.manager, "pip install -r benchmarks/requirements.txt")


def _benchmarks(folder: Path) -> tuple[str, tuple[str, ...]]:
    """The folder of benchmarks, as an asv configuration that is there already says, and the name of that."""
    there = next((name for name in _ASV if (folder / name).is_file()), None)
    if there is None:
        return "benchmarks", ()
    named = read_json5(folder / there).get("benchmark_dir", "benchmarks")
    if not isinstance(named, str) or not re.fullmatch(r"[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*", named):
        mistake = Mistake("benchmark_dir", repr(named), "a folder of the repository whose name can be imported")
        raise DeclarationError(there, [mistake])
    return named, (there,)


def _settled(folder: Path) -> tuple[str, ...]:
    """Settings that stand in pyproject.toml already; a second place for them would be refused."""
    source = read_settings(folder).source if not (folder / "harness.toml").is_file() else ""
    return (SETTLED,) if source else ()


def _is_theirs(path: Path, files: Mapping[Path, str]) -> bool:
    """Whether a file that is there is not just what an earlier run of init has written."""
    return not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != files.get(Path(path.name))


def _action(text: str | None) -> str | None:
    if text is not None and not _ACTION.fullmatch(text):
        mistake = Mistake("--action", repr(text), "OWNER/REPO@COMMIT with all 40 digits of the commit")
        raise DeclarationError("init", [mistake])
    return text


def _line(text: str | None) -> str | None:
    if text is not None and (not text.strip() or not text.isprintable()):
        raise DeclarationError("init", [Mistake("--requirement", repr(text), "one line of a requirements file")])
    return text
