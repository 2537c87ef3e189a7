"""Offer workflows in the rhythm of their load: one source for each shape of arrivals."""

from __future__ import annotations

import gc
from typing import Protocol

from harness.drive.clock import Clock, Rank
from harness.plan.arrivals import Arrivals, ClosedArrivals, DrainedBursts, OpenArrivals


class Offering(Protocol):
    """What a source needs of the dispatcher."""

    @property
    def stopping(self) -> bool:
        """Whether nothing more is to be offered."""

    def offer(self, due_s: float, batch: int) -> None:
        """Start the next workflow of the plan."""

    def settle(self) -> None:
        """End the run if nothing is in flight and nothing more will come."""


class Source:
    """Offers workflows to a dispatcher in its load's own rhythm; one subclass for each shape of load."""

    exhausted = False
    """Whether nothing more will be offered once what is in flight has ended."""

    def begin(self) -> None:
        """Offer what is due at time 0 and set the first timer."""
        raise NotImplementedError

    def ended(self, number: int) -> None:
        """Workflow `number` has ended."""

    def missed(self, until_s: float) -> list[tuple[float, int]]:  # noqa: ARG002 - only open loads can miss
        """(due time, burst) of all that was due by `until_s` and was never offered, because the run ended early."""
        return []


class OpenSource(Source):
    """Offers at due times known beforehand."""

    def __init__(self, dispatcher: Offering, arrivals: OpenArrivals, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._due: list[float] = arrivals.due_s.tolist()
        self._batch: list[int] = arrivals.batch.tolist()
        self._next = 0
        self.exhausted = not self._due

    def begin(self) -> None:
        """See `Source`."""
        if self._due:
            self._clock.call_at(self._due[0], Rank.ARRIVAL, self._arrive)

    def _arrive(self) -> None:
        if self._dispatcher.stopping:
            return
        due, now_s = self._due, self._clock.now()
        while self._next < len(due) and due[self._next] <= now_s:
            self._dispatcher.offer(due[self._next], self._batch[self._next])
            self._next += 1
        if self._next < len(due):
            self._clock.call_at(due[self._next], Rank.ARRIVAL, self._arrive)
        else:
            self.exhausted = True

    def missed(self, until_s: float) -> list[tuple[float, int]]:
        """See `Source`."""
        rest = zip(self._due[self._next :], self._batch[self._next :], strict=True)
        return [(due_s, batch) for due_s, batch in rest if due_s <= until_s]


class ClosedSource(Source):
    """Keeps a number of workflows in flight."""

    def __init__(self, dispatcher: Offering, arrivals: ClosedArrivals, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._arrivals = arrivals
        self._left = arrivals.total

    def begin(self) -> None:
        """See `Source`."""
        for _ in range(self._arrivals.in_flight):
            self._offer_at(0.0)

    def ended(self, number: int) -> None:  # noqa: ARG002 - any workflow that ends makes room for one
        """See `Source`."""
        if self.exhausted or self._dispatcher.stopping:
            return
        due_s = self._clock.now() + self._arrivals.think_s
        if self._arrivals.think_s > 0:
            self._clock.call_at(due_s, Rank.ARRIVAL, self._offer_at, due_s)
        else:
            self._offer_at(due_s)

    def _offer_at(self, due_s: float) -> None:
        duration_s = self._arrivals.duration_s
        if self._dispatcher.stopping or self.exhausted:
            return
        if duration_s is not None and due_s >= duration_s:
            self.exhausted = True
            self._dispatcher.settle()
            return
        if self._left is not None:
            self._left -= 1
            self.exhausted = self._left <= 0
        self._dispatcher.offer(due_s, 0)


class BurstSource(Source):
    """Offers one burst after the one before has drained."""

    def __init__(self, dispatcher: Offering, arrivals: DrainedBursts, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._arrivals = arrivals
        self._burst = 0
        self._left = 0

    def begin(self) -> None:
        """See `Source`."""
        self._offer_burst()

    def ended(self, number: int) -> None:  # noqa: ARG002 - they are only counted
        """See `Source`."""
        self._left -= 1
        if self._left > 0 or self.exhausted or self._dispatcher.stopping:
            return
        if self._arrivals.collect:
            gc.collect()
        self._clock.call_at(self._clock.now() + self._arrivals.pause_s, Rank.ARRIVAL, self._offer_burst)

    def _offer_burst(self) -> None:
        if self._dispatcher.stopping:
            return
        due_s = self._clock.now()
        sizes = self._arrivals.sizes
        self._left = sizes[self._burst]
        self.exhausted = self._burst + 1 == len(sizes)
        for _ in range(self._left):
            self._dispatcher.offer(due_s, self._burst)
        self._burst += 1


def source_for(dispatcher: Offering, arrivals: Arrivals, clock: Clock) -> Source:
    """The source that goes with a plan's arrivals."""
    match arrivals:
        case OpenArrivals():
            return OpenSource(dispatcher, arrivals, clock)
        case ClosedArrivals():
            return ClosedSource(dispatcher, arrivals, clock)
        case DrainedBursts():
            return BurstSource(dispatcher, arrivals, clock)
