"""What `continuous` measured, kept: the reports of every round and side, from which the verdict can be made again.

FOLDER/rounds.toml   what the verdict depends on beside the reports: how often it may be judged, and the seed
FOLDER/base, /head   the reports of whole rounds
FOLDER/unpaired      those of a round that did not come to its end on both sides: kept, and not judged
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import tomli_w

from harness.errors import Mistake, ReportError
from harness.report.document import cause

FACTS = "rounds.toml"
ASIDE = "aside"
_MOST_LOOKS = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """How rounds that were measured in turns are to be judged."""

    looks: int
    """How often they might be judged in all."""
    seed: int


class Keeper:
    """Copies each round's reports into a folder of its own below `report_dir`, made once there is something to keep.

    A file has its name only once it is whole. Every method raises `ReportError` for what cannot be written.
    """

    def __init__(self, report_dir: Path, facts: Mapping[str, Any], now: datetime) -> None:
        self._report_dir, self._facts = report_dir, dict(facts)
        self._stem = f"rounds-{now.astimezone(UTC).strftime('%Y%m%dT%H%M%S.%fZ')}"
        self.folder: Path | None = None

    def measured(self, side: str, number: int, reports: Iterable[Path]) -> None:
        """Keep what one side of round `number` has written, before the other side has ended."""
        with _told(self._report_dir):
            aside = self._own() / ASIDE
            aside.mkdir(exist_ok=True)
            for report in reports:
                final = aside / f"{_round(number)}-{side}-{report.name}"
                temporary = final.with_name(f".{final.name}.part")
                shutil.copyfile(report, temporary)
                os.replace(temporary, final)

    def completed(self, number: int) -> None:
        """Both sides of the round have ended: its reports count."""
        with _told(self._report_dir):
            folder = self._own()
            for path in self._of_round(number):
                side, _, name = path.name.removeprefix(f"{_round(number)}-").partition("-")
                (folder / side).mkdir(exist_ok=True)
                os.replace(path, folder / side / f"{_round(number)}-{name}")
            if (folder / ASIDE).exists() and not any((folder / ASIDE).iterdir()):
                (folder / ASIDE).rmdir()

    def set_aside(self, number: int) -> None:
        """The round is measured again: its reports stay where they are, under a name that will not count."""
        with _told(self._report_dir):
            for path in self._of_round(number):
                os.replace(path, path.with_name(f"again-{path.name}"))

    def _of_round(self, number: int) -> list[Path]:
        return sorted((self._own() / ASIDE).glob(f"{_round(number)}-*"))

    def _own(self) -> Path:
        if self.folder is None:
            self.folder = _made(self._report_dir, self._stem)
            temporary = self.folder / f".{FACTS}.part"
            temporary.write_text(tomli_w.dumps(self._facts), encoding="utf-8")
            os.replace(temporary, self.folder / FACTS)
        return self.folder


@contextmanager
def _told(report_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReportError(f"--report-dir {report_dir}: cannot keep what was measured: {cause(error)}") from error


def kept_rounds(base: str, head: str) -> Kept | None:
    """How to judge two folders, if they are the two sides of rounds that `continuous` kept; None if not.

    Raises `ReportError` where the file beside them is not what it was written as.
    """
    sides = Path(base), Path(head)
    facts = sides[0].resolve().parent / FACTS
    if [side.resolve() for side in sides] != [facts.parent / name for name in ("base", "head")] or not facts.exists():
        return None
    try:
        found = tomllib.loads(facts.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ReportError(f"{facts}: {error}") from error
    wanted = {"looks": (1, _MOST_LOOKS), "seed": (0, 2**63)}
    mistakes = [
        Mistake(name, repr(found.get(name)), f"a whole number from {low} to {high}")
        for name, (low, high) in wanted.items()
        if type(found.get(name)) is not int or not low <= found[name] <= high
    ]
    if mistakes:
        raise ReportError("\n".join(f"{facts}: {mistake}" for mistake in mistakes))
    return Kept(found["looks"], found["seed"])


def _round(number: int) -> str:
    return f"round-{number + 1:04d}"


def _made(report_dir: Path, stem: str) -> Path:
    """A folder that was not there before."""
    report_dir.mkdir(parents=True, exist_ok=True)
    for attempt in count(1):
        own = report_dir / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            own.mkdir()
        except FileExistsError:
            continue
        return own
    raise AssertionError("count() does not end")
