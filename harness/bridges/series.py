"""A metric's past as a series of one value per commit: from a folder of results, or from asv's.

Commits stand in the order git has them in; those that git does not know (a shallow clone, a branch that is gone) stand
where their first run was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median

from harness.bridges.asv_results import ASV, asv_metrics, read_asv
from harness.bridges.checkout import commit_times
from harness.bridges.sides import Found, read_runs
from harness.errors import NotEnoughError, ReportError, Topic
from harness.judge.history import History, find_steps
from harness.judge.metrics_form import Measured, labels, merged


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric under one identity (machine, clock, scenario digest, seeds), oldest commit first."""

    name: str
    metric: str
    """The name that the series of one metric under several identities share."""
    current: bool
    """Whether no other identity of the metric was measured later."""
    unit: str
    direction: str
    commits: tuple[str, ...]
    values: tuple[float | None, ...]
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """All series of one source."""

    source: str
    series: tuple[Series, ...]
    notes: tuple[str, ...]


_Dated = tuple[float, str, list[Measured]]
"""When (seconds since 1970), commit, what was measured."""


def read_past(text: str) -> Past:
    """The past in a folder of reports or pytest-benchmark files (also in its folders), or in `asv:RESULTS_DIR`.

    Raises `ReportError` for what cannot be read and `NotEnoughError` where nothing is there.
    """
    notes: list[str] = []
    dated = _from_asv(text) if text.startswith(ASV) else _from_folder(text, notes)
    dated.sort(key=lambda one: one[:2])
    names: dict[str, list[tuple[str, Measured]]] = {}
    for _, commit, measured in dated:
        for one in merged(measured):
            names.setdefault(one.name, []).append((commit, one))
    series = tuple(found for name, points in names.items() for found in _split(name, points))
    return Past(source=text, series=series, notes=tuple(notes))


def session_noise(text: str) -> dict[str, float]:
    """How far each metric moved from commit to commit around its levels: what a comparison's sessions differ by anyway.

    By name, relative; of series that are long enough. Raises what `read_past` does.
    """
    series = read_past(text).series
    return {one.name: one.history.noise for one in series if one.history.newest != "too short"}


# --------------------------------------------------------------------------- where it is kept


def _from_asv(text: str) -> list[_Dated]:
    files, benchmarks = read_asv(Path(text.removeprefix(ASV)), text)
    return [(one.date_ms / 1000, one.commit, list(asv_metrics(one, benchmarks))) for one in files]


def _from_folder(text: str, notes: list[str]) -> list[_Dated]:
    folder = Path(text)
    if not text or not folder.is_dir():
        raise ReportError(f"{text}: expected a folder of results, or {ASV}RESULTS_DIR").leads(Topic.REPORTS)
    if (folder / "benchmarks.json").exists():
        raise ReportError(f"{text}: is a folder of asv results: {ASV}{text}")
    shown = [path for path in sorted(folder.rglob("*.json")) if not path.name.startswith(".")]
    runs = read_runs(shown, in_folder=True)
    kept = [run for run in runs if run.commit and not run.dirty]
    if len(kept) < len(runs):
        notes.append(f"{len(runs) - len(kept)} of {len(runs)} runs are of no known commit or of uncommitted changes")
    if not kept:
        raise NotEnoughError(f"{text}: no results of a commit").leads(Topic.REPORTS)
    return _dated(kept, notes)


def _dated(runs: Sequence[Found], notes: list[str]) -> list[_Dated]:
    groups: dict[str, list[Found]] = {}
    for run in runs:
        groups.setdefault(str(run.commit), []).append(run)
    known = commit_times(Path.cwd(), groups)
    if len(known) < len(groups):
        notes.append(f"git does not know {len(groups) - len(known)} of {len(groups)} commits: they stand by their runs")
    return [
        (known.get(commit) or min(map(_when, group)), commit, [one for run in group for one in run.measured])
        for commit, group in groups.items()
    ]


def _when(run: Found) -> float:
    try:
        found = datetime.fromisoformat(run.when)
    except ValueError as error:
        raise ReportError(f"{run.path}: expected a time in ISO 8601, found {run.when[:40]!r}") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


# --------------------------------------------------------------------------- series


def _split(name: str, points: Sequence[tuple[str, Measured]]) -> Iterable[Series]:
    """What differs in anything that forbids a comparison is another series."""
    groups: dict[str, list[tuple[str, Measured]]] = {}
    newest = ""
    for commit, one in points:
        exact = one.kind == "exact"
        machine = None if exact else sorted(one.identity.machine.items())
        facts = (one.unit, one.direction, one.kind, *labels(one.identity), machine, one.seeds if exact else None)
        groups.setdefault(repr(facts), []).append((commit, one))
        newest = repr(facts)
    for place, (key, group) in enumerate(groups.items(), 1):
        first = group[0][1]
        told = ", ".join(fact for fact in labels(first.identity) if fact)
        shown = f"{name} ({told}; {place} of {len(groups)})" if len(groups) > 1 else name
        yield _series(shown, name, key == newest, group)


def _series(name: str, metric: str, current: bool, points: Sequence[tuple[str, Measured]]) -> Series:
    first = points[0][1]
    commits = tuple(commit for commit, _ in points)
    values = tuple(_level(one) for _, one in points)
    history = find_steps(values, commits, direction=first.direction)
    return Series(
        name=name,
        metric=metric,
        current=current,
        unit=first.unit,
        direction=first.direction,
        commits=commits,
        values=values,
        history=history,
    )


def _level(one: Measured) -> float | None:
    """A commit's value: over its processes the median of their medians, exact the mean, a rate of all counts."""
    if one.unfit or not one.processes:
        return None
    if one.kind == "rate":
        trials = sum(process[1] for process in one.processes)
        return sum(process[0] for process in one.processes) / trials if trials else None
    levels = [median(process) for process in one.processes]
    return fmean(levels) if one.kind == "exact" else median(levels)
