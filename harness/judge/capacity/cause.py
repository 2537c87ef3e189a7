"""What gives way at the knee: the resource that is all in use beyond it and is not before.

The knee itself comes from the throughputs alone, so that it is there for a target that shows nothing; what the target
or the machine shows only names the cause. Where several resources are all in use, whoever holds the outer one waits for
the inner one: there the finding of the runs themselves decides (`judge.bottleneck`). It also names what limits without
being all in use at any time: memory that does not come out even, one replica of several, the load's own cap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.judge.bottleneck.records import Limitation
from harness.judge.capacity.busy import CONNECTIONS, EVENT_LOOP, MACHINE, Busy
from harness.judge.capacity.fits import ModelName
from harness.judge.capacity.knee import BEYOND, SATURATED
from harness.judge.capacity.record import Cause, CauseKind, Knee, Trial
from harness.units import format_share

DEFAULT_POOL = "agents"
_INNERMOST_FIRST = ("rate_limit", "cpu", "connections", "pool", "memory")
_KINDS: Mapping[str, CauseKind] = {
    "agent_pool": "pool",
    "named_pool": "pool",
    "connection_pool": "connections",
    "rate_limit": "rate_limit",
    "memory": "memory",
    "cpu": "cpu",
    "event_loop": "cpu",
    "threads": "threads",
    "generator": "generator",
}
_CPU_NAMES = {"the machine": MACHINE, "event loop": EVENT_LOOP}


def cause_of(
    ordered: Sequence[Trial], knee: Knee | None, refused_from: tuple[float, float] | None, model: ModelName | None
) -> Cause:
    """The cause of a knee; where there is none, why.

    `ordered` has the trials by load, at least one; `model` is the curve chosen (None: too few levels).
    """
    usable = [one for one in ordered if one.usable]
    if knee is None:
        spoilt = [one for one in ordered if not one.usable][:1]
        return _without_knee(refused_from, model, [_found(one.limited) for one in (*usable[-1:], *spoilt)])
    beyond = [one for one in usable if (one.in_flight.value or 0.0) >= BEYOND * knee.in_flight] or usable[-1:]
    last = beyond[-1]
    shown = sorted(last.busy, key=lambda one: -one.share)
    found = _found(last.limited)
    full = sorted((one for one in shown if one.share >= SATURATED), key=lambda one: _INNERMOST_FIRST.index(one.kind))
    if full:
        named = next((one for one in full if found is not None and (one.kind, one.name) == found[:2]), full[0])
        return Cause(named.kind, named.name, _because(named, shown))
    if knee.model == "usl":
        seen = f"; {_listed(shown)}" if shown else ""
        return Cause("contention", "", f"no hard limit: each more in flight slows the others down{seen}")
    return Cause(*found) if found is not None else _unnamed(shown)


def _found(limited: Limitation | None) -> tuple[CauseKind, str, str] | None:
    """What the runs themselves were limited by: kind, name and the finding's sentence."""
    if limited is None or limited.cause not in _KINDS:
        return None
    return _KINDS[limited.cause], _CPU_NAMES.get(limited.name, limited.name), limited.sentence


def _unnamed(shown: Sequence[Busy]) -> Cause:
    if any(one.kind != "cpu" for one in shown):
        return Cause("unknown", "", f"no resource that is shown is all in use: {_listed(shown)}")
    seen = f"; {_listed(shown)}" if shown else ""
    return Cause("unknown", "", f"this target does not show what its hard limit is{seen}")


def _without_knee(
    refused_from: tuple[float, float] | None,
    model: ModelName | None,
    found: Sequence[tuple[CauseKind, str, str] | None],
) -> Cause:
    """`found` is what limited the highest load that a curve can be fitted to, and the lowest one that none can."""
    named = next((one for one in found if one is not None), None)
    if model in ("usl", "hard_limit") and found and found[0] is not None:
        return Cause(*found[0])
    if model == "usl":
        return Cause("contention", "", "each more in flight slows the others down, but none costs more than it adds")
    if refused_from is not None:
        return Cause("refusal", "", "work is turned away before anything slows down")
    if model is None:
        return Cause(*named) if named is not None else _too_few()
    return Cause("none", "", "throughput grew as far as it was tried")


def _too_few() -> Cause:
    return Cause("unknown", "", "too few loads were measured in a steady state")


def resource(name: str, kind: str) -> str:
    """`agent pool`, `pool solvers`, `connection pool db`, `rate limit models`, `CPU` (the cores)."""
    if kind == "pool":
        return "agent pool" if name == DEFAULT_POOL else f"pool {name}"
    if kind == "connections":
        return "connection pool" if name == CONNECTIONS else f"connection pool {name}"
    others = {
        "rate_limit": f"rate limit {name}",
        "generator": "the load's own cap on workflows in flight",
        "threads": "threads behind the event loop",
    }
    return others.get(kind, "CPU" if name == "cores" else name)


def _because(named: Busy, shown: Sequence[Busy]) -> str:
    others = [one for one in shown if one is not named]
    also = f", {_listed(others)}" if others else ""
    used = {"connections": "in use", "rate_limit": "used", "memory": "taken"}.get(named.kind, "busy")
    return f"{resource(named.name, named.kind)} {format_share(named.share)} {used} beyond it{also}"


def _listed(shown: Sequence[Busy]) -> str:
    return ", ".join(f"{resource(one.name, one.kind)} {format_share(one.share)}" for one in shown)
