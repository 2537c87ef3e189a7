"""Offer workflows in the rhythm of their load: one source for each shape of arrivals."""

from __future__ import annotations

import gc
import math
from collections.abc import Sequence
from typing import Protocol

from harness.drive.backpressure import Backpressure
from harness.drive.clock import Clock, Rank
from harness.plan.arrivals import Arrivals, ClosedArrivals, DrainedBursts, OpenArrivals


class Offering(Protocol):
    """What a source needs of the dispatcher."""

    stopping: bool
    """Whether nothing more is to be offered."""

    @property
    def in_flight(self) -> int:
        """How many workflows have been offered and have not ended."""

    def offer(self, due_s: float, batch: int, held_s: float = 0.0) -> None:
        """Start the next workflow of the plan, which a cap has held back for `held_s`."""

    def settle(self) -> None:
        """End the run if nothing is in flight and nothing more will come."""


class Source:
    """Offers workflows to a dispatcher in its load's own rhythm; one subclass for each shape of load."""

    exhausted = False
    """Whether nothing more will be offered once what is in flight has ended."""

    def begin(self) -> None:
        """Offer what is due at time 0 and set the first timer."""
        raise NotImplementedError

    def ended(self, number: int, at_s: float) -> None:
        """Workflow `number` has ended, at `at_s`."""

    def follows(self, at_s: float) -> bool:  # noqa: ARG002 - only some closed loads know
        """Whether the workflow that ended at `at_s` is replaced at that instant; if so, that one counts as offered.

        Where not, `ended` is still to be called.
        """
        return False

    def missed(self, until_s: float) -> list[tuple[float, int]]:  # noqa: ARG002 - only open loads can miss
        """(due time, burst) of all that was due by `until_s` and was never offered, because the run ended early."""
        return []


class OpenSource(Source):
    """Offers at due times known beforehand, as far as the cap on workflows in flight and the target let it.

    Where the target may hold its load back, what is held back is looked at again last of an instant, when all that
    happens in it has; otherwise as soon as a workflow ends.
    """

    def __init__(self, dispatcher: Offering, arrivals: OpenArrivals, clock: Clock, backpressure: Backpressure) -> None:
        self._dispatcher = dispatcher
        self._backpressure = backpressure
        self._looking = False
        if backpressure.pools:
            backpressure.on_relief = self._look_again
        self._clock = clock
        # as lists they would take five times the memory, which counts in a soak of many millions
        self._due: Sequence[float] = arrivals.due_s.data
        self._batch: Sequence[int] = arrivals.batch.data
        self._cap = math.inf if arrivals.max_in_flight is None else arrivals.max_in_flight
        self._next = 0
        self._held_since_s: float | None = None
        self.exhausted = not self._due

    def begin(self) -> None:
        """See `Source`."""
        if self._due:
            self._clock.call_at(self._due[0], Rank.ARRIVAL, self._arrive)

    def ended(self, number: int, at_s: float) -> None:  # noqa: ARG002 - any workflow that ends makes room for one
        """See `Source`."""
        if self._held_since_s is None:
            return
        if self._backpressure.pools:
            self._look_again()
        else:
            self._arrive()

    def _look_again(self) -> None:
        if self._held_since_s is not None and not self._looking and not self._dispatcher.stopping:
            self._looking = True
            self._clock.call_at(self._clock.now(), Rank.ARRIVAL, self._look)

    def _look(self) -> None:
        self._looking = False
        if self._held_since_s is not None:
            self._arrive()

    def _arrive(self) -> None:
        """Offer all that is due; what the cap holds back waits for a workflow to end, and no timer is set."""
        if self._dispatcher.stopping:
            return
        due, now_s = self._due, self._clock.now()
        while self._next < len(due) and due[self._next] <= now_s:
            if self._dispatcher.in_flight >= self._cap or self._backpressure.holds_back():
                if self._held_since_s is None:
                    self._held_since_s = now_s
                return
            self._offer(due[self._next], now_s)
        self._held_since_s = None
        if self._next < len(due):
            self._clock.call_at(due[self._next], Rank.ARRIVAL, self._arrive)
        else:
            self.exhausted = True

    def _offer(self, due_s: float, now_s: float) -> None:
        # what became due before anything was held back was late of itself until then
        held_s = 0.0 if self._held_since_s is None else now_s - max(due_s, self._held_since_s)
        self._dispatcher.offer(due_s, self._batch[self._next], held_s)
        self._next += 1

    def missed(self, until_s: float) -> list[tuple[float, int]]:
        """See `Source`."""
        rest = zip(self._due[self._next :], self._batch[self._next :], strict=True)
        return [(due_s, batch) for due_s, batch in rest if due_s <= until_s]


class ClosedSource(Source):
    """Keeps a number of workflows in flight, or what that number changes to."""

    def __init__(self, dispatcher: Offering, arrivals: ClosedArrivals, clock: Clock, seed: int) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._arrivals = arrivals
        self._seed = seed
        self._left = arrivals.total
        self._wanted = arrivals.in_flight
        self._present = arrivals.in_flight
        """How many are in flight or thinking."""
        self._duration_s = math.inf if arrivals.duration_s is None else arrivals.duration_s
        self._changes = iter(arrivals.changes)
        self._thinks = arrivals.think != 0.0

    def begin(self) -> None:
        """See `Source`."""
        for _ in range(self._arrivals.in_flight):
            self._offer_at(0.0)
        self._await_change()

    def ended(self, number: int, at_s: float) -> None:
        """See `Source`."""
        if self.exhausted or self._dispatcher.stopping or (self._present > self._wanted and self._leaves()):
            return
        think_s = self._arrivals.think_s(self._seed, number) if self._thinks else 0.0
        if think_s > 0:
            self._clock.call_at(at_s + think_s, Rank.ARRIVAL, self._come_back, at_s + think_s)
        else:
            self._offer_at(at_s)

    def follows(self, at_s: float) -> bool:
        """See `Source`."""
        if self._thinks or self.exhausted or self._dispatcher.stopping:
            return False
        if at_s >= self._duration_s or self._present > self._wanted:
            return False
        if self._left is not None:
            self._left -= 1
            self.exhausted = self._left <= 0
        return True

    def _leaves(self) -> bool:
        """Whether one is too many; it is gone then."""
        if self._present <= self._wanted:
            return False
        self._present -= 1
        return True

    def _come_back(self, due_s: float) -> None:
        if not (self.exhausted or self._dispatcher.stopping or self._leaves()):
            self._offer_at(due_s)

    def _await_change(self) -> None:
        change = next(self._changes, None)
        if change is not None:
            self._clock.call_at(change[0], Rank.ARRIVAL, self._change, *change)

    def _change(self, at_s: float, wanted: int) -> None:
        if self.exhausted or self._dispatcher.stopping:
            return
        self._wanted = wanted
        while self._present < wanted and not self.exhausted:
            self._present += 1
            self._offer_at(at_s)
        self._await_change()

    def _offer_at(self, due_s: float) -> None:
        if self._dispatcher.stopping or self.exhausted:
            return
        if due_s >= self._duration_s:
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

    def ended(self, number: int, at_s: float) -> None:  # noqa: ARG002 - they are only counted
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


def source_for(dispatcher: Offering, arrivals: Arrivals, clock: Clock, seed: int, backpressure: Backpressure) -> Source:
    """The source that goes with a plan's arrivals."""
    match arrivals:
        case OpenArrivals():
            return OpenSource(dispatcher, arrivals, clock, backpressure)
        case ClosedArrivals():
            return ClosedSource(dispatcher, arrivals, clock, seed)
        case DrainedBursts():
            return BurstSource(dispatcher, arrivals, clock)
