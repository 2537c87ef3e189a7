"""The command `harness capacity`: how much a scenario holds, and what gives way. It wires the stages."""

from __future__ import annotations

import itertools
import shlex
import sys
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

import harness
from harness.cli_completion import scenarios
from harness.cli_exports import HTML, refuse_drawn, write_html_of
from harness.cli_options import BUDGET, MOST_SEEDS, quiet_option, target_option
from harness.cli_settings import SettledCommand
from harness.cli_suggestions import after_capacity, say, somebody_looks
from harness.errors import DeclarationError, ExitCode, Mistake, UnitError

if TYPE_CHECKING:
    from harness.judge.capacity.load import Axis
    from harness.judge.capacity.record import Capacity, Trial
    from harness.judge.capacity.search import Effort, RunEach, Search, Watch
    from harness.scenario.load import Catalog
    from harness.scenario.model import Scenario

_STOPPED = {"interrupted": ExitCode.INTERRUPTED, "terminated": ExitCode.TERMINATED}
_REPLICATIONS = {"wall": 3, "hybrid": 5, "virtual": 10}
_LEAST = {"wall": 0, "hybrid": 200, "virtual": 6000}
"""Workflows of a level, all replications, where waiting costs nothing: few at a time say as much as many."""
_MANY = 20
_RESOLUTION = {"wall": 0.05, "hybrid": 0.03, "virtual": 0.02}


@click.command(cls=SettledCommand)
@click.argument("scenario", shell_complete=scenarios)
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), metavar="FILE", help="A TOML file of scenarios.")
@target_option()
@click.option("-c", "--clock", type=click.Choice(["wall", "virtual", "hybrid"]), default="wall", show_default=True)
@click.option("--patch-time", is_flag=True, help="As in harness run.")
@click.option("--from", "first", type=float, metavar="LOAD", help="The lowest load tried.  [default: 1, or 1/16]")
@click.option("--to", "last", type=float, metavar="LOAD", help="The highest load tried.  [default: 4096, or 256 times]")
@click.option(
    "-n",
    "--replications",
    type=click.IntRange(1, MOST_SEEDS),
    help="Of each load; up to four times as many where a verdict is not settled.  [default: 3; hybrid 5, virtual 10]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the first replication.")
@click.option("--budget", default=BUDGET, show_default=True, metavar="DURATION", help="Begin no run after this time.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw it: .png, .svg or .html.")
@click.option(
    "--report-dir",
    default="reports",
    show_default=True,
    metavar="DIR",
    help="Where the result is written as JSON; nothing there is overwritten.",
)
@click.option("--json", "form", flag_value="json", help="Print one JSON document (schemas/capacity.schema.json).")
@click.option("--markdown", "form", flag_value="markdown", help="Print GitHub-flavoured Markdown.")
@HTML
@quiet_option()
def capacity(
    scenario: str,
    path: Path | None,
    plot: Path | None,
    html: Path | None,
    report_dir: str,
    form: str | None,
    **options: Any,
) -> None:
    """Find the highest load at which SCENARIO holds its baseline, where its throughput stops growing, and why.

    The load is doubled, then bisected: workflows in flight, the size of a burst, or a rate. A hard limit and the
    Universal Scalability Law are fitted to the throughputs (docs/capacity.md).

    \b
    harness capacity agent_pool_exhaustion --clock virtual
    harness capacity 10_concurrent_workflows -t my_app.flows:handle --to 200 --plot capacity.png
    harness capacity peak -f load.toml --clock hybrid --budget 2min --json

    \b
    Exit codes: 0 found, 2 bad input, 3 cannot tell, 4 the baseline holds at no load tried,
    5 runs are invalid, 130 and 143 stopped by a signal; what was measured is written.
    """
    from harness.report.document import refuse_folder  # noqa: PLC0415 - every command imports only what it needs

    chosen, target = _chosen(scenario, path, options)
    search = _search(chosen, target, options)
    refuse_folder(report_dir)
    refuse_drawn(html, plot)
    found = _found(search, options["quiet"])
    code = _exit_code(found)
    document = _document(chosen, target, found, code, options["clock"])
    try:
        _deliver(document, report_dir, plot, html)
    finally:  # what was measured is shown whatever became of the files
        _render(document, form)
    if somebody_looks(form):
        say(after_capacity(document, click.get_current_context().find_root().obj or []))
    sys.exit(code)


def _chosen(name: str, path: Path | None, options: dict[str, Any]) -> tuple[Scenario, object]:
    from harness.drive.opening import as_factory  # noqa: PLC0415 - as above
    from harness.execute import check_options  # noqa: PLC0415
    from harness.scenario.load import find_scenario, load_scenarios  # noqa: PLC0415

    catalog = load_scenarios(path)
    chosen = find_scenario(catalog, name)
    check_options(options["clock"], options["seed"] + 4000)
    target = _target(catalog, options)
    as_factory(target)
    return chosen, target


def _target(catalog: Catalog, options: dict[str, Any]) -> object:
    from harness.drive.opening import chosen_target  # noqa: PLC0415 - as above

    by_default = click.get_current_context().get_parameter_source("target") is ParameterSource.DEFAULT
    return chosen_target(options["target"], by_default, catalog.target)


def _search(scenario: Scenario, target: object, options: dict[str, Any]) -> Search:
    from harness.drive.clock import real_now_s  # noqa: PLC0415 - as above
    from harness.drive.interrupts import asked_to_stop  # noqa: PLC0415
    from harness.judge.capacity.search import Watch, search_of  # noqa: PLC0415

    budget_s, begun_s = _budget_s(options["budget"]), real_now_s()
    watch = Watch(
        asked=asked_to_stop,
        over=lambda: real_now_s() - begun_s > budget_s,
        tried=(lambda _axis, _trial: None) if options["quiet"] or not sys.stderr.isatty() else _tell,
    )
    effort = _effort(options)
    run = _runner(target, options, effort.replications)
    return search_of(scenario, run, first=options["first"], last=options["last"], effort=effort, watch=watch)


def _runner(target: object, options: dict[str, Any], replications: int) -> RunEach:
    from importlib.util import find_spec  # noqa: PLC0415 - as above

    from harness.drive.opening import BUILTIN  # noqa: PLC0415
    from harness.execute import run_all  # noqa: PLC0415
    from harness.simulate.simulator import AgentLoadSimulator  # noqa: PLC0415

    clock, patch_time = options["clock"], options["patch_time"]
    if target == BUILTIN and clock == "virtual" and replications >= _MANY and find_spec("numba") is not None:
        # hundreds of short runs: each alone would rather be interpreted, all together are sooner done compiled
        return lambda scenario, seeds: map(AgentLoadSimulator(scenario, "compiled").run, seeds)
    return partial(run_all, target=target, clock=clock, patch_time=patch_time, take_stop_signals=True)


def _effort(options: dict[str, Any]) -> Effort:
    from harness.judge.capacity.load import Length  # noqa: PLC0415 - as above
    from harness.judge.capacity.search import Effort  # noqa: PLC0415

    clock = options["clock"]
    count = options["replications"] or _REPLICATIONS[clock]
    length = Length(least=_LEAST[clock] // count)
    return Effort(count, 4 * count, _RESOLUTION[clock], options["seed"], length)


def _budget_s(written: str) -> float:
    from harness.units import parse_duration  # noqa: PLC0415 - as above

    try:
        budget_s = parse_duration(written)
    except UnitError as error:
        raise DeclarationError("options", [Mistake("--budget", error.found, error.allowed)]) from error
    if budget_s <= 0:
        raise DeclarationError("options", [Mistake("--budget", written, "a duration above 0")])
    return budget_s


def _tell(axis: Any, trial: Trial) -> None:
    from harness.judge.capacity.words import trial_text  # noqa: PLC0415 - as above
    from harness.report.text import encodable  # noqa: PLC0415

    # sys.stderr as it is now, which click does not ask for: while the view is drawn, what is written goes above it
    sys.stderr.write(encodable(trial_text(axis, trial), sys.stderr.encoding) + "\n")


def _found(search: Search, quiet: bool) -> Capacity:
    from harness.drive.interrupts import StopSignals  # noqa: PLC0415 - as above
    from harness.judge.capacity.result import find_capacity  # noqa: PLC0415
    from harness.report.progress import Quiet, progress  # noqa: PLC0415

    with StopSignals() as signals, nullcontext(Quiet()) if quiet else progress(sys.stderr) as view:
        signals.announce = view.stopping
        view.started(f"{search.scenario.name}: loads", None)
        search.watch = _counted(search.watch, view.advanced)
        found = find_capacity(search)
        view.finished(found.stopped or "done")
    return found


def _counted(watch: Watch, advanced: Callable[[int], None]) -> Watch:
    """The same, which also tells how many loads were tried."""
    count = itertools.count(1)

    def tried(axis: Axis, trial: Trial) -> None:
        watch.tried(axis, trial)
        advanced(next(count))

    return replace(watch, tried=tried)


def _exit_code(found: Capacity) -> ExitCode:
    if found.stopped is not None:
        return _STOPPED[found.stopped]
    if found.found:
        return ExitCode.HELD
    if found.invalid is not None:
        return ExitCode.RUN_INVALID
    return ExitCode.BASELINE_BROKEN if found.held.status == "never_held" else ExitCode.NOT_ENOUGH


def _document(scenario: Scenario, target: object, found: Capacity, code: ExitCode, clock: str) -> dict[str, Any]:
    from harness.drive.opening import as_factory  # noqa: PLC0415 - as above
    from harness.report.capacity_document import capacity_document, refuse_capacity  # noqa: PLC0415
    from harness.report.provenance import collect_commit, collect_machine  # noqa: PLC0415

    document = capacity_document(
        scenario,
        found,
        target=as_factory(target)[0],
        clock=clock,
        command=shlex.join(["harness", *(click.get_current_context().find_root().obj or ())]),
        harness_version=harness.__version__,
        commit=collect_commit(),
        machine=collect_machine(),
        timestamp=datetime.now(UTC),
        run_id=uuid.uuid4().hex,
        exit_code=int(code),
    )
    refuse_capacity(document)
    return document


def _deliver(document: dict[str, Any], folder: str, plot: Path | None, html: Path | None) -> None:
    from harness.report.capacity_document import write_capacity  # noqa: PLC0415 - as above

    click.echo(f"capacity: {write_capacity(document, folder)}", err=True)
    write_html_of(html, "capacity", document)
    if plot is not None and document["trials"]:
        from harness.report.plots.capacity import capacity_chart  # noqa: PLC0415
        from harness.report.plots.picture import write_picture  # noqa: PLC0415

        click.echo(f"plot: {write_picture(capacity_chart(document), plot)}", err=True)


def _render(document: dict[str, Any], form: str | None) -> None:
    if form == "json":
        from harness.report.document import json_text  # noqa: PLC0415 - as above

        click.echo(json_text(document), nl=False)
    elif form == "markdown":
        from harness.report.capacity_text import capacity_markdown  # noqa: PLC0415

        click.echo(capacity_markdown(document), nl=False)
    else:
        from harness.report.capacity_text import show_capacity  # noqa: PLC0415

        show_capacity(document, sys.stdout)
    sys.stdout.flush()  # or a full disk is only noticed when nobody can be told any more
