"""What measures, beside what is measured: the file of scenarios, and the file that hands workflows to the code.

A repository has no load test before the commit that brings one. So that this very commit can be measured, a base that
lacks such a file is lent head's, and where neither commit has it, both are lent the working tree's. Every loan is told.
A head that lacks what base has is lent nothing: it was taken away there, and what it measured is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.bridges.checkout import Checkout, Repository
from harness.errors import DeclarationError, HarnessError, Mistake

_LANGGRAPH = "langgraph:"
_TREE = "the working tree"


@dataclass(frozen=True, slots=True)
class Lent:
    """One file of the apparatus on both sides: where each side has it, and who lends it to a side that has not."""

    inside: Path
    """From the repository's top on."""
    places: Mapping[str, Path]
    lenders: Mapping[str, str]
    """Side -> `head` or `the working tree`."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Every loan in words."""
        whose = {"head": "head's", _TREE: f"that of {_TREE}, which is not committed"}
        return tuple(
            f"{side} has no {self.inside.as_posix()}: it was measured with {whose[lender]}"
            for side, lender in self.lenders.items()
        )


@dataclass(frozen=True, slots=True)
class ScenarioFiles:
    """The file of scenarios of each side (None: the built-in catalog), and what was lent, in words."""

    files: Mapping[str, str | None]
    notes: tuple[str, ...] = ()


def scenario_files(
    path: Path | None, repository: Repository, checkouts: Mapping[str, Checkout], *, same: bool
) -> ScenarioFiles:
    """The file of scenarios of each side: its own, or for both head's where `same` is asked for.

    A file outside the repository is the same for both. Raises `DeclarationError` where there is none.
    """
    if path is None:
        return ScenarioFiles(dict.fromkeys(checkouts))
    inside = _inside(path, repository)
    if inside is None:
        return ScenarioFiles(dict.fromkeys(checkouts, str((repository.here / path).resolve())))
    found = _lent(inside, repository, checkouts)
    if found is None or (same and not found.places["head"].exists()):
        where = "a file of head" if same else "a file of base or head"
        raise DeclarationError("continuous", [Mistake("--file", f"{str(inside)!r}, which is in neither", where)])
    # asked for, it is no loan
    places = dict.fromkeys(checkouts, found.places["head"]) if same else found.places
    notes = () if same and found.lenders.get("base") == "head" else found.notes
    return ScenarioFiles({side: str(place) for side, place in places.items()}, notes)


def lend_target(target: str, repository: Repository, checkouts: Mapping[str, Checkout]) -> tuple[str, ...]:
    """Copy the file of a target `path/to/file.py:attribute` into a checkout that is lent it; what was lent, in words.

    A file that is nowhere is left to whoever loads the target. Raises `HarnessError` where it cannot be copied.
    """
    name = target.removeprefix(_LANGGRAPH).rpartition(":")[0]
    inside = _inside(Path(name), repository) if name.endswith(".py") else None
    found = _lent(inside, repository, checkouts) if inside is not None else None
    if found is None:
        return ()
    for side in found.lenders:
        place = checkouts[side].root / found.inside
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found.places[side], place)
        except OSError as error:
            raise HarnessError(f"{checkouts[side]}: {found.inside} cannot be lent to it: {error.strerror}") from error
    return found.notes


def _lent(inside: Path, repository: Repository, checkouts: Mapping[str, Checkout]) -> Lent | None:
    """None where the file is nowhere."""
    own = {side: checkout.root / inside for side, checkout in checkouts.items()}
    if own["head"].exists() and not own["base"].exists():
        return Lent(inside, {**own, "base": own["head"]}, {"base": "head"})
    if any(place.exists() for place in own.values()):
        return Lent(inside, own, {})
    in_tree = repository.top / inside
    return Lent(inside, dict.fromkeys(own, in_tree), dict.fromkeys(own, _TREE)) if in_tree.is_file() else None


def _inside(path: Path, repository: Repository) -> Path | None:
    """`path`, as it is called from the repository's top on; None where it is outside."""
    whole = (repository.here / path).resolve()
    return whole.relative_to(repository.top) if whole.is_relative_to(repository.top) else None
