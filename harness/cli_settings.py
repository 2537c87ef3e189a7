"""Commands that take from the project's settings what is not typed: the command line goes before them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from harness.cli_help import TaughtCommand

_PARAMETERS = {"file": "path", "build_environments": "build", "waivers": "waiver_file"}
"""Keys of the settings whose option has another name within the code."""
_HELP = {"-h", "--help"}


class SettledCommand(TaughtCommand):
    """A command that reads `harness.toml`, or `[tool.harness]` in `pyproject.toml`, of the working folder."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Settings become the options' defaults. Help is shown whatever stands in them."""
        source = ""
        if not _HELP & set(args) and not extra.get("resilient_parsing"):  # a shell that completes wants no message
            from harness.bridges.settings import read_settings  # noqa: PLC0415 - only what this command needs

            settings = read_settings(Path())
            found = settings.of_command(str(self.name))
            extra["default_map"] = {_PARAMETERS.get(key, key): value for key, value in found.items()}
            source = settings.source
        context = super().make_context(info_name, args, parent, **extra)
        context.meta[__name__] = source
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Say what came from the settings, and count it among the command's own words."""
        taken = [one for one in self.params if _from_settings(ctx, one)]
        root = ctx.find_root()
        if taken and root.obj and ctx.info_name in root.obj:
            place = root.obj.index(ctx.info_name) + 1
            root.obj[place:place] = [word for one in taken for word in _words(ctx, one)]
        if taken and not ctx.params.get("quiet", True):
            said = " ".join(word for one in taken for word in _words(ctx, one))
            click.echo(f"{ctx.meta[__name__]}: {said}", err=True)
        return super().invoke(ctx)


def _from_settings(ctx: click.Context, parameter: click.Parameter) -> bool:
    source = ctx.get_parameter_source(parameter.name or "")
    return source is ParameterSource.DEFAULT_MAP and ctx.params.get(parameter.name or "") is not False


def _words(ctx: click.Context, parameter: click.Parameter) -> Iterator[str]:
    """As it would have been typed."""
    yield parameter.opts[-1]
    if not getattr(parameter, "is_flag", False):
        yield str(ctx.params[parameter.name or ""])
