"""What to do next: after a refusal, and after a result that was not what was hoped for. All of it is said here.

Refusals say what they are about (`errors.Lead`), results are documents; neither knows of commands. Suggestions go to
standard error, those after a result only where somebody looks at it.
"""

from __future__ import annotations

import itertools
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from harness.cli_options import BUDGET, MOST_SEEDS, QUIET
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
    """Whether suggestions after a result are wanted: on a terminal, and where nobody asked for a document or quiet."""
    context = click.get_current_context(silent=True)
    quiet = context is not None and context.meta.get(QUIET, False)
    return form is None and not quiet and sys.stderr.isatty() and sys.stdout.isatty()


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


_GAUGES = "a target shows its queue and pool with gauges(); what yours cannot show, leave out of the baseline"


def _settling(report: Report, of: list[str]) -> Iterator[str]:
    """What would settle the lines of the baseline that nothing can be told of."""
    from harness.judge.observed import UNSEEN  # noqa: PLC0415 - only after such a result

    for line in report.document["baseline"]["lines"]:
        if line["verdict"] != "cannot_tell":
            continue
        if UNSEEN in line["reason"]:
            yield _GAUGES
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
        again = _command(*_with_option(words, str(needed), "--max-rounds"))
        return [f"{again}     about so many rounds would settle it"]
    return [f"harness continuous BASE HEAD --max-rounds {needed}     about so many runs a side would settle it"]


def after_history(document: dict[str, Any]) -> list[str]:
    """What is missing where no metric has commits enough."""
    from harness.judge.history import FEWEST  # noqa: PLC0415 - only after such a result

    if any(one["newest"] != "too short" for one in document["series"]):
        return []
    there = max((one["commits"] - len(one["ignored"]) for one in document["series"]), default=0)
    missing = FEWEST - there
    commits = f"{missing} more commit{'s' if missing > 1 else ''}"
    if document["source"].startswith("asv:"):
        return [f"asv run     on {commits}, {FEWEST} in all"]
    return [f"harness run --clock virtual     once on each of {commits}, {FEWEST} in all, into one folder"]


def after_capacity(document: dict[str, Any], words: Sequence[str]) -> list[str]:
    """What would find a capacity, after a search that ended with 3."""
    if document["exit_code"] != ExitCode.NOT_ENOUGH:
        return []
    if document["ended"] == "budget":
        again = _command(*_with_option(words, f"{4 * _budget_s(words) / 60:g}min", "--budget"))
        return [f"{again}     the time was up before the search had ended"]
    if document["held"]["status"] == "cannot_tell":
        return list(dict.fromkeys(_seeing(document, words)))
    higher = f"{4 * document['load']['to']:g}"
    return [f"{_command(*_with_option(words, higher, '--to'))}     a higher load: none that was tried is too much"]


def _seeing(document: dict[str, Any], words: Sequence[str]) -> Iterator[str]:
    from harness.judge.observed import UNSEEN  # noqa: PLC0415 - only after such a result

    if UNSEEN in document["held"]["reason"]:
        yield _GAUGES
    else:
        count = str(min(4 * document["replications"], MOST_SEEDS))
        yield f"{_command(*_with_option(words, count, '-n', '--replications'))}     more samples"


def _budget_s(words: Sequence[str]) -> float:
    from harness.units import parse_duration  # noqa: PLC0415 - only after such a result

    given = [word for before, word in itertools.pairwise(words) if before == "--budget"]
    given += [word.removeprefix("--budget=") for word in words if word.startswith("--budget=")]
    return parse_duration((given or [BUDGET])[-1])


def after_calibration(document: dict[str, Any]) -> list[str]:
    """Which runs were too short to tell how well a model predicts them."""
    if document["exit_code"] != ExitCode.NOT_ENOUGH:
        return []
    from harness.report.text import visible  # noqa: PLC0415 - only after such a result

    open_ones = [
        one
        for one in document["predictions"]
        if one["role"] == "check" and any(figure["verdict"] == "cannot_tell" for figure in one["figures"])
    ]
    return [
        f"measure {visible(one['file'])} again with --replications 10: it is too short to tell" for one in open_ones
    ]


def after_advice(document: dict[str, Any], words: Sequence[str]) -> list[str]:
    """Where to look on, after nothing that was tried was found to help."""
    if document["best"] is not None or document["stopped"] is not None:
        return []
    lines = []
    if any(one["does"] == "unclear" for one in document["tried"]) and (count := len(document["seeds"])) < MOST_SEEDS:
        more = str(min(4 * count, MOST_SEEDS))
        again = _command(*_with_option(words, more, "-n", "--replications"))
        lines.append(f"{again}     for what is unclear")
    of = [document["scenario"], *_file_of(words), "--clock", document["clock"]]
    return [*lines, f"{_command('capacity', *of)}     how much load it holds, and what gives way"]


def _with_option(words: Sequence[str], value: str, *names: str) -> list[str]:
    """What was typed, with `value` for the option, which has these names, in the place of what it was given."""
    kept: list[str] = []
    for word in words:
        if kept and kept[-1] in names:
            kept.pop()
        elif word.partition("=")[0] not in names or "=" not in word:
            kept.append(word)
    return [*kept, names[0], value]
