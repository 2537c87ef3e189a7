"""The options that write files (`--html`, `--junit`, `--openmetrics`, `--csv`, `--parquet`); `harness schema`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli_completion import schemas
from harness.cli_help import TaughtCommand
from harness.errors import DeclarationError, Mistake, ReportError

if TYPE_CHECKING:
    from harness.measure.record import Run
    from harness.measure.totals.record import Totals
    from harness.report.given import Document, Given
    from harness.report.model import Report
    from harness.report.rows_file import Rows

Command = Callable[..., Any]


def _file(option: str, told: str) -> Callable[[Command], Command]:
    return click.option(option, type=click.Path(path_type=Path), metavar="FILE", help=told)


HTML = _file("--html", "Write one page for eyes there, which opens anywhere; what is there is replaced.")
JUNIT = _file("--junit", "Write JUnit XML there, a test case for each baseline line; what is there is replaced.")
JUNIT_OF_VERDICTS = _file("--junit", "Write JUnit XML there, a test case for each metric; what is there is replaced.")
OPENMETRICS = _file("--openmetrics", "Write the figures there as OpenMetrics (.prom, .om, .txt), for a monitoring.")
CSV = _file("--csv", "Write every workflow there, a row each; what is there is replaced.")
PARQUET = _file("--parquet", "The same as Parquet; needs the extra of that name.")
FIGURES_CSV = _file("--csv", "Write the figures there, a row for each report; what is there is replaced.")


def of_reports(command: Command) -> Command:
    """The options of a command that has reports."""
    return HTML(JUNIT(OPENMETRICS(command)))


def of_what_was_written(command: Command) -> Command:
    """The options of a command that reads reports: their figures as a table stand in for rows, which no report has."""
    return of_reports(FIGURES_CSV(PARQUET(command)))


def of_runs(command: Command) -> Command:
    """The options of a command that runs: reports, and the rows behind them."""
    return of_reports(CSV(PARQUET(command)))


@dataclass(frozen=True, slots=True)
class Exports:
    """The files that were asked for, and the rows that are kept for them. What cannot be written is refused first.

    With `figures`, a table holds the figures of reports instead of rows.
    """

    files: dict[str, Path]
    rows: list[Rows] = field(default_factory=list)
    figures: bool = False

    @property
    def take_run(self) -> Callable[[Run | Totals], None] | None:
        """Keeps the rows of a run; None where no file of rows was asked for."""
        return self._keep if {"csv", "parquet"} & set(self.files) else None

    def _keep(self, done: Run | Totals) -> None:
        from harness.measure.record import Run  # noqa: PLC0415 - every command imports only what it needs
        from harness.report.rows_file import rows_of  # noqa: PLC0415

        if isinstance(done, Run):
            self.rows.append(rows_of(done))

    def write(self, reports: Sequence[Report], compared: Document | None = None) -> None:
        """Write every file that was asked for, and say where; a page shows what the reports were `compared` with.

        One that cannot be written keeps no other from being: rows are nowhere else. Raises afterwards.
        """
        failed: list[ReportError] = []
        for name, path in self.files.items():
            try:
                click.echo(f"{name}: {self._written(name, path, reports, compared)}", err=True)
            except ReportError as error:
                failed.append(error)
        if failed:
            raise ReportError("\n".join(map(str, failed))) from failed[0]

    def _written(self, name: str, path: Path, reports: Sequence[Report], compared: Document | None) -> Path:
        if self.figures and name in ("csv", "parquet"):
            from harness.report.figures_table import write_figures  # noqa: PLC0415 - only what is asked for

            return write_figures(reports, path)
        return _write(name, path, reports, self.rows, compared)

    def write_other(self, given: Given) -> None:
        """The same of what is no report, of which there is a page and nothing else; raises `DeclarationError`."""
        wrong = [Mistake(f"--{name}", f"a {given.kind}", "reports") for name in self.files if name != "html"]
        if wrong:
            raise DeclarationError("options", wrong)
        write_html(self.files.get("html"), given)


def exports(files: dict[str, Path | None], *, soak: bool = False, figures: bool = False) -> Exports:
    """What the options amount to; raises, before anything is run, where one of the files cannot be written."""
    asked = {name: path for name, path in files.items() if path is not None}
    for name, path in asked.items():
        if name == "html":
            from harness.report.page.shell import refuse_page  # noqa: PLC0415 - every command imports only what it needs

            refuse_page(path)
        elif name == "junit":
            from harness.report.junit import refuse_junit  # noqa: PLC0415 - every command imports only what it needs

            refuse_junit(path)
        elif name == "openmetrics":
            from harness.report.openmetrics import refuse_openmetrics  # noqa: PLC0415

            refuse_openmetrics(path)
        else:
            from harness.report.rows_file import refuse_rows  # noqa: PLC0415

            refuse_rows(path, f"--{name}", soak=soak)
    return Exports(asked, figures=figures)


def refuse_html(path: Path | None) -> None:
    """Raise where a page was asked for and cannot be written."""
    if path is not None:
        exports({"html": path})


def refuse_drawn(html: Path | None, plot: Path | None) -> None:
    """Raise where a page or a picture was asked for and cannot be written, or one would replace the other."""
    refuse_html(html)
    if plot is None:
        return
    from harness.report.plots.picture import refuse_picture  # noqa: PLC0415 - only where it is asked for

    refuse_picture(plot)
    if html is not None and html.resolve() == plot.resolve():
        raise DeclarationError("options", [Mistake("--plot", f"the file of --html ({plot})", "a file of its own")])


def write_html(path: Path | None, given: Given) -> None:
    """Write the page that was asked for, if one was, and say where."""
    if path is not None:
        from harness.report.page.making import page_of  # noqa: PLC0415 - every command imports only what it needs
        from harness.report.page.shell import write_page  # noqa: PLC0415

        click.echo(f"html: {write_page(page_of(given), path)}", err=True)


def write_html_of(path: Path | None, kind: str, document: Document) -> None:
    """The same of one document that is no report."""
    from harness.report.given import Given  # noqa: PLC0415 - every command imports only what it needs

    write_html(path, Given(kind=kind, other=document))


def _write(
    name: str, path: Path, reports: Sequence[Report], rows: Sequence[Rows], compared: Document | None = None
) -> Path:
    if name == "html":
        from harness.report.given import Given  # noqa: PLC0415 - as above
        from harness.report.page.making import page_of  # noqa: PLC0415
        from harness.report.page.shell import write_page  # noqa: PLC0415

        return write_page(page_of(Given(tuple(reports), "comparison" if compared else "", compared)), path)
    if name == "junit":
        from harness.report.junit import suites_of_reports, write_junit  # noqa: PLC0415 - as above

        return write_junit(suites_of_reports(reports), path)
    if name == "openmetrics":
        from harness.report.openmetrics import write_openmetrics  # noqa: PLC0415

        return write_openmetrics(reports, path)
    from harness.report.rows_file import write_rows  # noqa: PLC0415

    return write_rows(rows, path)


@click.command(cls=TaughtCommand)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=schemas)
def schema(name: str | None) -> None:
    """Print the JSON schema NAME: scenario for files of scenarios, report for reports; without NAME, list them all.

    \b
    harness schema
    harness schema scenario > scenario.schema.json
    harness schema report > report.schema.json

    \b
    An editor with Taplo completes a scenario file whose first line is
    #:schema ./scenario.schema.json

    An unknown name is answered with all there are.
    """
    from harness.schema import load_schema, schema_names, schema_text  # noqa: PLC0415 - only what it needs

    if name is not None:
        click.echo(schema_text(name), nl=False)
        return
    for known in schema_names():
        first, _, _ = str(load_schema(known)["description"]).partition(". ")
        click.echo(f"{known:<12} {first.removesuffix('.')}")
