"""What the command line adds to a run that is long, or driven by several: its options, and its checkpoints."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DeclarationError, HarnessError, Mistake, UnitError
from harness.units import parse_duration

if TYPE_CHECKING:
    from harness.measure.totals.record import Totals
    from harness.scenario.model import Scenario

RESUMED = "resumed"
_SHORTEST_S, _LONGEST_S = 0.1, 86_400.0


def ways_of_driving(
    workers: int | None,
    scheduler: str | None,
    soak: bool,
    checkpoint: str,
    resume: Path | None,
    counts: list[int],
) -> dict[str, Any]:
    """The arguments `crew` and `keep` of `assess` that the options amount to, as far as they were given.

    `counts` are the numbers of scenarios and of replications. Raises `DeclarationError` for options that cannot go
    together, and `ReportError` for a checkpoint that cannot be read.
    """
    from harness.distribute.driving import Crew  # noqa: PLC0415 - only such runs need it
    from harness.report.checkpoint import read_checkpoint, refuse_resumed  # noqa: PLC0415
    from harness.soak import Soak  # noqa: PLC0415

    every_s, mistakes = _every_s(checkpoint)
    if (soak or resume) and counts[1] != 1:
        mistakes.append(Mistake("--replications", str(counts[1]), "1: a soak is one long replication"))
    if resume and counts[0] != 1:
        mistakes.append(Mistake("--resume", f"{counts[0]} scenarios", "the name of the one that was cut off"))
    if resume and (workers or scheduler):
        mistakes.append(Mistake("--resume", "--workers or --scheduler", "one process: its checkpoint is of one plan"))
    if mistakes:
        raise DeclarationError("options", mistakes)
    ways: dict[str, Any] = {}
    if workers or scheduler:
        ways["crew"] = Crew(workers, scheduler)
    if soak or resume:
        before = read_checkpoint(resume) if resume else None
        if resume:
            refuse_resumed(resume)
        ways |= {"keep": Soak(every_s=every_s, before=before), RESUMED: resume}
    return ways


def _every_s(checkpoint: str) -> tuple[float, list[Mistake]]:
    try:
        every_s = parse_duration(checkpoint)
    except UnitError as error:
        return 0.0, [Mistake("--checkpoint", error.found, error.allowed)]
    if _SHORTEST_S <= every_s <= _LONGEST_S:
        return every_s, []
    return 0.0, [Mistake("--checkpoint", checkpoint, f"from {_SHORTEST_S:g} s to {_LONGEST_S / 3600:g} h")]


@contextmanager
def checkpoints(scenario: Scenario, how: dict[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    """The arguments of `assess`, with somewhere to put checkpoints; once the report is written, they are not needed."""
    given = {name: value for name, value in how.items() if name != RESUMED}
    if "keep" not in given:
        yield given
        return
    writer = _Writer(scenario, folder, how[RESUMED])
    yield given | {"keep": dataclasses.replace(given["keep"], checkpoint=writer.take)}
    writer.discard()


class _Writer:
    """Writes checkpoints on a thread of its own: the event loop must not wait for a disk."""

    def __init__(self, scenario: Scenario, folder: Path, path: Path | None) -> None:
        self._scenario = scenario
        self._folder = folder
        self._path = path
        self._thread: threading.Thread | None = None

    def take(self, totals: Totals) -> None:
        """Write `totals` down, unless the checkpoint before is still being written."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._write, args=(totals,), name="checkpoint", daemon=True)
            self._thread.start()

    def _write(self, totals: Totals) -> None:
        import sys  # noqa: PLC0415 - only to complain

        from harness.assess import report_on  # noqa: PLC0415 - only such runs need it
        from harness.measure.totals.continued import given_up  # noqa: PLC0415
        from harness.report.checkpoint import checkpoint_path, write_checkpoint  # noqa: PLC0415

        so_far = given_up(totals, "under way at the checkpoint")
        report = report_on(
            self._scenario, [so_far], invalid=f"a checkpoint after {totals.ended_s:.0f} s of a longer run"
        )
        if self._path is None:
            self._path = checkpoint_path(self._folder, report)
        try:
            write_checkpoint(self._path, report, totals)
        except HarnessError as error:  # a full disk must not end the run, but be known
            sys.stderr.write(f"\nwarning: {error}\n")

    def discard(self) -> None:
        """The run has ended and its report is written."""
        from harness.report.checkpoint import remove_checkpoint  # noqa: PLC0415 - as above

        if self._thread is not None:
            self._thread.join()
        if self._path is not None:
            remove_checkpoint(self._path)
