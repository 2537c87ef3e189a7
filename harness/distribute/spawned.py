"""Workers as processes on this machine. One that dies loses its own unfinished workflows, and they are counted."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from harness.distribute.clocks import Offset, offset_of
from harness.distribute.left_behind import Death, left_by
from harness.distribute.ticket import Line, Outcome, Ticket, carry_out
from harness.drive.clock import real_now_s, time_of_day_s
from harness.drive.interrupts import asked_to_stop
from harness.errors import HarnessError, TargetError
from harness.measure.totals.record import Totals, merged

_LEAD_S = 0.1
"""From the agreement on an instant to that instant: a message to each worker takes a fraction of it."""
_POLL_S = 0.1
_READY_S = 180.0
"""Imports of a heavy framework, in as many processes at once, on a slow disk."""
_GRACE_S = 15.0
"""After a stop was asked for: cancelled workflows, the target's stop() and the way back have this long."""

Progress = Callable[[int], None]


def run_spawned(
    tickets: Sequence[Ticket],
    progress: Progress | None = None,
    checkpoint: Callable[[Totals], None] | None = None,
) -> list[Outcome]:
    """Carry out all tickets, each in a process of its own, from one instant; what each brought, in their order.

    `checkpoint` is handed the totals of all workers so far, whenever each has sent its own once more. A worker that
    dies brings what it had recorded. Raises `TargetError` for whatever a worker raised before the start, and
    `HarnessError` where one does not get ready.
    """
    with tempfile.TemporaryDirectory(prefix="harness-workers-") as folder, _stopping(crew := _crew(tickets, folder)):
        for worker in crew:
            worker.await_ready()
        instant = time_of_day_s() + _LEAD_S
        for worker in crew:
            worker.begin(instant)
        _gather(crew, progress, checkpoint)
        return [worker.outcome() for worker in crew]


class _Worker:
    """The coordinator's side of one worker."""

    def __init__(self, ticket: Ticket) -> None:
        context = multiprocessing.get_context("spawn")
        self.ticket = ticket
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(ticket, theirs), daemon=False)
        self.process.start()
        theirs.close()
        self.ended = 0
        self.offset = Offset(0.0, 0.0)
        self._done: Outcome | None = None
        self._last: Totals | None = None
        self.news: Totals | None = None
        """What the worker last sent, until it is handed on."""
        self._instant = 0.0
        self._died_at = 0.0
        self._known = ("", "")
        self._ready = False

    def await_ready(self) -> None:
        """Wait until the worker's target has started, and compare clocks."""
        until = real_now_s() + _READY_S
        while not self._ready:
            if not self.line.poll(max(0.0, until - real_now_s())):
                raise HarnessError(f"--workers: worker {self.ticket.part.worker} was not ready after {_READY_S:g} s")
            self.take()
        self.offset = offset_of(self._ask_time)

    def _ask_time(self) -> float:
        self.line.send(("time", None))
        return float(self.line.recv()[1])

    def begin(self, instant: float) -> None:
        """Tell the worker the instant, on its own clock."""
        self._instant = instant
        self.line.send(("begin", instant + self.offset.seconds))

    def take(self) -> bool:
        """Take one message; False where the line is dead."""
        try:
            word, what = self.line.recv()
        except (EOFError, OSError):
            self._died_at = time_of_day_s()
            self.process.join(_GRACE_S)
            if not self._instant:
                raise TargetError(f"worker {self.ticket.part.worker} died before it was ready ({self.how()})") from None
            return False
        if word == "error":
            raise TargetError(f"worker {self.ticket.part.worker}: {what}")
        if word == "ended":
            self.ended = what
        elif word == "totals":
            self._last = self.news = what
        elif word == "target":
            self._known = what
        elif word == "ready":
            self._ready = True
        elif word == "done":
            self._done = what
        return bool(word != "done")

    def how(self) -> str:
        """How the process ended, for people."""
        code = self.process.exitcode
        if code is None:
            return "still running"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def stop(self, reason: str) -> None:
        """Ask the worker to end early."""
        with contextlib.suppress(OSError):
            self.line.send(("stop", reason))

    def outcome(self) -> Outcome:
        """What the worker brought, or left."""
        done = self._done
        if done is None:
            why, lived_s = f"worker died ({self.how()})", self._died_at - self._instant
            done = left_by(self.ticket, self._last, Death(why, lived_s, self.process.pid or 0, *self._known))
        off = self.offset
        share = dataclasses.replace(done.shares[0], clock_offset_s=off.seconds, clock_error_s=off.error_s)
        return dataclasses.replace(done, shares=(share,))


def _crew(tickets: Sequence[Ticket], folder: str) -> list[_Worker]:
    crew = []
    for ticket in tickets:
        ticket.plan()  # a load that cannot be cut is refused here, before any process is made
        own = Path(folder) / str(ticket.part.worker)
        own.mkdir()
        crew.append(dataclasses.replace(ticket, folder=own))
    return [_Worker(ticket) for ticket in crew]


@contextlib.contextmanager
def _stopping(crew: list[_Worker]) -> Iterator[None]:
    """However this ends, no worker is left behind."""
    try:
        yield
    finally:
        for worker in crew:
            if worker.process.is_alive():
                worker.process.kill()
            worker.process.join()
            worker.line.close()


def _gather(crew: Sequence[_Worker], progress: Progress | None, checkpoint: Callable[[Totals], None] | None) -> None:
    """Take what the workers say until all are done or dead, passing on a request to stop."""
    busy = {worker.line: worker for worker in crew}
    until = float("inf")
    while busy and real_now_s() < until:
        for line in wait(list(busy), _POLL_S):
            worker = busy[line]  # type: ignore[index]  # nothing but these lines is waited for
            if not worker.take():
                del busy[worker.line]
        _pass_on(crew, checkpoint)
        if progress is not None:
            progress(sum(worker.ended for worker in crew))
        reason = asked_to_stop()
        if reason is not None and until == float("inf"):
            until = real_now_s() + _GRACE_S
            for worker in busy.values():
                worker.stop(reason)


def _pass_on(crew: Sequence[_Worker], checkpoint: Callable[[Totals], None] | None) -> None:
    """Hand on the totals of all, where every worker has sent new ones."""
    totals = [worker.news for worker in crew if worker.news is not None]
    if checkpoint is not None and len(totals) == len(crew):
        checkpoint(merged(totals))
        for worker in crew:
            worker.news = None


# --------------------------------------------------------------------------- in the worker


def _work(ticket: Ticket, line: Connection) -> None:
    """A worker's whole life. Ctrl-C reaches every process of a terminal: the coordinator answers it for all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lock = threading.Lock()

    def say(word: str, what: Any) -> None:
        with lock, contextlib.suppress(OSError):
            line.send((word, what))

    def listen(stop: Callable[[str], None]) -> None:
        threading.Thread(target=_listen, args=(line, begun, instant, say, stop), daemon=True).start()

    begun, instant = threading.Event(), [0.0]

    def start() -> float:
        say("ready", None)
        begun.wait()
        return instant[0]

    try:
        done = carry_out(ticket, Line(start, listen, lambda n: say("ended", n), lambda totals: say("totals", totals)))
    except HarnessError as error:
        say("error", str(error))
    else:
        say("done", done)


def _listen(
    line: Connection,
    begun: threading.Event,
    instant: list[float],
    say: Callable[[str, Any], None],
    stop: Callable[[str], None],
) -> None:
    while True:
        try:
            word, what = line.recv()
        except (EOFError, OSError):  # whoever coordinated is gone: nobody will take what this worker makes
            stop("terminated")
            begun.set()
            return
        if word == "time":
            say("time", time_of_day_s())
        elif word == "begin":
            instant[0] = what
            begun.set()
        else:
            stop(what)
            begun.set()
