"""The command `harness completion`, and what completes names: scenarios, metrics, schemas.

A shell asks at every press of a key: nothing heavy is imported, and a file that is broken completes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli_help import TaughtCommand

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "harness"
_VARIABLE = "_HARNESS_COMPLETE"
_PREFIX = "test_"

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


@click.command(cls=TaughtCommand)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> None:
    """Print the script that lets SHELL complete commands, options, files and the names of scenarios.

    Without SHELL it is the one that the variable SHELL names.

    \b
    source <(harness completion bash)                       in ~/.bashrc
    source <(harness completion zsh)                        in ~/.zshrc, after compinit
    harness completion fish > ~/.config/fish/completions/harness.fish
    harness completion bash > harness.bash                  to look at first

    Scenarios are those of --file, where it was typed before them, or of the settings in this folder.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only what this command needs

    chosen = shell or Path(os.environ.get("SHELL", "")).name
    found = get_completion_class(chosen) if chosen in SHELLS else None
    if found is None:
        told = f"found {chosen!r} in the variable SHELL" if chosen else "found nothing in the variable SHELL"
        raise click.UsageError(f"SHELL: expected one of {', '.join(SHELLS)}, {told}")
    root = click.get_current_context().find_root().command
    # click's own check of bash's version runs bash; what is printed needs 4.4, and says so where it is sourced
    script = found(root, {}, _PROGRAM, _VARIABLE)
    click.echo(script.source_template % script.source_vars())


def scenarios(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The scenarios there are; the built-in ones without `test_`, unless that is how it was begun."""
    from harness.scenario.load import load_scenarios  # noqa: PLC0415 - only where a name is completed

    taken = set(_given(ctx, parameter))
    names = _without_fail(lambda: list(load_scenarios(_file(ctx))))
    if not typed.startswith(_PREFIX[: max(1, len(typed))]):
        names = [name.removeprefix(_PREFIX) for name in names]
    return _items((name for name in names if name not in taken), typed)


def metrics(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The figures of a sweep."""
    from harness.sweep import OF_EVERY_CELL  # noqa: PLC0415 - as above

    return _items(OF_EVERY_CELL, typed)


def targets(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The built-in target, and files: what is in a module is only known once it is imported."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - as above

    return [*_items(("builtin", "langgraph:", "http://"), typed), CompletionItem(typed, type="file")]


def schemas(_ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The schemas that can be printed."""
    from harness.schema import schema_names  # noqa: PLC0415 - as above

    return _items(_without_fail(schema_names), typed)


def _file(ctx: click.Context) -> Path | None:
    """The file of scenarios that was typed, or that the settings of this folder name."""
    typed = ctx.params.get("path")
    if typed is not None:
        return Path(typed)
    from harness.bridges.settings import read_settings  # noqa: PLC0415 - as above

    settled = read_settings(Path()).of_command(str(ctx.command.name)).get("file")
    return None if settled is None else Path(settled)


def _given(ctx: click.Context, parameter: click.Parameter) -> tuple[str, ...]:
    value = ctx.params.get(parameter.name or "")
    return tuple(value) if parameter.nargs == -1 and value else ()


def _without_fail(names: Callable[[], list[str]]) -> list[str]:
    try:
        return names()
    except Exception:  # a broken file, or none: whoever presses a key asked for names, not for a message
        return []


def _items(names: Iterable[str], typed: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - as above

    return [CompletionItem(name) for name in names if name.startswith(typed)]
