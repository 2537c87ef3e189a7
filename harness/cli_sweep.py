"""The command `sweep`: wires the stages and holds no logic."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

import harness
from harness.cli_completion import metrics, scenarios
from harness.cli_exports import HTML, refuse_drawn, write_html_of
from harness.cli_options import output_option, quiet_option, scheduler_option, target_option
from harness.cli_settings import SettledCommand
from harness.errors import DeclarationError, ExitCode, Mistake, Topic

if TYPE_CHECKING:
    from harness.drive.clock import ClockName
    from harness.sweep import Grid, Row

_STOPPED = {"interrupted": ExitCode.INTERRUPTED, "terminated": ExitCode.TERMINATED}
_METRIC = "latency_p95_s"


@click.command(cls=SettledCommand)
@click.argument("scenario", shell_complete=scenarios)
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), metavar="FILE", help="A TOML file of scenarios.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    required=True,
    metavar="PATH=VALUES",
    help="What is varied: agents=10..80/10, queue=50,100, rate=10..50/10 /s, pools.NAME.size, any key of the scenario.",
)
@target_option()
@click.option("-c", "--clock", type=click.Choice(["wall", "virtual", "hybrid"]), default="virtual", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the first replication.")
@click.option(
    "-n", "--replications", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Of each cell."
)
@click.option(
    "--processes",
    type=click.IntRange(1, 1000),
    help="Processes that run cells.  [default: one for each core; 1 on wall and hybrid, which they would disturb]",
)
@scheduler_option("Run the cells on the workers of a Dask cluster.")
@output_option("--out", "Write every row there: .parquet, .csv or .json; what is there is replaced.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw --metric: .png, .svg or .html.")
@click.option(
    "--metric",
    default=_METRIC,
    show_default=True,
    metavar="NAME",
    shell_complete=metrics,
    help="The figure that is drawn.",
)
@HTML
@click.option("--json", "form", flag_value="json", help="Print one JSON document (schemas/sweep.schema.json).")
@click.option("--markdown", "form", flag_value="markdown", help="Print GitHub-flavoured Markdown.")
@quiet_option()
def sweep(
    scenario: str,
    path: Path | None,
    settings: tuple[str, ...],
    output: Path | None,
    plot: Path | None,
    html: Path | None,
    metric: str,
    form: str | None,
    **options: Any,
) -> None:
    """Run SCENARIO once for every combination of what is set, and with every seed.

    \b
    harness sweep agent_pool_exhaustion --set agents=10..80/10 --set queue=50,100
    harness sweep 10_concurrent_workflows --set in_flight=5..50/5 --plot p95.png --out grid.parquet
    harness sweep peak -f load.toml --set "rate=10..100/10 /s" -t my_app.flows:handle -n 5

    \b
    Exit codes: 0 every cell was run, 2 bad input, 5 a cell failed (its row says why),
    130 and 143 stopped by a signal; what was run is shown and written.
    Baselines are shown, and do not gate.
    """
    grid = _grid(scenario, path, settings, metric, options)
    if output is not None:
        from harness.report.sweeping.tidy import refuse_table  # noqa: PLC0415 - every command imports only what it needs

        refuse_table(output)
    refuse_drawn(html, plot)
    rows, stopped = _run(grid, options)
    document = _document(grid, rows, stopped)
    write_html_of(html, "sweep", document)
    _deliver(document, metric, form, output, plot)
    sys.exit(_STOPPED.get(stopped or "", ExitCode.RUN_INVALID if document["failed"] else ExitCode.HELD))


def _grid(name: str, path: Path | None, settings: tuple[str, ...], metric: str, options: dict[str, Any]) -> Grid:
    from harness.drive.opening import as_factory, chosen_target  # noqa: PLC0415 - every command imports only what it needs
    from harness.execute import check_options  # noqa: PLC0415
    from harness.scenario.load import find_scenario, load_scenarios  # noqa: PLC0415
    from harness.scenario.variation import axes_of  # noqa: PLC0415
    from harness.schema import nearest, one_of  # noqa: PLC0415
    from harness.sweep import figure_names, grid  # noqa: PLC0415

    catalog = load_scenarios(path)
    scenario = find_scenario(catalog, name)
    clock: ClockName = options["clock"]
    check_options(clock, options["seed"] + options["replications"] - 1)
    by_default = click.get_current_context().get_parameter_source("target") is ParameterSource.DEFAULT
    target = chosen_target(options["target"], by_default, catalog.target)
    as_factory(target)
    if metric not in (names := figure_names(scenario)):
        refusal = DeclarationError("options", [Mistake("--metric", repr(metric), one_of(names, metric))])
        raise refusal.leads(Topic.METRIC, metric, nearest(names, metric))
    seeds = range(options["seed"], options["seed"] + options["replications"])
    return grid(scenario, axes_of(settings), seeds, target=target, clock=clock)


def _run(grid: Grid, options: dict[str, Any]) -> tuple[list[Row], str | None]:
    from contextlib import nullcontext  # noqa: PLC0415 - every command imports only what it needs

    from harness.drive.interrupts import StopSignals  # noqa: PLC0415
    from harness.report.progress import Quiet, progress  # noqa: PLC0415
    from harness.report.provenance import usable_cores  # noqa: PLC0415
    from harness.sweep import sweep as run_all  # noqa: PLC0415

    processes = options["processes"] or (usable_cores() or 1 if grid.clock == "virtual" else 1)
    processes = min(processes, grid.count)
    with StopSignals() as signals, nullcontext(Quiet()) if options["quiet"] else progress(sys.stderr) as bars:
        signals.announce = bars.stopping
        bars.started(grid.scenario.name, grid.count)
        found = run_all(grid, processes=processes, scheduler=options["scheduler"], progress=bars.advanced)
        rows = list(found)
        bars.finished(signals.reason or "done")
    return rows, signals.reason


def _document(grid: Grid, rows: list[Row], stopped: str | None) -> dict[str, Any]:
    from harness.drive.opening import as_factory  # noqa: PLC0415 - every command imports only what it needs
    from harness.report.provenance import collect_commit, collect_machine  # noqa: PLC0415
    from harness.report.sweeping.document import sweep_document  # noqa: PLC0415

    return sweep_document(
        scenario=grid.scenario.name,
        digest=grid.scenario.digest,
        target=as_factory(grid.target)[0],
        clock=grid.clock,
        axes={axis.path: axis.values for axis in grid.axes},
        seeds=grid.seeds,
        rows=rows,
        stopped=stopped,
        commit=collect_commit(),
        machine=collect_machine(),
        harness_version=harness.__version__,
        timestamp=datetime.now(UTC),
    )


def _deliver(document: dict[str, Any], metric: str, form: str | None, out: Path | None, plot: Path | None) -> None:
    from harness.report.document import json_text  # noqa: PLC0415 - every command imports only what it needs
    from harness.report.sweeping.shown import plain_sweep, sweep_markdown  # noqa: PLC0415
    from harness.report.text import encodable  # noqa: PLC0415

    if out is not None:
        from harness.report.sweeping.tidy import write_table  # noqa: PLC0415

        click.echo(f"rows: {write_table(document, out)}", err=True)
    if plot is not None:
        from harness.report.plots.picture import write_picture  # noqa: PLC0415
        from harness.report.plots.sweep import sweep_chart  # noqa: PLC0415

        click.echo(f"plot: {write_picture(sweep_chart(document, metric), plot)}", err=True)
    if form == "json":
        click.echo(json_text(document), nl=False)
    else:
        text = sweep_markdown(document, metric) if form == "markdown" else plain_sweep(document, metric)
        click.echo(encodable(text, sys.stdout.encoding), nl=False)
    sys.stdout.flush()
