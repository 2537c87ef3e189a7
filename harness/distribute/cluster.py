"""Workers on a Dask cluster: one long task on each, from one instant. Dask places them and brings back their runs."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import harness
from harness.distribute.clocks import Offset, offset_of
from harness.distribute.left_behind import Death, left_by
from harness.distribute.ticket import Line, Outcome, Ticket, carry_out
from harness.drive.clock import real_now_s, sleep_s, time_of_day_s
from harness.drive.interrupts import asked_to_stop
from harness.errors import DeclarationError, HarnessError, MissingExtraError, Mistake, TargetError

_CONNECT_S = 15.0
_READY_S = 180.0
_LEAD_S = 0.5
"""From the agreement on an instant to that instant: every worker has heard of it by then."""
_POLL_S = 0.2
_GRACE_S = 20.0

Make = Callable[[int, int], Ticket]
"""The ticket of worker k of so many."""


def run_on_cluster(
    address: str, workers: int | None, make: Make, progress: Callable[[int], None] | None = None
) -> tuple[list[Ticket], list[Outcome]]:
    """Carry out one ticket on each of `workers` workers (None: all) of the Dask cluster at `address`.

    Raises `DeclarationError` where the scheduler does not answer or has too few workers, `MissingExtraError` without
    the extra, `HarnessError` where a worker has another version, and `TargetError` for what a worker raised.
    """
    with _connected(address) as client, tempfile.TemporaryDirectory(prefix="harness-workers-") as folder:
        places = _places(client, address, workers)
        tickets = [_with_folder(make(k, len(places)), place, Path(folder)) for k, place in enumerate(places)]
        for ticket in tickets:
            ticket.plan()  # a load that cannot be cut is refused before anything is sent
        crew = _Crew(client, places, tickets)
        try:
            crew.begin()
            crew.gather(progress)
        finally:
            crew.release()
        return tickets, crew.outcomes()


@contextlib.contextmanager
def cluster_at(address: str) -> Iterator[tuple[Any, list[str]]]:
    """A client of the Dask cluster at `address`, and the addresses of its workers, all of this harness's version.

    Raises as `run_on_cluster` does.
    """
    with _connected(address) as client:
        yield client, [place.address for place in _places(client, address, None)]


@dataclass(frozen=True, slots=True)
class _Place:
    """One worker of the cluster."""

    address: str
    host: str
    life: str
    """Where it keeps its files: another place means that it died and was begun again at the same address."""


def _dask() -> Any:
    """The package, which has no types of its own for what is used here."""
    try:
        return import_module("distributed")
    except ImportError:
        raise MissingExtraError("distributed", "distributed", "--scheduler") from None


def _client(address: str) -> Any:
    """A client that is connected. One whose start fails is closed at once, with its thread, which Dask would leave."""

    class Client(_dask().Client):  # type: ignore[misc]  # the package has no types
        def start(self, **kwargs: Any) -> None:
            try:
                super().start(**kwargs)
            except BaseException:
                self.close()
                self._loop_runner.stop()  # of one that found no scheduler, close() thinks that it is closed
                raise

    return Client(address, timeout=_CONNECT_S, set_as_default=False)


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        client = _client(address)
    # a time-out is an OSError; an address of another kind may want a certificate or a package that is not there
    except (OSError, ValueError, TypeError, ImportError) as error:
        found = f"{address!r}: {' '.join(str(error).split()) or type(error).__name__}"
        allowed = "the address of a Dask scheduler that answers, such as tcp://10.0.0.5:8786"
        raise DeclarationError("options", [Mistake("--scheduler", found[:300], allowed)]) from None
    with client:
        yield client


def _places(client: Any, address: str, workers: int | None) -> list[_Place]:
    lives = _lives(client)
    found = sorted(lives)
    wanted = len(found) if workers is None else workers
    if not found or wanted > len(found):
        mistake = Mistake(
            "--workers", f"{wanted} of the {len(found)} that {address} has", "no more than it has, and one"
        )
        raise DeclarationError("options", [mistake])
    try:
        seen = client.run(_who, workers=found[:wanted])
    except Exception as error:  # whatever a worker without this package raises
        raise HarnessError(f"--scheduler {address}: a worker cannot import harness: {error}") from None
    for place, (_, version) in seen.items():
        if version != harness.__version__:
            raise HarnessError(
                f"--scheduler {address}: worker {place}: expected harness {harness.__version__}, found {version}; "
                "install the same version there"
            )
    return [_Place(place, seen[place][0], lives[place]) for place in found[:wanted]]


def _lives(client: Any) -> dict[str, str]:
    """Address -> what tells this life of the worker from an earlier one."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return {address: str(about["local_directory"]) for address, about in workers.items()}


def _who() -> tuple[str, str]:
    return socket.gethostname(), harness.__version__


def _with_folder(ticket: Ticket, place: _Place, folder: Path) -> Ticket:
    """Rows outlive a worker that dies only where both sides see the same disk."""
    if place.host != socket.gethostname():
        return ticket
    own = folder / str(ticket.part.worker)
    own.mkdir()
    return dataclasses.replace(ticket, folder=own)


@dataclass(slots=True)
class _Crew:
    """The coordinator's side."""

    client: Any
    places: list[_Place]
    tickets: list[Ticket]
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    futures: list[Any] = field(default_factory=list)
    offsets: list[Offset] = field(default_factory=list)
    known: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    ended: dict[int, int] = field(default_factory=dict)
    died: dict[int, float] = field(default_factory=dict)
    instant: float = 0.0

    def begin(self) -> None:
        """Send the tickets, compare clocks, wait until every target has started, and agree on the instant."""
        self.offsets = [offset_of(partial(self._ask, place.address)) for place in self.places]
        words = _dask().Queue(f"words-{self.run}", client=self.client)
        for ticket, place in zip(self.tickets, self.places, strict=True):
            self.futures.append(
                self.client.submit(
                    _work, ticket, self.run, workers=[place.address], allow_other_workers=False, pure=False, retries=0
                )
            )
        until = real_now_s() + _READY_S
        while len(self.known) < len(self.tickets):
            self._raise_first()
            if real_now_s() > until:
                raise HarnessError(f"--scheduler: not all workers were ready after {_READY_S:g} s")
            self._take(words)
        self.instant = time_of_day_s() + _LEAD_S + 2 * max(offset.error_s for offset in self.offsets)
        instants = [self.instant + offset.seconds for offset in self.offsets]
        _dask().Variable(f"instants-{self.run}", client=self.client).set(instants)
        _dask().Event(f"begin-{self.run}", client=self.client).set()

    def _ask(self, address: str) -> float:
        return float(self.client.run(time_of_day_s, workers=[address])[address])

    def _take(self, words: Any) -> None:
        # asked for what is not there, the queue would say so in the scheduler's log, again and again
        if not words.qsize():
            sleep_s(_POLL_S)
            return
        for word, worker, what in words.get(batch=True):
            if word == "ended":
                self.ended[worker] = what
            else:
                self.known[worker] = what

    def _raise_first(self) -> None:
        for worker, future in enumerate(self.futures):
            if future.status == "error":
                raise TargetError(f"worker {worker} at {self.places[worker].address}: {future.exception()}")

    def gather(self, progress: Callable[[int], None] | None) -> None:
        """Wait until every task is done or its worker is gone."""
        words = _dask().Queue(f"words-{self.run}", client=self.client)
        stop, until = _dask().Event(f"stop-{self.run}", client=self.client), float("inf")
        while real_now_s() < until and not all(map(self._is_over, range(len(self.tickets)))):
            self._take(words)
            self._look_for_deaths()
            if progress is not None:
                progress(sum(self.ended.values()))
            if asked_to_stop() is not None and until == float("inf"):
                until = real_now_s() + _GRACE_S
                stop.set()

    def _is_over(self, worker: int) -> bool:
        return worker in self.died or self.futures[worker].done()

    def _look_for_deaths(self) -> None:
        lives = _lives(self.client)
        for worker, place in enumerate(self.places):
            if not self._is_over(worker) and lives.get(place.address) != place.life:
                self.died[worker] = time_of_day_s()
                self.futures[worker].cancel()

    def release(self) -> None:
        """Let go of what was sent."""
        with contextlib.suppress(Exception):  # the cluster may be what is gone
            _dask().Event(f"stop-{self.run}", client=self.client).set()
            _dask().Event(f"begin-{self.run}", client=self.client).set()

    def outcomes(self) -> list[Outcome]:
        """What each worker brought, or left."""
        return [self._outcome(worker) for worker in range(len(self.tickets))]

    def _outcome(self, worker: int) -> Outcome:
        future, offset = self.futures[worker], self.offsets[worker]
        if worker not in self.died and future.status == "finished":
            done: Outcome = future.result()
        else:
            why = "worker died" if worker in self.died else "worker failed"
            lived_s = self.died.get(worker, time_of_day_s()) - self.instant
            name, digest, pid = self.known[worker]
            done = left_by(self.tickets[worker], None, Death(why, lived_s, pid, name, digest))
        share = dataclasses.replace(
            done.shares[0],
            host=self.places[worker].host,
            clock_offset_s=offset.seconds,
            clock_error_s=offset.error_s,
        )
        return dataclasses.replace(done, shares=(share,))


# --------------------------------------------------------------------------- in the worker


def _work(ticket: Ticket, run: str) -> Outcome:
    """One worker's task; it runs on a thread of the worker, whose own loop goes on meanwhile."""
    client, worker = _dask().get_client(), ticket.part.worker
    words, known, over = _dask().Queue(f"words-{run}", client=client), ["", ""], threading.Event()
    if _dask().Event(f"begin-{run}", client=client).is_set():
        raise HarnessError("a worker that died is not begun again in the middle of a run")

    def introduce(name: str, digest: str) -> None:
        known[:] = [name, digest]

    def start() -> float:
        words.put(("ready", worker, (*known, os.getpid())))
        _dask().Event(f"begin-{run}", client=client).wait()
        return float(_dask().Variable(f"instants-{run}", client=client).get()[worker])

    def listen(stop: Callable[[str], None]) -> None:
        def wait() -> None:
            longest_s = ticket.scenario.run_timeout_s + _READY_S
            if _dask().Event(f"stop-{run}", client=client).wait(timeout=longest_s) and not over.is_set():
                stop("interrupted")

        threading.Thread(target=wait, daemon=True).start()

    try:
        return carry_out(ticket, Line(start, listen, introduce=introduce))
    finally:
        over.set()
