"""What to do next: after a refusal, and after a result that was not what was hoped for. All of it is said here.

Refusals say what they are about (`errors.Lead`), results are documents; neither knows of commands. Suggestions go to
standard error, those after a result only where somebody looks at it.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from harness.errors import ExitCode, HarnessError, Lead, Topic

if TYPE_CHECKING:
    from harness.report.model import Report

_MOST_NEAREST = 3
_TARGETS = (
    ("builtin", "the reference orchestrator"),
    ("package.module:attribute", "a function or object of an installed module, or of one below this folder"),
    ("path/to/file.py:attribute", "one in a file"),
    ("langgraph:module:graph", "a compiled LangGraph graph"),
    ("http://127.0.0.1:8080/workflows", "a service"),
)
_TYPED_IN = ("-f", "--file")


def after_error(error: HarnessError, words: Sequence[str]) -> list[str]:
    """Commands, one a line, that lead on from a refusal; `words` is what was typed after `harness`."""
    lead = error.lead
    if lead is None:
        return []
    return [f"try: {line}" for line in _SUGGESTED[lead.topic](lead, list(words))]


def _scenario(lead: Lead, words: list[str]) -> Iterator[str]:
    yield from _corrected(lead, words)
    yield _command("list", *_file_of(words))


def _corrected(lead: Lead, words: list[str]) -> Iterator[str]:
    """What was typed, with each of the nearest names in the place of the one that is not known."""
    for name in lead.nearest[:_MOST_NEAREST]:
        changed = [_with(word, lead.found, name) for word in words]
        if changed != words:
            yield _command(*changed)


def _with(word: str, found: str, name: str) -> str:
    """`word` with `name` in the place of `found`, where it is that, or an option that was given it."""
    option, equals, value = word.partition("=")
    if word == found:
        return name
    return f"{option}={name}" if equals and option.startswith("--") and value == found else word


def _reports(_lead: Lead, words: list[str]) -> Iterator[str]:
    if words[:1] == ["history"]:
        yield "harness run --clock virtual     once on each commit: reports of at least eight are needed"
        return
    yield "harness run --clock virtual     it writes a report of each scenario into reports/"
    if words[:1] == ["compare"]:
        yield "harness continuous HEAD~1 HEAD --clock virtual     it measures both commits, here and now"


def _target(_lead: Lead, _words: list[str]) -> Iterator[str]:
    longest = max(len(form) for form, _ in _TARGETS)
    yield from (f"--target {form.ljust(longest)}  {told}" for form, told in _TARGETS)


def _files(lead: Lead, words: list[str]) -> Iterator[str]:
    yield f"{_command(words[0] if words else 'report', lead.found.rstrip('/'))}/*.json"


_SUGGESTED = {
    Topic.SCENARIO: _scenario,
    Topic.METRIC: _corrected,
    Topic.SCHEMA: _corrected,
    Topic.REPORTS: _reports,
    Topic.TARGET: _target,
    Topic.FOLDER: _files,
}


def _file_of(words: Sequence[str]) -> list[str]:
    """The option with the file of scenarios, as it was typed."""
    for place, word in enumerate(words):
        if word in _TYPED_IN and place + 1 < len(words):
            return ["-f", words[place + 1]]
        if word.startswith("--file="):
            return ["-f", word.removeprefix("--file=")]
    return []


def _command(*words: str) -> str:
    from harness.report.text import visible  # noqa: PLC0415 - only a mistake needs it

    return visible(shlex.join(["harness", *words]))


# --------------------------------------------------------------------------- after a result


def somebody_looks(form: str | None) -> bool:
    """Whether suggestions after a result are wanted: on a terminal, and where no document was asked for."""
    return form is None and sys.stderr.isatty() and sys.stdout.isatty()


def say(lines: Iterable[str]) -> None:
    """Each as a line of its own on standard error."""
    for line in lines:
        click.echo(f"next: {line}", err=True)


def after_reports(reports: Sequence[Report], code: ExitCode, words: Sequence[str]) -> list[str]:
    """What tells more about the first scenario that is the reason for this exit code."""
    wanted = {ExitCode.BASELINE_BROKEN: "broken", ExitCode.NOT_ENOUGH: "cannot_tell"}.get(code)
    found = next((one for one in reports if wanted is not None and one.verdict == wanted), None)
    if found is None:
        return []
    of = [found.scenario, *_file_of(words)]
    if wanted == "cannot_tell":
        return list(dict.fromkeys(_settling(found, of)))
    if found.document["target"] == "builtin":
        return [f"{_command('advise', *of)}     what would hold the baseline, and what it costs"]
    of += ["--target", str(found.document["target"]), "--clock", str(found.document["clock"])]
    return [f"{_command('capacity', *of)}     how much load it does hold, and what gives way"]


def _settling(report: Report, of: list[str]) -> Iterator[str]:
    """What would settle the lines of the baseline that nothing can be told of."""
    from harness.judge.observed import UNSEEN  # noqa: PLC0415 - only after such a result

    for line in report.document["baseline"]["lines"]:
        if line["verdict"] != "cannot_tell":
            continue
        if UNSEEN in line["reason"]:
            yield "a target shows its queue and pool with gauges(); what yours cannot show, leave out of the baseline"
        else:
            yield f"{_command('run', *of, '--replications', '10')}     more samples"


def after_comparison(document: dict[str, Any], words: Sequence[str]) -> list[str]:
    """What would settle a comparison that ended with 3, because something in it is inconclusive."""
    if document["exit_code"] != ExitCode.NOT_ENOUGH:
        return []
    unsettled = [one for one in document["metrics"] if one["verdict"] == "inconclusive"]
    needed = max((one["runs_needed"] or 0 for one in unsettled), default=0)
    if not needed:
        return []
    if words[:1] == ["continuous"]:
        kept = [word for word in words if not word.startswith("--max-rounds")]
        return [f"{_command(*kept, '--max-rounds', str(needed))}     about so many rounds would settle it"]
    return [f"harness continuous BASE HEAD --max-rounds {needed}     about so many runs a side would settle it"]
