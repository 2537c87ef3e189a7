"""What may not stand in a load. Each check yields every mistake it finds, with its path below the scenario's table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.errors import Mistake
from harness.scenario.checks import LONGEST_S, between, count, distribution_mistakes
from harness.scenario.parts import (
    BurstLoad,
    ClosedLoad,
    ClosedRampLoad,
    Load,
    Phase,
    PhasedLoad,
    RampLoad,
    RateLoad,
    SpikesLoad,
    StepsLoad,
    TraceLoad,
    is_open,
    length_s,
    packed_times,
)

MOST = 10**9
"""Workflows of one run: more would not fit into any machine's memory as columns."""

_FASTEST = 1e7
_MOST_IN_FLIGHT = 10**6
_MOST_SPIKES = 10**5
_LEAVES_SOME = "a warm-up that leaves some to measure"


def load_mistakes(load: Load) -> Iterator[Mistake]:
    """Every mistake in a load."""
    if isinstance(load, PhasedLoad):
        yield from _phases_mistakes(load)
    else:
        yield from _law_mistakes("load", load)
    cap = getattr(load, "max_in_flight", None)
    if cap is not None:
        yield from count("load.max_in_flight", cap, 1, _MOST_IN_FLIGHT)
        if not is_open(load):
            found = "max_in_flight on a load that waits for its own workflows"
            yield Mistake("load.max_in_flight", found, "max_in_flight only on open loads (every, a rate, a trace)")


def _law_mistakes(where: str, load: Phase) -> Iterator[Mistake]:  # noqa: PLR0911 - one way out for each law
    match load:
        case BurstLoad():
            return _burst_mistakes(where, load)
        case ClosedLoad():
            return _closed_mistakes(where, load)
        case ClosedRampLoad():
            return _closed_ramp_mistakes(where, load)
        case RateLoad():
            return _rate_mistakes(where, load)
        case RampLoad():
            return _ramp_mistakes(where, load)
        case StepsLoad():
            return _steps_mistakes(where, load)
        case SpikesLoad():
            return _spikes_mistakes(where, load)
        case TraceLoad():
            return _trace_mistakes(where, load)


# --------------------------------------------------------------------------- closed


def _closed_mistakes(where: str, load: ClosedLoad) -> Iterator[Mistake]:
    yield from _end_mistakes(where, load)
    yield from count(f"{where}.in_flight", load.in_flight, 1, _MOST_IN_FLIGHT)
    yield from distribution_mistakes(f"{where}.think", load.think)


def _closed_ramp_mistakes(where: str, load: ClosedRampLoad) -> Iterator[Mistake]:
    yield from count(f"{where}.from", load.from_in_flight, 1, _MOST_IN_FLIGHT)
    yield from count(f"{where}.to", load.to_in_flight, 1, _MOST_IN_FLIGHT)
    yield from _duration_mistakes(where, load.duration_s)
    yield from distribution_mistakes(f"{where}.think", load.think)


def _end_mistakes(where: str, load: ClosedLoad | RateLoad) -> Iterator[Mistake]:
    if (load.workflows is None) == (load.duration_s is None):
        found = "both" if load.workflows is not None else "neither"
        yield Mistake(where, found, "exactly one of workflows and duration")
    if load.workflows is not None:
        yield from count(f"{where}.workflows", load.workflows, 1, MOST)
    if load.duration_s is not None:
        yield from _duration_mistakes(where, load.duration_s)


def _duration_mistakes(where: str, duration_s: float) -> Iterator[Mistake]:
    yield from between(f"{where}.duration", duration_s, 1e-3, LONGEST_S, "s")


# --------------------------------------------------------------------------- open


def _burst_mistakes(where: str, load: BurstLoad) -> Iterator[Mistake]:
    if not load.sizes:
        yield Mistake(f"{where}.sizes", "no burst", "at least one size")
    for k, size in enumerate(load.sizes):
        yield from count(f"{where}.sizes[{k}]", size, 1, 10**7)
    if load.every_s is not None:
        yield from between(f"{where}.every", load.every_s, 1e-6, LONGEST_S, "s")
        # a burst that comes by the clock does not wait for anything
        for key, given in (("pause", load.pause_s != 0), ("collect", load.collect)):
            if given:
                yield Mistake(f"{where}.{key}", f"{key} together with every", f'{key} only with after = "drain"')
    yield from between(f"{where}.pause", load.pause_s, 0, LONGEST_S, "s")


def _rate_mistakes(where: str, load: RateLoad) -> Iterator[Mistake]:
    yield from _end_mistakes(where, load)
    mistakes = list(between(f"{where}.rate", load.rate_per_s, 1e-6, _FASTEST, "/s"))
    if not mistakes and load.duration_s is not None and load.rate_per_s * load.duration_s > MOST:
        found = f"{load.rate_per_s:.12g} /s for {load.duration_s:.12g} s"
        mistakes = [Mistake(where, found, f"at most {MOST} workflows in all")]
    yield from mistakes


def _ramp_mistakes(where: str, load: RampLoad) -> Iterator[Mistake]:
    mistakes = [
        *_changing_rate(f"{where}.from", load.from_per_s),
        *_changing_rate(f"{where}.to", load.to_per_s),
        *_duration_mistakes(where, load.duration_s),
        *_spacing_mistakes(where, load.spacing),
    ]
    if not mistakes:
        mistakes = _amount_mistakes(where, (load.from_per_s + load.to_per_s) / 2 * load.duration_s, "from and to")
    yield from mistakes


def _steps_mistakes(where: str, load: StepsLoad) -> Iterator[Mistake]:
    if not load.steps:
        yield Mistake(f"{where}.steps", "no step", "at least one step")
        return
    mistakes = list(_spacing_mistakes(where, load.spacing))
    for k, step in enumerate(load.steps):
        mistakes += _changing_rate(f"{where}.steps[{k}].rate", step.rate_per_s)
        mistakes += _duration_mistakes(f"{where}.steps[{k}]", step.duration_s)
    if not mistakes:
        mistakes = list(between(f"{where}.steps", length_s(load) or 0.0, 1e-3, LONGEST_S, "s"))
        amount = sum(step.rate_per_s * step.duration_s for step in load.steps)
        mistakes += _amount_mistakes(where, amount, "the rates of all steps")
    yield from mistakes


def _spikes_mistakes(where: str, load: SpikesLoad) -> Iterator[Mistake]:
    mistakes = [
        *_changing_rate(f"{where}.rate", load.rate_per_s),
        *_changing_rate(f"{where}.spike", load.spike_per_s),
        *between(f"{where}.period", load.period_s, 1e-3, LONGEST_S, "s"),
        *between(f"{where}.length", load.length_s, 1e-3, min(load.period_s, LONGEST_S), "s"),
        *_duration_mistakes(where, load.duration_s),
        *_spacing_mistakes(where, load.spacing),
    ]
    if not mistakes and load.duration_s / load.period_s > _MOST_SPIKES:
        found = f"one every {load.period_s:.12g} s for {load.duration_s:.12g} s"
        mistakes = [Mistake(f"{where}.period", found, f"at most {_MOST_SPIKES} spikes")]
    if not mistakes:
        mistakes = _amount_mistakes(where, max(load.rate_per_s, load.spike_per_s) * load.duration_s, "rate and spike")
    yield from mistakes


def _changing_rate(where: str, rate_per_s: float) -> list[Mistake]:
    return list(between(where, rate_per_s, 0, _FASTEST, "/s"))


def _amount_mistakes(where: str, amount: float, rates: str) -> list[Mistake]:
    if amount == 0:
        return [Mistake(where, "no rate above 0 /s", f"a rate above 0 /s among {rates}")]
    if amount > MOST:
        return [Mistake(where, f"up to {amount:.6g} workflows", f"at most {MOST} workflows in all")]
    return []


def _spacing_mistakes(where: str, spacing: str) -> Iterator[Mistake]:
    if spacing not in ("even", "poisson"):
        yield Mistake(f"{where}.spacing", repr(spacing), "one of even, poisson")


def _trace_mistakes(where: str, load: TraceLoad) -> Iterator[Mistake]:
    yield from between(f"{where}.rate_factor", load.rate_factor, 1e-6, 1e6)
    if load.duration_s is not None:
        yield from _duration_mistakes(where, load.duration_s)
    times = packed_times(load.due)
    if not times:
        yield Mistake(f"{where}.due", "no time", "at least one time")
        return
    before = 0.0
    for k, time in enumerate(times):
        if not before <= time <= LONGEST_S:
            yield from between(f"{where}.due[{k}]", time, before, LONGEST_S, "s")
            return
        before = time
    if load.kinds and len(load.kinds) != 2 * len(times):
        yield Mistake(f"{where}.types", f"{len(load.kinds) // 2} types of {len(times)} times", "a type for each time")
    elif load.rate_factor > 0 and times[-1] / load.rate_factor > LONGEST_S:
        found = f"{times[-1] / load.rate_factor:.12g} s with rate_factor {load.rate_factor:.12g}"
        yield Mistake(f"{where}.rate_factor", found, f"a replay of at most {LONGEST_S:.12g} s")


# --------------------------------------------------------------------------- what does not fit together


def _phases_mistakes(load: PhasedLoad) -> Iterator[Mistake]:
    if not load.phases:
        yield Mistake("load.phases", "no phase", "at least one phase")
        return
    mistakes: list[Mistake] = []
    for k, phase in enumerate(load.phases):
        where = f"load.phases[{k}]"
        mistakes += _law_mistakes(where, phase)
        mistakes += _phase_mistakes(where, phase, load.phases[0])
    if not mistakes:
        mistakes = list(between("load.phases", length_s(load) or 0.0, 1e-3, LONGEST_S, "s"))
    yield from mistakes


def _phase_mistakes(where: str, phase: Phase, first: Phase) -> Iterator[Mistake]:
    """What keeps a sound load from being one phase among others."""
    if getattr(phase, "max_in_flight", None) is not None:
        yield Mistake(
            f"{where}.max_in_flight", "max_in_flight in a phase", "max_in_flight beside phases, for all of them"
        )
    if isinstance(phase, BurstLoad) and phase.every_s is None:
        yield Mistake(where, "bursts that wait for a drain", "a phase whose end is known: bursts with every")
    elif isinstance(phase, ClosedLoad | RateLoad) and phase.duration_s is None:
        yield Mistake(f"{where}.workflows", "a phase that ends by count", "a phase whose end is known: duration")
    elif isinstance(phase, TraceLoad) and phase.kinds:
        yield Mistake(where, "a trace that says the types", "a trace without types, or one that is no phase")
    elif is_open(phase) != is_open(first):
        found, other = ("open", "closed") if is_open(phase) else ("closed", "open")
        yield Mistake(f"{where}.law", f"{phase.law}, which is {found}", f"a law that is {other}, as the first phase is")
    elif getattr(phase, "think", None) != getattr(first, "think", None):
        yield Mistake(f"{where}.think", "another think than the first phase's", "one think for all phases")


def warm_up_mistakes(load: Load, warm_up_s: float, warm_up_workflows: int) -> Iterator[Mistake]:
    """What is wrong with a warm-up; one that leaves nothing of `load` is wrong where that can be known beforehand."""
    mistakes = [
        *between("warm_up", warm_up_s, 0, LONGEST_S, "s"),
        *count("warm_up", warm_up_workflows, 0, MOST),
    ]
    if not mistakes and warm_up_s and warm_up_workflows:
        mistakes = [Mistake("warm_up", "a duration and a count", "one of them")]
    if mistakes:
        yield from mistakes
        return
    workflows = sum(load.sizes) if isinstance(load, BurstLoad) else getattr(load, "workflows", None)
    if warm_up_workflows and workflows is not None and warm_up_workflows >= workflows:
        yield Mistake("warm_up", f"{warm_up_workflows} of {workflows} workflows", _LEAVES_SOME)
    longest = None if list(load_mistakes(load)) else length_s(load)
    if warm_up_s and longest is not None and warm_up_s >= longest:
        yield Mistake("warm_up", f"{warm_up_s:.12g} s of {longest:.12g} s", _LEAVES_SOME)


def trace_type_mistakes(load: Load, mix: Sequence[tuple[str, float]]) -> Iterator[Mistake]:
    """The types that a trace names and the mix does not."""
    known = [name for name, _ in mix]
    for name in load.type_names if isinstance(load, TraceLoad) else ():
        if name not in known:
            yield Mistake("load.types", repr(name), f"one of the mix: {', '.join(known) or 'it is empty'}")
