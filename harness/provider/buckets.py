"""Rate limits as token buckets: real ones, that fill up with time and tell how long to wait."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.provider.declaration import Limit

_ROUNDING = 1e-9


class Bucket:
    """A token bucket (J. Turner, "New Directions in Communications", IEEE Communications Magazine 24, 1986).

    In any span of T seconds it lets at most burst + rate * T through. `now_s` must never go back.
    """

    __slots__ = ("_at_s", "_level", "burst", "rate_per_s")

    def __init__(self, limit: Limit, now_s: float) -> None:
        self.rate_per_s = limit.rate_per_s
        self.burst = limit.burst
        self._level = limit.burst
        self._at_s = now_s

    def level(self, now_s: float) -> float:
        """What is in it at `now_s`."""
        self._level = min(self.burst, self._level + (now_s - self._at_s) * self.rate_per_s)
        self._at_s = now_s
        return self._level

    def wait_s(self, amount: float, now_s: float) -> float:
        """How long until `amount` is in it: 0 where it is, infinity where it never will be."""
        if amount > self.burst:
            return math.inf
        missing = amount - self.level(now_s)
        # a wait that was told and kept must suffice, whatever its rounding
        return 0.0 if missing <= _ROUNDING * self.burst else missing / self.rate_per_s

    def take(self, amount: float, now_s: float) -> None:
        """Take `amount` out; to be asked for with `wait_s` before."""
        self._level = self.level(now_s) - amount

    def full_in_s(self, now_s: float) -> float:
        """How long until it is full."""
        return (self.burst - self.level(now_s)) / self.rate_per_s


@dataclass(frozen=True, slots=True)
class Refusal:
    """A limit that does not let a request through: which, and when it would (infinity: never)."""

    limit: str
    wait_s: float


class Limits:
    """The limits of one provider: requests and tokens. A request passes both, or takes from neither."""

    def __init__(self, requests: Limit | None, tokens: Limit | None, now_s: float) -> None:
        self._buckets = {
            name: Bucket(limit, now_s) for name, limit in (("requests", requests), ("tokens", tokens)) if limit
        }

    def admit(self, tokens: int, now_s: float) -> Refusal | None:
        """Let a request of so many tokens through at `now_s`, or say which limit holds it up the longest."""
        amounts = {"requests": 1.0, "tokens": float(tokens)}
        waits = {name: bucket.wait_s(amounts[name], now_s) for name, bucket in self._buckets.items()}
        if any(waits.values()):
            worst = max(waits, key=lambda name: waits[name])
            return Refusal(worst, waits[worst])
        for name, bucket in self._buckets.items():
            bucket.take(amounts[name], now_s)
        return None

    def headers(self, now_s: float) -> dict[str, str]:
        """`x-ratelimit-*`, as clients of this kind of service read them; empty without limits."""
        told: dict[str, str] = {}
        for name, bucket in self._buckets.items():
            told[f"x-ratelimit-limit-{name}"] = f"{bucket.burst:.0f}"
            told[f"x-ratelimit-remaining-{name}"] = f"{max(0, math.floor(bucket.level(now_s))):d}"
            told[f"x-ratelimit-reset-{name}"] = _span(bucket.full_in_s(now_s))
        return told


def _span(seconds: float) -> str:
    """`1h2m3s`, `6m0s`, `1.5s`, `20ms`: how such headers write a duration."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000):d}ms"
    minutes, rest = divmod(seconds, 60)
    if not minutes:
        return f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}h{minutes}m{rest:.0f}s" if hours else f"{minutes}m{rest:.0f}s"
