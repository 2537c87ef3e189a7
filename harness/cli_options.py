"""Options that several commands take alike, declared once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

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
