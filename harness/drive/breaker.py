"""The circuit breaker of one step: refuses attempts for a while once too many have failed."""

from __future__ import annotations

from collections import deque

from harness.measure.record import Outcome
from harness.scenario.model import CircuitBreaker

_BAD = frozenset({int(Outcome.FAILED), int(Outcome.TIMED_OUT)})
_SUCCEEDED = int(Outcome.SUCCEEDED)

REFUSED = -1


class Breaker:
    """See `scenario.policies.CircuitBreaker`.

    Each change of its state begins an era. What an attempt ended like counts only in the era in which it was let
    through: one that began before the breaker opened says nothing of what came after. Attempts that were rejected by a
    full queue or cancelled count for nothing; a probe that ends so makes room for another.
    """

    def __init__(self, declared: CircuitBreaker) -> None:
        self._declared = declared
        self._window: deque[bool] = deque(maxlen=declared.window)
        self._era = 0
        self._opened = False
        self._half_open = False
        self._open_until_s = 0.0
        self._probing = 0
        self._passed = 0

    @property
    def is_open(self) -> bool:
        """Whether it refuses all."""
        return self._opened

    def enter(self, now_s: float) -> int:
        """Ask to be let through at `now_s`: the era, or `REFUSED`."""
        if self._opened and now_s >= self._open_until_s:
            self._opened, self._half_open = False, True
            self._era += 1
            self._probing = self._passed = 0
        if self._opened or (self._half_open and self._probing >= self._declared.probes):
            return REFUSED
        self._probing += 1
        return self._era

    def leave(self, era: int, ended: int, now_s: float) -> None:
        """An attempt that was let through in `era` has ended like this (an `Outcome`)."""
        if era != self._era:
            return
        self._probing -= 1
        bad = ended in _BAD
        if not bad and ended != _SUCCEEDED:
            return
        if self._half_open:
            self._probed(bad, now_s)
        else:
            self._window.append(bad)
            full = len(self._window) == self._declared.window
            if full and sum(self._window) >= self._declared.failure_rate * self._declared.window:
                self._open(now_s)

    def _probed(self, bad: bool, now_s: float) -> None:
        self._passed += 1
        if bad:
            self._open(now_s)
        elif self._passed >= self._declared.probes:
            self._half_open = False
            self._era += 1

    def _open(self, now_s: float) -> None:
        self._opened, self._half_open = True, False
        self._era += 1
        self._open_until_s = now_s + self._declared.open_s
        self._window.clear()
