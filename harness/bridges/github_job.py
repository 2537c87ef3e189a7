"""What a GitHub job is told by its environment: where the API is, with which token, and what set it off.

Nothing here comes from a pull request's own code: the event is written by GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import DeclarationError, Mistake
from harness.report.document import read_json

_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_SOURCE = "environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the API is and what opens it."""

    api_url: str
    server_url: str
    repository: str
    """`owner/name`."""
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRun:
    """The run of the workflow that measured, as GitHub describes it in the `workflow_run` event."""

    number: int
    """Its identity, in the API's addresses."""
    order: tuple[int, int]
    """Run number and attempt: a later run has a larger one."""
    event: str
    conclusion: str
    head_sha: str
    head_branch: str
    head_repository: str
    """`owner/name`; empty where it is gone."""

    @property
    def head_owner(self) -> str:
        """Who owns the repository that the branch is in."""
        return self.head_repository.partition("/")[0]


def access_from(environment: Mapping[str, str]) -> Access:
    """What `GITHUB_REPOSITORY`, `GITHUB_TOKEN` and the addresses say. Raises `DeclarationError` with every mistake."""
    repository, token = environment.get("GITHUB_REPOSITORY", ""), environment.get("GITHUB_TOKEN", "").strip()
    mistakes = []
    if not _REPOSITORY.fullmatch(repository):
        mistakes.append(Mistake("GITHUB_REPOSITORY", repr(repository) if repository else "nothing", "owner/name"))
    if not token or not token.isascii() or not token.isprintable():
        found = "a text that no header may hold" if token else "nothing"
        mistakes.append(Mistake("GITHUB_TOKEN", found, "a token (in a workflow: ${{ github.token }})"))
    if mistakes:
        raise DeclarationError(_SOURCE, mistakes)
    return Access(
        api_url=environment.get("GITHUB_API_URL") or "https://api.github.com",
        server_url=(environment.get("GITHUB_SERVER_URL") or "https://github.com").rstrip("/"),
        repository=repository,
        token=token,
    )


def measured_run(environment: Mapping[str, str]) -> MeasuredRun:
    """The run that set this job off, from the file that `GITHUB_EVENT_PATH` names.

    Raises `DeclarationError` with every mistake, `ReportError` where the file cannot be read.
    """
    path = environment.get("GITHUB_EVENT_PATH", "")
    if not path:
        raise DeclarationError(_SOURCE, [Mistake("GITHUB_EVENT_PATH", "nothing", "the file of the event")])
    event = read_json(Path(path))
    run = event.get("workflow_run") if isinstance(event, dict) else None
    if not isinstance(run, dict):
        allowed = "an object (this command runs in a job that workflow_run sets off; see docs/ci.md)"
        raise DeclarationError(path, [Mistake("workflow_run", "nothing", allowed)])
    return _run_of(path, run)


def _run_of(path: str, run: Mapping[str, Any]) -> MeasuredRun:
    mistakes: list[Mistake] = []

    def given(name: str, kind: type, words: str) -> Any:
        value = run.get(name)
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        mistakes.append(Mistake(f"workflow_run.{name}", "nothing" if value is None else repr(value)[:60], words))
        return kind()

    found = MeasuredRun(
        number=given("id", int, "a whole number"),
        order=(given("run_number", int, "a whole number"), given("run_attempt", int, "a whole number")),
        event=given("event", str, "a string"),
        conclusion=str(run.get("conclusion")),
        head_sha=given("head_sha", str, "the hash of a commit"),
        head_branch=given("head_branch", str, "a string"),
        head_repository=_full_name(run.get("head_repository")),
    )
    if not mistakes and not _COMMIT.fullmatch(found.head_sha):
        mistakes.append(Mistake("workflow_run.head_sha", repr(found.head_sha)[:60], "the hash of a commit"))
    if mistakes:
        raise DeclarationError(path, mistakes)
    return found


def _full_name(repository: Any) -> str:
    """`owner/name`; a repository that is gone is null in the event."""
    name = repository.get("full_name") if isinstance(repository, dict) else None
    return name if isinstance(name, str) and _REPOSITORY.fullmatch(name) else ""
