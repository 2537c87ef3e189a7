"""Policies of a scenario: what an orchestrator may do about load. Each is a declared table, each is off by default.

Plain records; what may stand in them is said in `checks_policies.py`. Durations are seconds, sizes bytes, rates per
second, shares in [0, 1]. What each does, instant by instant, is defined by `drive/orchestrator.py` and its twin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.scenario.distributions import Constant, Distribution


@dataclass(frozen=True, slots=True)
class DynamicPool:
    """Target tracking of one pool: the number of agents follows its demand.

    Every `every_s` the pool wants ceil((busy + waiting) / target_utilization) agents, within [min, max] (the formula of
    the Kubernetes Horizontal Pod Autoscaler, "Algorithm details"). Agents that are missing come `start_delay_s` later.
    Once fewer than are there have been wanted for `down_after_s` on end, those leave that were wanted at no look of
    that time, and the time begins anew: idle ones leave at once, busy ones when they are given back, or stay if more
    are wanted before that. Agents that are starting come. The pool's `size` is what it starts with.
    """

    min: int
    max: int
    target_utilization: float = 0.7
    every_s: float = 1.0
    start_delay_s: float = 0.0
    down_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """Scaling of one pool by steps on a metric: above `up_above` it gains `step` agents, below `down_below` it loses.

    Every `every_s` the metric is read: `utilization` (busy / size now, agents about to leave among both),
    `queue_depth` (waiters), or `queue_wait` (age of the oldest waiter, seconds). After a change nothing changes for
    `cooldown_s`. New agents come `start_delay_s` later, and count towards `max` meanwhile; idle agents leave at once,
    busy ones when they are given back, or stay if the pool gains agents before that.
    """

    metric: Literal["utilization", "queue_depth", "queue_wait"]
    up_above: float
    down_below: float
    min: int
    max: int
    step: int = 1
    every_s: float = 1.0
    start_delay_s: float = 0.0
    cooldown_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AdaptiveQueue:
    """The queue's capacity follows the pool's speed, so that who joins it waits about `target_wait_s`.

    Every `every_s` the capacity becomes floor(target_wait_s * grants / every_s) of that interval, within [min, max]
    (Little's law); an interval without a grant changes nothing. Who waits already stays.
    """

    target_wait_s: float
    min: int
    max: int
    every_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Replicas:
    """A pool that is `count` pools of the declared size and queue, and how a request chooses one of them.

    `round_robin` in the order of requests; `least_loaded` by busy + waiting, the first of equals; `two_choices` draws
    two different ones and takes the less loaded, the first drawn of equals (M. Mitzenmacher, "The Power of Two Choices
    in Randomized Load Balancing", IEEE TPDS 12(10), 2001). What a breaker refuses chooses none. In a Run they are the
    pools NAME[0], NAME[1] and so on.
    """

    count: int
    balancing: Literal["round_robin", "least_loaded", "two_choices"] = "round_robin"


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Retries may be at most about `share` of first attempts: a token bucket over the whole run.

    Each first attempt at a step adds `share` of a token, up to `reserve`, with which the bucket begins; a retry takes a
    whole token, and without one the attempt's ending stands (as in Finagle's and gRPC's retry throttling).
    """

    share: float
    reserve: float = 10.0


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """One breaker for each step of each type: it opens when too many of the last attempts failed or timed out.

    It opens once at least `failure_rate` of the last `window` attempts failed or timed out (not before `window` have
    ended). Open, it refuses at the request, without an agent, for `open_s`; the attempt is rejected, its kind
    `breaker_open:STEP`. Then up to `probes` attempts at a time are let through: the first to fail opens it anew,
    `probes` successes close it with an empty window (M. Nygard, "Release It!", 2007; resilience4j's count-based
    window). What began before its last change of state says nothing to it any more. `window` is at most 60.
    """

    failure_rate: float
    window: int = 20
    open_s: float = 5.0
    probes: int = 1


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket that steps name: `rate_per_s` tokens per second, at most `burst` (as GCRA, ITU-T I.371).

    An attempt takes one token when it has its agent and connection and its wait begins. Without one, `refuse` ends it
    as failed, its kind `rate_limited:NAME` (a 429); `wait` lets it wait, holding what it has, for its own token, which
    is lost if the attempt ends before it came. At time t, with T the time at which the bucket would be full again:
    there is a token if max(T, t) - t <= (burst - 1) / rate, else it comes at T - (burst - 1) / rate; taken or waited
    for, it makes T = max(T, t) + 1 / rate.
    """

    name: str
    rate_per_s: float
    burst: int = 1
    on_limit: Literal["refuse", "wait"] = "refuse"


@dataclass(frozen=True, slots=True)
class ConnectionPool:
    """A bounded pool of connections that steps name: an attempt with its agent holds one during its wait.

    Waiters are served first in, first out, and give up after `wait_timeout_s` (timed out, `connection_timeout:NAME`).
    """

    name: str
    size: int
    wait_timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Cache:
    """Of a step: with probability `hit_ratio` the attempt finds its answer and waits only `wait`.

    A hit needs no connection and no token and does not fail; what the step burns it burns all the same.
    """

    hit_ratio: float
    wait: Distribution = Constant(0.0)


@dataclass(frozen=True, slots=True)
class MemoryAdmission:
    """A workflow is admitted once the memory that it declares is free: the largest `hold` of its type's steps.

    It has that much reserved from admission, which comes after its start, to its end. Workflows wait for admission
    first in, first out, however little they ask; one that asks for more than `limit_b` is rejected (`memory_limit`), at
    once.
    """

    limit_b: int
