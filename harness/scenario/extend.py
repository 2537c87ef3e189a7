"""`extends`: a scenario that names another one and says only what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import Mistake
from harness.schema import one_of

Table = dict[str, Any]

_EITHER_OR = (
    (frozenset({"workflows"}), frozenset({"duration"})),
    (frozenset({"every"}), frozenset({"after", "pause", "collect"})),
    (frozenset({"file"}), frozenset({"due", "types"})),
    (frozenset({"due"}), frozenset({"file", "time_column", "type_column", "time_unit"})),
)
"""Keys of a load that exclude each other: who writes one side means to drop the other."""

_RATE_LAWS = frozenset({"constant", "poisson"})


def extended(own: Mapping[str, Table], base: Mapping[str, Table]) -> tuple[dict[str, Table], list[Mistake]]:
    """The scenarios of `own`, each laid over what it extends, and what cannot be extended.

    A scenario extends one of the same file or one of `base`; of its own name, the one of `base`. Tables are merged,
    everything else is replaced.
    """
    whole: dict[str, Table] = {}
    mistakes: list[Mistake] = []
    for name in own:
        layers, mistake = _layers(name, own, base)
        if mistake is not None:
            mistakes.append(mistake)
            continue
        merged: Table = {}
        for layer in reversed(layers):
            merged = _merge(merged, layer)
        merged.pop("extends", None)
        whole[name] = merged
    return whole, mistakes


def _layers(name: str, own: Mapping[str, Table], base: Mapping[str, Table]) -> tuple[list[Table], Mistake | None]:
    """The tables that make up scenario `name`, itself first."""
    layers, seen = [own[name]], {name}
    where, here = f"scenario.{name}.extends", name
    while (parent := layers[-1].get("extends")) is not None:
        if parent in own and parent != here:
            if parent in seen:
                return layers, Mistake(where, f"one that comes back to {parent!r}", "a chain of extends that ends")
            seen.add(parent)
            layers.append(own[parent])
            here = parent
        elif (table := base.get(parent, base.get(f"test_{parent}"))) is not None:
            return [*layers, table], None
        else:
            known = sorted({*own, *base} - {here})
            return layers, Mistake(f"scenario.{here}.extends", repr(parent), one_of(known, parent))
    return layers, None


def _merge(below: Table, above: Table) -> Table:
    merged = dict(below)
    for key, value in above.items():
        if key == "load" and isinstance(merged.get(key), dict):
            merged[key] = _merge_load(merged[key], value)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _merge_load(below: Table, above: Table) -> Table:
    laws = {below.get("law"), above.get("law", below.get("law"))}
    if len(laws) > 1 and not laws <= _RATE_LAWS:
        return above  # the keys of one law mean nothing to another
    dropped: set[str] = set()
    for pair in _EITHER_OR:
        for side, other in (pair, pair[::-1]):
            if side & above.keys():
                dropped |= other
    return {key: value for key, value in below.items() if key not in dropped} | above
