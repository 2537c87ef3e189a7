"""What the optional blocks `latency.quantiles` and `over_time` of a report must be beyond their schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from harness.errors import Mistake

_ROUNDING = 1e-5
"""Figures there have six significant digits; those that they are held against have all of theirs."""

_LEAST_WINDOW_S, _LONGEST_WINDOW_S = 1e-15, 1e15

_Value = float | None


def contradictions_over_time(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """What cannot be true in the two blocks, each with its path; nothing of a report that has neither."""
    quantiles, over_time = document["latency"].get("quantiles"), document.get("over_time")
    if quantiles is not None:
        yield from _quantiles(quantiles, document)
    if over_time is not None:
        wrong = [*_lengths(over_time), *_window(over_time)]
        yield from wrong or (*_sums(over_time, document), *_orders(over_time))


def _quantiles(block: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Mistake]:
    path, levels = "latency.quantiles", block["levels"]
    for name in ("values_s", "low_s", "high_s"):
        if len(block[name]) != len(levels):
            yield Mistake(f"{path}.{name}", f"{len(block[name])} values", f"{len(levels)}, one for each level")
            return
    if (levels[0], levels[-1]) != (0, 1):
        yield Mistake(f"{path}.levels", f"levels from {levels[0]!r} to {levels[-1]!r}", "levels from 0 to 1")
    yield from _rising(f"{path}.levels", levels, strictly=True)
    yield from _rising(f"{path}.values_s", block["values_s"])
    yield from _each_at_most(f"{path}.low_s", block["low_s"], block["values_s"])
    yield from _each_at_most(f"{path}.values_s", block["values_s"], block["high_s"])
    known = document["response_time_percentiles"] | {"max": document["latency"]["max"]}
    for name, level in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1)):
        found = next((v for at, v in zip(levels, block["values_s"], strict=True) if at == level), None)
        if found is not None and known[name] is not None and not _same(found, known[name]):
            yield Mistake(f"{path}.values_s", f"{found!r} at {level}", f"{known[name]!r}, the {name} of the report")


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _ROUNDING * max(abs(one), abs(other))


# --------------------------------------------------------------------------- over time


def _lists(block: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[_Value]]]:
    """Every list that has one entry per window, with its path."""
    named = {"offered": block.get("offered"), **{f"outcomes.{k}": v for k, v in block["outcomes"].items()}}
    named |= {f"latency_s.{k}": v for k, v in block["latency_s"].items()}
    for path, levels in _levels(block):
        named |= {f"{path}.{k}": levels[k] for k in ("mean", "max")}
    named |= {f"pools[{k}].size": pool["size"] for k, pool in enumerate(block["pools"])}
    yield from ((f"over_time.{path}", values) for path, values in named.items() if isinstance(values, list))


def _levels(block: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    found = {"in_flight": block.get("in_flight")}
    for k, pool in enumerate(block["pools"]):
        found |= {f"pools[{k}].{name}": pool[name] for name in ("busy", "waiting")}
    yield from ((path, level) for path, level in found.items() if level is not None)


def _lengths(block: Mapping[str, Any]) -> Iterator[Mistake]:
    for path, values in _lists(block):
        if len(values) != block["windows"]:
            yield Mistake(path, f"{len(values)} values", f"{block['windows']}, one for each window")
    outliers = block.get("outliers")
    if outliers is not None and len(outliers["t_s"]) != len(outliers["latency_s"]):
        found = f"{len(outliers['latency_s'])} values"
        yield Mistake("over_time.outliers.latency_s", found, f"{len(outliers['t_s'])}, one for each of t_s")


def _window(block: Mapping[str, Any]) -> Iterator[Mistake]:
    """Times and rates of the windows are products and quotients of their length, and must be finite."""
    if not _LEAST_WINDOW_S <= block["window_s"] <= _LONGEST_WINDOW_S:
        allowed = f"from {_LEAST_WINDOW_S:g} to {_LONGEST_WINDOW_S:g} s"
        yield Mistake("over_time.window_s", repr(block["window_s"]), allowed)


def _sums(block: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Mistake]:
    """Counts over time add up to those of the replication, and to all that the warm-up took away from it."""
    outcomes = {name: sum(counts) for name, counts in block["outcomes"].items()}
    first, warm_up = document["replications"][:1], document.get("warm_up", {"offered": 0, "outcomes": {}})
    if "offered" in block:
        offered, total = sum(block["offered"]), sum(outcomes.values())
        if offered != total:
            yield Mistake("over_time.outcomes", f"counts that sum to {total}", f"the sum {offered} (offered)")
        yield from _within("offered", offered, [one["offered"] for one in first], warm_up["offered"])
    kept_out = warm_up["outcomes"].get("succeeded", 0)
    succeeded = [one["succeeded"] for one in first]
    yield from _within("outcomes.succeeded", outcomes["succeeded"], succeeded, kept_out)
    if len(document["replications"]) == 1 and "offered" in block:
        for name, count in outcomes.items():
            all_of_it = document["outcomes"].get(name, 0) + warm_up["outcomes"].get(name, 0)
            if name != "succeeded" and count != all_of_it:
                yield Mistake(f"over_time.outcomes.{name}", f"counts that sum to {count}", f"the sum {all_of_it}")


def _within(name: str, found: int, of_first: Sequence[int], kept_out: int) -> Iterator[Mistake]:
    """The first replication's count, and at most all that was kept out of any replication on top."""
    for least in of_first:
        if not least <= found <= least + kept_out:
            allowed = f"the sum {least} (replications[0])" if not kept_out else f"from {least} to {least + kept_out}"
            yield Mistake(f"over_time.{name}", f"counts that sum to {found}", allowed)


def _orders(block: Mapping[str, Any]) -> Iterator[Mistake]:
    latency = block["latency_s"]
    for lower, higher in pairwise(("min", "p50", "p95", "max")):
        yield from _each_at_most(f"over_time.latency_s.{lower}", latency[lower], latency[higher])
    for name in ("min", "p50", "p95", "max"):
        for k, (count, value) in enumerate(zip(latency["count"], latency[name], strict=True)):
            if (count == 0) != (value is None):
                allowed = "null where the count is 0, else a number"
                yield Mistake(f"over_time.latency_s.{name}[{k}]", repr(value), allowed)
                break
    for path, level in _levels(block):
        yield from _each_at_most(f"over_time.{path}.mean", level["mean"], level["max"])


def _each_at_most(path: str, values: Sequence[_Value], most: Sequence[_Value]) -> Iterator[Mistake]:
    """The first of `values` that is larger than its neighbour in `most` by more than rounding."""
    for k, (value, limit) in enumerate(zip(values, most, strict=True)):
        if value is not None and limit is not None and value > limit and not _same(value, limit):
            yield Mistake(f"{path}[{k}]", repr(value), f"at most {limit!r}")
            return


def _rising(path: str, values: Sequence[float], *, strictly: bool = False) -> Iterator[Mistake]:
    for k, (before, value) in enumerate(pairwise(values), start=1):
        if value < before or (strictly and value == before):
            yield Mistake(f"{path}[{k}]", repr(value), f"{'more than' if strictly else 'at least'} {before!r}")
            return
