"""The commands that compare: `compare`, `continuous`, `history`. They wire the stages and hold no logic."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import harness
from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.judge.compare import Comparison

WAIVERS = click.option(
    "--waivers",
    "waiver_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Accepted regressions; harness-waivers.toml where there is one.",
)
ALLOW = click.option(
    "--allow-inconclusive", is_flag=True, help="Inconclusive metrics do not fail the command, if others are settled."
)
JSON = click.option(
    "--json", "form", flag_value="json", help="Print one JSON document (schemas/comparison.schema.json)."
)
MARKDOWN = click.option("--markdown", "form", flag_value="markdown", help="Print GitHub-flavoured Markdown.")


@click.command()
@click.argument("base")
@click.argument("head")
@WAIVERS
@ALLOW
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also write the comparison there, as JSON; nothing is overwritten.",
)
@JSON
@MARKDOWN
def compare(
    base: str, head: str, waiver_file: Path | None, allow_inconclusive: bool, report_dir: Path | None, form: str | None
) -> None:
    """Compare what was measured before: did HEAD get worse than BASE?

    \b
    harness compare base/ head/                        folders of reports
    harness compare reports@1a2b3c4 reports@5d6e7f8    one folder, two commits
    harness compare old.json new.json                  two files, also of pytest-benchmark
    harness compare 0001 0002                          two runs in .benchmarks
    harness compare asv:.asv/results@1a2b3c4 asv:.asv/results@5d6e7f8

    \b
    Exit codes: 0 all compared and nothing regressed, 1 regression, 2 bad input,
    3 something is missing, incomparable or inconclusive, or nothing was compared.
    """
    from harness.bridges.sides import read_sides  # noqa: PLC0415 - every command imports only what it needs
    from harness.bridges.waiver_file import read_waivers  # noqa: PLC0415
    from harness.judge.compare import compare as judge  # noqa: PLC0415
    from harness.report.comparison import Circumstances  # noqa: PLC0415

    waivers = read_waivers(waiver_file)
    now = datetime.now(UTC)
    found = judge(*read_sides(base, head), waivers=waivers, today=now.date())
    again = ["harness", "compare", base, head]
    again += ["--waivers", str(waiver_file)] if waiver_file else []
    again += ["--allow-inconclusive"] if allow_inconclusive else []
    circumstances = Circumstances(
        command=shlex.join(again),
        harness_version=harness.__version__,
        timestamp=now,
        allow_inconclusive=allow_inconclusive,
    )
    sys.exit(_finish(found, circumstances, form, report_dir))


def _finish(comparison: Comparison, circumstances: Any, form: str | None, folder: Path | None) -> ExitCode:
    """Check, write and print the document; how the command ends."""
    from harness.report.comparison import (  # noqa: PLC0415 - every command imports only what it needs
        comparison_document,
        refuse_comparison,
        write_comparison,
    )

    document = comparison_document(comparison, circumstances)
    if folder is not None:
        written = write_comparison(document, folder)
        click.echo(f"comparison: {written}", err=True)
    else:
        refuse_comparison(document, "comparison")
    _render(document, form)
    return ExitCode(document["exit_code"])


def _render(document: dict[str, Any], form: str | None) -> None:
    if form == "json":
        from harness.report.document import json_text  # noqa: PLC0415

        click.echo(json_text(document), nl=False)
    elif form == "markdown":
        from harness.report.comparison_markdown import comparison_markdown  # noqa: PLC0415

        click.echo(comparison_markdown(document), nl=False)
    else:
        from harness.report.comparison_terminal import show_comparison  # noqa: PLC0415

        show_comparison(document, sys.stdout)
