"""The comment on a pull request, from the trusted side: whose it is, what was measured, and the one comment to edit.

The pull request and its head come from the API and the event; the artifact only brings figures, and names the commit it
measured, which must be that head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.bridges.github_api import GitHubApi, UncertainError
from harness.bridges.github_artifact import MOST_PACKED_B, comparison_in
from harness.bridges.github_job import Access, MeasuredRun
from harness.errors import GitHubError, NotEnoughError, ReportError
from harness.report.comment_memory import Memory, memory_of
from harness.report.hidden_state import revealed
from harness.report.pull_request_comment import KIND, Posting, comment_body, no_result_body
from harness.report.text import visible

_NO_MEASUREMENT = {"skipped", "cancelled", "action_required", "stale"}
_TRIES = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user may choose."""

    artifact: str
    author: str
    """Login of the account that the token belongs to: only its comments are ours."""
    key: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A comment of ours that is there already."""

    number: int
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of it: `said` is a line for the log, `body` what was posted or would have been."""

    said: str
    body: str = ""


class NothingToDoError(Exception):
    """The event asks for no comment; the text says why. No error of the user's."""


def comment_on_pull_request(api: GitHubApi, access: Access, run: MeasuredRun, wishes: Wishes) -> Done:
    """Create or edit the one comment of this pull request.

    Raises `ReportError` where the artifact is refused and `NotEnoughError` where there is none; a comment of ours that
    is there is then edited to say so, and none is made. Raises `GitHubError` for what the API refuses.
    """
    try:
        pull = _pull_request(api, access, run)
        found = _ours(api, access, pull, wishes)
        memory = found.memory if found else Memory()
        if memory.order > run.order:
            raise NothingToDoError(f"the comment shows run {memory.order[0]} already, which is newer")
    except NothingToDoError as reason:
        return Done(said=f"nothing to do: {reason}")
    posting = _posting(access, run, wishes, memory)
    try:
        body = comment_body(_comparison(api, access, run, wishes.artifact), posting)
    except (ReportError, NotEnoughError) as error:
        if found:
            why = "The run left no result." if isinstance(error, NotEnoughError) else "Its result was refused."
            _put(api, access, pull, wishes, no_result_body(memory, posting, why))
        raise
    return Done(said=_put(api, access, pull, wishes, body), body=body)


def _posting(access: Access, run: MeasuredRun, wishes: Wishes, memory: Memory) -> Posting:
    return Posting(
        key=wishes.key,
        fork=run.head_repository if run.head_repository != access.repository else None,
        run_url=f"{access.server_url}/{access.repository}/actions/runs/{run.number}",
        artifact=wishes.artifact,
        earlier=memory,
        order=run.order,
        head=run.head_sha,
    )


# --------------------------------------------------------------------------- whose it is


def _pull_request(api: GitHubApi, access: Access, run: MeasuredRun) -> int:
    """The number of the open pull request whose head was measured.

    Raises `NothingToDoError` where there is none (any more), `NotEnoughError` where there are several.
    """
    if run.event != "pull_request":
        raise NothingToDoError(f"the run was set off by {visible(run.event, 40)}, not by a pull request")
    if run.conclusion in _NO_MEASUREMENT:
        raise NothingToDoError(f"the run was {run.conclusion}: it measured nothing")
    if not run.head_repository:
        raise NothingToDoError("the repository of the branch is gone")
    listing = api.pages(f"repos/{access.repository}/pulls", state="open", head=f"{run.head_owner}:{run.head_branch}")
    numbers = [number_of(pull, "pulls") for pull in listing if _is_of(pull, access, run)]
    if not numbers:
        raise NothingToDoError(f"no open pull request has the head {run.head_sha[:10]} (any more)")
    if len(numbers) > 1:
        told = ", ".join(f"#{number}" for number in numbers)
        raise NotEnoughError(f"pull requests {told} have the head {run.head_sha[:10]}: which was measured is not known")
    return numbers[0]


def _is_of(pull: dict[str, Any], access: Access, run: MeasuredRun) -> bool:
    head, base = pull.get("head") or {}, pull.get("base") or {}
    return (
        head.get("sha") == run.head_sha
        and (head.get("repo") or {}).get("full_name") == run.head_repository
        and (base.get("repo") or {}).get("full_name") == access.repository
    )


def _ours(api: GitHubApi, access: Access, pull: int, wishes: Wishes) -> Found | None:
    """Our comment on the pull request: by the marker at its beginning and by its author."""
    for comment in api.pages(f"repos/{access.repository}/issues/{pull}/comments"):
        body = comment.get("body")
        author = (comment.get("user") or {}).get("login")
        state = revealed(body, KIND, wishes.key) if isinstance(body, str) and author == wishes.author else None
        if state is not None:
            return Found(number=number_of(comment, "comments", "id"), memory=memory_of(state))
    return None


def number_of(item: dict[str, Any], listing: str, name: str = "number") -> int:
    """The whole number that identifies `item` of `listing`. Raises `GitHubError` where it has none."""
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise GitHubError(f"{listing}: expected a whole number as {name}, found {visible(repr(value), 60)}")
    return value


# --------------------------------------------------------------------------- what was measured


def _comparison(api: GitHubApi, access: Access, run: MeasuredRun, name: str) -> dict[str, Any]:
    """The comparison that the run left in the artifact `name`, held to the head that GitHub names.

    Raises `ReportError`, `NotEnoughError` where the run has no such artifact.
    """
    artifact = _artifact(api, access, run, name)
    source = f"artifact {visible(name)} of run {run.number}"
    size_b = artifact.get("size_in_bytes")
    if isinstance(size_b, int) and size_b > MOST_PACKED_B:
        raise ReportError(f"{source}: expected at most {MOST_PACKED_B} bytes, found {size_b}")
    path = f"repos/{access.repository}/actions/artifacts/{number_of(artifact, 'artifacts', 'id')}/zip"
    document = comparison_in(api.download(path, MOST_PACKED_B), source)
    measured = document["head"]["commit"]
    if measured != run.head_sha:
        found = "no commit" if measured is None else f"{measured[:40]}"
        raise ReportError(f"{source}: head.commit: expected {run.head_sha}, found {found}")
    return document


def _artifact(api: GitHubApi, access: Access, run: MeasuredRun, name: str) -> dict[str, Any]:
    path = f"repos/{access.repository}/actions/runs/{run.number}/artifacts"
    listing = api.pages(path, key="artifacts", name=name)
    # an attempt that is run again leaves an artifact of the same name: the newest one is meant
    fitting = [one for one in listing if one.get("name") == name and not one.get("expired")]
    if not fitting:
        raise NotEnoughError(f"run {run.number} has no artifact {visible(name)}: it ended before it had a result")
    return max(fitting, key=lambda one: number_of(one, "artifacts", "id"))


# --------------------------------------------------------------------------- the one comment


def _put(api: GitHubApi, access: Access, pull: int, wishes: Wishes, body: str) -> str:
    """Create the comment or edit it in place; a line for the log.

    Before every attempt it is looked for again: a request that failed may have made it.
    """
    if wishes.dry_run:
        return f"dry run: nothing was posted on #{pull}"
    where = f"repos/{access.repository}/issues"

    def create() -> str:
        made = api.send("POST", f"{where}/{pull}/comments", {"body": body})
        return f"commented on #{pull}: made comment {number_of(made, 'comment', 'id')}"

    def edit(found: Found) -> str:
        api.send("PATCH", f"{where}/comments/{found.number}", {"body": body})
        return f"commented on #{pull}: edited comment {found.number}"

    return once(lambda: _ours(api, access, pull, wishes), edit, create)


def once(find: Callable[[], T | None], edit: Callable[[T], str], create: Callable[[], str]) -> str:
    """Edit what is found, else create it; where creating failed uncertainly, look again first."""
    for left in reversed(range(_TRIES)):
        found = find()
        if found is not None:
            return edit(found)
        try:
            return create()
        except UncertainError:
            if not left:
                raise
    raise AssertionError("the last try returns or raises")
