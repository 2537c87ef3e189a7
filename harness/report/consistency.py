"""What a report must be beyond its schema, which can neither add nor compare: figures that do not contradict.

A report is a gate's evidence, and it may come from a file that somebody edited or another program wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from harness.errors import Mistake
from harness.judge.baseline import is_at_limit, overall_of, satisfies
from harness.report.consistency_over_time import contradictions_over_time

_PERCENTILES = ("p50", "p95", "p99")


def contradictions(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """What in `document`, which its schema accepts, cannot be true all at once; each with its path."""
    total = sum(document["outcomes"].values())
    if total != document["offered"]:
        yield Mistake("outcomes", f"counts that sum to {total}", f"the sum {document['offered']} (offered)")
    yield from _misjudged(document["baseline"])
    for ascending in _ascending(document):
        yield from _disordered(ascending)
    yield from contradictions_over_time(document)


# --------------------------------------------------------------------------- verdicts


def _misjudged(baseline: Mapping[str, Any]) -> Iterator[Mistake]:
    """Verdicts that do not follow: the block's from its lines, a line's from its figure."""
    follows = overall_of(line["verdict"] for line in baseline["lines"])
    if baseline["verdict"] != follows:
        yield Mistake("baseline.verdict", baseline["verdict"], f"{follows}, which follows from the lines")
    for index, line in enumerate(baseline["lines"]):
        where = f"baseline.lines[{index}]"
        if line["op"] != "recorded" and line["limit"] is None:
            yield Mistake(f"{where}.limit", "null", f"a number to hold the figure {line['op']} against")
            continue
        possible = _possible_verdicts(line)
        if line["verdict"] not in possible:
            said = "not observed" if line["observed"] is None else f"observed {line['observed']!r}"
            limit = "" if line["limit"] is None else f" {line['limit']!r}"
            yield Mistake(f"{where}.verdict", line["verdict"], f"{' or '.join(possible)} ({said}, {line['op']}{limit})")


def _possible_verdicts(line: Mapping[str, Any]) -> tuple[str, ...]:
    observed, op, limit = line["observed"], line["op"], line["limit"]
    if op == "recorded":
        return ("cannot_tell",) if observed is None else ("held",)
    if observed is None:
        # a point that the load did not reach lies above that load, and that may settle the line
        return ("held", "broken", "cannot_tell")
    if observed != limit and is_at_limit(observed, limit, line["unit"]):
        # harness 0.1.0 once told figures apart that differ by rounding only: its reports stay readable
        return ("held", "broken")
    return ("held",) if satisfies(op, observed, limit, line["unit"]) else ("broken",)


# --------------------------------------------------------------------------- order

_Figures = Sequence[tuple[str, float | None]]


def _ascending(document: Mapping[str, Any]) -> Iterator[_Figures]:
    """Figures, each with its path, none of which may be smaller than the one before.

    The mean throughput is not held between `min` and `max`: these two are taken over whole windows, and the mean also
    counts what was done after the last of them.
    """
    percentiles, throughput = document["response_time_percentiles"], document["throughput_stats"]
    yield [
        *((f"response_time_percentiles.{name}", percentiles[name]) for name in _PERCENTILES),
        ("latency.max", document["latency"]["max"]),
    ]
    yield [(f"throughput_stats.{name}", throughput[name]) for name in ("min", "max")]
    for index, one in enumerate(document["replications"]):
        yield [(f"replications[{index}].latency_{name}_s", one[f"latency_{name}_s"]) for name in _PERCENTILES]


def _disordered(figures: _Figures) -> Iterator[Mistake]:
    seen = [(path, value) for path, value in figures if value is not None]
    for (lower, least), (path, value) in pairwise(seen):
        if value < least:
            yield Mistake(path, repr(value), f"at least {least!r} ({lower})")
