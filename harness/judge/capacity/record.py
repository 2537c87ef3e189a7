"""What a search for the capacity found: trials, the load that holds, the knee, its cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.judge.bottleneck.records import Limitation
from harness.judge.capacity.busy import Busy
from harness.judge.capacity.fits import Fit, ModelName
from harness.judge.capacity.load import Axis
from harness.judge.capacity.steady import Steady
from harness.measure.metrics import Estimate

Verdict = Literal["held", "broken", "cannot_tell"]
HeldStatus = Literal["found", "never_broken", "never_held", "cannot_tell", "no_baseline"]
CauseKind = Literal[
    "pool",
    "connections",
    "rate_limit",
    "memory",
    "cpu",
    "threads",
    "generator",
    "refusal",
    "contention",
    "unknown",
    "none",
]


@dataclass(frozen=True, slots=True)
class Trial:
    """One level of the load, all replications together.

    `throughput` (per second), `in_flight` and the latencies (seconds) are of the steady part. `refused` is the share
    rejected. `verdict` is that of the baseline's lines that can be seen (None: there is none), `settled` whether the
    whole 95 % intervals say the same, `broken` and `unseen` have the reasons. `why_not` says why the knee is not
    fitted to it (None: it is); `invalid` why nothing of it may be believed. `limited` is the finding of its runs: which
    resource limited them (None: there are none, or they are invalid).
    """

    level: float
    replications: int
    offered: int
    in_flight: Estimate
    throughput: Estimate
    latency_p50: Estimate
    latency_p95: Estimate
    refused: float
    verdict: Verdict | None
    settled: bool
    broken: tuple[str, ...]
    unseen: tuple[str, ...]
    busy: tuple[Busy, ...]
    why_not: str | None
    invalid: str | None
    parts: tuple[Steady, ...] = ()
    limited: Limitation | None = None

    @property
    def usable(self) -> bool:
        """Whether the knee is fitted to it."""
        return self.why_not is None and self.invalid is None


@dataclass(frozen=True, slots=True)
class Held:
    """The highest load that holds the baseline.

    `level` is the highest that held by its figures; `low` the highest up to which the whole 95 % intervals of all
    figures hold, `high` the lowest at which some figure's whole interval is beyond its limit (None: no trial says so).
    `broken_at` is the next level tried above, `reason` what broke there.
    """

    status: HeldStatus
    level: float | None = None
    low: float | None = None
    high: float | None = None
    broken_at: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Knee:
    """Where throughput stops growing: the number in flight with its 95 % interval, and the load that this is.

    `throughput` is the highest there is, per second.
    """

    model: ModelName
    in_flight: float
    low: float | None
    high: float | None
    load: float
    load_low: float | None
    load_high: float | None
    throughput: float


@dataclass(frozen=True, slots=True)
class Cause:
    """What gives way at the knee: `name` of the resource (empty: not observable), `because` in words."""

    kind: CauseKind
    name: str
    because: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """The whole result. `trials` ascend by level; `fits` is empty where too few levels could be fitted.

    `stopped` is "interrupted" or "terminated" where a signal ended the search, `ended` why else it ended before its
    time ("budget", an invalid run; None: it came to its end). `refused_from` are the highest level without and the
    lowest with rejections. `sentences` say the result in words, `doubts` why to be careful.
    """

    axis: Axis
    first: float
    last: float
    replications: int
    seeds: tuple[int, ...]
    trials: tuple[Trial, ...]
    held: Held
    fits: tuple[Fit, ...]
    knee: Knee | None
    cause: Cause
    refused_from: tuple[float, float] | None
    stopped: str | None
    ended: str | None
    invalid: str | None
    sentences: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether there is an answer: a load that holds and one that does not, a knee, or where work is turned away."""
        return self.held.status == "found" or self.knee is not None or self.refused_from is not None
