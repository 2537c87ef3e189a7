"""What gives way at the knee: the resource that is all in use beyond it and is not before.

The knee itself comes from the throughputs alone, so that it is there for a target that shows nothing; what the target
or the machine shows only names the cause.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.judge.capacity.fits import ModelName
from harness.judge.capacity.knee import SATURATED
from harness.judge.capacity.record import Cause, Knee, Trial
from harness.judge.capacity.steady import POOL, Busy
from harness.units import format_share

DEFAULT_POOL = "agents"


def cause_of(
    usable: Sequence[Trial], knee: Knee | None, refused_from: tuple[float, float] | None, model: ModelName | None
) -> Cause:
    """The cause of a knee; where there is none, why. `model` is the curve chosen (None: too few levels)."""
    if knee is None:
        return _without_knee(refused_from, model)
    beyond = [one for one in usable if (one.in_flight.value or 0.0) >= 1.05 * knee.in_flight] or list(usable[-1:])
    last = beyond[-1]
    shown = sorted(last.busy, key=lambda one: -one.share)
    full = [one for one in shown if one.share >= SATURATED]
    if full:
        # a pool that waits for cores is as full as they are: what is within goes first
        named = next((one for one in full if one.kind != POOL), full[0])
        return Cause("pool" if named.kind == POOL else "cpu", named.name, _because(named, shown))
    seen = f"; {_listed(shown)}" if shown else ""
    if knee.model == "usl":
        return Cause("contention", "", f"no hard limit: each more in flight slows the others down{seen}")
    if any(one.kind == POOL for one in shown):
        return Cause("unknown", "", f"no resource that is shown is all in use: {_listed(shown)}")
    return Cause("unknown", "", f"this target does not show what its hard limit is{seen}")


def _without_knee(refused_from: tuple[float, float] | None, model: ModelName | None) -> Cause:
    if model == "usl":
        return Cause("contention", "", "each more in flight slows the others down, but none costs more than it adds")
    if refused_from is not None:
        return Cause("refusal", "", "work is turned away before anything slows down")
    if model is None:
        return Cause("unknown", "", "too few loads were measured in a steady state")
    return Cause("none", "", "throughput grew as far as it was tried")


def resource(name: str, kind: str) -> str:
    """`agent pool`, `pool solvers`, `CPU (cores)`."""
    if kind == POOL:
        return "agent pool" if name == DEFAULT_POOL else f"pool {name}"
    return "CPU" if name == "cores" else name


def _because(named: Busy, shown: Sequence[Busy]) -> str:
    others = [one for one in shown if one.name != named.name]
    also = f", {_listed(others)}" if others else ""
    return f"{resource(named.name, named.kind)} {format_share(named.share)} busy beyond it{also}"


def _listed(shown: Sequence[Busy]) -> str:
    return ", ".join(f"{resource(one.name, one.kind)} {format_share(one.share)}" for one in shown)
