"""What `--help` looks like: options in groups, commands in groups, and a short start where nothing was asked for."""

from __future__ import annotations

from collections.abc import Mapping

import click

_FEW = 7
"""So many options need no groups."""
_OTHER = "Options"
_FORMS = ("--json", "--markdown")
_GROUPS: Mapping[str, frozenset[str]] = {
    "What is run": frozenset({"path", "target", "settings", "same_scenarios", "check_files"}),
    "On which clock": frozenset({"clock", "patch_time", "job_grace_s", "loop", "precise"}),
    "How often, and with how many": frozenset(
        {"seed", "replications", "workers", "scheduler", "processes", "first", "last"}
        | {"rounds", "max_rounds", "budget", "build"}
    ),
    "For hours": frozenset({"soak", "checkpoint", "resume"}),
    "Where it listens": frozenset({"host", "port"}),
    "How it answers": frozenset(
        {"first_token", "tokens_per_second", "output_tokens", "concurrent", "queue", "errors", "stall", "cut"}
        | {"requests", "requests_burst", "tokens", "tokens_burst"}
    ),
    "What counts as worse": frozenset({"waiver_file", "allow_inconclusive", "past"}),
    "Output": frozenset(
        {"report_dir", "form", "quiet", "html", "junit", "openmetrics", "csv", "parquet", "out", "output", "plot"}
        | {"metric", "file", "as_json"}
    ),
}
"""Heading -> names of parameters, for every command alike; what is named nowhere stands last."""

COMMANDS: Mapping[str, Mapping[str, str]] = {
    "Measure": {
        "run": "run scenarios and judge each against its baseline",
        "list": "the scenarios and workflow types that are declared",
        "show": "a scenario's declaration, ready to be saved and changed",
        "report": "show reports again, or as a page",
    },
    "Compare commits": {
        "compare": "did HEAD get worse than BASE, by what was measured before?",
        "continuous": "the same, measured here and now in interleaved rounds",
        "history": "the commits at which a metric changed for good",
        "github": "put results on a pull request, or keep an issue",
    },
    "Find limits": {
        "capacity": "how much load a scenario holds, and what gives way",
        "sweep": "run every combination of what is set",
        "advise": "what to change, what it brings and what it costs",
        "calibrate": "a model of a target, from measured runs",
    },
    "Set up": {
        "init": "write load tests for the repository you are in",
        "doctor": "find traps in benchmarks and workflows",
        "fake-llm": "serve a model provider to load against",
        "schema": "print a JSON schema, for editors and tools",
        "completion": "let the shell complete commands and names",
    },
}

START = """\
Load benchmarks for multi-agent workflow orchestrators. To begin with:

  harness list                                 what can be run
  harness run --clock virtual                  all of it, in virtual time: about a second
  harness run --target my_app.flows:handle     your own async function, really waiting
  harness init                                 load tests for the repository you are in

harness --help names every command, harness COMMAND --help explains one with examples.
"""


class TaughtCommand(click.Command):
    """A command that shows its options in groups, where there are many, and prints one form of its result."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, which would take the last of several forms and say nothing."""
        given = [form for form in _FORMS if form in args]
        if len(given) > 1 and not ctx.resilient_parsing:
            raise click.UsageError(f"{' and '.join(given)}: expected one of them", ctx)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Click calls this for its help page."""
        options = [one for one in self.get_params(ctx) if isinstance(one, click.Option)]
        shown = [(one.name or "", record) for one in options if (record := one.get_help_record(ctx))]
        groups: dict[str, list[tuple[str, str]]] = {heading: [] for heading in (*_GROUPS, _OTHER)}
        for name, record in shown:
            heading = next((heading for heading, names in _GROUPS.items() if name in names), _OTHER)
            groups[heading if len(shown) > _FEW else _OTHER].append(record)
        for heading, records in groups.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class TaughtGroup(click.Group):
    """A group whose commands are listed by what they are for, after a short start where nothing was asked for."""

    command_class = TaughtCommand

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Where nothing was asked for, say how to begin; it is a mistake all the same, as in a script."""
        if not args and not ctx.resilient_parsing and ctx.parent is None:
            click.echo(START, err=True, nl=False)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click calls it so
        formatter: click.HelpFormatter,
    ) -> None:
        """Click calls this for its help page."""
        for heading, told in COMMANDS.items():
            if records := [(name, text) for name, text in told.items() if name in self.commands]:
                with formatter.section(heading):
                    formatter.write_dl(records)
        known = {name for told in COMMANDS.values() for name in told}
        rest = [(name, one.get_short_help_str(80)) for name, one in self.commands.items() if name not in known]
        if rest:
            with formatter.section("Commands"):
                formatter.write_dl(rest)
