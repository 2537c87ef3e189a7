"""Which metrics of a history stand worse than they did before: what an alert is about.

A metric that got worse and then wholly recovered is no alert; one that only recovered in part is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.bridges.series import Past, Series
from harness.judge.history import FLOOR, Step
from harness.report.alert_issue import Alert, Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where all metrics stand, beside what was known before."""

    alerts: tuple[Alert, ...]
    new: tuple[Alert, ...]
    """Those of `alerts` that were not known."""
    recovered: tuple[Known, ...]
    """Known ones whose metric is judged, and stands no worse than before."""
    untold: tuple[Known, ...]
    """Known ones whose metric cannot be judged at present: too few commits since it is measured as it is now."""


def standing(past: Past, known: Sequence[Known]) -> Standing:
    """Where the metrics of `past` stand, as each is measured now."""
    current = {_digest(one.metric): one for one in past.series if one.current}
    found = [(digest, one, step) for digest, one in sorted(current.items()) if (step := _open_step(one)) is not None]
    alerts, new = [], []
    for digest, one, step in found:
        alert = _alert(digest, one, step)
        alerts.append(alert)
        if not any(_same(alert, one, step, other) for other in known):
            new.append(alert)
    open_digests = {alert.digest for alert in alerts}
    gone = [one for one in known if one.digest not in open_digests]
    judged = {digest for digest, one in current.items() if one.history.newest != "too short"}
    return Standing(
        alerts=tuple(alerts),
        new=tuple(new),
        recovered=tuple(one for one in gone if one.digest in judged),
        untold=tuple(one for one in gone if one.digest not in judged),
    )


def _open_step(series: Series) -> Step | None:
    """The last step for the worse, where the present level is still worse than the one before it."""
    steps = series.history.steps
    worse = [step for step in steps if step.verdict == "regressed"]
    if not worse:
        return None
    change = steps[-1].after - worse[-1].before
    worsening = change if series.direction == "lower" else -change
    return worse[-1] if worsening > FLOOR * abs(worse[-1].before) else None


def _alert(digest: str, series: Series, step: Step) -> Alert:
    now = series.history.steps[-1].after
    return Alert(
        digest=digest,
        name=series.name,
        unit=series.unit,
        before=step.before,
        now=now,
        effect=now / step.before - 1 if step.before > 0 else None,
        last_before=step.last_before,
        first_after=step.first_after,
        confidence=step.confidence,
    )


def _same(alert: Alert, series: Series, step: Step, known: Known) -> bool:
    """Whether it is the step that was known: later commits may move it within what the data allow."""
    if known.digest != alert.digest:
        return False
    if known.first_after == alert.first_after:
        return True
    places = {commit: place for place, commit in enumerate(series.commits)}
    ends = [places.get(commit) for commit in (step.earliest, known.first_after, step.latest)]
    return _ascending(ends)


def _ascending(places: Iterable[int | None]) -> bool:
    found = [place for place in places if place is not None]
    return len(found) == 3 and found == sorted(found)


def _digest(metric: str) -> str:
    return hashlib.sha256(metric.encode("utf-8", "replace")).hexdigest()[:16]
