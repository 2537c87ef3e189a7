"""The command `harness calibrate`: from measured runs to a model of their target. It wires the stages."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import harness
from harness.cli_help import TaughtCommand
from harness.cli_options import output_option, quiet_option
from harness.cli_suggestions import after_calibration, say, somebody_looks
from harness.errors import DeclarationError, Mistake, UnitError

if TYPE_CHECKING:
    from harness.measure.record import Run
    from harness.report.calibration_document import Circumstances
    from harness.scenario.model import Scenario


@click.command(cls=TaughtCommand)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="REPORT...")
@click.option(
    "--check",
    "check_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="REPORT",
    help="A report of the same target at another load, to predict; may be given several times.",
)
@click.option(
    "--tolerance",
    default="15 %",
    show_default=True,
    metavar="SHARE",
    help="How far off p50, p95 and throughput may be.",
)
@output_option("--output", "The scenario file to write; SCENARIO-calibrated.toml without it.")
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The scenario file of the runs, where their declaration was too long for a report.",
)
@click.option("--json", "form", flag_value="json", help="Print one JSON document (schemas/calibration.schema.json).")
@quiet_option(exposed=False)
def calibrate(
    files: Sequence[Path],
    check_files: Sequence[Path],
    tolerance: str,
    output: Path | None,
    path: Path | None,
    form: str | None,
) -> None:
    """Fit a model of a target to measured runs of it, write it as a scenario, and see how well it predicts.

    \b
    harness calibrate reports/at_10.json
    harness calibrate reports/at_10.json --check reports/at_25.json --check reports/at_50.json
    harness calibrate reports/at_10.json reports/at_100.json      the second shows a limit
    harness run -f my_scenario-calibrated.toml --clock virtual    the model, carried out

    \b
    Exit codes: 0 fitted, and all predictions within --tolerance, 2 bad input,
    3 too uncertain to tell, 4 a prediction is off by more.
    """
    from harness.judge.calibration.calibrating import calibrate as fit  # noqa: PLC0415 - only what this command needs
    from harness.judge.calibration.predicting import predict  # noqa: PLC0415
    from harness.report.calibration_document import calibration_document  # noqa: PLC0415
    from harness.report.calibration_input import read_measured, refuse_unlike  # noqa: PLC0415
    from harness.scenario.load import load_scenarios  # noqa: PLC0415

    allowed = _share(tolerance)
    place = None if output is None else _free(output)
    declared = None if path is None else load_scenarios(path)
    sources = [one for file in files for one in read_measured(file, declared)]
    checks = [one for file in check_files for one in read_measured(file, declared)]
    refuse_unlike(sources, checks)
    place = place or _free(Path(f"{sources[0].scenario.name}-calibrated.toml"))
    model = fit(sources, _simulate)
    own = [predict(model, one, _simulate, allowed) for one in sources]
    told = [predict(model, one, _simulate, allowed) for one in checks]
    document = calibration_document(sources, model, own, told, _circumstances(allowed))
    _finish(document, place, form)


def _simulate(scenario: Scenario, seed: int) -> Run:
    from harness.execute import run  # noqa: PLC0415 - it loads both engines

    return run(scenario, clock="virtual", seed=seed)


def _share(tolerance: str) -> float:
    from harness.units import parse_share  # noqa: PLC0415 - only what this command needs

    try:
        value = parse_share(tolerance)
    except UnitError as error:
        raise DeclarationError("options", [Mistake("--tolerance", error.found, error.allowed)]) from error
    if not value:
        raise DeclarationError("options", [Mistake("--tolerance", tolerance, "more than 0 %")])
    return value


def _free(place: Path) -> Path:
    """The same, where a file can be written to it, and none is there."""
    from harness.report.calibration_text import refuse_output  # noqa: PLC0415 - only what this command needs

    refuse_output(place)
    return place


def _circumstances(tolerance: float) -> Circumstances:
    from harness.report.calibration_document import Circumstances  # noqa: PLC0415 - only what this command needs
    from harness.report.provenance import collect_commit, collect_machine  # noqa: PLC0415

    return Circumstances(
        harness_version=harness.__version__,
        timestamp=datetime.now(UTC),
        commit=collect_commit(),
        machine=collect_machine(),
        tolerance=tolerance,
    )


def _finish(document: dict[str, Any], place: Path, form: str | None) -> None:
    from harness.report.calibration_text import calibration_lines, scenario_file, write_scenario  # noqa: PLC0415
    from harness.report.document import json_text  # noqa: PLC0415
    from harness.report.text import encodable  # noqa: PLC0415

    write_scenario(scenario_file(document), place)
    if form == "json":
        click.echo(json_text(document), nl=False)
    else:
        lines = [*calibration_lines(document), f"written: {place}"]
        click.echo(encodable("\n".join(lines), sys.stdout.encoding))
    sys.stdout.flush()
    if somebody_looks(form):
        say(after_calibration(document))
    sys.exit(document["exit_code"])
