"""Runs the `run:` steps of an action or a workflow's job as a runner would: the same shell, the same files.

Steps that use another action are not run but noted, with what they were given; `answers` says what they output.
Expressions are those that this repository writes: names with dots, `==`, `!=`, `&&`, `!` and texts in quotes.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_SHELL = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")


def read_yaml(path: Path) -> dict[str, Any]:
    """The document, with `on` as the word it is."""
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader))


@dataclass
class Done:
    """What came of the steps."""

    code: int = 0
    said: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    """Step -> its outputs."""
    used: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Actions that were to run, each with its inputs."""
    summary: str = ""


@dataclass
class Runner:
    """One job on one machine. `folder` holds its temporary files; contexts are nested mappings of texts."""

    workspace: Path
    folder: Path
    contexts: dict[str, Any]
    environment: Mapping[str, str]
    use: Callable[[str, Mapping[str, str]], Mapping[str, str]] = lambda _name, _given: {}
    """Stands for another action: what it is called and given -> what it outputs."""

    def run(self, steps: list[dict[str, Any]]) -> Done:
        """Run them one after the other; a failure skips what follows, but for `always()`."""
        done = Done()
        self.contexts["steps"] = {}
        for number, step in enumerate(steps):
            if not self._wanted(step.get("if"), failed=done.code != 0):
                continue
            outputs = self._one(step, number, done)
            name = step.get("id", f"step-{number}")
            done.outputs[name] = outputs
            self.contexts["steps"][name] = {"outputs": outputs}
        return done

    def _one(self, step: dict[str, Any], number: int, done: Done) -> dict[str, str]:
        if "uses" in step:
            given = {key: self.filled(value) for key, value in step.get("with", {}).items()}
            done.used.append((step["uses"], given))
            return dict(self.use(step["uses"], given))
        files = {name: self.folder / f"{number}-{name}" for name in ("OUTPUT", "STEP_SUMMARY", "ENV", "PATH")}
        for path in files.values():
            path.touch()
        script = self.folder / f"{number}.sh"
        script.write_text(self.filled(step["run"]))
        assert step.get("shell", "bash") == "bash"
        ended = subprocess.run(
            [*_SHELL, str(script)],
            cwd=self.workspace / self.filled(step.get("working-directory", ".")),
            env={
                **self.environment,
                **{f"GITHUB_{name}": str(path) for name, path in files.items()},
                "GITHUB_WORKSPACE": str(self.workspace),
                "RUNNER_TEMP": str(self.folder),
                **{key: self.filled(value) for key, value in step.get("env", {}).items()},
            },
            capture_output=True,
            text=True,
            check=False,
        )
        done.said += ended.stdout + ended.stderr
        done.summary += files["STEP_SUMMARY"].read_text()
        done.code = done.code or ended.returncode
        return dict(line.split("=", 1) for line in files["OUTPUT"].read_text().splitlines())

    def filled(self, text: str) -> str:
        """`text` with its expressions replaced."""
        return _EXPRESSION.sub(lambda match: self._value(match[1]), text)

    def _wanted(self, condition: str | None, *, failed: bool) -> bool:
        if condition is None:
            return not failed
        terms = [term.strip() for term in condition.split("&&")]
        if "always()" in terms or "!cancelled()" in terms:
            return all(self._holds(term) for term in terms if term not in {"always()", "!cancelled()"})
        return not failed and all(self._holds(term) for term in terms)

    def _holds(self, term: str) -> bool:
        for sign, wanted in (("!=", False), ("==", True)):
            if sign in term:
                left, right = (self._value(side.strip()) for side in term.split(sign))
                return (left == right) is wanted
        return self._value(term) not in {"", "false"}

    def _value(self, expression: str) -> str:
        if expression.startswith("'"):
            return expression.strip("'")
        if not re.fullmatch(r"(inputs|steps|github|runner|env)(\.[\w-]+)+", expression):
            raise NotImplementedError(f"an expression that this runner does not know: {expression}")
        found: Any = self.contexts
        for part in expression.split("."):
            found = found.get(part, {}) if isinstance(found, Mapping) else {}
        return "" if found == {} else str(found)


def clean_environment(**more: str) -> dict[str, str]:
    """This process's, without what belongs to the tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GITHUB_", "GIT_", "PYTEST_", "PYTHON"))
    }
    return {**kept, **more}
