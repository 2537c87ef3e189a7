"""Options that several commands take alike, declared once."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.cli_completion import targets

Command = TypeVar("Command", bound=Callable[..., object])


def target_option(told: str = "As in harness run.") -> Callable[[Command], Command]:
    """`--target`, the built-in one unless given; `told` is its help."""
    return click.option(
        "-t",
        "--target",
        default="builtin",
        show_default=True,
        metavar="TARGET",
        shell_complete=targets,
        help=told,
    )


MOST_SEEDS = 1000
"""What `harness advise` and `harness capacity` take for --replications at most."""

BUDGET = "10min"
"""What `harness capacity` gives a search."""

QUIET = f"{__name__}.quiet"
"""Where a context keeps whether `--quiet` was given."""


def quiet_option(*, exposed: bool = True) -> Callable[[Command], Command]:
    """`--quiet`, of every command that has progress or hints; `exposed`: the command itself is told, too."""

    def kept(context: click.Context, _parameter: click.Parameter, value: bool) -> bool:
        context.meta[QUIET] = value
        return value

    told = "No progress, no hints."
    return click.option("-q", "--quiet", is_flag=True, help=told, callback=kept, expose_value=exposed)


def scheduler_option(told: str) -> Callable[[Command], Command]:
    """`--scheduler`; nothing between quotes, as an unset variable of a script leaves it, is no wish to do without."""

    def named(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise click.BadParameter(
                "expected an address, such as tcp://10.0.0.5:8786, found nothing.", context, parameter
            )
        return value

    return click.option("--scheduler", metavar="ADDRESS", help=told, callback=named)


class Seconds(click.FloatRange):
    """A range of seconds. Click's own holds NaN to be within any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As click's, which compares: nothing is less or more than NaN."""
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return found


def output_option(name: str, told: str) -> Callable[[Command], Command]:
    """`-o`, the one file that a command writes. Its `name` is `--out` or `--output`; the other is taken, too."""
    names = ["-o", *({"--out", "--output"} - {name}), name]  # click calls it by the last
    return click.option(*names, "output", type=click.Path(path_type=Path), metavar="FILE", help=told)
