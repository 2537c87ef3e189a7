"""Which attempt at which call a request is, and how many attempts calls take: the truth that a client cannot see."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field

from harness.provider.luck import CallId

_MOST_CALLS = 500_000
"""So many calls that have not succeeded, or have no name, are remembered; beyond that, the oldest are forgotten."""


@dataclass(slots=True)
class _Call:
    failures: int = 0
    under_way: int = 0
    taken: int = 0
    given_back: list[int] = field(default_factory=list)


class Calls:
    """Numbers the attempts at each call from 1.

    A number belongs to a request that is served. One that was turned away before (429, a full queue) gives it back: so
    the k-th attempt that is served has the same luck, however often a client was turned away in between. When a call
    that a header names has succeeded, it starts anew: the next run of the same workflow meets the same luck again.
    Calls known by their content alone go on counting, or all that ask the same would be answered alike.
    """

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self.attempts: Counter[int] = Counter()
        """Attempts that a call took until it succeeded -> calls."""
        self.retries = 0
        """Requests that came after one at the same call had failed."""

    @property
    def open(self) -> int:
        """Calls that have failed at least once, and have not succeeded since."""
        return sum(1 for call in self._calls.values() if call.failures)

    def arrive(self, known: CallId) -> tuple[int, bool]:
        """(number of the attempt, whether it is a retry) of a request that has come."""
        call = self._calls.get(known.key)
        if call is None:
            call = self._calls[known.key] = _Call()
            if len(self._calls) > _MOST_CALLS:
                del self._calls[next(iter(self._calls))]
        call.under_way += 1
        again = call.failures > 0
        self.retries += again
        if known.attempt is not None:
            return known.attempt, again or known.attempt > 1
        if call.given_back:
            return heapq.heappop(call.given_back), again
        call.taken += 1
        return call.taken, again

    def turned_away(self, known: CallId, number: int) -> None:
        """The request was not served: it fails, and its number is free again."""
        call = self._calls.get(known.key)
        if call is not None and known.attempt is None:
            heapq.heappush(call.given_back, number)
        self.failed(known)

    def failed(self, known: CallId) -> None:
        """The request was served, and did not succeed."""
        call = self._calls.get(known.key)
        if call is not None:
            call.under_way -= 1
            call.failures += 1

    def succeeded(self, known: CallId) -> None:
        """The request was answered to its end."""
        call = self._calls.get(known.key)
        if call is None:
            return
        self.attempts[call.failures + 1] += 1
        call.under_way -= 1
        call.failures = 0
        if known.named and not call.under_way:
            del self._calls[known.key]
