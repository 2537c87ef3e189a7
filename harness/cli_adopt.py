"""The commands for a repository that is to have load tests: `init` writes what it needs, `doctor` examines it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli_help import TaughtCommand
from harness.errors import DeclarationError, ExitCode, Mistake

if TYPE_CHECKING:
    from harness.adopt.in_force import Keeps
    from harness.adopt.initialise import Asked
    from harness.adopt.plan import Planned


@click.command(cls=TaughtCommand)
@click.option(
    "-t", "--target", metavar="TARGET", help="Your own orchestrator, as in harness run; else a stub is written."
)
@click.option("--package", metavar="NAME", help="What the project is imported by, where init cannot tell.")
@click.option("-c", "--clock", type=click.Choice(["wall", "virtual", "hybrid"]), help="The clock of the settings.")
@click.option("--python", type=click.Choice(["3.11", "3.12", "3.13", "3.14"]), help="What the workflows run.")
@click.option("--branch", metavar="NAME", help="The default branch, where git does not know it.")
@click.option("--requirement", metavar="LINE", help="What pip installs the harness from.  [default: this version]")
@click.option("--action", metavar="OWNER/REPO@COMMIT", help="Measure pull requests with the action of this repository.")
@click.option("--without", type=click.Choice(["asv", "pytest", "github"]), multiple=True, help="Leave this out.")
@click.option("--dry-run", is_flag=True, help="Print what would be written, as a patch; nothing is.")
@click.option("--force", is_flag=True, help="Replace files that differ from what init writes.")
@click.option("--skip-existing", "skip", is_flag=True, help="Keep files that differ from what init writes.")
def init(dry_run: bool, force: bool, skip: bool, **wishes: object) -> None:
    """Write what this repository needs for load tests: scenarios, a target, settings, tests, workflows.

    Nothing of yours is replaced unasked: on a terminal each such file is shown and asked for; elsewhere init refuses,
    and writes nothing at all. A second run has nothing to do.

    \b
    harness init
    harness init --target my_app.flows:handle
    harness init --dry-run | git apply
    harness continuous HEAD~1 HEAD                     the check of a pull request, here and now

    \b
    Exit codes: 0 all is there, 2 refused: nothing was written.
    """
    from harness.adopt.initialise import initialise, next_steps, planned_files  # noqa: PLC0415 - only what init needs
    from harness.adopt.plan import refuse  # noqa: PLC0415

    if force and skip:
        raise click.UsageError("--force replaces files and --skip-existing keeps them: expected one of the two")
    empty = [name for name, value in wishes.items() if value == ""]
    if empty:
        raise DeclarationError(
            "init", [Mistake(f"--{name}", "nothing", "a value, or no such option") for name in empty]
        )
    keeps = _keeping(dry_run=dry_run, force=force, skip=skip)
    found = planned_files(Path(), wishes, keeps or (lambda _: True))
    if keeps is None:
        refuse(found.planned)
    kept = {one.path for one in found.planned if one.state == "differs" and keeps is not None and keeps(one)}
    if dry_run:
        patch = (one.diff for one in found.planned if one.state != "same" and one.path not in kept)
        click.echo("".join(patch), nl=False)
        return
    initialise(found, kept)
    _tell(found, kept)
    click.echo("\n".join(next_steps(found)))


def _keeping(*, dry_run: bool, force: bool, skip: bool) -> Keeps | None:
    """Which of the files that differ stay as they are; None where nobody has said so, and nobody can be asked."""
    if force or skip or dry_run:
        return lambda _: skip
    return _Asked() if sys.stdin.isatty() and sys.stdout.isatty() else None


class _Asked:
    """Asks about each file once, showing it. Nothing is written before the last answer; Ctrl-C ends it all."""

    def __init__(self) -> None:
        self._kept: dict[Path, bool] = {}

    def __call__(self, one: Planned) -> bool:
        if one.path not in self._kept:
            click.echo(one.diff)
            try:
                self._kept[one.path] = not click.confirm(f"{one.path}: replace it?", default=False)
            except click.Abort:
                raise KeyboardInterrupt from None  # which has an exit code of its own
        return self._kept[one.path]


def _tell(found: Asked, kept: set[Path]) -> None:
    words = {"new": "written", "same": "there already", "differs": "replaced", "amended": "lines added"}
    for one in found.planned:
        click.echo(f"{'kept' if one.path in kept else words[one.state]:14}{one.path.as_posix()}")


@click.command(cls=TaughtCommand)
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (schemas/doctor.schema.json).")
def doctor(folder: Path, as_json: bool) -> None:
    """Examine the benchmarks, tests and workflows in FOLDER for traps that make a comparison worthless.

    Files are read, never imported or run. Each finding says where, what, why it matters, and how to mend it.

    \b
    harness doctor
    harness doctor ../other-repository
    harness doctor --json > findings.json

    \b
    Exit codes: 0 nothing found, 2 a file cannot be read,
    3 something was found, or there is nothing to examine.
    """
    from harness.adopt.doctor import examine  # noqa: PLC0415 - every command imports only what it needs
    from harness.adopt.findings import as_text, document_of  # noqa: PLC0415

    found = examine(folder)
    if as_json:
        from harness.report.document import json_text  # noqa: PLC0415

        click.echo(json_text(document_of(found)), nl=False)
    else:
        click.echo(as_text(found), nl=False)
    sys.exit(ExitCode(found.exit_code))
