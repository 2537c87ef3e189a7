"""From the uses of resources to suspects, ranked: what each took of the run, charged to where the wait comes from.

Somebody who waits for an agent waits in truth for whatever the agents are held up by. So the waits for a resource are
charged to one within it that is busier with work of its own: by the utilisation law, that one is the first to reach
its limit (P. J. Denning, J. P. Buzen, "The Operational Analysis of Queueing Network Models", ACM Computing Surveys
10(3), 1978), and more of the outer one would only move the queue inwards.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from harness.judge.bottleneck.records import Cause, Evidence, Suspect
from harness.judge.bottleneck.words import sentence_of
from harness.measure.known_rows import WITHIN
from harness.measure.uses import ResourceUse, Uses

OF_MEAN = 0.1
OF_P95 = 0.2
TURNED_AWAY = 0.01
NO_P95 = 0.05
BUSY = 0.8
QUEUED = 0.5
HELD_INSIDE = 0.05
MOMENTARY = 0.5
_CAUSES: dict[str, Cause] = {
    "source": "generator",
    "memory": "memory",
    "agents": "agent_pool",
    "connections": "connection_pool",
    "rate_limit": "rate_limit",
    "cores": "cpu",
    "cpu": "cpu",
    "event_loop": "event_loop",
    "threads": "threads",
}
_DEFAULT_POOL = "agents"
_OUTERMOST_FIRST = ("source", "memory", "agents", "connections", "rate_limit", "cores")


@dataclass(frozen=True, slots=True)
class Charge:
    """What a resource took: its own waits and those that were charged to it, in shares; `via` names where those were.

    `blames` is what its own waits were charged to (None: to itself).
    """

    use: ResourceUse
    of_mean: float = 0.0
    of_p95: float = 0.0
    turned_away: float = 0.0
    via: tuple[str, ...] = ()
    blames: str | None = None

    @property
    def cost(self) -> float:
        """Of all that was offered. Who is turned away has no latency: where that is one in twenty, there is no p95."""
        return 1.0 if self.turned_away >= NO_P95 else max(self.of_mean, self.of_p95, self.turned_away)

    @property
    def limits(self) -> bool:
        """Whether that is more than a run can do without noticing."""
        return self.of_mean >= OF_MEAN or self.of_p95 >= OF_P95 or self.turned_away >= TURNED_AWAY


_Charges = dict[tuple[str, str], Charge]


def suspects_of(uses: Uses) -> tuple[Suspect, ...]:
    """Every resource, and every queue that turned somebody away; the most limiting first."""
    charges = _charged(uses)
    alone = sum(charge.use.kind == "agents" for charge in charges) == 1
    suspects = [_suspect(charge, alone, queue) for charge, queue in charges_with_queues(charges)]
    return tuple(sorted(suspects, key=_rank, reverse=True))


def _rank(one: Suspect) -> tuple[float, ...]:
    seen = one.evidence
    return one.limits, one.cost, seen.turned_away or 0.0, seen.of_p95 or seen.of_mean or 0.0, seen.working or 0.0


def charges_with_queues(charges: list[Charge]) -> list[tuple[Charge, bool]]:
    """The charges; of a pool whose queue only overflows for moments, what was refused is charged to the queue."""
    found: list[tuple[Charge, bool]] = []
    for charge in charges:
        refused = min(charge.turned_away, charge.use.refused or 0.0)
        if charge.use.kind == "agents" and refused and momentary(charge.use):
            found.append((dataclasses.replace(charge, of_mean=0.0, of_p95=0.0, turned_away=refused), True))
            charge = dataclasses.replace(charge, turned_away=charge.turned_away - refused)  # noqa: PLW2901 - the rest of it
        found.append((charge, False))
    return found


def momentary(use: ResourceUse) -> bool:
    """Whether a larger queue would have emptied again: the pool can do what is asked of it, only not at once.

    The demand tells that of a load with a schedule. One that came at a single instant, or batch after batch, tells it
    by when it was refused: before the pool could have turned over once.
    """
    if use.demand is not None:
        return use.demand < 1
    return use.at_once is not None and use.at_once >= MOMENTARY


def _charged(uses: Uses) -> list[Charge]:
    charges: _Charges = {(one.kind, one.name): _own(one) for one in uses.each}
    saturated = [one for one in uses.each if one.kind in ("event_loop", "cpu") and (one.utilisation or 0) >= BUSY]
    order = [one for kind in _OUTERMOST_FIRST for one in uses.each if one.kind == kind]
    for one in order:
        inner = _inner(one, uses, charges) or (saturated[0] if saturated and not uses.rows else None)
        if inner is not None and charges[one.kind, one.name].cost > 0:
            _pass(charges, one, inner)
    return list(charges.values())


def _own(use: ResourceUse) -> Charge:
    if use.kind in ("event_loop", "cpu"):
        busy = use.utilisation or 0.0
        return Charge(use, of_mean=busy if busy >= BUSY else 0.0)
    if use.kind == "threads":
        queued = use.contended or 0.0
        return Charge(use, of_mean=queued if queued >= QUEUED else 0.0)
    return Charge(use, use.of_mean or 0.0, use.of_p95 or 0.0, (use.refused or 0.0) + (use.gave_up or 0.0))


def _inner(use: ResourceUse, uses: Uses, charges: _Charges) -> ResourceUse | None:
    """What holds up those who hold `use`: of what is waited for within it, the busiest, if it is busier than `use`."""
    within = [
        one
        for one in uses.each
        if one.kind in WITHIN.get(use.kind, ()) and charges[one.kind, one.name].cost > 0 and one.working is not None
    ]
    worst = max(within, key=lambda one: one.working or 0.0, default=None)
    if worst is None or (use.working or 0.0) >= (worst.working or 0.0):
        return None
    held, worked = use.utilisation, use.working
    if held is not None and worked is not None and held - worked < HELD_INSIDE * held:
        return None  # they do not wait within: the two follow one another
    return worst


def _pass(charges: _Charges, use: ResourceUse, inner: ResourceUse) -> None:
    mine, theirs = charges[use.kind, use.name], charges[inner.kind, inner.name]
    charges[inner.kind, inner.name] = dataclasses.replace(
        theirs,
        of_mean=min(1.0, theirs.of_mean + mine.of_mean),
        of_p95=min(1.0, theirs.of_p95 + mine.of_p95),
        turned_away=min(1.0, theirs.turned_away + mine.turned_away),
        via=(*theirs.via, use.kind, *mine.via),
    )
    charges[use.kind, use.name] = Charge(use, blames=inner.kind)


def _suspect(charge: Charge, alone: bool, queue: bool) -> Suspect:
    use = charge.use
    seen = use.of_mean is not None
    cause = "queue" if queue else _CAUSES[use.kind]
    if cause == "agent_pool" and not alone and use.name != _DEFAULT_POOL:
        cause = "named_pool"
    evidence = Evidence(
        size=float(use.queue) if queue and use.queue is not None else use.size,
        utilisation=None if queue else use.utilisation,
        working=None if queue else use.working,
        saturated=None if queue else use.saturated,
        of_mean=charge.of_mean if seen else None,
        of_p95=charge.of_p95 if use.of_p95 is not None else None,
        turned_away=charge.turned_away if use.refused is not None else None,
    )
    return Suspect(cause, use.name, sentence_of(cause, charge, alone), evidence, charge.cost, charge.limits)
