"""What a capacity, a sweep and advice must be beyond their schemas: files of them may have been edited by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.errors import Mistake

Document = Mapping[str, Any]


def contradictions_of(kind: str, document: Document) -> list[Mistake]:
    """What cannot be true in a document that its schema allows, each with its path."""
    return list(_OF[kind](document)) if kind in _OF else []


def _of_capacity(document: Document) -> Iterator[Mistake]:
    for k, fit in enumerate(document["fits"]):
        loads, rates = fit["curve"]["in_flight"], fit["curve"]["throughput_per_s"]
        if len(loads) != len(rates):
            path, allowed = f"fits[{k}].curve.throughput_per_s", f"{len(loads)}, one for each of in_flight"
            yield Mistake(path, f"{len(rates)} values", allowed)


def _of_sweep(document: Document) -> Iterator[Mistake]:
    paths = [axis["path"] for axis in document["axes"]]
    for k, row in enumerate(document["rows"]):
        if set(row["settings"]) != set(paths):
            found = ", ".join(map(repr, sorted(row["settings"]))) or "nothing"
            yield Mistake(f"rows[{k}].settings", found, f"the paths of axes: {', '.join(map(repr, paths))}")


def _of_advice(document: Document) -> Iterator[Mistake]:
    tried, best = document["tried"], document["best"]
    for k, one in enumerate(tried):
        if one["then"] is None and one["does"] != "failed":
            yield Mistake(f"tried[{k}].then", "null", f"figures, because it {one['does']}")
    if best is not None and best >= len(tried):
        yield Mistake("best", repr(best), f"an index in tried, below {len(tried)}")
    elif best is not None and tried[int(best)]["then"] is None:
        yield Mistake("best", repr(best), "one that did not fail")


_OF: dict[str, Callable[[Document], Iterator[Mistake]]] = {
    "capacity": _of_capacity,
    "sweep": _of_sweep,
    "advice": _of_advice,
}
