"""What `harness doctor` found, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import harness
from harness.adopt.traps import TRAPS
from harness.errors import ExitCode

VERSION = 1


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One trap at one place. `path` is from the examined folder on, `line` counts from 1."""

    path: str
    line: int
    trap: str
    found: str


@dataclass(frozen=True, slots=True)
class Examination:
    """What was read, what was found there, and what could not be read (in words that name the file)."""

    examined: tuple[str, ...]
    findings: tuple[Finding, ...]
    unreadable: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        """2: a file cannot be read. 3: what is measured here is too little to judge by, or there is nothing."""
        if self.unreadable:
            return ExitCode.USAGE
        return ExitCode.NOT_ENOUGH if self.findings or not self.examined else ExitCode.HELD


def as_text(found: Examination) -> str:
    """For a terminal: each finding in four lines, then how many there are."""
    lines = [f"unreadable: {text}" for text in found.unreadable]
    for one in found.findings:
        trap = TRAPS[one.trap]
        lines += [f"{one.path}:{one.line}: {one.trap}", f"  found: {one.found}", f"  why:   {trap.matters}"]
        lines += [f"  mend:  {trap.mend}", ""]
    if not found.examined:
        lines.append("nothing to examine: no asv configuration, no tests, no benchmarks, no workflows")
    else:
        words = f"{len(found.findings)} findings" if len(found.findings) != 1 else "1 finding"
        lines.append(f"{words} in {len(found.examined)} files")
    return "\n".join(lines) + "\n"


def document_of(found: Examination) -> dict[str, Any]:
    """The document of `schemas/doctor.schema.json`."""
    return {
        "schema_version": VERSION,
        "kind": "doctor",
        "harness_version": harness.__version__,
        "exit_code": int(found.exit_code),
        "examined": list(found.examined),
        "findings": [
            {
                "trap": one.trap,
                "path": one.path,
                "line": one.line,
                "found": one.found,
                "matters": TRAPS[one.trap].matters,
                "mend": TRAPS[one.trap].mend,
            }
            for one in found.findings
        ],
        "unreadable": list(found.unreadable),
    }
