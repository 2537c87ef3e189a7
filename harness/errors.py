"""The one error tree, and the one table of exit codes.

HarnessError                   anything this package refuses; carries the exit code the command line ends with
├── DeclarationError           a scenario file or an option says what it may not say (every mistake at once)
├── UnitError                  a text that is not a quantity with a unit
├── TargetError                the target cannot be imported, is not callable, or fails to start or stop
├── ReportError                a report that cannot be written, read, or that its schema refuses
├── MissingExtraError          an optional dependency is not installed; names the extra that brings it
├── GitHubError                GitHub cannot be reached, refuses, or answers what it should not
├── RunInvalidError            the run happened but may not be believed
│   └── ClockError             the clock could not be kept honest (a deadlock, a job that outlives its grace)
└── NotEnoughError             nothing, or too little, to judge
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


class ExitCode(enum.IntEnum):
    """How every `harness` command ends. The README's table is checked against this enum."""

    HELD = 0
    """Everything asked was done, and every baseline line held."""
    REGRESSION = 1
    """A comparison found a regression."""
    USAGE = 2
    """Bad input: an unknown name, an invalid file, a target that cannot be loaded."""
    NOT_ENOUGH = 3
    """Nothing, or too little, to judge: for example a baseline line on something this target does not show."""
    BASELINE_BROKEN = 4
    """At least one baseline line is broken."""
    RUN_INVALID = 5
    """The run cannot be believed, or did not end within its run timeout."""
    FAULT = 70
    """A fault of the harness itself (EX_SOFTWARE of sysexits.h): it says nothing about what was measured."""
    INTERRUPTED = 130
    """Ctrl-C (SIGINT): what was measured so far was written."""
    TERMINATED = 143
    """SIGTERM: what was measured so far was written."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a user's input.

    `where` is the path inside the input (`scenario.burst.pools.agents.size`), `found` is what stands there and
    `allowed` is what may stand there; both are short phrases for people.
    """

    where: str
    found: str
    allowed: str

    def __str__(self) -> str:
        """`where: expected …, found …`, on one line."""
        return f"{self.where}: expected {self.allowed}, found {self.found}"


class Topic(enum.Enum):
    """What a refusal is about, where there is something to do next. The command line knows what."""

    SCENARIO = "a scenario's name"
    METRIC = "a metric's name"
    SCHEMA = "a schema's name"
    REPORTS = "reports that are not there"
    TARGET = "a target's name"
    FOLDER = "a folder in the place of its files"


@dataclass(frozen=True, slots=True)
class Lead:
    """Where a refusal leads: what it is about, what was found, and the names nearest to that, nearest first."""

    topic: Topic
    found: str = ""
    nearest: tuple[str, ...] = ()


class HarnessError(Exception):
    """Base of every refusal; `exit_code` is what the command line ends with, `lead` where to go on (None: nowhere)."""

    exit_code: ExitCode = ExitCode.USAGE
    lead: Lead | None = None

    def leads(self, topic: Topic, found: str = "", nearest: Iterable[str] = ()) -> Self:
        """The same refusal, which says where it leads."""
        self.lead = Lead(topic, found, tuple(nearest))
        return self


class DeclarationError(HarnessError):
    """A declaration that is not valid. `source` names the file or option; `mistakes` holds every one found."""

    def __init__(self, source: str, mistakes: Iterable[Mistake]) -> None:
        self.source = source
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(f"{source}: {mistake}" for mistake in self.mistakes))


class UnitError(HarnessError):
    """A text that does not parse as the quantity asked for; `found` and `allowed` are phrases for people."""

    def __init__(self, found: str, allowed: str) -> None:
        self.found = found
        self.allowed = allowed
        super().__init__(f"expected {allowed}, found {found}")


class TargetError(HarnessError):
    """The target under load cannot be loaded, or failed to start or to stop."""


class ReportError(HarnessError):
    """A report that cannot be written or read, or that its schema refuses."""


class MissingExtraError(HarnessError):
    """An optional dependency is missing; the message names the extra that installs it."""

    def __init__(self, package: str, extra: str, needed_for: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"{needed_for} needs the package {package!r}, which is not installed; "
            f"install it with: pip install 'agent-load-harness[{extra}]'"
        )


class GitHubError(HarnessError):
    """GitHub cannot be reached, refuses a request (token, permissions, rate limit), or answers what it should not."""


class RunInvalidError(HarnessError):
    """A run that happened but may not be believed."""

    exit_code = ExitCode.RUN_INVALID


class ClockError(RunInvalidError):
    """The clock could not be kept honest: a deadlock, a livelock, or a job that outlives its grace."""


class NotEnoughError(HarnessError):
    """Nothing, or too little, to judge: for example a baseline line on something this target does not show."""

    exit_code = ExitCode.NOT_ENOUGH
