"""How far another process's clock is from ours, from the time that question and answer take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.drive.clock import time_of_day_s

_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Offset:
    """The other clock is `seconds` ahead of ours, give or take `error_s`."""

    seconds: float
    error_s: float


def offset_of(ask: Callable[[], float]) -> Offset:
    """The offset of a clock that `ask` reads (seconds since the epoch), taken from the quickest of a few answers.

    The other clock was read somewhere between question and answer; its middle is off by half of that at most
    (D. L. Mills, RFC 5905, section 8, with both timestamps of the server taken as one).
    """
    best = Offset(0.0, float("inf"))
    for _ in range(_ROUNDS):
        asked = time_of_day_s()
        theirs = ask()
        answered = time_of_day_s()
        error_s = max(0.0, (answered - asked) / 2)
        if error_s < best.error_s:
            best = Offset(theirs - (asked + answered) / 2, error_s)
    return best
