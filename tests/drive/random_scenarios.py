"""Random scenarios for property tests: pools, queues, timeouts, retries, bursts with many ties, constant times.

Half of them declare policies, several at a time, with figures that make them bite in a run of a few seconds.
Strategies are made once: making and validating them takes much longer than drawing from them.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from functools import cache
from typing import Literal, TypeVar

from hypothesis import strategies as st

from harness.scenario.model import (
    AdaptiveQueue,
    Autoscaling,
    BurstLoad,
    Cache,
    CircuitBreaker,
    ClosedLoad,
    ClosedRampLoad,
    ConnectionPool,
    Constant,
    Distribution,
    DynamicPool,
    Empirical,
    Exponential,
    Gamma,
    Load,
    Lognormal,
    MemoryAdmission,
    Phase,
    PhasedLoad,
    Pool,
    RampLoad,
    RateLimit,
    RateLoad,
    RateStep,
    Replicas,
    Retry,
    RetryBudget,
    Scenario,
    Spacing,
    SpikesLoad,
    Step,
    StepsLoad,
    TraceLoad,
    Uniform,
    WorkflowType,
    length_s,
)

T = TypeVar("T")

POOLS = ("agents", "tools")

# few distinct constants, so that events at the same instant are the rule and not the exception
durations = st.one_of(
    st.sampled_from([Constant(0.0), Constant(0.25), Constant(0.5), Constant(1.0)]),
    st.builds(Exponential, st.floats(0.01, 1.0)),
    st.builds(Lognormal, st.floats(0.01, 1.0), st.floats(0.1, 1.5)),
    st.builds(lambda low, width: Uniform(low, low + width), st.floats(0, 0.5), st.floats(0, 1.0)),
    st.sampled_from([Gamma(0.3, 2.0), Empirical((0.0, 0.25, 0.25, 1.0))]),
)
burns = st.one_of(
    st.sampled_from([Constant(0.0), Constant(0.0), Constant(0.05), Constant(0.25)]), st.just(Exponential(0.1))
)
timeouts = st.one_of(st.none(), st.sampled_from([0.25, 0.5, 1.0, 1.5]))
failures = st.one_of(st.just(0.0), st.floats(0, 1))


@cache
def steps(pools: int) -> st.SearchStrategy[tuple[Step, ...]]:
    """One to three steps on the first `pools` pools; the first step always uses the first pool."""
    later = st.builds(
        Step,
        name=st.just("later"),
        pool=st.sampled_from(POOLS[:pools]),
        wait=durations,
        burn=burns,
        hold_b=st.sampled_from([0, 1000]),
        fail=failures,
        timeout_s=timeouts,
    )
    first = st.builds(Step, name=st.just("first"), wait=durations, burn=burns, fail=failures, timeout_s=timeouts)
    second = st.builds(Step, name=st.just("second"), pool=st.just(POOLS[pools - 1]), wait=durations)
    return st.builds(lambda a, b, c: (a, b, *c), first, second, st.lists(later, max_size=1))


@cache
def pool(name: str) -> st.SearchStrategy[Pool]:
    """A pool of 1 to 200 agents with a queue of 0 to 1000 places, or without a bound."""
    return st.builds(
        Pool,
        name=st.just(name),
        size=st.one_of(st.integers(1, 5), st.integers(1, 200)),
        queue=st.one_of(st.none(), st.integers(0, 5), st.integers(0, 1000)),
        wait_timeout_s=timeouts,
    )


thinks = st.one_of(
    st.sampled_from([Constant(0.0), Constant(0.0), Constant(0.25)]),
    st.sampled_from([Exponential(0.2), Uniform(0.0, 0.5), Empirical((0.0, 0.0, 0.25))]),
)
spacings: st.SearchStrategy[Spacing] = st.sampled_from(["even", "poisson"])
caps = st.one_of(st.none(), st.none(), st.integers(1, 6), st.integers(1, 60))
changing = st.sampled_from([0.0, 4.0, 40.0, 200.0])
lengths = st.sampled_from([0.25, 0.5, 1.0])


@cache
def changing_rates(cap: st.SearchStrategy[int | None]) -> st.SearchStrategy[Load]:
    """Ramps, steps and spikes, none of which is without any workflow."""
    steps = st.lists(st.builds(RateStep, changing, lengths), min_size=1, max_size=4).map(tuple)
    return st.one_of(
        st.builds(RampLoad, changing, changing, lengths, spacings, cap).filter(lambda x: x.from_per_s + x.to_per_s > 0),
        st.builds(StepsLoad, steps, spacings, cap).filter(lambda x: any(step.rate_per_s > 0 for step in x.steps)),
        st.builds(
            SpikesLoad,
            rate_per_s=changing,
            spike_per_s=st.sampled_from([40.0, 300.0]),
            length_s=st.sampled_from([0.1, 0.25]),
            period_s=st.sampled_from([0.25, 0.4]),
            duration_s=lengths,
            spacing=spacings,
            max_in_flight=cap,
        ),
    )


@cache
def traces(most: int, cap: st.SearchStrategy[int | None]) -> st.SearchStrategy[Load]:
    """Recorded times with many ties; the types are dealt (`with_types` adds those of a trace)."""
    times = st.lists(st.one_of(st.sampled_from([0.0, 0.25, 0.5]), st.floats(0, 2)), min_size=1, max_size=most).map(
        lambda found: array("d", sorted(found)).tobytes()
    )
    return st.builds(
        TraceLoad,
        due=times,
        rate_factor=st.sampled_from([1.0, 2.0, 0.3]),
        duration_s=st.one_of(st.none(), st.floats(0.01, 3.0)),
        max_in_flight=cap,
    )


@cache
def phased(most: int) -> st.SearchStrategy[Load]:
    """One load after another, open or closed."""
    in_flight, none = st.integers(1, most), st.none()
    rates = st.builds(
        RateLoad, st.sampled_from([4.0, 40.0]), st.sampled_from(["constant", "poisson"]), duration_s=lengths
    )
    bursts = st.builds(BurstLoad, st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple), lengths)
    opened = st.lists(st.one_of(rates, bursts, changing_rates(none), traces(20, none)), min_size=1, max_size=3)

    @cache
    def closed(think: Distribution) -> st.SearchStrategy[list[Phase]]:
        constant = st.builds(ClosedLoad, in_flight, duration_s=lengths, think=st.just(think))
        ramp = st.builds(ClosedRampLoad, in_flight, in_flight, lengths, think=st.just(think))
        return st.lists(st.one_of(constant, ramp), min_size=1, max_size=3)

    # without a pause, workflows that take no time would let the clock stand still
    pauses = st.sampled_from([Constant(0.1), Constant(0.25), Uniform(0.05, 0.5)])
    return st.one_of(
        st.builds(PhasedLoad, opened.map(tuple), caps).filter(lambda load: (length_s(load) or 0.0) >= 1e-3),
        st.builds(PhasedLoad, pauses.flatmap(closed).map(tuple)),
    )


@cache
def loads(most: int) -> st.SearchStrategy[Load]:
    """Every shape of load, with up to `most` workflows in flight and somewhat more in all."""
    few = min(most, 20)
    in_flight = st.one_of(st.integers(1, few), st.integers(1, most))
    total = st.one_of(st.integers(1, 3 * few), st.integers(1, most + most // 5))
    sizes = st.lists(st.one_of(st.integers(1, 12), st.integers(1, max(12, most // 4))), min_size=1, max_size=4).map(
        tuple
    )
    rate = st.sampled_from([4.0, 40.0, 333.0])
    law: st.SearchStrategy[Literal["constant", "poisson"]] = st.sampled_from(["constant", "poisson"])
    return st.one_of(
        st.builds(ClosedLoad, in_flight=in_flight, workflows=total, think=thinks),
        st.builds(
            ClosedLoad,
            in_flight=st.integers(1, min(most, 50)),
            duration_s=st.floats(0.1, 3.0),
            think=st.just(Constant(0.1)),
        ),
        st.builds(
            ClosedRampLoad,
            st.integers(1, min(most, 50)),
            st.integers(1, min(most, 50)),
            lengths,
            think=st.sampled_from([Constant(0.1), Uniform(0.05, 0.5)]),
        ),
        st.builds(BurstLoad, sizes=sizes, every_s=st.just(0.5), max_in_flight=caps),
        st.builds(BurstLoad, sizes=sizes, pause_s=st.sampled_from([0.0, 0.25])),
        st.builds(RateLoad, rate_per_s=rate, law=law, workflows=st.integers(1, min(most, 120)), max_in_flight=caps),
        st.builds(RateLoad, rate_per_s=rate, law=law, duration_s=st.floats(0.01, 0.3)),
        changing_rates(caps),
        traces(min(most, 60), caps),
        phased(min(most, 20)),
    )


retries = st.one_of(
    st.just(Retry()),
    st.builds(
        Retry,
        max_attempts=st.integers(1, 4),
        base_s=st.sampled_from([0.0, 0.1, 0.25]),
        factor=st.sampled_from([1.0, 2.0, 3.7]),
        cap_s=st.sampled_from([0.25, 0.8, 10.0]),
        jitter=st.sampled_from(["full", "none"]),
        on=st.sampled_from([("failed",), ("failed", "timed_out"), ("failed", "timed_out", "rejected")]),
    ),
)


intervals = st.sampled_from([0.05, 0.1, 0.25, 0.5])
delays = st.sampled_from([0.0, 0.0, 0.1, 0.25, 0.3])
caches = st.builds(Cache, st.sampled_from([0.2, 0.7, 1.0]), durations)
limits = st.builds(
    RateLimit,
    name=st.just("calls"),
    rate_per_s=st.sampled_from([3.0, 8.0, 40.0]),
    burst=st.sampled_from([1, 2, 5]),
    on_limit=st.sampled_from(["refuse", "wait"]),
)
lines = st.builds(
    ConnectionPool,
    name=st.just("lines"),
    size=st.sampled_from([1, 1, 2, 4]),
    wait_timeout_s=st.sampled_from([None, None, 0.05, 0.1, 0.25]),
)
breakers = st.builds(
    CircuitBreaker,
    failure_rate=st.sampled_from([0.2, 0.5, 1.0]),
    window=st.integers(1, 6),
    open_s=st.sampled_from([0.1, 0.25, 1.0]),
    probes=st.integers(1, 3),
)
budgets = st.builds(RetryBudget, st.sampled_from([0.0, 0.1, 0.3]), st.sampled_from([1.0, 2.5, 10.0]))


def adaptive_queues(draw: st.DrawFn, queue: int | None) -> AdaptiveQueue:
    """A capacity that goes up and down from `queue`."""
    low = draw(st.integers(0, 3)) if queue is None else max(0, queue - draw(st.integers(0, 3)))
    high = max(1, (low if queue is None else queue) + draw(st.integers(0, 20)))
    return AdaptiveQueue(draw(st.sampled_from([0.1, 0.5, 1.0])), low, high, draw(intervals))


def scalings(draw: st.DrawFn, size: int) -> Autoscaling:
    """Scaling by steps around `size` agents, on any of its metrics."""
    metric, up, down = draw(
        st.sampled_from([("utilization", 0.6, 0.3), ("queue_depth", 2.0, 1.0), ("queue_wait", 0.2, 0.05)])
    )
    return Autoscaling(
        metric=metric,  # type: ignore[arg-type]  # one of its names
        up_above=up,
        down_below=down,
        min=max(1, size - draw(st.integers(0, 3))),
        max=size + draw(st.integers(0, 10)),
        step=draw(st.integers(1, 4)),
        every_s=draw(intervals),
        start_delay_s=draw(delays),
        cooldown_s=draw(delays),
    )


def dynamics(draw: st.DrawFn, size: int) -> DynamicPool:
    """Target tracking around `size` agents."""
    return DynamicPool(
        min=max(1, size - draw(st.integers(0, 3))),
        max=size + draw(st.integers(0, 10)),
        target_utilization=draw(st.sampled_from([0.3, 0.7, 1.0])),
        every_s=draw(intervals),
        start_delay_s=draw(delays),
        down_after_s=draw(delays),
    )


def managed(draw: st.DrawFn, plain: Pool) -> Pool:
    """A pool with policies of its own."""
    # few agents, or their policies have nothing to do
    size = min(plain.size, draw(st.sampled_from([1, 1, 2, 3, 5])))
    queue = plain.queue
    overflow = draw(st.sampled_from(["reject", "drop_oldest", "block"]))
    if overflow != "reject":
        queue = draw(st.integers(1, 3))
    plain = replace(plain, size=size, queue=queue, overflow=overflow)  # type: ignore[arg-type]  # one of its names
    kind = draw(st.sampled_from(["none", "replicas", "dynamic", "scaling"]))
    if kind == "replicas":
        rule = draw(st.sampled_from(["round_robin", "least_loaded", "two_choices"]))
        return replace(plain, replicas=Replicas(draw(st.integers(1, 4)), rule))  # type: ignore[arg-type]  # as above
    if kind == "dynamic":
        plain = replace(plain, dynamic=dynamics(draw, size))
    if kind == "scaling":
        plain = replace(plain, scaling=scalings(draw, size))
    if draw(st.booleans()):
        plain = replace(plain, adaptive_queue=adaptive_queues(draw, plain.queue))
    return plain


@cache
def _or_none(chosen: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.one_of(st.none(), chosen)


def with_policies(draw: st.DrawFn, plain: Scenario) -> Scenario:
    """The scenario with several policies."""
    found = replace(plain, pools=tuple(managed(draw, pool) if draw(st.booleans()) else pool for pool in plain.pools))
    limit, line = draw(_or_none(limits)), draw(_or_none(lines))
    caching = draw(st.booleans())

    def equipped(step: Step) -> Step:
        return replace(
            step,
            cache=draw(_or_none(caches)) if caching else None,
            connections="lines" if line is not None and (step.name == "first" or draw(st.booleans())) else None,
            rate_limit="calls" if limit is not None and (step.name == "first" or draw(st.booleans())) else None,
            hold_b=draw(st.sampled_from([0, 1000, 2500])),
        )

    types = tuple(replace(kind, steps=tuple(equipped(step) for step in kind.steps)) for kind in found.types)
    return replace(
        found,
        types=types,
        retry=replace(found.retry, budget=draw(_or_none(budgets))),
        breaker=draw(_or_none(breakers)),
        rate_limits=() if limit is None else (limit,),
        connections=() if line is None else (line,),
        memory=draw(_or_none(st.builds(MemoryAdmission, st.sampled_from([2000, 3000, 10_000])))),
    )


@st.composite
def scenarios(draw: st.DrawFn, most: int = 500) -> Scenario:
    """A whole scenario with up to `most` workflows in flight; every pool is used by some step of the mix."""
    count = draw(st.integers(1, 2))
    types = tuple(WorkflowType(f"type{k}", draw(steps(count))) for k in range(draw(st.integers(1, 2))))
    load = draw(loads(most))
    if isinstance(load, TraceLoad) and draw(st.booleans()):
        kinds = draw(st.lists(st.integers(0, len(types) - 1), min_size=len(load.due) // 8, max_size=len(load.due) // 8))
        load = replace(load, kinds=array("H", kinds).tobytes(), type_names=tuple(kind.name for kind in types))
    plain = Scenario(
        name="random",
        load=load,
        types=types,
        mix=tuple((kind.name, draw(st.integers(1, 4)) / 1) for kind in types),
        pools=tuple(draw(pool(name)) for name in POOLS[:count]),
        retry=draw(retries),
        timeout_s=draw(st.one_of(st.none(), st.sampled_from([0.5, 1.0, 3.0]))),
        run_timeout_s=draw(st.sampled_from([5.0, 1e5])),
        cores=draw(st.integers(1, 4)),
    )
    return with_policies(draw, plain) if draw(st.booleans()) else plain
