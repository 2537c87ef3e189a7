"""The command `advise`: wires the stages and holds no logic."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import harness
from harness.cli_completion import scenarios
from harness.cli_exports import HTML, refuse_html, write_html_of
from harness.cli_options import MOST_SEEDS, quiet_option
from harness.cli_settings import SettledCommand
from harness.cli_suggestions import after_advice, say, somebody_looks
from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.judge.advice.advise import Advice
    from harness.scenario.model import Scenario

_STOPPED = {"interrupted": ExitCode.INTERRUPTED, "terminated": ExitCode.TERMINATED}


@click.command(cls=SettledCommand)
@click.argument("scenario", shell_complete=scenarios)
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), metavar="FILE", help="A TOML file of scenarios.")
@click.option("-c", "--clock", type=click.Choice(["wall", "virtual", "hybrid"]), default="virtual", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the first replication.")
@click.option(
    "-n",
    "--replications",
    type=click.IntRange(2, MOST_SEEDS),
    default=10,
    show_default=True,
    help="Of each variation: as many to search with, and as many others for what is reported.",
)
@click.option(
    "--apply",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the scenario with the first advice put in there, as .toml; only a file of its own is replaced.",
)
@HTML
@click.option("--json", "form", flag_value="json", help="Print one JSON document (schemas/advice.schema.json).")
@click.option("--markdown", "form", flag_value="markdown", help="Print GitHub-flavoured Markdown.")
@quiet_option()
def advise(
    scenario: str,
    path: Path | None,
    clock: str,
    seed: int,
    replications: int,
    file: Path | None,
    html: Path | None,
    form: str | None,
    quiet: bool,
) -> None:
    """Try what could be changed in SCENARIO, with the same luck, and rank it by what it does and what it costs.

    Pools are made larger, queues longer and shorter, and each policy that applies is put in; every figure is that of a
    run of the built-in orchestrator. For a target of your own, make a model of it first: harness calibrate.

    \b
    harness advise 25_concurrent_workflows
    harness advise peak -f load.toml --apply advised.toml
    harness advise peak -f load.toml --clock wall -n 5      measured, not simulated

    \b
    Exit codes: 0 something helps, 2 bad input, 3 nothing that was tried helps,
    5 a run of the scenario as it is is invalid, 130 and 143 stopped by a signal.
    """
    from harness.execute import check_options  # noqa: PLC0415 - every command imports only what it needs
    from harness.scenario.load import find_scenario, load_scenarios  # noqa: PLC0415

    if file is not None:
        from harness.report.advising.changes import refuse_place  # noqa: PLC0415

        refuse_place(file)
    refuse_html(html)
    chosen = find_scenario(load_scenarios(path), scenario)
    check_options(clock, seed + 2 * replications - 1)
    advice = _advice(chosen, clock, seed, replications, quiet)
    _deliver(advice, clock, form, file, html)
    sys.exit(_STOPPED.get(advice.stopped or "", ExitCode.NOT_ENOUGH if advice.best is None else ExitCode.HELD))


# long: a command that is stopped before anything was tried ends here
def _advice(scenario: Scenario, clock: Any, seed: int, replications: int, quiet: bool) -> Advice:
    from contextlib import nullcontext  # noqa: PLC0415 - every command imports only what it needs

    from harness.drive.interrupts import StopSignals  # noqa: PLC0415
    from harness.execute import run  # noqa: PLC0415
    from harness.judge.advice.advise import advise as judge  # noqa: PLC0415
    from harness.judge.advice.measuring import StoppedEarlyError  # noqa: PLC0415
    from harness.report.progress import Quiet, progress  # noqa: PLC0415

    seeds = range(seed, seed + replications)
    others = range(seed + replications, seed + 2 * replications)
    with StopSignals() as signals, nullcontext(Quiet()) if quiet else progress(sys.stderr) as bars:
        signals.announce = bars.stopping
        bars.started(scenario.name, None)
        try:
            found = judge(
                scenario,
                run=lambda of, one: run(of, clock=clock, seed=one, take_stop_signals=True),
                search_seeds=others,
                seeds=seeds,
                progress=bars.advanced,
            )
        except StoppedEarlyError:
            bars.finished("stopped")
            click.echo(f"{signals.reason} before anything was tried", err=True)
            sys.exit(_STOPPED[signals.reason or "interrupted"])
        bars.finished(signals.reason or "done")
    return found


# long: a form of the output for each reader
def _deliver(advice: Advice, clock: str, form: str | None, file: Path | None, html: Path | None) -> None:
    from harness.report.advising.changes import whole_toml  # noqa: PLC0415 - every command imports only what it needs
    from harness.report.advising.document import advice_document  # noqa: PLC0415
    from harness.report.advising.shown import advice_markdown, plain_advice  # noqa: PLC0415
    from harness.report.document import json_text  # noqa: PLC0415
    from harness.report.provenance import collect_commit, collect_machine  # noqa: PLC0415
    from harness.report.replacing import replace_file  # noqa: PLC0415
    from harness.report.text import encodable  # noqa: PLC0415

    document = advice_document(
        advice,
        clock=clock,
        commit=collect_commit(),
        machine=collect_machine(),
        harness_version=harness.__version__,
        timestamp=datetime.now(UTC),
    )
    write_html_of(html, "advice", document)
    if form == "json":
        click.echo(json_text(document), nl=False)
    else:
        text = advice_markdown(document) if form == "markdown" else plain_advice(document)
        click.echo(encodable(text, sys.stdout.encoding), nl=False)
    if file is not None and advice.best is None:
        why = f"it was {advice.stopped} before anything was found to help" if advice.stopped else "nothing helps"
        click.echo(f"--apply {file}: nothing is written, because {why}", err=True)
    elif file is not None and advice.best is not None:
        written = replace_file(file, whole_toml(advice.best.candidate.scenario).encode("utf-8"))
        click.echo(f"advised: {written}", err=True)
    sys.stdout.flush()
    if somebody_looks(form):
        say(after_advice(document, click.get_current_context().find_root().obj or []))
