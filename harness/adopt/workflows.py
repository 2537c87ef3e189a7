"""The workflows a repository gets: this project's own, with its own install commands in place of ours.

They are not written twice. What is shipped are the files that measure this very repository; every place that must
differ is named here, and one that is no longer found there is an error, not a silent leftover.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from harness.adopt.project import Project
from harness.errors import HarnessError

FOLDER = Path(".github") / "workflows"
_OURS = Path(__file__).resolve().parents[2] / FOLDER
_SHIPPED = Path(__file__).with_name("workflows")
_INSTALL = "python -m pip install --quiet --disable-pip-version-check"
_PYTHON = 'python-version: "3.13"'


def workflows(project: Project, action: str | None, benchmarks: str, *, history: bool) -> Iterator[tuple[Path, str]]:
    """Path from the top on -> text. `history`: also the one that keeps asv's results of the default branch."""
    requirements = f"-r {benchmarks}/requirements.txt"
    python = f'python-version: "{project.python}"'
    editable = "" if project.layout == "none" else "--editable . "
    measuring = _own(
        "benchmark-pr.yml", {_PYTHON: python, f"{_INSTALL} --editable .": f"{_INSTALL} {editable}{requirements}"}
    )
    measuring = _replaced(measuring, "BENCHMARK_OPTIONS: --clock virtual", 'BENCHMARK_OPTIONS: ""')
    yield FOLDER / "benchmark-pr.yml", measuring if action is None else _by_action(measuring, action, python)
    tools = {_PYTHON: python, f"{_INSTALL} '.[github]'": f"{_INSTALL} {requirements}"}
    yield FOLDER / "benchmark-comment.yml", _own("benchmark-comment.yml", tools)
    if history:
        text = _own("benchmark-main.yml", tools | {f"{_INSTALL} '.[asv]'": f"{_INSTALL} {requirements}"})
        yield (
            FOLDER / "benchmark-main.yml",
            _replaced(text, "branches: [main]", f"branches: [{json.dumps(project.branch)}]"),
        )


def _own(name: str, changes: dict[str, str]) -> str:
    place = next((one / name for one in (_SHIPPED, _OURS) if (one / name).is_file()), None)
    if place is None:
        raise HarnessError(f"the installed harness lacks {name}: install it again")
    text = place.read_text(encoding="utf-8")
    for old, new in changes.items():
        text = _replaced(text, old, new)
    return text.replace("docs/ci.md", "docs/ci.md of agent-load-harness")


def _replaced(text: str, old: str, new: str) -> str:
    if old not in text:
        raise HarnessError(f"the installed harness's workflows lack {old!r}: install it again")
    return text.replace(old, new)


def _by_action(text: str, action: str, python: str) -> str:
    """The same job with the one step that does all of it."""
    repository, _, commit = action.partition("@")
    kept, _, _ = text.partition("      - uses: actions/setup-python")
    before, _, after = kept.partition("\nenv:\n")
    without_options = before + "\n" + after.partition("\n\n")[2] if after else before
    shell = "    defaults:\n      run:\n        shell: bash\n"
    step = f"      - uses: {repository}/.github/actions/compare@{commit}\n        with:\n          {python}\n"
    return without_options.replace(shell, "") + step
