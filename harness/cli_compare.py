"""The commands that compare: `compare`, `continuous`, `history`. They wire the stages and hold no logic."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import harness
from harness.cli_completion import scenarios as complete_scenarios
from harness.cli_exports import HTML, JUNIT_OF_VERDICTS, refuse_html, write_html_of
from harness.cli_help import TaughtCommand
from harness.cli_options import quiet_option, target_option
from harness.cli_settings import SettledCommand
from harness.cli_suggestions import after_comparison, after_history, say, somebody_looks
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
JSON_HISTORY = click.option(
    "--json", "form", flag_value="json", help="Print one document (schemas/history.schema.json)."
)
MARKDOWN = click.option("--markdown", "form", flag_value="markdown", help="Print GitHub-flavoured Markdown.")
STOPPED = {"interrupted": ExitCode.INTERRUPTED, "terminated": ExitCode.TERMINATED}


@click.command(cls=TaughtCommand)
@click.argument("base")
@click.argument("head")
@WAIVERS
@ALLOW
@click.option(
    "--history",
    "past",
    metavar="SOURCE",
    help="Results of many commits, as in harness history: how noisy sessions are, which widens the intervals.",
)
@click.option(
    "--report-dir",
    metavar="DIR",
    help="Also write the comparison there, as JSON; nothing is overwritten.",
)
@JSON
@MARKDOWN
@HTML
@JUNIT_OF_VERDICTS
@quiet_option(exposed=False)
def compare(
    base: str,
    head: str,
    waiver_file: Path | None,
    allow_inconclusive: bool,
    past: str | None,
    report_dir: str | None,
    form: str | None,
    html: Path | None,
    junit: Path | None,
) -> None:
    """Compare what was measured before: did HEAD get worse than BASE?

    \b
    harness compare base/ head/                        folders of reports
    harness compare reports@1a2b3c4 reports@5d6e7f8    one folder, two commits
    harness compare old.json new.json                  two files, also of pytest-benchmark
    harness compare 0001 0002                          two runs in .benchmarks
    harness compare asv:.asv/results@1a2b3c4 asv:.asv/results@5d6e7f8
    harness compare reports/rounds-1/base reports/rounds-1/head     what continuous measured, again

    \b
    Exit codes: 0 all compared and nothing regressed, 1 regression, 2 bad input,
    3 something is missing, incomparable or inconclusive, or nothing was compared.
    """
    from harness.bridges.asking import given_circumstances  # noqa: PLC0415 - every command imports only what it needs
    from harness.bridges.continuous import rules_for  # noqa: PLC0415
    from harness.bridges.kept_rounds import kept_rounds  # noqa: PLC0415
    from harness.bridges.series import session_noise  # noqa: PLC0415
    from harness.bridges.sides import read_sides  # noqa: PLC0415
    from harness.bridges.waiver_file import read_waivers  # noqa: PLC0415
    from harness.judge.compare import compare as judge  # noqa: PLC0415

    _refuse_files(report_dir, html, junit)
    waivers = read_waivers(waiver_file)
    now = datetime.now(UTC)
    noise = session_noise(past) if past else None
    kept = kept_rounds(base, head)
    found = judge(
        *read_sides(base, head),
        rules=None if kept is None else rules_for(kept.looks),
        seed=None if kept is None else kept.seed,
        interleaved=kept is not None,
        waivers=waivers,
        today=now.date(),
        session_noise=noise,
    )
    circumstances = given_circumstances(_words(), now, allow_inconclusive)
    sys.exit(_finish(found, circumstances, form, report_dir, (html, junit)))


@click.command(cls=SettledCommand)
@click.argument("base")
@click.argument("head")
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...", shell_complete=complete_scenarios)
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), metavar="FILE", help="A TOML file of scenarios.")
@click.option(
    "--same-scenarios", is_flag=True, help="Both sides run the scenarios as HEAD declares them, not each its own."
)
@target_option()
@click.option("-c", "--clock", type=click.Choice(["wall", "virtual", "hybrid"]), default="wall", show_default=True)
@click.option("--patch-time", is_flag=True, help="As in harness run.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the runs, and of the order.")
@click.option(
    "-n",
    "--replications",
    type=click.IntRange(1, 1000),
    help="Replications in each process.  [default: 1; 5 on the virtual clock]",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 1000),
    help="Processes a side before the first verdict.  [default: 10; 2 on the virtual clock]",
)
@click.option(
    "--max-rounds",
    type=click.IntRange(1, 1000),
    help="Most rounds, while any verdict is inconclusive.  [default: twice --rounds; 8 times with --budget]",
)
@click.option("--budget", metavar="DURATION", help="Add no rounds that would end after this, such as 10min.")
@click.option("--build-environments", "build", is_flag=True, help="Install each commit in an environment of its own.")
@WAIVERS
@ALLOW
@click.option(
    "--report-dir",
    default="reports",
    show_default=True,
    metavar="DIR",
    help="Where the comparison and each round's reports are written; nothing there is overwritten.",
)
@JSON
@MARKDOWN
@HTML
@JUNIT_OF_VERDICTS
@quiet_option()
def continuous(
    base: str,
    head: str,
    waiver_file: Path | None,
    allow_inconclusive: bool,
    report_dir: str,
    form: str | None,
    html: Path | None,
    junit: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure two commits against each other, here and now: did HEAD get worse than BASE?

    Both are checked out beside the working tree, and measured in rounds: in each a fresh process per side, in an order
    drawn from the seed. The harness comes from this environment, target and scenarios from each checkout.

    \b
    harness continuous HEAD~1 HEAD --clock virtual --target my_app/flows.py:handle
    harness continuous main HEAD -f load.toml -t my_app.flows:handle --budget 10min
    harness continuous v1.2 HEAD checkout_peak -t my_app.flows:handle --build-environments

    \b
    Exit codes: 0 all compared and nothing regressed, 1 regression, 2 bad input,
    3 something is missing, incomparable or inconclusive, 5 a run is invalid,
    130 and 143 stopped by a signal; what was measured is judged and written.
    """
    from harness.bridges.asking import circumstances_of, effort_of, request_of, watcher  # noqa: PLC0415
    from harness.bridges.continuous import continuous as measure  # noqa: PLC0415 - only what this command needs
    from harness.bridges.waiver_file import read_waivers  # noqa: PLC0415

    request, effort = request_of(base, head, options), effort_of(options)
    waivers = read_waivers(waiver_file)
    _refuse_files(report_dir, html, junit)
    now = datetime.now(UTC)
    with watcher(effort, quiet) as watching:
        outcome = measure(request, effort, waivers=waivers, now=now, watcher=watching, report_dir=Path(report_dir))
    circumstances = circumstances_of(outcome, _words(), now, allow_inconclusive)
    code = _finish(outcome.comparison, circumstances, form, report_dir, (html, junit))
    sys.exit(STOPPED.get(outcome.stopped or "", code))


@click.command(cls=TaughtCommand)
@click.argument("source", metavar="FOLDER|asv:RESULTS_DIR")
@JSON_HISTORY
@MARKDOWN
@HTML
@quiet_option(exposed=False)
def history(source: str, form: str | None, html: Path | None) -> None:
    """Find the commits at which a metric changed for good.

    FOLDER holds reports or pytest-benchmark files of many commits, also in folders of its own; commits stand in git's
    order. Eight commits are needed; the newest are judged by themselves.

    \b
    harness history reports/
    harness history asv:.asv/results --markdown

    \b
    Exit codes: 0 at least one metric was judged, 2 bad input, 3 too few commits to tell.
    """
    from harness.bridges.series import read_past  # noqa: PLC0415 - every command imports only what it needs
    from harness.report.history import history_document, history_markdown, plain_history  # noqa: PLC0415
    from harness.report.text import encodable  # noqa: PLC0415

    refuse_html(html)
    past = read_past(source)
    now = datetime.now(UTC)
    document = history_document(
        past.source, past.series, past.notes, harness_version=harness.__version__, timestamp=now
    )
    write_html_of(html, "history", document)
    if form == "json":
        from harness.report.document import json_text  # noqa: PLC0415

        click.echo(json_text(document), nl=False)
    else:
        written = (history_markdown if form == "markdown" else plain_history)(document)
        click.echo(encodable(written, sys.stdout.encoding), nl=False)
    if somebody_looks(form):
        say(after_history(document))
    judged = any(one["newest"] != "too short" for one in document["series"])
    sys.exit(ExitCode.HELD if judged else ExitCode.NOT_ENOUGH)


def _words() -> list[str]:
    """What was typed after `harness`."""
    return list(click.get_current_context().find_root().obj or ())


def _refuse_files(folder: str | None, html: Path | None, junit: Path | None) -> None:
    if folder is not None:
        from harness.report.document import refuse_folder  # noqa: PLC0415 - only where it is asked for

        refuse_folder(folder)
    refuse_html(html)
    if junit is not None:
        from harness.report.junit import refuse_junit  # noqa: PLC0415 - only where it is asked for

        refuse_junit(junit)


def _finish(
    comparison: Comparison,
    circumstances: Any,
    form: str | None,
    folder: str | None,
    files: tuple[Path | None, Path | None],
) -> ExitCode:
    """Check, write and print the document; how the command ends. `files` are the page and the JUnit XML."""
    html, junit = files
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
    if junit is not None:
        from harness.report.junit import suites_of_comparison, write_junit  # noqa: PLC0415

        click.echo(f"junit: {write_junit(suites_of_comparison(document), junit)}", err=True)
    write_html_of(html, "comparison", document)
    _render(document, form)
    if somebody_looks(form):
        say(after_comparison(document, _words()))
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
