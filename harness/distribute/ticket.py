"""What a worker is given, and what it gives back. Both travel between processes of the same version."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import harness
from harness.drive.opening import as_factory
from harness.drive.replication import Replication
from harness.errors import HarnessError
from harness.measure.mapped import MOST_ROWS, MappedRecorder
from harness.measure.record import Ints, Recorder, Run, Share
from harness.measure.totals.folding import TotalsRecorder
from harness.measure.totals.record import Totals
from harness.plan.arrivals import Plan, plan
from harness.plan.cutting import part_of
from harness.plan.part import Part
from harness.scenario.model import Scenario

Start = Callable[[], float]
"""Says that the worker is ready, waits for the agreed start, and returns that instant on this machine's own clock
(`time_of_day_s`, seconds)."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One worker's part of one replication.

    `folder` is where rows are written as they are made (None: they stay in memory, and die with the worker). With
    `totals` no rows are kept. `options` are those of `harness.drive.replication.Replication`.
    """

    scenario: Scenario
    target: object
    seed: int
    part: Part
    totals: bool = False
    folder: Path | None = None
    version: str = harness.__version__
    options: tuple[tuple[str, Any], ...] = ()

    def plan(self) -> Plan:
        """The worker's part of the plan; raises `DeclarationError` where the load cannot be cut."""
        return part_of(plan(self.scenario, self.seed), self.part)


Outcome = Run | Totals


@dataclass(frozen=True, slots=True)
class Line:
    """A worker's line to whoever coordinates: when to start, who may stop it, and what it tells meanwhile."""

    start: Start
    listen: Callable[[Callable[[str], None]], None] = lambda _stop: None
    """Handed a function that ends the run early, for a reason, from any thread."""
    ended: Callable[[int], None] | None = None
    """Told now and then how many workflows have ended."""
    checkpoint: Callable[[Totals], None] | None = None
    """Handed the totals so far, now and then; only where no rows are kept."""
    introduce: Callable[[str, str], None] = lambda _name, _digest: None
    """Handed the target's public name and the digest of what is run, before it is started."""


def carry_out(ticket: Ticket, line: Line) -> Outcome:
    """Drive the ticket's part, beginning at the instant that `line.start` returns.

    Raises `TargetError` as a single run does, and `HarnessError` where the worker's version is another one.
    """
    if ticket.version != harness.__version__:
        raise HarnessError(
            f"workers: expected harness {ticket.version} on every worker, found {harness.__version__} "
            f"on {socket.gethostname()}; install the same version there"
        )
    mine = ticket.plan()
    name, factory = as_factory(ticket.target)
    line.introduce(name, factory.digest(ticket.scenario.digest))
    recorder = _recorder(ticket, mine)
    replication = Replication(
        mine,
        factory,
        name,
        "wall",
        line.ended,
        recorder=recorder,
        start=line.start,
        checkpoint=_totalled(recorder, line),
        **dict(ticket.options),
    )
    line.listen(replication.request_stop)
    run = replication.drive()
    done = recorder.totals(run) if isinstance(recorder, TotalsRecorder) else run
    return dataclasses.replace(done, shares=(share_of(ticket, recorder.offered),))


def _totalled(recorder: Recorder, line: Line) -> Callable[[Run], None] | None:
    told = line.checkpoint
    if told is None or not isinstance(recorder, TotalsRecorder):
        return None
    return lambda run: told(recorder.totals(run))


def _recorder(ticket: Ticket, mine: Plan) -> Recorder:
    if ticket.totals:
        return TotalsRecorder()
    if ticket.folder is None:
        return Recorder()
    return MappedRecorder(folder=ticket.folder, room=max(1, mine.total if mine.total is not None else MOST_ROWS))


def share_of(ticket: Ticket, offered: int, lost: int = 0, pid: int | None = None) -> Share:
    """What the worker of `ticket` did, on this machine."""
    return Share(ticket.part.worker, socket.gethostname(), os.getpid() if pid is None else pid, offered, lost)


def numbers_of(part: Part, offered: int) -> Ints:
    """The numbers, in the whole plan, of the first `offered` workflows of a part."""
    return part.first + part.worker + part.workers * np.arange(offered, dtype=np.int64)
