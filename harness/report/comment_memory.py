"""What a pull request's comment remembers: what regressed at which commit, and what has become of it since.

The next run edits the comment and says what is fine again; it can only know that from here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.report.comparison_rows import Document, Metric
from harness.report.text import visible

_MOST = 20
"""Findings kept of each kind; more would not fit beside the table."""
_LONGEST_NAME = 60
_FINE = ("improved", "unchanged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A metric that regressed."""

    name: str
    """As it is shown, cut."""
    digest: str
    """Of its whole name."""
    regressed_at: str
    """The newest head at which it had regressed."""
    fine_at: str = ""
    """The head at which it was shown to be fine again; empty while it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is kept from one edit of the comment to the next."""

    head: str = ""
    order: tuple[int, int] = (0, 0)
    """Run number and attempt of the run that was last shown."""
    regressed: tuple[Finding, ...] = ()
    """Regressed at `head` or before, and not shown to be fine since."""
    resolved: tuple[Finding, ...] = ()
    forgotten: int = 0
    """Findings that were too many to keep."""

    @property
    def newly_resolved(self) -> tuple[Finding, ...]:
        """What was shown to be fine by the newest run."""
        return tuple(one for one in self.resolved if one.fine_at == self.head)


def remembered(document: Document, earlier: Memory, *, head: str, order: tuple[int, int]) -> Memory:
    """The memory after a comparison whose newer side is `head`."""
    metrics = {_digest(metric["name"]): metric for metric in document["metrics"]}
    known = {one.digest: one for one in (*earlier.resolved, *earlier.regressed)}
    found = {
        digest: Finding(name=visible(metric["name"], _LONGEST_NAME), digest=digest, regressed_at=head)
        for digest, metric in metrics.items()
        if metric["verdict"] == "regressed" and not _waived(metric)
    }
    for digest, one in known.items():
        metric = metrics.get(digest)
        if digest in found or (metric is not None and _waived(metric)):
            continue  # regressed (again), or accepted, which its row says
        fine = metric is not None and (metric["verdict"] in _FINE or metric["no_worse"])
        found[digest] = one if one.fine_at or not fine else replace(one, fine_at=head)
    regressed = [one for one in found.values() if not one.fine_at]
    # the newest first: what is cut is what was resolved the longest ago
    resolved = sorted((one for one in found.values() if one.fine_at), key=lambda one: one.fine_at != head)
    return Memory(
        head=head,
        order=order,
        regressed=tuple(regressed[:_MOST]),
        resolved=tuple(resolved[:_MOST]),
        forgotten=earlier.forgotten + len(regressed[_MOST:]) + len(resolved[_MOST:]),
    )


def _waived(metric: Metric) -> bool:
    return bool(metric["waiver"] and metric["waiver"]["accepted"])


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:16]


# --------------------------------------------------------------------------- as JSON


def state_of(memory: Memory) -> dict[str, Any]:
    """The memory as JSON."""
    return {
        "version": 1,
        "head": memory.head,
        "order": list(memory.order),
        "regressed": [[one.name, one.digest, one.regressed_at] for one in memory.regressed],
        "resolved": [[one.name, one.digest, one.regressed_at, one.fine_at] for one in memory.resolved],
        "forgotten": memory.forgotten,
    }


def memory_of(state: Mapping[str, Any]) -> Memory:
    """The memory in JSON that somebody may have edited: what does not fit is forgotten."""
    order = state.get("order")
    numbers = [one for one in order if isinstance(one, int)] if isinstance(order, list) else []
    forgotten = state.get("forgotten")
    return Memory(
        head=_text(state.get("head")),
        order=(numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0),
        regressed=tuple(_findings(state.get("regressed"), 3)),
        resolved=tuple(_findings(state.get("resolved"), 4)),
        forgotten=forgotten if isinstance(forgotten, int) else 0,
    )


def _findings(rows: Any, length: int) -> Iterable[Finding]:
    for row in rows[:_MOST] if isinstance(rows, list) else ():
        if isinstance(row, list) and len(row) == length and all(isinstance(one, str) for one in row):
            name, digest, regressed_at, fine_at = [*row, ""][:4]
            yield Finding(name=visible(name, _LONGEST_NAME), digest=digest, regressed_at=regressed_at, fine_at=fine_at)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
