"""`limiting`: which resource limited the runs of a scenario, or that none did, or that it cannot be told.

The thresholds, and why they stand where they do, are in docs/bottlenecks.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.judge.bottleneck.records import Evidence, Limitation, Suspect
from harness.judge.bottleneck.suspects import suspects_of
from harness.judge.bottleneck.words import none_sentence, unknown_sentence
from harness.measure.little import LittlesLaw, littles_law
from harness.measure.record import Run
from harness.measure.summary import MultiAgentLoadMetrics
from harness.measure.uses import Uses
from harness.measure.uses_all import uses_of
from harness.scenario.model import Scenario

FEWEST = 20
"""Of fewer workflows, the slowest twentieth is a single one."""
UNSTEADY = 0.2
"""Above this residual of Little's law, who came and who went were far apart: there was no steady state."""
CONTRADICTION = 1e-6


def limiting(scenario: Scenario, given: MultiAgentLoadMetrics | Sequence[Run]) -> Limitation:
    """What limited `given`: the summary of a scenario's replications, or the replications themselves (at least one).

    Raises `ValueError` for a summary that was made without looking at the resources, and where there is no run.
    """
    if isinstance(given, MultiAgentLoadMetrics):
        if given.uses is None:
            raise ValueError(f"{scenario.name}: the summary says nothing about resources")
        return limitation_of(given.uses, given.little)
    if not given:
        raise ValueError(f"{scenario.name}: expected at least one run, found none")
    return limitation_of(uses_of(scenario, given), littles_law(given))


def limitation_of(uses: Uses, little: LittlesLaw | None = None) -> Limitation:
    """The finding from the uses of all resources."""
    ranked = suspects_of(uses)
    doubts = tuple(_doubts(uses, little))
    limits = [one for one in ranked if one.limits]
    if uses.generator is not None:
        blamed = Suspect(
            "generator", "load generator", f"the load generator itself: {uses.generator}", Evidence(), 1.0, True
        )
        return _found(blamed, (blamed, *ranked), little, uses, doubts)
    if limits:
        return _found(limits[0], ranked, little, uses, doubts)
    if uses.unseen:
        return Limitation(
            "unknown", "", unknown_sentence(uses, ranked), Evidence(), ranked, little, uses.unseen, doubts
        )
    return Limitation("none", "", none_sentence(uses, ranked), Evidence(), ranked, little, (), doubts)


def _found(
    one: Suspect, ranked: tuple[Suspect, ...], little: LittlesLaw | None, uses: Uses, doubts: tuple[str, ...]
) -> Limitation:
    return Limitation(one.cause, one.name, one.sentence, one.evidence, ranked, little, uses.unseen, doubts)


def _doubts(uses: Uses, little: LittlesLaw | None) -> list[str]:
    said = []
    if uses.carried_out < FEWEST:
        said.append(f"what limited it is judged on {uses.carried_out} workflows only")
    if little is not None and abs(little.left) > CONTRADICTION:
        said.append(f"Little's law is off by {100 * little.left:.3g} %, which the edges of the run do not explain")
    return said
