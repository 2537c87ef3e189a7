"""The finding: which resource limited a run, and by what evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.measure.little import LittlesLaw

Cause = Literal[
    "agent_pool",
    "named_pool",
    "queue",
    "cpu",
    "memory",
    "event_loop",
    "connection_pool",
    "rate_limit",
    "threads",
    "generator",
    "none",
    "unknown",
]
"""`none`: nothing limited the run, the load was all there was; `unknown`: what could have is not observable."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How much of a resource was used, and what waiting for it took. Shares in [0, 1]; None: not observable.

    `utilisation` is its mean use over the time in which there was work, `working` the same without those who held it
    only to wait for something within (an agent whose attempt waits for a core); `saturated` is the share of that time
    in which all of it was in use. `of_mean` and `of_p95` are the shares of the mean latency, and of that of the slowest
    twentieth, that went into waiting for it; `turned_away` the share of the offered workflows that it refused or that
    gave up waiting for it. `size` is how much of it there is (agents, cores, connections, tokens per second, bytes).
    """

    size: float | None = None
    utilisation: float | None = None
    working: float | None = None
    saturated: float | None = None
    of_mean: float | None = None
    of_p95: float | None = None
    turned_away: float | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """One resource that was looked at: `cost` is what it took of the run, in [0, 1], and what suspects are ranked by.

    `limits` says whether that is enough to be called a limit; `sentence` is the finding with its figures.
    """

    cause: Cause
    name: str
    sentence: str
    evidence: Evidence
    cost: float
    limits: bool


@dataclass(frozen=True, slots=True)
class Limitation:
    """What limited the runs of a scenario: the resource `name` of kind `cause`, in one `sentence`.

    `name` is the resource's own ("agents", "openai"; empty for `none` and `unknown`). `ranked` has every resource that
    was looked at, the most limiting first; `unseen` says in words what could not be observed, `doubts` why to be
    careful. `little` checks Little's law on the runs (None: there are no rows to check it on).
    """

    cause: Cause
    name: str
    sentence: str
    evidence: Evidence
    ranked: tuple[Suspect, ...] = ()
    little: LittlesLaw | None = None
    unseen: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
