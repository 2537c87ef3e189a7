"""What is declared, as lines for people: `harness list`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.scenario.model import (
    BurstLoad,
    ClosedLoad,
    ClosedRampLoad,
    Load,
    PhasedLoad,
    RampLoad,
    Scenario,
    SpikesLoad,
    StepsLoad,
    TraceLoad,
    WorkflowType,
    length_s,
)
from harness.units import format_duration, format_rate

_SHOWN_BURSTS = 4


def listing(scenarios: Mapping[str, Scenario], types: Mapping[str, WorkflowType]) -> str:
    """Each scenario with its load, mix and number of baseline lines, then each workflow type; ends with a newline."""
    rows = [("scenario", "load", "mix", "baseline")]
    rows += [
        (name, load_in_words(s.load), mix_in_words(s), f"{len(s.baseline)} lines") for name, s in scenarios.items()
    ]
    kinds = [("workflow type", "steps", "")]
    kinds += [(name, " > ".join(step.name for step in kind.steps), kind.description) for name, kind in types.items()]
    return "\n".join([*_aligned(rows), "", *_aligned(kinds)]) + "\n"


# long: one way out for each law
def load_in_words(load: Load) -> str:  # noqa: PLR0911 - as said
    """A load in a few words: `closed, 10 in flight, 140 workflows`."""
    if isinstance(load, BurstLoad):
        shown = ", ".join(str(size) for size in load.sizes[:_SHOWN_BURSTS])
        more = f", … ({len(load.sizes)} bursts)" if len(load.sizes) > _SHOWN_BURSTS else ""
        rhythm = "each once the last has drained" if load.every_s is None else f"every {format_duration(load.every_s)}"
        return f"bursts of {shown}{more}, {rhythm}"
    amount = _amount(load)
    match load:
        case ClosedLoad(in_flight):
            return f"closed, {in_flight} in flight, {amount}"
        case ClosedRampLoad(low, high):
            return f"closed, {low} to {high} in flight, {amount}"
        case RampLoad(low_per_s, high_per_s):
            return f"ramp, {format_rate(low_per_s)} to {format_rate(high_per_s)}, {amount}"
        case StepsLoad(steps):
            shown = ", ".join(format_rate(step.rate_per_s) for step in steps[:_SHOWN_BURSTS])
            more = f", … ({len(steps)} steps)" if len(steps) > _SHOWN_BURSTS else ""
            return f"steps of {shown}{more}, {amount}"
        case SpikesLoad(rate_per_s, spike_per_s):
            return f"spikes, {format_rate(rate_per_s)} and {format_rate(spike_per_s)}, {amount}"
        case TraceLoad(due):
            return f"trace of {len(due) // 8} times, {amount}"
        case PhasedLoad(phases):
            return f"{len(phases)} phases ({', '.join(phase.law for phase in phases[:_SHOWN_BURSTS])}), {amount}"
        case _:
            return f"{load.law}, {format_rate(load.rate_per_s)}, {amount}"


def _amount(load: Load) -> str:
    workflows = getattr(load, "workflows", None)
    return f"{workflows} workflows" if workflows is not None else format_duration(length_s(load) or 0.0)


def mix_in_words(scenario: Scenario) -> str:
    """The mix with its weights: `simple`, or `simple 5, complex 2`."""
    mixed = [(name, weight) for name, weight in scenario.mix if weight > 0]
    return mixed[0][0] if len(mixed) == 1 else ", ".join(f"{name} {weight:g}" for name, weight in mixed)


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    rows = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
