"""What was found, in one sentence that a colleague can act on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harness.judge.bottleneck.records import Cause, Suspect
from harness.measure.uses import ResourceUse, Uses
from harness.units import format_rate, format_share, format_size

MOSTLY = 0.5
_AWAITED = {
    "source": "being held back by the load's own cap",
    "memory": "waiting to be admitted",
    "agents": "waiting for an agent",
    "connections": "waiting for a connection",
    "rate_limit": "waiting for a token",
    "cores": "waiting for a core",
}


class Charged(Protocol):
    """What `suspects.Charge` holds, as far as a sentence tells it."""

    @property
    def use(self) -> ResourceUse: ...
    @property
    def of_mean(self) -> float: ...
    @property
    def of_p95(self) -> float: ...
    @property
    def turned_away(self) -> float: ...
    @property
    def via(self) -> tuple[str, ...]: ...
    @property
    def blames(self) -> str | None: ...


def name_of(cause: Cause, use: ResourceUse, alone: bool = True) -> str:
    """What a resource is called: `agent pool`, `pool solvers`, `rate limit openai`."""
    if cause == "queue":
        return "queue of the agent pool" if alone or use.name == "agents" else f"queue of pool {use.name}"
    names = {
        "source": "the load's own cap on workflows in flight",
        "memory": "memory",
        "cores": "CPU",
        "cpu": "CPU",
        "event_loop": "event loop",
        "threads": "threads behind the event loop",
        "rate_limit": f"rate limit {use.name}",
        "connections": "connection pool" if use.name == "connections" else f"connection pool {use.name}",
    }
    if use.kind == "agents":
        return "agent pool" if use.name == "agents" or (alone and cause == "agent_pool") else f"pool {use.name}"
    return names[use.kind]


def sentence_of(cause: Cause, charge: Charged, alone: bool) -> str:
    """`agent pool: 20 of 20 busy 94 % of the time, 81 % of p95 is waiting for an agent`."""
    use = charge.use
    said = [text for text in (_use(cause, use), _cost(charge), _turned(charge, cause)) if text]
    return f"{name_of(cause, use, alone)}: {', '.join(said) or 'nobody waited for it'}"


def none_sentence(uses: Uses, ranked: Sequence[Suspect]) -> str:
    """Nothing limited it, and how much of the busiest resource was used."""
    load = f" but the {uses.in_flight} workflows that the load keeps in flight" if uses.in_flight else ""
    return f"nothing limited it{load}{_busiest(ranked)}"


def unknown_sentence(uses: Uses, ranked: Sequence[Suspect]) -> str:
    """Why it cannot be told."""
    return f"cannot tell what limited it: {'; '.join(uses.unseen)}{_busiest(ranked)}"


def _busiest(ranked: Sequence[Suspect]) -> str:
    used = [one for one in ranked if one.evidence.utilisation is not None]
    if not used:
        return ""
    busiest = max(used, key=lambda one: one.evidence.utilisation or 0.0)
    name, seen = busiest.sentence.partition(":")[0], busiest.evidence
    wait = seen.of_p95 if seen.of_p95 is not None else seen.of_mean
    shared = seen.saturated and busiest.cause not in ("event_loop", "threads")
    full = f" (all of it {_percent(seen.saturated or 0.0)} of the time)" if shared else ""
    of = "p95" if seen.of_p95 is not None else "the mean latency"
    waited = "" if wait is None else f", and {_percent(wait)} of {of} is waiting for it"
    return f"; the busiest was the {name}, {_percent(seen.utilisation or 0.0)} in use{full}{waited}"


def _use(cause: Cause, use: ResourceUse) -> str:
    """How much of it was used, as far as that is known."""
    busy = _percent(use.utilisation or 0.0)
    if cause == "queue":
        return _overflow(use)
    size, detail = use.size or 0.0, f"; {use.detail}" if use.detail else ""
    texts = {
        "source": f"at most {size:.0f}" if size else "",
        "event_loop": f"busy {busy} of the time{detail}",
        "cpu": f"busy {busy} of the time{detail}",
        "threads": f"jobs queued for one of {f'at most {size:.0f} ' if size else ''}threads "
        f"{_percent(use.contended or 0.0)} of the time",
        "rate_limit": f"{busy} of {format_rate(size)} used",
        "memory": f"{busy} of {format_size(size)} taken",
    }
    return texts[use.kind] if use.kind in texts else _units_in_use(use)


def _overflow(use: ResourceUse) -> str:
    """A queue that was full for moments, and why that is not for want of agents."""
    places = "all places" if use.queue is None else f"all {use.queue} places"
    if use.demand is not None:
        return f"{places} taken at times, though the load asks for only {_percent(use.demand)} of what the pool can do"
    return f"{places} taken at once, before the agents could turn over"


def _units_in_use(use: ResourceUse) -> str:
    """`20 of 20 busy 94 % of the time` where that is most of it, else also the mean."""
    if use.utilisation is None:
        return ""
    what = "in use" if use.kind == "connections" else "busy"
    if use.size is None or use.saturated is None:
        return f"{_percent(use.utilisation)} {what}"
    mean = "" if use.saturated >= MOSTLY else f" ({_percent(use.utilisation)} on average)"
    return f"{use.size:.0f} of {use.size:.0f} {what} {_percent(use.saturated)} of the time{mean}"


def _cost(charge: Charged) -> str:
    use = charge.use
    if charge.blames is not None or use.kind not in _AWAITED:
        return ""
    if use.of_mean is None or not max(charge.of_p95, charge.of_mean):
        return ""
    shares = f"{_percent(charge.of_mean)} of the mean latency"
    if use.of_p95 is not None:
        p95 = f"{_percent(charge.of_p95)} of p95"
        shares = p95 if charge.of_p95 >= charge.of_mean else f"{p95} and {shares}"
    awaited = _AWAITED[use.kind]
    outer = list(dict.fromkeys(_AWAITED[kind] for kind in charge.via if kind in ("agents", "memory", "connections")))
    behind = f", or {' or '.join(outer)} behind those who do" if outer else ""
    return f"{shares} is {awaited}{behind}"


def _turned(charge: Charged, cause: Cause) -> str:
    if charge.blames is not None or not charge.turned_away:
        return ""
    gave_up = charge.use.gave_up or 0.0
    how = "gave up waiting" if gave_up > (charge.use.refused or 0.0) and cause != "queue" else "turned away"
    return f"{_percent(charge.turned_away)} of the workflows {how}"


def _percent(share: float) -> str:
    return format_share(round(share, 2) if share >= 0.01 else round(share, 4))
