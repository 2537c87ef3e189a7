"""Runs a job of a workflow file on this machine: the file's own `run:` steps, in the shell that GitHub gives them.

Steps that `uses:` an action are replaced by what the action does here: a clone, an environment, a zip. Expressions are
evaluated as far as our workflows use them; anything else is refused, so that a test never passes over what it did not
understand.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
SHELLS = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
"""What GitHub calls: without `shell:` there is no pipefail."""
_TOKENS = re.compile(r"\s*(&&|\|\||==|!=|!|\(|\)|'(?:[^']|'')*'|[A-Za-z_][\w.-]*)")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_SECONDS = 120


class NotUnderstoodError(Exception):
    """The workflow uses something that this runner does not know."""


def workflow(name: str) -> dict[str, Any]:
    """A workflow file; the key `on` is a text, not the truth value that YAML 1.1 makes of it."""
    document = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    document["on"] = document.pop(True)
    return dict(document)


@dataclass
class Step:
    """What became of a step."""

    name: str
    outcome: str
    """success, failure or skipped."""
    output: str = ""


@dataclass
class Job:
    """One run of one job. `context` is what GitHub knows: `github.event.…`, `github.token` and so on."""

    workflow: dict[str, Any]
    name: str
    folder: Path
    """Holds the workspace and the runner's files; artifacts are kept in `uploads`."""
    context: dict[str, Any]
    source: Path
    """The repository that checkout clones."""
    environment: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    """Values of the workflow's own top-level `env`, as who adopts it would write them."""
    already: frozenset[str] = frozenset()
    """Names of steps that an earlier job of the same test has run, and that would take the time again."""
    uploads: dict[str, bytes] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def succeeded(self) -> bool:
        return not any(step.outcome == "failure" for step in self.steps)

    @property
    def log(self) -> str:
        return "\n".join(f"--- {step.name}: {step.outcome}\n{step.output}" for step in self.steps)

    @property
    def summary(self) -> str:
        path = self.folder / "summary"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def run(self) -> Job:
        """Run the job's steps in order; a job whose `if:` is false has none."""
        job = self.workflow["jobs"][self.name]
        for name in ("workspace", "temp", "home"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        if "if" not in job or self._holds(job["if"]):
            for number, step in enumerate(job["steps"]):
                self.steps.append(self._step(job, step, number))
        return self

    # ----------------------------------------------------------------------- steps

    def _step(self, job: Mapping[str, Any], step: Mapping[str, Any], number: int) -> Step:
        name = str(step.get("name") or step.get("uses") or step.get("run"))
        known = {"name", "id", "if", "env", "run", "uses", "with", "shell"}
        if set(step) - known:
            raise NotUnderstoodError(f"{name}: {set(step) - known}")
        condition = step.get("if", "success()")
        always = re.search(r"\b(always|cancelled|failure)\(\)", str(condition))
        if not (always or self.succeeded) or not self._holds(condition):
            return Step(name, "skipped")
        if name in self.already:
            return Step(name, "success", "as before")
        if "uses" in step:
            action = ACTIONS.get(step["uses"].partition("@")[0])
            if action is None:
                raise NotUnderstoodError(step["uses"])
            given = {key: self._filled(_text(value)) for key, value in step.get("with", {}).items()}
            return Step(name, "success", action(self, given))
        shell = step.get("shell", job.get("defaults", {}).get("run", {}).get("shell"))
        return self._shell(name, step, SHELLS[shell], number)

    def _shell(self, name: str, step: Mapping[str, Any], shell: list[str], number: int) -> Step:
        if _EXPRESSION.search(step["run"]):
            raise NotUnderstoodError(f"{name}: an expression inside run")
        script = self.folder / "temp" / f"step-{number}.sh"
        script.write_text(step["run"], encoding="utf-8")
        output, path = self.folder / f"output-{number}", self.folder / "added-path"
        output.touch()
        environment = self._environment(step) | {"GITHUB_OUTPUT": str(output), "GITHUB_PATH": str(path)}
        done = subprocess.run(
            [*shell, str(script)],
            cwd=self.workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        lines = output.read_text(encoding="utf-8").splitlines()
        if "id" in step:
            self.outputs[step["id"]] = dict(line.split("=", 1) for line in lines)
        return Step(name, "failure" if done.returncode else "success", done.stdout)

    def _environment(self, step: Mapping[str, Any]) -> dict[str, str]:
        """What a runner gives: nothing of this process but where its commands are."""
        declared = {**self.workflow.get("env", {}), **self.workflow["jobs"][self.name].get("env", {}), **self.overrides}
        written = {**declared, **step.get("env", {})}
        return {
            "PATH": f"{self.folder / 'python' / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_ENV": str(self.folder / "env"),
            "RUNNER_TEMP": str(self.folder / "temp"),
            **self.environment,
            **{key: self._filled(_text(value)) for key, value in written.items()},
        }

    # ----------------------------------------------------------------------- expressions

    def _filled(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: _text(self._value(found[1])), text)

    def _holds(self, condition: object) -> bool:
        found = _EXPRESSION.fullmatch(str(condition))
        return bool(self._value(found[1] if found else str(condition)))

    def _value(self, expression: str) -> Any:
        tokens, at = [], 0
        while at < len(expression.rstrip()):
            found = _TOKENS.match(expression, at)
            if not found:
                raise NotUnderstoodError(expression)
            tokens.append(found[1])
            at = found.end()
        value = self._either(tokens)
        if tokens:
            raise NotUnderstoodError(expression)
        return value

    def _either(self, tokens: list[str]) -> Any:
        value = self._both(tokens)
        while tokens[:1] == ["||"]:
            del tokens[0]
            other = self._both(tokens)
            value = value or other
        return value

    def _both(self, tokens: list[str]) -> Any:
        value = self._compared(tokens)
        while tokens[:1] == ["&&"]:
            del tokens[0]
            other = self._compared(tokens)
            value = value and other
        return value

    def _compared(self, tokens: list[str]) -> Any:
        value = self._single(tokens)
        while tokens[:1] in (["=="], ["!="]):
            equal = tokens.pop(0) == "=="
            value = (_text(value) == _text(self._single(tokens))) == equal
        return value

    def _single(self, tokens: list[str]) -> Any:
        token = tokens.pop(0)
        if token == "!":
            return not self._single(tokens)
        if token.startswith("'"):
            return token[1:-1].replace("''", "'")
        if tokens[:2] == ["(", ")"]:
            del tokens[:2]
            functions = {"always": True, "cancelled": False, "success": self.succeeded, "failure": not self.succeeded}
            if token not in functions:
                raise NotUnderstoodError(f"{token}()")
            return functions[token]
        return self._looked_up(token)

    def _looked_up(self, name: str) -> Any:
        found: Any = {
            **self.context,
            "runner": {"temp": str(self.folder / "temp")},
            "steps": {key: {"outputs": value} for key, value in self.outputs.items()},
        }
        parts = name.split(".")
        if parts[0] not in found:
            raise NotUnderstoodError(name)
        for part in parts:
            found = found.get(part) if isinstance(found, dict) else None
        return found


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


# --------------------------------------------------------------------------- what the actions do


def _checkout(job: Job, given: dict[str, str]) -> str:
    if given.get("persist-credentials") != "false":
        raise NotUnderstoodError("checkout that keeps the token")
    depth = ["--depth", "1", "--no-single-branch"] if given.get("fetch-depth", "1") == "1" else []
    ref = given.get("ref") or job.context["github"]["sha"]
    _quietly("git", "clone", "--quiet", *depth, f"file://{job.source}", str(job.workspace))
    if not re.fullmatch(r"[0-9a-f]{40}", ref):
        ref = f"origin/{ref}"
    _quietly("git", "-C", str(job.workspace), "checkout", "--quiet", "--detach", ref)
    return f"checked out {ref}"


def _quietly(*command: str) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)


def _setup_python(job: Job, _given: dict[str, str]) -> str:
    """An environment of its own, in which this one's packages are seen: what is installed into it stays in it."""
    where = job.folder / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(where)], check=True)
    packages = next((where / "lib").glob("python*/site-packages"))
    (packages / "seen.pth").write_text(sysconfig.get_path("purelib") + "\n" + str(ROOT) + "\n")
    return f"an environment in {where}"


def _upload(job: Job, given: dict[str, str]) -> str:
    path = job.workspace / given["path"]  # an absolute path stands for itself
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    if not files:
        raise AssertionError(f"if-no-files-found: {given['if-no-files-found']}: {path}")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in files:
            archive.write(one, one.name if path.is_file() else one.relative_to(path))
    job.uploads[given["name"]] = stream.getvalue()
    return f"{len(files)} files as {given['name']}"


ACTIONS: dict[str, Callable[[Job, dict[str, str]], str]] = {
    "actions/checkout": _checkout,
    "actions/setup-python": _setup_python,
    "actions/upload-artifact": _upload,
}
