"""The truth about what a provider did, beside which a client's own figures can be held. Plain counts, no clock."""

from __future__ import annotations

from collections import Counter
from typing import Any

from harness.provider.calls import Calls
from harness.provider.slots import Slots

_BIN_S = 0.1


class Counters:
    """What has happened since the start, or since the last reset."""

    def __init__(self, slots: Slots, now_s: float) -> None:
        self._slots = slots
        self._began_s = now_s
        slots.peak_busy, slots.peak_waiting = slots.busy, slots.waiting
        self.calls = Calls()
        self.requests = 0
        self.statuses: Counter[int] = Counter()
        self.limited: Counter[str] = Counter()
        """429s by the limit that gave them."""
        self.overflowed = 0
        self.planted: Counter[int] = Counter()
        self.cut = 0
        self.stalled = 0
        self.clients_left = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.in_flight = 0
        self.peak_in_flight = 0
        self.most_retries_per_bin = 0
        self._bin = -1
        self._in_bin = 0

    def came(self) -> None:
        """A request came."""
        self.requests += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def retried(self, now_s: float) -> None:
        """The request that came is a retry: retries that land in one instant are what a burst is made of."""
        here = int(now_s / _BIN_S)
        self._in_bin = self._in_bin + 1 if here == self._bin else 1
        self._bin = here
        self.most_retries_per_bin = max(self.most_retries_per_bin, self._in_bin)

    # long: one line for each figure
    def document(self, now_s: float) -> dict[str, Any]:
        """Everything, as JSON."""
        slots = self._slots
        return {
            "uptime_s": round(now_s - self._began_s, 3),
            "requests": self.requests,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "in_service": slots.busy,
            "peak_in_service": slots.peak_busy,
            "slots": slots.capacity.concurrent,
            "queue_depth": slots.waiting,
            "peak_queue_depth": slots.peak_waiting,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "limited": {"requests": self.limited["requests"], "tokens": self.limited["tokens"]},
            "overflowed": self.overflowed,
            "planted_errors": {str(status): count for status, count in sorted(self.planted.items())},
            "cut_streams": self.cut,
            "stalls": self.stalled,
            "clients_left": self.clients_left,
            "tokens": {"prompt": self.prompt_tokens, "completion": self.completion_tokens},
            "calls": {
                "succeeded": self.calls.attempts.total(),
                "open": self.calls.open,
                "attempts": {str(number): count for number, count in sorted(self.calls.attempts.items())},
            },
            "retries": self.calls.retries,
            "most_retries_in_100_ms": self.most_retries_per_bin,
        }
