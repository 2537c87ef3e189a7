"""The command `harness`: wires the stages, holds no logic of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

import harness
from harness.cli_adopt import doctor, init
from harness.cli_advise import advise
from harness.cli_calibrate import calibrate
from harness.cli_capacity import capacity
from harness.cli_compare import compare, continuous, history
from harness.cli_completion import completion, scenarios
from harness.cli_exports import exports, of_runs, of_what_was_written, schema
from harness.cli_github import github
from harness.cli_long import checkpoints, ways_of_driving
from harness.cli_options import Seconds, quiet_option, scheduler_option, target_option
from harness.cli_provider import fake_llm
from harness.cli_refusals import Refusing
from harness.cli_settings import SettledCommand
from harness.cli_suggestions import after_reports, say, somebody_looks
from harness.cli_sweep import sweep
from harness.errors import DeclarationError, ExitCode, Mistake

if TYPE_CHECKING:
    from harness.cli_exports import Exports
    from harness.drive.clock import ClockName
    from harness.report.model import Report
    from harness.scenario.load import Catalog
    from harness.scenario.model import Scenario

_FILE = click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A TOML file of scenarios that extends the built-in catalog.",
)


@click.group(cls=Refusing, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(harness.__version__, prog_name="harness")
def main() -> None:
    """Load benchmarks for multi-agent workflow orchestrators.

    \b
    harness run --clock virtual                        all scenarios, in virtual time
    harness run --target my_app.flows:handle           your own async function
    harness compare base/ head/                        did it get worse?

    \b
    Exit codes: 0 held, 1 regression, 2 usage or bad input, 3 not enough to judge,
    4 baseline broken, 5 run invalid, 70 fault of the harness, 130 interrupted, 143 terminated.
    """


@main.command("list", cls=SettledCommand)
@_FILE
def list_scenarios(path: Path | None) -> None:
    """List the scenarios and workflow types that are declared.

    \b
    harness list
    harness list -f my.toml                            with those of a file of your own
    """
    from harness.report.listing import listing  # noqa: PLC0415 - every command imports only what it needs
    from harness.scenario.load import load_scenarios  # noqa: PLC0415

    catalog = load_scenarios(path)
    click.echo(listing(catalog, catalog.types), nl=False)


@main.command(cls=SettledCommand)
@click.argument("scenario", shell_complete=scenarios)
@_FILE
def show(scenario: str, path: Path | None) -> None:
    """Print the declaration of SCENARIO as TOML, ready to be saved, changed and run with --file.

    \b
    harness show 10_concurrent_workflows > my.toml
    harness run --file my.toml
    harness show peak -f load.toml                     what it amounts to, with all that it extends
    """
    import tomli_w  # noqa: PLC0415 - every command imports only what it needs

    from harness.scenario.declare import declaration_of  # noqa: PLC0415
    from harness.scenario.load import find_scenario, load_scenarios  # noqa: PLC0415

    click.echo(tomli_w.dumps(declaration_of(find_scenario(load_scenarios(path), scenario))), nl=False)


@main.command(cls=SettledCommand)
@click.argument("names", nargs=-1, metavar="[SCENARIO]...", shell_complete=scenarios)
@_FILE
@target_option(
    "builtin, module:attribute, path/to/file.py:attribute, langgraph:module:graph or http://…; "
    "without it, the [target] of --file, if it has one."
)
@click.option(
    "-c",
    "--clock",
    type=click.Choice(["wall", "virtual", "hybrid"]),
    default="wall",
    show_default=True,
    help="wall really waits; virtual jumps, and is exact; hybrid jumps, but counts what the target itself takes.",
)
@click.option(
    "--patch-time",
    is_flag=True,
    help="On virtual and hybrid: give the target's own time.sleep, time.monotonic and their like the run's clock.",
)
@click.option(
    "--job-grace",
    "job_grace_s",
    type=Seconds(0.01, 86_400),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="On virtual: the real time for which one thread, child process or peer may hold the clock.",
)
@click.option(
    "--loop",
    type=click.Choice(["asyncio", "uvloop"]),
    default="asyncio",
    show_default=True,
    help="On wall: the event loop of the run; uvloop needs the extra of that name.",
)
@click.option("--precise", is_flag=True, help="On wall: start workflows within 0.1 ms, at the cost of a core.")
@click.option("--workers", type=click.IntRange(1, 1000), help="On wall: drive the load from so many processes.")
@scheduler_option("On wall: drive the load from the workers of a Dask cluster.")
@click.option("--soak", is_flag=True, help="Keep totals instead of rows, in constant memory, and checkpoints of them.")
@click.option(
    "--checkpoint",
    default="1min",
    show_default=True,
    metavar="DURATION",
    help="With --soak: how often the totals so far are written into the report folder.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Go on with the soak that left this checkpoint when it was cut off.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the first replication.")
@click.option(
    "-n",
    "--replications",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="Replications of each scenario, with seeds counted up from --seed.",
)
@click.option(
    "--report-dir",
    default="reports",
    show_default=True,
    metavar="DIR",
    help="Where each scenario's report is written; nothing there is overwritten.",
)
@click.option("--json", "form", flag_value="json", help="Print the reports as one JSON document.")
@click.option("--markdown", "form", flag_value="markdown", help="Print a summary in GitHub-flavoured Markdown.")
@quiet_option()
@of_runs
def run(
    names: Sequence[str],
    path: Path | None,
    target: str,
    clock: ClockName,
    patch_time: bool,
    job_grace_s: float,
    loop: str,
    precise: bool,
    workers: int | None,
    scheduler: str | None,
    soak: bool,
    checkpoint: str,
    resume: Path | None,
    seed: int,
    replications: int,
    report_dir: str,
    form: str | None,
    quiet: bool,
    **files: Path | None,
) -> None:
    """Run scenarios (all of them, or those of --file) and judge each against its baseline.

    \b
    harness run
    harness run 25_concurrent_workflows --clock virtual --replications 30
    harness run -f my.toml --target my_app/flows.py:handle --html page.html
    harness run --target langgraph:my_app.graph:graph --json > reports.json
    harness run peak -f load.toml --target http://127.0.0.1:8080/workflows --workers 2

    On a terminal it shows how far each scenario has come; Ctrl-C ends it and keeps what was measured.

    \b
    Exit codes: 0 every baseline line holds, 2 bad input, 3 not enough to judge,
    4 a baseline is broken, 5 a run is invalid, 130 and 143 stopped by a signal.
    """
    from harness.drive.opening import as_factory, chosen_target  # noqa: PLC0415 - every command imports only what it needs
    from harness.execute import check_options  # noqa: PLC0415
    from harness.report.document import refuse_folder  # noqa: PLC0415
    from harness.scenario.load import load_scenarios  # noqa: PLC0415

    catalog = load_scenarios(path)
    scenarios = _chosen(catalog, names)
    check_options(clock, seed + replications - 1, loop=loop, precise=precise)
    by_default = click.get_current_context().get_parameter_source("target") is ParameterSource.DEFAULT
    under_load = chosen_target(target, by_default, catalog.target)
    as_factory(under_load)
    refuse_folder(report_dir)
    further = exports(files, soak=soak or resume is not None)
    seeds = range(seed, seed + replications)
    how: dict[str, Any] = {"target": under_load, "clock": clock, "patch_time": patch_time, "job_grace_s": job_grace_s}
    how |= {"loop": loop, "precise": precise, "take_run": further.take_run}
    how |= ways_of_driving(workers, scheduler, soak, checkpoint, resume, [len(scenarios), replications])
    reports: list[Report] = []
    try:
        code = _run_each(scenarios, seeds, how, folder=Path(report_dir), quiet=quiet, reports=reports)
    finally:  # what was measured is shown whatever came after
        if reports:
            _deliver(reports, form, further)
    _suggest(reports, code, form)
    sys.exit(code)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--json", "form", flag_value="json", help="Print the reports as one JSON document.")
@click.option("--markdown", "form", flag_value="markdown", help="Print a summary in GitHub-flavoured Markdown.")
@of_what_was_written
@quiet_option(exposed=False)
def report(files: Sequence[Path], form: str | None, **further: Path | None) -> None:
    """Show what was written before; exits as what made it did.

    FILEs hold reports, with at most one comparison beside them, or one document of another kind.

    \b
    harness report reports/*.json
    harness report reports/*.json --html run.html
    harness report reports/*.json comparison.json --html run.html     is it worse than before?
    harness report capacity.json --html capacity.html
    harness report reports/*.json --csv figures.csv                   a row for each report

    \b
    Exit codes: as of the command that wrote the files; 2 for a file that is neither.
    """
    from harness.assess import exit_code  # noqa: PLC0415 - every command imports only what it needs
    from harness.report.given import exit_code_of, read_given, show_other  # noqa: PLC0415

    to_write = exports(further, figures=True)
    given = read_given(files)
    if not given.reports:
        to_write.write_other(given)
    elif given.other is not None and form == "json":
        raise DeclarationError("options", [Mistake("--json", "reports and a comparison", "one of the two")])
    else:
        _deliver(given.reports, form, to_write, given.other)
    if given.other is not None:
        show_other(given, form, sys.stdout)
    code = exit_code(given.reports) if given.reports else ExitCode.HELD
    _suggest(given.reports, code, form)
    sys.exit(code or (exit_code_of(given) if given.other else 0))


main.add_command(init)
main.add_command(doctor)

main.add_command(compare)
main.add_command(continuous)
main.add_command(history)
main.add_command(fake_llm)
main.add_command(calibrate)
main.add_command(sweep)
main.add_command(advise)
main.add_command(capacity)
main.add_command(github)
main.add_command(schema)
main.add_command(completion)


def _chosen(catalog: Catalog, names: Sequence[str]) -> list[Scenario]:
    from harness.scenario.load import find_scenario  # noqa: PLC0415

    return [find_scenario(catalog, name) for name in dict.fromkeys(names)] or catalog.declared_here()


def _run_each(
    scenarios: Sequence[Scenario],
    seeds: range,
    how: dict[str, Any],
    *,
    folder: Path,
    quiet: bool,
    reports: list[Report],
) -> ExitCode:
    from harness.assess import assess, exit_code, stopped_by  # noqa: PLC0415
    from harness.drive.interrupts import StopSignals  # noqa: PLC0415
    from harness.execute import offered  # noqa: PLC0415
    from harness.report.document import write_report  # noqa: PLC0415
    from harness.report.progress import Quiet, progress  # noqa: PLC0415
    from harness.report.rows import ending_of  # noqa: PLC0415
    from harness.scenario.model import length_s  # noqa: PLC0415

    with StopSignals() as signals, nullcontext(Quiet()) if quiet else progress(sys.stderr) as bars:
        signals.announce = bars.stopping
        for number, scenario in enumerate(scenarios, 1):
            if signals.reason is not None:
                break
            place = f"{number}/{len(scenarios)}" if len(scenarios) > 1 else ""
            told: dict[str, Any] = {"replications": len(seeds), "length_s": length_s(scenario.load), "place": place}
            watch = bars.started(scenario.name, offered(scenario, seeds), **told)
            with checkpoints(scenario, how, folder) as kept:
                done = assess(scenario, seeds, watch=watch, take_stop_signals=True, **kept)
                reports.append(done)
                write_report(done, folder)
            bars.finished(*ending_of(done))
    return stopped_by(signals.reason) or exit_code(reports)


def _deliver(
    reports: Sequence[Report], form: str | None, further: Exports, compared: Mapping[str, Any] | None = None
) -> None:
    try:
        further.write(reports, compared)
    finally:  # a file that cannot be written hides nothing
        _render(reports, form)


def _suggest(reports: Sequence[Report], code: ExitCode, form: str | None) -> None:
    if somebody_looks(form):
        say(after_reports(reports, code, click.get_current_context().find_root().obj or []))


def _render(reports: Sequence[Report], form: str | None) -> None:
    if form == "json":
        from harness.report.document import json_document  # noqa: PLC0415

        click.echo(json_document(reports))
    elif form == "markdown":
        from harness.report.markdown import markdown  # noqa: PLC0415

        click.echo(markdown(reports), nl=False)
    else:
        from harness.report.terminal import show as show_table  # noqa: PLC0415

        show_table(reports, sys.stdout)
    sys.stdout.flush()  # or a full disk is only noticed when nobody can be told any more
