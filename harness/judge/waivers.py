"""Waivers: regressions that someone has accepted, for a reason, up to a size and until a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Literal

from harness.judge.statistics.records import Verdict

Accepts = Literal["regressed", "missing"]
State = Literal["used", "unused", "expired", "exceeded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One entry of a waiver file. `metric` and `scenario` are shell patterns, case counts."""

    metric: str
    scenario: str
    accepts: Accepts
    reason: str
    approved_by: str
    expires: date
    """The last day on which it holds, UTC."""
    max_effect: float | None
    """Largest effect accepted: a share, for rates a difference of shares. None: any."""

    def names(self, scenario: str, metric: str) -> bool:
        """Whether the patterns fit."""
        return fnmatchcase(metric, self.metric) and fnmatchcase(scenario, self.scenario)


@dataclass(frozen=True, slots=True)
class Waived:
    """A waiver that bears on a metric, and whether it accepts what was found there."""

    waiver: Waiver
    accepted: bool
    why: str
    """What is said of it beside the verdict."""


def bearing(waivers: Sequence[Waiver], scenario: str, metric: str, verdict: Verdict, today: date) -> Waived | None:
    """The waiver for this verdict: one that accepts it, else one that would have, had it not expired or been passed."""
    if verdict.verdict not in {"regressed", "missing"}:
        return None
    fitting = [w for w in waivers if w.accepts == verdict.verdict and w.names(scenario, metric)]
    judged = [_judged(waiver, verdict, today) for waiver in fitting]
    return next((one for one in judged if one.accepted), judged[0] if judged else None)


def _judged(waiver: Waiver, verdict: Verdict, today: date) -> Waived:
    if today > waiver.expires:
        return Waived(waiver, False, f"its waiver expired on {waiver.expires.isoformat()}")
    if waiver.max_effect is not None and waiver.accepts == "regressed":
        if verdict.effect is None:
            return Waived(waiver, False, "its waiver has a largest effect, and this one cannot be given as a share")
        if abs(verdict.effect) > waiver.max_effect:
            return Waived(waiver, False, f"beyond the {waiver.max_effect:.2%} that its waiver accepts")
    return Waived(waiver, True, f"waived until {waiver.expires.isoformat()} by {waiver.approved_by}: {waiver.reason}")


def states(waivers: Sequence[Waiver], touched: Sequence[Waived], today: date) -> list[State]:
    """What became of each waiver of the file."""
    found: list[State] = []
    for waiver in waivers:
        here = [one.accepted for one in touched if one.waiver is waiver]
        if today > waiver.expires:
            found.append("expired")
        elif not here:
            found.append("unused")
        else:
            found.append("used" if all(here) else "exceeded")
    return found
