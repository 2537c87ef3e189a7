"""asv's results folder in the form that is compared: `asv:RESULTS_DIR@COMMIT`.

A benchmark of `ScenarioSuite` has one sample per replication, and its version says under what it was measured. Any
other benchmark keeps, with `--record-samples`, the samples of all its rounds (processes) in one list without their
bounds: they are cut into as many stretches as the benchmark has rounds. A single number counts as one process.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness.bridges.seeds import parse_seeds
from harness.errors import NotEnoughError, ReportError, UnitError
from harness.judge.metrics_form import Identity, Measured, Processes, Side
from harness.judge.statistics.records import Kind
from harness.report.document import read_json
from harness.report.text import visible

ASV = "asv:"
_TOOL = "asv"
_HASH = re.compile(r"[0-9a-f]{7,64}")
_UNITS = {"seconds": "s", "bytes": "B"}
_VERSION = re.compile(r"(?P<digest>\S+) (?P<target>.+) (?P<clock>wall|virtual|hybrid) (?P<seeds>[\d,-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class AsvResults:
    """One results file: a commit, measured in one environment on one machine."""

    path: Path
    commit: str
    date_ms: float
    environment: str
    machine: Mapping[str, str]
    rows: Mapping[str, Mapping[str, Any]]
    """Benchmark -> column -> value."""


def asv_side(text: str, side: str) -> Side:
    """The side `asv:RESULTS_DIR@COMMIT`; COMMIT may be shortened.

    Raises `ReportError` where the folder is none of asv's or has no results of the commit.
    """
    folder, at, commit = text.removeprefix(ASV).rpartition("@")
    if not at or not _HASH.fullmatch(commit):
        raise ReportError(f"{side} {text}: expected asv:RESULTS_DIR@COMMIT, COMMIT being 7 or more digits of a hash")
    files, benchmarks = read_asv(Path(folder), f"{side} {text}")
    matching = {one.commit for one in files if one.commit.startswith(commit)}
    if len(matching) != 1:
        known = ", ".join(sorted({one.commit[:8] for one in files}))
        found = "several that begin so" if matching else f"results of {known}"
        raise ReportError(f"{side} {text}: expected the hash of a commit with results, found {found}")
    chosen = [one for one in files if one.commit in matching]
    measured = tuple(metric for one in chosen for metric in asv_metrics(one, benchmarks))
    runs = frozenset(str(one.path.resolve()) for one in chosen)
    return Side(source=text, tool=_TOOL, commit=matching.pop(), measured=measured, runs=runs)


def read_asv(folder: Path, told: str) -> tuple[list[AsvResults], Mapping[str, Any]]:
    """Every results file below `folder` (one level, as asv keeps them), and its `benchmarks.json`."""
    listing = folder / "benchmarks.json"
    if not listing.is_file():
        raise ReportError(
            f"{told}: expected a folder of asv results (it has a benchmarks.json), found none in {folder}"
        )
    benchmarks = read_json(listing, strict=False)
    paths = [path for path in sorted(folder.glob("*/*.json")) if path.name != "machine.json"]
    if not paths:
        raise NotEnoughError(f"{told}: no results in {folder}")
    if not isinstance(benchmarks, dict):
        raise ReportError(f"{listing}: expected a table of benchmarks")
    return [_read(path) for path in paths], benchmarks


def asv_metrics(results: AsvResults, benchmarks: Mapping[str, Any]) -> Iterable[Measured]:
    """Every benchmark of one file, one record per combination of parameters; what was skipped (n/a) is left out."""
    for name, row in results.rows.items():
        described = benchmarks.get(name)
        described = described if isinstance(described, dict) else {}
        try:
            yield from _benchmark(name, row, described, results)
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            told = f"{visible(name)}: expected asv's form: {visible(str(error))}"
            raise ReportError(f"{results.path}: results.{told}") from error


# --------------------------------------------------------------------------- one file


def _read(path: Path) -> AsvResults:
    document = read_json(path, strict=False)
    try:
        columns = document["result_columns"]
        rows = {name: dict(zip(columns, row, strict=False)) for name, row in document["results"].items()}
        commit = str(document["commit_hash"])
        found = AsvResults(
            path=path,
            commit=commit,
            date_ms=float(document["date"]),
            environment=str(document["env_name"]),
            machine={k: str(v) for k, v in document["params"].items()},
            rows=rows,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        told = f"nothing at {error}" if isinstance(error, KeyError) else str(error)
        raise ReportError(f"{path}: expected asv results of api version 2: {told}") from error
    if not _HASH.fullmatch(commit) or not path.name.startswith(commit[:8]):
        raise ReportError(
            f"{path}: expected the commit that its name says, found commit_hash {json.dumps(commit)[:80]}"
        )
    return found


# --------------------------------------------------------------------------- one benchmark


def _benchmark(
    name: str, row: Mapping[str, Any], described: Mapping[str, Any], results: AsvResults
) -> Iterable[Measured]:
    combinations = list(itertools.product(*(row.get("params") or [])))
    values: Sequence[Any] = row.get("result") or [None] * len(combinations)
    samples: Sequence[Any] = row.get("samples") or [None] * len(values)
    for combination, value, kept in zip(combinations, values, samples, strict=True):
        # asv writes NaN for what was skipped, null for what failed
        if isinstance(value, float) and value != value:  # noqa: PLR0124 - the one test of NaN that takes any value
            continue
        shown = f"{name}({', '.join(map(str, combination))})" if combination else name
        one = _Value(shown, value, kept, str(row.get("version")))
        yield _measured(one, described, results)


class _Value(NamedTuple):
    name: str
    value: Any
    samples: Any
    version: str


def _measured(one: _Value, described: Mapping[str, Any], results: AsvResults) -> Measured:
    conditions = _VERSION.fullmatch(one.version) if described.get("type") == "load" else None
    unit = str(described.get("unit") or "unknown")
    word = str(described.get("type") or "value")
    scenario, _, metric = one.name.rpartition(".") if conditions else (one.name, "", word)
    seeds = _seeds(conditions["seeds"]) if conditions else ()
    processes = _processes(one.value, one.samples, 0 if conditions else int(described.get("rounds") or 1))
    return Measured(
        metric=metric,
        scenario=scenario,
        unit=_UNITS.get(unit, unit),
        kind=_kind(unit, conditions),
        processes=processes,
        seeds=seeds if len(seeds) == len(processes) else (),
        identity=_identity(one.version, conditions, results),
        unfit=_unfit(one.value, processes, seeds if conditions else None),
        notes=() if one.samples is not None else ("asv kept one value; --record-samples keeps all",),
        command=f"asv run --bench {shlex.quote(f'^{re.escape(one.name)}$')} --record-samples",
    )


def _kind(unit: str, conditions: re.Match[str] | None) -> Kind:
    if conditions and conditions["clock"] == "virtual":
        return "exact"
    return "memory" if unit == "bytes" else "noisy"


def _identity(version: str, conditions: re.Match[str] | None, results: AsvResults) -> Identity:
    return Identity(
        digest=conditions["digest"] if conditions else version,
        target=conditions["target"] if conditions else None,
        clock=conditions["clock"] if conditions else None,
        environment=results.environment,
        machine=results.machine,
    )


def _unfit(value: Any, processes: Processes, seeds: tuple[int, ...] | None) -> str:
    if value is None:
        return "it failed"
    unreal = next((v for process in processes for v in process if not abs(v) < float("inf")), None)
    if unreal is not None:
        return f"it holds {'NaN' if unreal != unreal else 'Infinity'}"  # noqa: PLR0124 - NaN is what differs from itself
    if seeds is not None and processes and len(seeds) != len(processes):
        return f"{len(processes)} samples of {len(seeds)} seeds: rounds that read the same replications again?"
    return ""


def _processes(value: Any, samples: Any, rounds: int) -> Processes:
    """Samples by process; `rounds` 0: each sample is a replication of its own."""
    if value is None:
        return ()
    if samples is None:
        return ((float(value),),)
    numbers = [float(sample) for sample in samples]
    if not rounds:
        return tuple((number,) for number in numbers)
    bounds = [len(numbers) * k // rounds for k in range(rounds + 1)]
    return tuple(tuple(numbers[a:b]) for a, b in itertools.pairwise(bounds) if b > a)


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return parse_seeds(text)
    except UnitError:
        return ()
