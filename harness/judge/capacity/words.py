"""The result in sentences, the figures with as many digits as they are worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from harness.judge.capacity.cause import resource
from harness.judge.capacity.load import Axis
from harness.judge.capacity.record import Cause, Held, Knee, Trial
from harness.units import format_duration, format_rate

_UNITS = {
    "in flight": " in flight",
    "burst size": " in flight",
    "rate per second": " /s",
    "times the declared rates": " times the declared rates",
}
_LIMITED_BY = {
    "pool": "pool-limited, not CPU",
    "cpu": "CPU-limited, not a pool",
    "connections": "limited by connections, not by agents or CPU",
    "rate_limit": "limited by that rate, not by agents or CPU",
    "memory": "limited by memory, not by agents or CPU",
    "threads": "limited by threads, not by agents",
}


def sentences(
    axis: Axis, held: Held, knee: Knee | None, cause: Cause, *, refused_from: tuple[float, float] | None, last: float
) -> tuple[str, ...]:
    """The knee first, then what the baseline holds, then where work is turned away."""
    return (*_knee(axis, knee, cause, last), *_held(axis, held), *_refused(axis, refused_from))


def level_text(axis: Axis, level: float) -> str:
    """A load with its unit: `75 in flight`, `bursts of 75`, `12.5 /s`, `1.8 times the declared rates`."""
    shown = f"{level:.0f}" if axis.whole else f"{level:.4g}"
    return f"bursts of {shown}" if axis.name == "burst size" else f"{shown}{_UNITS[axis.name]}"


def knee_text(knee: Knee) -> str:
    """`75 [72, 78] in flight`."""
    return f"{_count(knee.in_flight)}{_interval(knee.low, knee.high)} in flight"


def _knee(axis: Axis, knee: Knee | None, cause: Cause, last: float) -> Iterator[str]:
    if knee is None:
        if not axis.steady:
            return
        if cause.kind == "none":
            yield f"no knee: throughput grew with the load up to {level_text(axis, last)}"
        elif cause.kind == "unknown":
            yield f"the knee was not found: {cause.because}"
        elif cause.kind == "contention":
            yield f"no knee: throughput grew ever more slowly up to {level_text(axis, last)} ({cause.because})"
        elif cause.name:
            named = resource(cause.name, cause.kind)
            yield f"{named} gives way before a knee could be fitted ({cause.because})"
        return
    where = knee_text(knee)
    if axis.name == "rate per second":
        where += f", {format_rate(knee.load)}{_rates(knee)}"
    if cause.kind in _LIMITED_BY:
        named, how = resource(cause.name, cause.kind), _LIMITED_BY[cause.kind]
        yield f"{named} {'are' if cause.kind == 'threads' else 'is'} exhausted at {where}; {how} ({cause.because})"
    elif cause.kind == "generator":
        yield f"throughput stops growing at {where}; {resource(cause.name, cause.kind)} is what limits it"
    elif knee.model == "usl":
        yield f"throughput is highest at {where} and falls beyond; contention, not a pool ({cause.because})"
    else:
        yield f"throughput stops growing at {where}; a hard limit ({cause.because})"


def _rates(knee: Knee) -> str:
    if knee.load_low is None or knee.load_high is None:
        return ""
    return f" [{format_rate(knee.load_low)}, {format_rate(knee.load_high)}]"


def _held(axis: Axis, held: Held) -> Iterator[str]:
    if held.status == "found" and held.level is not None and held.broken_at is not None:
        low = "none" if held.low is None else _level(axis, held.low)
        high = "open" if held.high is None else _level(axis, held.high)
        yield (
            f"holds its baseline up to {level_text(axis, held.level)} [{low}, {high}]; "
            f"at {level_text(axis, held.broken_at)}: {held.reason}"
        )
    elif held.status == "never_broken" and held.level is not None:
        yield f"holds its baseline at every load tried, up to {level_text(axis, held.level)}"
    elif held.status == "never_held":
        yield f"holds its baseline at no load tried: {held.reason}"
    elif held.status == "cannot_tell":
        yield f"whether the baseline holds cannot be told: {held.reason}"


def _refused(axis: Axis, refused_from: tuple[float, float] | None) -> Iterator[str]:
    if refused_from is not None:
        carried, refused = refused_from
        unit = _UNITS[axis.name].strip()
        yield f"work is turned away from {_level(axis, refused)} {unit} on (none at {_level(axis, carried)})"


def _level(axis: Axis, level: float) -> str:
    return f"{level:.0f}" if axis.whole else f"{level:.4g}"


def _count(value: float) -> str:
    return f"{value:.3g}" if value < 10 else f"{value:.0f}"


def _interval(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    below = "open" if low is None else _outwards(low, math.floor)
    above = "open" if high is None else _outwards(high, math.ceil)
    return f" [{below}, {above}]"


def _outwards(bound: float, to: Callable[[float], int]) -> str:
    """Rounded so that the interval never becomes narrower than it is."""
    return f"{to(bound * 10) / 10:.1f}" if bound < 10 else f"{to(bound)}"


def trial_text(axis: Axis, trial: Trial) -> str:
    """One trial on a line, as it ends: `64 in flight: 181 /s, p95 716 ms, held`."""
    rate, latency = trial.throughput.value, trial.latency_p95.value
    said = [] if rate is None else [format_rate(rate)]
    said += [] if latency is None else [f"p95 {format_duration(latency)}"]
    said += [one for one in (trial.why_not if axis.steady else None, trial.verdict, trial.invalid) if one]
    return f"{level_text(axis, trial.level)}: {', '.join(said)}"
