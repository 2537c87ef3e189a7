"""What holds once `init` is done: settings and scenarios of the user's that stay decide what the tests are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.adopt.plan import DIFFERS, Planned, planned
from harness.adopt.starter import Scenarios, Wishes, own_scenarios
from harness.adopt.target import Found
from harness.bridges.settings import FILE, read_settings
from harness.errors import DeclarationError, Mistake
from harness.scenario.load import load_scenarios

Keeps = Callable[[Planned], bool]
"""Whether a file of the user's, which differs from what is planned, stays as it is."""
Files = Mapping[Path, str]


def kept_settings(folder: Path, files: Files, keeps: Keeps) -> tuple[str, Mapping[str, Any]] | None:
    """Name and values of the settings that are there and stay; None where those of `files` are to be."""
    ours = planned(folder, Path(FILE), files[Path(FILE)])
    if ours.before is not None and not (ours.state == DIFFERS and keeps(ours)):
        return None
    found = read_settings(folder)
    return (found.source, found.values) if found.source else None


def settled(wishes: Wishes, values: Mapping[str, Any], stub: str) -> Wishes:
    """The wishes, with what nobody wished for as the settings have it; `stub` is the target that `init` writes."""
    target, clock = values.get("target", stub), values.get("clock")
    if wishes.target is None and target != stub:
        wishes = replace(wishes, target=Found(target, None))
    return wishes if wishes.clock else replace(wishes, clock=clock)


def scenarios_in_force(
    folder: Path, files: Files, benchmarks: str, settings: tuple[str, Mapping[str, Any]] | None, keeps: Keeps
) -> Scenarios:
    """The scenarios that will be declared. Raises `DeclarationError` where a file that stays cannot tell them."""
    ours = own_scenarios(benchmarks)
    source, values = settings or ("", {"file": ours.file})
    named = values.get("file", ours.file)
    place = folder / named
    if place.resolve() == (folder / ours.file).resolve():
        ours = replace(ours, settled="file" in values)
        one = planned(folder, Path(ours.file), files[Path(ours.file)])
        if one.state != DIFFERS or not keeps(one):
            return ours
        named = ours.file
    elif not place.is_file():
        raise DeclarationError(source, [Mistake("file", f"nothing at {named}", "a TOML file of scenarios")])
    names = tuple(one.name for one in load_scenarios(place).declared_here())
    return Scenarios(file=named, names=names, settled="file" in values)
