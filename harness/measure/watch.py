"""Where a run may be looked at while it goes on: the drive leaves its columns here, and a view looks now and then.

The drive tells nobody anything per workflow. It records into columns anyway, and whoever looks reads them from a thread
of its own: a look costs the same whether ten workflows have ended since the last one or a hundred thousand.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from harness.measure.histogram import BUCKETS, Histogram, buckets_of
from harness.measure.record import NEVER, Floats, Ints, Outcome, Run
from harness.measure.totals.record import Totals

MOST_SAMPLES = 512
"""Latencies that one look takes up; of more that are new, every second, third … stands for its neighbours."""
_GOLDEN = (5**0.5 - 1) / 2
_RECENT = 20
"""Looks that the present throughput is taken over: five seconds of four a second."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One replication, as far as it has come; nothing that is not known is made up.

    `now_s` is its own clock (NaN: unknown), `in_flight` None where nobody tells. `errors` counts by kind what did not
    succeed. `latency` holds those carried out as a histogram, shape (BUCKETS,), perhaps a sample, weighed as the whole.
    `gauges` are the target's figures now, by the names of `measure.record.Series`.
    """

    now_s: float = NEVER
    offered: int = 0
    ended: int = 0
    in_flight: int | None = None
    errors: Mapping[str, int] = field(default_factory=dict)
    latency: Ints | None = None
    gauges: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """All replications of a scenario at one look; NaN and None where something is not known.

    `replication` counts from 1 the one that is going on, `now_s` is its clock. `per_s` is how many succeeded per second
    of that clock over the last looks; the percentiles are in seconds, of all that were carried out so far.
    """

    replication: int = 1
    now_s: float = NEVER
    ended: int = 0
    in_flight: int | None = None
    per_s: float = NEVER
    p50_s: float = NEVER
    p95_s: float = NEVER
    errors: Mapping[str, int] = field(default_factory=dict)
    gauges: Mapping[str, float] = field(default_factory=dict)


class Looker(Protocol):
    """Looks at one replication from another thread than the one that it goes on in."""

    def look(self) -> Seen:
        """How far it has come."""


class Watch:
    """Between a drive and a view. The drive's calls are `begin`, `away`, `take`, `advanced` and `over`; a view's is
    `look`, from any one thread. With nobody looking, nothing is done but a few references kept. `real_s` reads real
    time, in seconds: the clock of a replication of which no more is told than how many workflows have ended.
    """

    def __init__(self, real_s: Callable[[], float] = lambda: NEVER) -> None:
        self._real_s = real_s
        self._first_told = (NEVER, 0)
        self._lock = threading.Lock()
        self._looker: Looker | None = None
        self._now = Seen()
        self._over: deque[Run | Totals] = deque()
        self._ended = 0
        self._origin_s = 0.0
        self._replications = 0
        self._errors: Counter[str] = Counter()
        self._latency = np.zeros(BUCKETS, dtype=np.int64)
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self.wanted = True
        """Whether somebody has looked since something was last taken: a drive that cannot be looked at asks this."""

    def begin(self, looker: Looker) -> None:
        """A replication begins that can be looked at."""
        self._looker = looker

    def away(self) -> None:
        """It cannot be looked at any more; comes back when nobody is looking."""
        with self._lock:
            self._looker = None

    def take(self, seen: Seen) -> None:
        """How far a replication has come that cannot be looked at from outside."""
        self._now, self.wanted = seen, False

    def advanced(self, ended: int) -> None:
        """So many workflows of this replication have ended, and no more is known of it; told from its beginning on."""
        if math.isnan(self._first_told[0]):
            self._first_told = (self._real_s(), ended)
        self._now = Seen(now_s=self._real_s() - self._first_told[0], ended=ended)

    def over(self, done: Run | Totals) -> None:
        """A replication has come to its end."""
        with self._lock:
            self._looker = None
            self._over.append(done)
            self._now, self._first_told = Seen(), (NEVER, 0)

    def go_on_from(self, before: Totals) -> None:
        """What was measured before a soak was cut off is part of the replication that goes on."""
        self._origin_s = before.ended_s
        self._ended += int(before.outcomes.sum())
        self._errors.update(before.errors)
        self._latency += before.windows.latency.sum(axis=0)

    def look(self) -> Glimpse:
        """All of it, now."""
        with self._lock:
            if self._looker is not None:
                self._now = self._looker.look()
            self._add_up()
            self.wanted = True
            return self._glimpse(self._now)

    def _add_up(self) -> None:
        while self._over:
            done = _whole(self._over.popleft())
            self._replications += 1
            self._ended += done.ended
            self._errors.update(done.errors)
            if done.latency is not None:
                self._latency += done.latency
            self._recent.clear()

    def _glimpse(self, now: Seen) -> Glimpse:
        errors = self._errors + Counter(now.errors)
        latency = self._latency if now.latency is None else self._latency + now.latency
        told = Histogram(latency)
        return Glimpse(
            replication=self._replications + 1,
            now_s=self._origin_s + now.now_s,
            ended=self._ended + now.ended,
            in_flight=now.in_flight,
            per_s=self._per_s(now),
            p50_s=told.percentile(0.5),
            p95_s=told.percentile(0.95),
            errors=errors,
            gauges=now.gauges,
        )

    def _per_s(self, now: Seen) -> float:
        """Of this replication, over the last looks at which its clock had gone on."""
        succeeded = now.ended - sum(now.errors.values())
        if self._recent and now.now_s < self._recent[-1][0]:
            self._recent.clear()
        if not self._recent:
            self._recent.append((0.0, self._first_told[1]))
        since_s, before = self._recent[0]
        rate = (succeeded - before) / (now.now_s - since_s) if now.now_s > since_s else NEVER
        if now.now_s > self._recent[-1][0]:
            self._recent.append((now.now_s, succeeded))
        return rate


def spread(first: int, until: int, stride: int) -> Ints:
    """One row of every `stride` from `first` on, each somewhere else among its own: types of workflows, and the luck of
    many targets, come round in regular turns, and so must a sample not. Multiples of the golden ratio are as evenly
    spread as can be (H. Weyl, "Über die Gleichverteilung von Zahlen mod. Eins", 1916)."""
    turns = np.arange((until - first) // stride)
    return np.asarray(first + stride * turns + np.floor(stride * (turns * _GOLDEN % 1)).astype(np.int64))


def _whole(done: Run | Totals) -> Seen:
    """A replication that is over."""
    if isinstance(done, Totals):
        errors = {kind: count for kind, count in done.errors.items() if count}
        return Seen(ended=done.offered, errors=errors, latency=done.windows.latency.sum(axis=0))
    rows = done.workflows
    counts = np.bincount(rows.error + 1, minlength=len(done.error_kinds) + 1)[1:].tolist()
    errors = {kind: count for kind, count in zip(done.error_kinds, counts, strict=True) if count}
    return Seen(ended=len(rows), errors=errors, latency=sampled(rows.due_s, rows.finished_s, rows.outcome))


def sampled(due_s: Floats, finished_s: Floats, outcome: Ints) -> Ints:
    """The histogram of a sample of the workflows that were carried out; every argument has shape (n,)."""
    stride = 1 + len(due_s) // (8 * MOST_SAMPLES)
    rows = spread(0, len(due_s), stride)
    due_s, finished_s, outcome = due_s[rows], finished_s[rows], outcome[rows]
    carried = (outcome <= int(Outcome.TIMED_OUT)) & ~np.isnan(finished_s)
    return stride * np.bincount(buckets_of((finished_s - due_s)[carried]), minlength=BUCKETS)
