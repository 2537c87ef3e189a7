"""What could be changed in a scenario, in the hope that it does better: dials that are turned, and policies.

Only what applies is a candidate; what does not is told with the reason. Nothing here says that anything helps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.scenario.means import mean_s
from harness.scenario.model import (
    AdaptiveQueue,
    Autoscaling,
    Cache,
    CircuitBreaker,
    DynamicPool,
    Pool,
    Replicas,
    RetryBudget,
    Scenario,
    Step,
)
from harness.units import format_duration

CACHE_SHARE = 0.3
RATE_FACTOR = 1.5
_START_S = 0.5
"""How long a new agent is assumed to take to start."""
_LADDER = (1.25, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A changed scenario. `words` says what is changed; `assumption` what has to be true of the world for it to hold.

    An empty assumption: everything that it needs stands in the declaration.
    """

    words: str
    scenario: Scenario
    assumption: str = ""


@dataclass(frozen=True, slots=True)
class Dial:
    """A number in the scenario that can be turned up, one by one, from `now`."""

    name: str
    now: int
    at: Callable[[int], Candidate]

    def ladder(self) -> list[int]:
        """Values to try, ascending; the best lies below, between or beyond them."""
        return sorted({math.ceil(self.now * factor) for factor in _LADDER} - {self.now})


@dataclass(frozen=True, slots=True)
class Untried:
    """What was not tried, and why."""

    what: str
    why: str


def dials(scenario: Scenario) -> tuple[list[Dial], list[Untried]]:
    """What can be turned: the size of each pool that does not change by itself, connections, cores."""
    found: list[Dial] = []
    untried: list[Untried] = []
    for pool in scenario.pools:
        if pool.dynamic is not None or pool.scaling is not None:
            untried.append(Untried(f"another size of pool {pool.name}", "its size follows its policy"))
            continue
        found.append(Dial(f"pool {pool.name}", pool.size, _sized(scenario, pool)))
    found += [Dial(f"connections {c.name}", c.size, _connected(scenario, c.name, c.size)) for c in scenario.connections]
    if any(mean_s(step.burn) > 0 for kind in scenario.types for step in kind.steps):
        found.append(Dial("cores", scenario.cores, _with_cores(scenario)))
    else:
        untried.append(Untried("more cores", "no step declares CPU time"))
    if not scenario.connections:
        untried.append(Untried("more connections", "no connection pool is declared"))
    return found, untried


def _sized(scenario: Scenario, pool: Pool) -> Callable[[int], Candidate]:
    def at(size: int) -> Candidate:
        words = f"{size} {_agents(pool)} instead of {pool.size}"
        return Candidate(words, with_pool(scenario, replace(pool, size=size)))

    return at


def _agents(pool: Pool) -> str:
    return "agents" if pool.name == "agents" else f"{pool.name} (agents of that pool)"


def _connected(scenario: Scenario, name: str, now: int) -> Callable[[int], Candidate]:
    def at(size: int) -> Candidate:
        pools = tuple(replace(one, size=size) if one.name == name else one for one in scenario.connections)
        return Candidate(f"{size} connections {name} instead of {now}", replace(scenario, connections=pools))

    return at


def _with_cores(scenario: Scenario) -> Callable[[int], Candidate]:
    return lambda cores: Candidate(f"{cores} cores instead of {scenario.cores}", replace(scenario, cores=cores))


def with_pool(scenario: Scenario, pool: Pool) -> Scenario:
    """`scenario` with its pool of that name replaced."""
    return replace(scenario, pools=tuple(pool if one.name == pool.name else one for one in scenario.pools))


# --------------------------------------------------------------------------- policies


def policies(scenario: Scenario, waits_s: float) -> tuple[list[Candidate], list[Untried]]:
    """Every policy that applies, and why the others do not; `waits_s` is the mean wait in queues of a workflow."""
    found: list[Candidate] = []
    untried: list[Untried] = []
    for pool in scenario.pools:
        for one in (*_of_queue(scenario, pool, waits_s), *_of_size(scenario, pool)):
            (found if isinstance(one, Candidate) else untried).append(one)  # type: ignore[arg-type]  # told apart above
    for other in (_of_retry, _of_breaker, _of_cache, _of_limits, _of_memory):
        for one in other(scenario):
            (found if isinstance(one, Candidate) else untried).append(one)  # type: ignore[arg-type]  # told apart above
    return found, untried


_Either = Iterator[Candidate | Untried]


def _of_queue(scenario: Scenario, pool: Pool, waits_s: float) -> _Either:
    name, queue = f"pool {pool.name}", pool.queue
    if queue is None:
        for size in (pool.size, 4 * pool.size):
            yield _pool(scenario, replace(pool, queue=size), f"a queue of {size} in {name}, which is unbounded")
        yield Untried(f"another overflow in {name}", "its queue is unbounded and never overflows")
        return
    for size in dict.fromkeys((queue // 2, max(1, 2 * queue), max(2, 4 * queue))):
        if size != queue:
            yield _pool(scenario, replace(pool, queue=size), f"a queue of {size} instead of {queue} in {name}")
    for overflow, words in (("drop_oldest", "dropping the oldest waiter"), ("block", "holding the source back")):
        if pool.overflow != overflow:
            yield _pool(scenario, replace(pool, overflow=overflow), f"{words} when the queue of {name} is full")  # type: ignore[arg-type]  # a literal of the two
    if pool.adaptive_queue is not None or pool.replicas is not None:
        yield Untried(f"an adaptive queue in {name}", "it has one, or has replicas")
    elif waits_s <= 0:
        yield Untried(f"an adaptive queue in {name}", "nobody waits")
    else:
        target_s = float(f"{waits_s / 2:.2g}")
        adaptive = AdaptiveQueue(target_wait_s=max(target_s, 1e-3), min=1, max=max(2, queue))
        words = f"a queue in {name} whose capacity keeps waits near {format_duration(adaptive.target_wait_s)}"
        yield _pool(scenario, replace(pool, adaptive_queue=adaptive), words)


def _of_size(scenario: Scenario, pool: Pool) -> _Either:
    name = f"pool {pool.name}"
    if pool.dynamic is not None or pool.scaling is not None or pool.replicas is not None:
        yield Untried(f"a dynamic pool, scaling or replicas in {name}", "it has one of them already")
        return
    least, most = max(1, pool.size // 2), 2 * pool.size
    yield from _that_change(scenario, pool, least, most)
    if pool.size < 2 or pool.size % 2 or pool.adaptive_queue is not None:
        yield Untried(f"two replicas of {name}", "its agents cannot be halved, or its queue adapts")
        return
    halved = replace(
        pool,
        size=pool.size // 2,
        queue=None if pool.queue is None else pool.queue // 2,
        replicas=Replicas(2, "least_loaded"),
    )
    yield _pool(scenario, halved, f"{name} as two replicas of {pool.size // 2} agents, least loaded first")


def _that_change(scenario: Scenario, pool: Pool, least: int, most: int) -> _Either:
    name = f"pool {pool.name}"
    starts = f"a new agent starts within {format_duration(_START_S)}"
    dynamic = DynamicPool(min=least, max=most, start_delay_s=_START_S, every_s=_START_S)
    yield _pool(scenario, replace(pool, dynamic=dynamic), f"{least} to {most} agents in {name}, by demand", starts)
    scaling = Autoscaling(
        metric="utilization",
        up_above=0.9,
        down_below=0.4,
        min=least,
        max=most,
        step=max(1, pool.size // 4),
        every_s=_START_S,
        start_delay_s=_START_S,
    )
    yield _pool(scenario, replace(pool, scaling=scaling), f"{least} to {most} agents in {name}, by utilisation", starts)


def _pool(scenario: Scenario, pool: Pool, words: str, assumption: str = "") -> Candidate:
    return Candidate(words, with_pool(scenario, pool), assumption)


def _of_retry(scenario: Scenario) -> _Either:
    retry, steps = scenario.retry, _steps(scenario)
    if not any(step.fail > 0 or step.timeout_s is not None for step in steps):
        yield Untried("other retries", "no step fails or times out")
        return
    if retry.max_attempts == 1:
        yield Candidate("3 attempts at each step instead of 1", replace(scenario, retry=replace(retry, max_attempts=3)))
        yield Untried("a retry budget", "nothing is tried again")
        return
    once = replace(retry, max_attempts=1, budget=None)
    yield Candidate(f"1 attempt at each step instead of {retry.max_attempts}", replace(scenario, retry=once))
    if retry.budget is None:
        budget = replace(retry, budget=RetryBudget(share=0.1))
        yield Candidate("a retry budget of 10 % of first attempts", replace(scenario, retry=budget))
    else:
        yield Untried("a retry budget", "there is one")


def _of_breaker(scenario: Scenario) -> _Either:
    if scenario.breaker is not None:
        yield Untried("a circuit breaker", "there is one")
    elif not any(step.fail > 0 or step.timeout_s is not None for step in _steps(scenario)):
        yield Untried("a circuit breaker", "no step fails or times out")
    else:
        breaker = CircuitBreaker(failure_rate=0.5, open_s=1.0)
        words = "a circuit breaker that opens for 1 s at half of 20 attempts failed"
        yield Candidate(words, replace(scenario, breaker=breaker))


def _of_cache(scenario: Scenario) -> _Either:
    """A cache for the step at which the mix waits longest: what could be answered from one is for the user to know."""
    weights = dict(scenario.mix)
    longest, kind, index = 0.0, None, 0
    for one in scenario.types:
        for k, step in enumerate(one.steps):
            if step.cache is None and weights.get(one.name, 0.0) * mean_s(step.wait) > longest:
                longest, kind, index = weights[one.name] * mean_s(step.wait), one, k
    if kind is None:
        yield Untried("a cache", "no step waits for a model or tool, or each that does has one")
        return
    step = kind.steps[index]
    steps = (*kind.steps[:index], replace(step, cache=Cache(CACHE_SHARE)), *kind.steps[index + 1 :])
    types = tuple(replace(one, steps=steps) if one is kind else one for one in scenario.types)
    yield Candidate(
        f"a cache for step {step.name} of {kind.name}",
        replace(scenario, types=types),
        f"{CACHE_SHARE:.0%} of its calls can be answered from a cache, at once",
    )


def _of_limits(scenario: Scenario) -> _Either:
    if not scenario.rate_limits:
        yield Untried("another rate limit", "none is declared")
    for limit in scenario.rate_limits:
        higher = replace(limit, rate_per_s=limit.rate_per_s * RATE_FACTOR)
        yield Candidate(
            f"rate limit {limit.name} raised by {RATE_FACTOR - 1:.0%}",
            _limited(scenario, limit.name, higher),
            "whoever sets the limit grants it",
        )
        if limit.on_limit == "refuse":
            waiting = replace(limit, on_limit="wait")
            yield Candidate(
                f"waiting for rate limit {limit.name} instead of failing on it", _limited(scenario, limit.name, waiting)
            )


def _limited(scenario: Scenario, name: str, by: object) -> Scenario:
    limits = tuple(by if one.name == name else one for one in scenario.rate_limits)
    return replace(scenario, rate_limits=limits)  # type: ignore[arg-type]  # a RateLimit, as its callers have it


def _of_memory(scenario: Scenario) -> _Either:
    if scenario.memory is None:
        yield Untried("another memory limit", "none is declared, and none is needed where memory is no limit")
        return
    more = replace(scenario.memory, limit_b=2 * scenario.memory.limit_b)
    yield Candidate("twice the memory for admission", replace(scenario, memory=more), "the machine has that much")


def _steps(scenario: Scenario) -> Sequence[Step]:
    return [step for kind in scenario.types for step in kind.steps]
