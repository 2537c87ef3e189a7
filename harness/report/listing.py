"""What is declared, as lines for people: `harness list`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.scenario.model import BurstLoad, ClosedLoad, Load, Scenario, WorkflowType
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


def load_in_words(load: Load) -> str:
    """A load in a few words: `closed, 10 in flight, 140 workflows`."""
    if isinstance(load, BurstLoad):
        shown = ", ".join(str(size) for size in load.sizes[:_SHOWN_BURSTS])
        more = f", … ({len(load.sizes)} bursts)" if len(load.sizes) > _SHOWN_BURSTS else ""
        rhythm = "each once the last has drained" if load.every_s is None else f"every {format_duration(load.every_s)}"
        return f"bursts of {shown}{more}, {rhythm}"
    amount = f"{load.workflows} workflows" if load.workflows is not None else format_duration(load.duration_s or 0.0)
    if isinstance(load, ClosedLoad):
        return f"closed, {load.in_flight} in flight, {amount}"
    return f"{load.law}, {format_rate(load.rate_per_s)}, {amount}"


def mix_in_words(scenario: Scenario) -> str:
    """The mix with its weights: `simple`, or `simple 5, complex 2`."""
    mixed = [(name, weight) for name, weight in scenario.mix if weight > 0]
    return mixed[0][0] if len(mixed) == 1 else ", ".join(f"{name} {weight:g}" for name, weight in mixed)


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    rows = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
