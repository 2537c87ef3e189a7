"""The commands of a GitHub job: `harness github comment` and `harness github alert`. They wire, and hold no logic."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from harness.cli_help import TaughtGroup
from harness.errors import DeclarationError, ExitCode, HarnessError, Mistake

BOT = "github-actions[bot]"
"""Whose comments those are that a workflow's own token makes."""
_LONGEST_LINE = 1000

DRY_RUN = click.option("--dry-run", is_flag=True, help="Print the Markdown; nothing is posted.")
AUTHOR = click.option(
    "--author",
    default=BOT,
    show_default=True,
    metavar="LOGIN",
    help="Account that the token belongs to: only what it wrote is edited.",
)
KEY = click.option(
    "--key",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Tells several of them in one repository apart.",
)


@click.group("github", cls=TaughtGroup)
def github() -> None:
    """Show results on GitHub, from a job: a comment on a pull request, an issue about the main branch.

    \b
    harness github comment                    the verdict, on the pull request that was measured
    harness github alert asv:.asv/results     an issue, when a metric gets worse for good

    \b
    Both read GITHUB_REPOSITORY, GITHUB_TOKEN, GITHUB_API_URL and GITHUB_SERVER_URL;
    docs/ci.md has the workflows.
    """


@github.command()
@click.option(
    "--comparison",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Show this comparison instead of a run's artifact; with --dry-run, and without any access to GitHub.",
)
@click.option(
    "--artifact",
    default="harness-comparison",
    show_default=True,
    metavar="NAME",
    help="The artifact of the run that measured; it holds comparison.json.",
)
@AUTHOR
@KEY
@DRY_RUN
def comment(file: Path | None, artifact: str, author: str, key: str, dry_run: bool) -> None:
    """Put the verdict on the pull request whose measuring set this job off; one comment, edited in place.

    It runs in a job set off by workflow_run, with code of the default branch, and reads GITHUB_EVENT_PATH. Pull request
    and head come from the API; the artifact is opened in memory and refused where anything about it is unexpected.

    \b
    harness github comment
    harness github comment --comparison reports/comparison.json --dry-run

    \b
    Exit codes: 0 posted, or nothing to post (the head has moved on), whatever the verdict is;
    2 the artifact, the event or a request was refused; 3 the run has no result.
    """
    with _inert_errors():
        _refuse_key(key)
        if file is not None:
            _show_file(file, artifact, key, dry_run)
        else:
            _comment(artifact, author, key, dry_run)


def _comment(artifact: str, author: str, key: str, dry_run: bool) -> None:
    from harness.bridges.github_api import GitHubApi  # noqa: PLC0415 - every command imports only what it needs
    from harness.bridges.github_comment import Wishes, comment_on_pull_request  # noqa: PLC0415
    from harness.bridges.github_job import access_from, measured_run  # noqa: PLC0415

    access, run = access_from(os.environ), measured_run(os.environ)
    wishes = Wishes(artifact=artifact, author=author, key=key, dry_run=dry_run)
    with GitHubApi(access.api_url, access.token) as api:
        done = comment_on_pull_request(api, access, run, wishes)
    _tell(done.said, done.body if dry_run else "")


@github.command()
@click.argument("source", metavar="FOLDER|asv:RESULTS_DIR")
@AUTHOR
@KEY
@DRY_RUN
def alert(source: str, author: str, key: str, dry_run: bool) -> None:
    """Keep one issue about change points: open it when a metric gets worse for good, close it when all recovered.

    SOURCE is what harness history reads. An issue that somebody closed stays closed until another metric, or the same
    one at another commit, gets worse.

    \b
    harness github alert asv:.asv/results
    harness github alert reports/ --dry-run

    \b
    Exit codes: 0 the issue says what is so, or there is nothing to say;
    2 bad input, or a request was refused; 3 too few commits to tell.
    """
    with _inert_errors():
        _refuse_key(key)
        code = _alert(source, author, key, dry_run)
    sys.exit(code)


def _alert(source: str, author: str, key: str, dry_run: bool) -> ExitCode:
    from harness.bridges.github_alert import Wishes, keep_issue  # noqa: PLC0415 - only what this command needs
    from harness.bridges.github_api import GitHubApi  # noqa: PLC0415
    from harness.bridges.github_job import access_from  # noqa: PLC0415
    from harness.bridges.series import read_past  # noqa: PLC0415

    past = read_past(source)
    access = access_from(os.environ)
    wishes = Wishes(author=author, key=key, dry_run=dry_run)
    with GitHubApi(access.api_url, access.token) as api:
        done = keep_issue(api, access, past, wishes)
    _tell(done.said, done.body if dry_run else "")
    return done.exit_code


@contextmanager
def _inert_errors() -> Iterator[None]:
    """Errors that quote a stranger's artifact must not act in the log of a job: no `::error::`, no colours."""
    from harness.report.text import visible  # noqa: PLC0415 - every command imports only what it needs

    try:
        yield
    except HarnessError as error:
        said = [visible(line, _LONGEST_LINE) for line in str(error).splitlines()]
        click.echo("error: " + "\n".join(said), err=True)
        sys.exit(error.exit_code)


def _show_file(file: Path, artifact: str, key: str, dry_run: bool) -> None:
    from harness.report.comparison import read_comparison  # noqa: PLC0415 - every command imports only what it needs
    from harness.report.pull_request_comment import Posting, comment_body, visible_part  # noqa: PLC0415

    if not dry_run:
        raise DeclarationError("options", [Mistake("--comparison", "no --dry-run", "--dry-run beside it")])
    document = read_comparison(file)
    head = document["head"]["commit"] or ""
    click.echo(visible_part(comment_body(document, Posting(artifact=artifact, key=key, head=head))), nl=False)


def _refuse_key(key: str) -> None:
    from harness.report.hidden_state import KEY as ALLOWED  # noqa: PLC0415 - every command imports only what it needs

    if not ALLOWED.fullmatch(key):
        allowed = "up to 40 letters, digits, dots, dashes and underscores"
        raise DeclarationError("options", [Mistake("--key", repr(key), allowed)])


def _tell(said: str, body: str) -> None:
    """The body on standard output, what happened on standard error."""
    if body:
        click.echo(body, nl=False)
    click.echo(said, err=True)
