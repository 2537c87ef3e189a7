"""How a command ends that was refused, interrupted or has a fault of its own: one screen of text and its exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import click

from harness.cli_help import TaughtGroup
from harness.cli_suggestions import after_error
from harness.errors import ExitCode, HarnessError

_LONGEST = 400
_CLICKS_OWN = (click.ClickException, click.exceptions.Exit, click.Abort)


class Refusing(TaughtGroup):
    """A group that turns every refusal of ours into one screen of text and the exit code it carries."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the command's own words, for documents that say how they were made."""
        ctx.obj = list(args)
        return super().parse_args(ctx, args)

    def main(self, *args: Any, **extra: Any) -> Any:
        """As click's, where a caller has closed standard streams, too."""
        _open_streams()
        return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except HarnessError as error:
            click.echo("\n".join([f"error: {error}", *after_error(error, ctx.obj or [])]), err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except BrokenPipeError:
            raise  # a pager that has seen enough: click ends quietly
        except OSError as error:
            click.echo(f"error: {_about(error)}", err=True)
            ctx.exit(ExitCode.USAGE)
        except _CLICKS_OWN:
            raise
        except Exception:  # Python's own ending would be 1, which says that a comparison found something
            traceback.print_exc()
            click.echo("error: this is a fault of the harness, not of what was measured; please report it", err=True)
            ctx.exit(ExitCode.FAULT)


def _about(error: OSError) -> str:
    """A place that cannot be used is named by the error itself; what has no name is one of the standard streams."""
    if error.filename is None:
        return f"the output cannot be written: {error.strerror}"
    from harness.report.text import visible  # noqa: PLC0415 - only where something failed

    return f"{visible(str(error.filename), _LONGEST)}: {error.strerror}"


def _open_streams() -> None:
    """Nothing is read from a standard stream that is closed, or written to it; nor to a report that got its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open as long as the process is
