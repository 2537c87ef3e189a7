"""From options to what a comparison is to do, and back to the command that does it again."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import harness
from harness.bridges.continuous import Effort, Outcome, Request
from harness.errors import DeclarationError, Mistake, UnitError
from harness.judge.compare import Comparison
from harness.report.comparison import Circumstances
from harness.report.comparison_progress import Watching, watching
from harness.units import parse_duration

_ROUNDS = {"virtual": 2}
_REPLICATIONS = {"virtual": 5}
_MOST = 1000


def request_of(base: str, head: str, options: Mapping[str, Any]) -> Request:
    """What is to be compared. On the virtual clock a process runs five seeds, on the others one."""
    clock = options["clock"]
    return Request(
        base=base,
        head=head,
        scenarios=options["scenarios"],
        file=options["path"],
        same_scenarios=options["same_scenarios"],
        target=options["target"],
        clock=clock,
        seed=options["seed"],
        replications=options["replications"] or _REPLICATIONS.get(clock, 1),
        patch_time=options["patch_time"],
        build=options["build"],
    )


def effort_of(options: Mapping[str, Any]) -> Effort:
    """How much is measured. Exact figures need no further rounds: two show that they repeat.

    Raises `DeclarationError` with every mistake of the options.
    """
    clock, mistakes, budget_s = options["clock"], [], None
    rounds = options["rounds"] or _ROUNDS.get(clock, 10)
    further = 1 if clock == "virtual" else 2 if options["budget"] is None else 8
    most = options["max_rounds"] or min(rounds * further, _MOST)
    try:
        budget_s = None if options["budget"] is None else parse_duration(options["budget"])
    except UnitError as error:
        mistakes.append(Mistake("--budget", error.found, error.allowed))
    if most < rounds:
        mistakes.append(Mistake("--max-rounds", str(most), f"at least --rounds, {rounds}"))
    if mistakes:
        raise DeclarationError("options", mistakes)
    return Effort(rounds=rounds, max_rounds=most, budget_s=budget_s)


def given_circumstances(arguments: Sequence[str], now: datetime, allow_inconclusive: bool) -> Circumstances:
    """What is said beside the verdicts of results that were there before. `arguments` are the command's own words."""
    return Circumstances(
        command=shlex.join(["harness", *arguments]),
        harness_version=harness.__version__,
        timestamp=now,
        allow_inconclusive=allow_inconclusive,
    )


def circumstances_of(
    outcome: Outcome, arguments: Sequence[str], now: datetime, allow_inconclusive: bool
) -> Circumstances:
    """What the comparison's document says beside the verdicts."""
    return Circumstances(
        command=shlex.join(["harness", *_pinned(arguments, outcome.comparison)]),
        harness_version=harness.__version__,
        timestamp=now,
        allow_inconclusive=allow_inconclusive,
        rounds=outcome.rounds,
        looks=outcome.looks,
        stopped=outcome.stopped,
        notes=outcome.notes,
    )


def _pinned(arguments: Sequence[str], comparison: Comparison) -> list[str]:
    """The command's own words, with the commits in place of names that will soon mean others."""
    words = list(arguments)
    for side in (comparison.base, comparison.head):
        if side.commit is not None and side.source in words:
            words[words.index(side.source)] = side.commit[:12]
    return words


@contextmanager
def watcher(effort: Effort, quiet: bool) -> Iterator[Watching]:
    """Progress on standard error."""
    with watching(None if quiet else sys.stderr, list(effort.looks)) as found:
        yield found
