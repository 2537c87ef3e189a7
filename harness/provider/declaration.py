"""What a fake model provider is: immutable records. One that was built is valid, another raises `DeclarationError`.

Durations are seconds, rates per second, shares in [0, 1]. `output_tokens` is a distribution whose numbers are tokens:
the records of a distribution know no unit, only their fields are named for the usual one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.errors import DeclarationError, Mistake
from harness.scenario.checks import between, count
from harness.scenario.model import Constant, Distribution, Lognormal, distribution_mistakes

ERROR_STATUSES = (400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504, 529)
_FIRST_TOKEN = Lognormal(0.3, 0.668)
"""Median 300 ms, p95 900 ms."""
_PER_TOKEN = Constant(1 / 40)
_OUTPUT_TOKENS = Constant(50.0)
_STALL_FOR = Constant(5.0)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer takes: until its first token, then `per_token_s` for each further one.

    All three are drawn once for each attempt; within one answer the tokens come evenly.
    """

    first_token: Distribution = _FIRST_TOKEN
    per_token: Distribution = _PER_TOKEN
    output_tokens: Distribution = _OUTPUT_TOKENS


@dataclass(frozen=True, slots=True)
class Capacity:
    """At most `concurrent` requests are served at once (None: any number), `queue` more wait (None: any number).

    One that finds the queue full gets `overflow`, an HTTP status.
    """

    concurrent: int | None = None
    queue: int | None = None
    overflow: int = 503


@dataclass(frozen=True, slots=True)
class Limit:
    """A token bucket: refilled with `rate_per_s`, never fuller than `burst`, full at the start."""

    rate_per_s: float
    burst: float


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on purpose, each with its share of the attempts that are served.

    `errors` pairs a status with its share. `cut` streams break off; a `stall` is one pause of `stall_for` in an answer.
    """

    errors: tuple[tuple[int, float], ...] = ()
    stall: float = 0.0
    stall_for: Distribution = _STALL_FOR
    cut: float = 0.0


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider. `models` are those that it knows (none named: every one); `seed` decides all of its luck."""

    seed: int = 0
    models: tuple[str, ...] = ()
    latency: Latency = Latency()
    capacity: Capacity = Capacity()
    requests: Limit | None = None
    tokens: Limit | None = None
    faults: Faults = Faults()

    def __post_init__(self) -> None:
        mistakes = tuple(provider_mistakes(self))
        if mistakes:
            raise DeclarationError("provider", mistakes)


def provider_mistakes(provider: Provider) -> Iterator[Mistake]:
    """Every mistake in `provider`, each with its path below the `[provider]` table."""
    yield from count("seed", provider.seed, 0, 2**63 - 1)
    latency, capacity = provider.latency, provider.capacity
    yield from distribution_mistakes("latency.first_token", latency.first_token)
    yield from distribution_mistakes("latency.time_per_token", latency.per_token)
    yield from distribution_mistakes("latency.output_tokens", latency.output_tokens)
    if capacity.concurrent is not None:
        yield from count("capacity.concurrent", capacity.concurrent, 1, 10**6)
    elif capacity.queue is not None:
        yield Mistake("capacity.queue", "queue without concurrent", "queue only beside concurrent")
    if capacity.queue is not None:
        yield from count("capacity.queue", capacity.queue, 0, 10**7)
    if capacity.overflow not in ERROR_STATUSES:
        yield Mistake("capacity.overflow", str(capacity.overflow), f"one of {_listed()}")
    for name, limit in (("requests", provider.requests), ("tokens", provider.tokens)):
        if limit is not None:
            yield from between(f"limits.{name}", limit.rate_per_s, 1e-6, 1e9, "/s")
            yield from between(f"limits.{name}_burst", limit.burst, 1, 1e12)
    yield from _fault_mistakes(provider.faults)


def _fault_mistakes(faults: Faults) -> Iterator[Mistake]:
    for status, share in faults.errors:
        if status not in ERROR_STATUSES:
            yield Mistake(f"faults.errors.{status}", str(status), f"one of {_listed()}")
        yield from between(f"faults.errors.{status}", share, 0, 1)
    total = sum(share for _, share in faults.errors)
    if total > 1:
        yield Mistake("faults.errors", f"shares that sum to {total * 100:.6g} %", "shares that sum to at most 100 %")
    yield from between("faults.stall", faults.stall, 0, 1)
    yield from between("faults.cut", faults.cut, 0, 1)
    yield from distribution_mistakes("faults.stall_for", faults.stall_for)


def _listed() -> str:
    return ", ".join(map(str, ERROR_STATUSES))
