"""One side of a comparison from what a user names: reports, pytest-benchmark files, or asv results of a commit.

reports/x.json            a report, or the output of `harness run --json`
reports/                  a folder of reports, or of pytest-benchmark files
reports/@1a2b3c4          those of them that were measured on a commit
bench.json, 0007, *_main  a pytest-benchmark file, or runs in `.benchmarks` by number or pattern
asv:.asv/results@1a2b3c4  what asv measured on a commit
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from harness.bridges.asv_results import ASV, asv_side
from harness.bridges.pytest_results import PYTEST, pytest_metrics
from harness.bridges.report_samples import HARNESS, report_metrics
from harness.errors import NotEnoughError, ReportError, Topic
from harness.judge.metrics_form import Measured, Side
from harness.report.document import read_json, report_mistakes
from harness.report.model import Report

STORAGE = Path(".benchmarks")
CONCLUSIONS = frozenset({"advice", "calibration", "capacity", "comparison", "doctor", "history", "sweep"})
"""The `kind` of documents that say what was concluded from runs."""
_COMMIT = re.compile(r"[0-9a-f]{4,64}")


class Found(NamedTuple):
    """One run as it was found in a file."""

    path: Path
    tool: str
    when: str
    """ISO 8601, to bring runs into the order in which they were made."""
    run_id: str
    commit: str | None
    dirty: bool | None
    measured: tuple[Measured, ...]


def read_sides(base: str, head: str) -> tuple[Side, Side]:
    """Both sides. Raises what `read_side` does, and `ReportError` where a run stands on both: it is no comparison."""
    sides = read_side(base, "BASE"), read_side(head, "HEAD")
    both = len(sides[0].runs & sides[1].runs)
    if both:
        raise ReportError(
            f"BASE {base} and HEAD {head}: expected different runs, found {both} that stand on both sides"
        )
    return sides[0], replace(sides[1], notes=(*sides[1].notes, *_apart(*sides)))


def _apart(base: Side, head: Side) -> Iterable[str]:
    """What is to be known of noisy metrics whose sides were not measured in turns."""
    noisy = any(one.kind != "exact" for one in (*base.measured, *head.measured))
    if noisy and base.span and head.span and (base.span[1] < head.span[0] or head.span[1] < base.span[0]):
        yield (
            "one side was measured after the other: whatever the machine did differently counts as a change of the "
            "code (harness continuous measures in turns, --history allows for it)"
        )


def read_side(text: str, side: str = "BASE") -> Side:
    """The side that `text` names. `side` is what messages call it.

    Raises `ReportError` for what cannot be read, is of several tools or commits, or stands there twice, and
    `NotEnoughError` for a folder without results.
    """
    if not text:
        raise ReportError(f"{side}: expected a report, a folder of reports or another tool's results, found nothing")
    if text.startswith(ASV):
        return asv_side(text, side)
    where, commit = _split(text)
    runs = read_runs(_files(where, text, side), in_folder=Path(where).is_dir())
    if not runs:
        place = "folder" if Path(where).is_dir() else "file"
        raise NotEnoughError(f"{side} {text}: no results in this {place}, only what was concluded from some")
    runs = _on_commit(runs, commit, text, side)
    _refuse_mixture(runs, text, side)
    runs.sort(key=lambda run: run.when)
    return Side(
        source=text,
        tool=runs[0].tool,
        commit=runs[0].commit,
        dirty=next((run.dirty for run in runs if run.dirty is not None), None),
        measured=tuple(one for run in runs for one in run.measured),
        runs=frozenset(run.run_id for run in runs),
        span=(runs[0].when, runs[-1].when),
        notes=tuple(_doubts(runs, side)),
    )


def read_runs(files: Iterable[Path], *, in_folder: bool = False) -> list[Found]:
    """Every run in `files`, whichever tool wrote them. Raises `ReportError` that names a file of no known form.

    `in_folder`: what else the harness writes beside reports (comparisons, capacities) is passed over; one that was
    named is refused.
    """
    documents = ((path, read_json(path)) for path in files)
    return [run for path, one in documents if not (in_folder and _concluded(one)) for run in _read(path, one)]


def _concluded(document: Any) -> str | None:
    """What a document of ours is that holds no run, such as `comparison`."""
    kind = document.get("kind") if isinstance(document, dict) and "schema_version" in document else None
    return kind if kind in CONCLUSIONS else None


# --------------------------------------------------------------------------- which files


def _split(text: str) -> tuple[str, str | None]:
    """`path@commit` as both; a path that exists may have an @ in its name."""
    where, at, commit = text.rpartition("@")
    if at and not Path(text).exists():
        return where, commit
    return text, None


def _files(where: str, text: str, side: str) -> list[Path]:
    path = Path(where)
    if path.is_dir():
        if (path / "benchmarks.json").exists():
            raise ReportError(f"{side} {text}: is a folder of asv results; name a commit: {ASV}{where}@COMMIT")
        found = sorted(one for one in path.glob("*.json") if not one.name.startswith("."))
        if not found:
            raise NotEnoughError(f"{side} {text}: no results (*.json) in this folder").leads(Topic.REPORTS)
        return found
    if path.exists():
        return [path]
    stored = _stored(where)
    if not stored:
        kinds = "a report, a folder of reports, a pytest-benchmark file or run, or asv:RESULTS_DIR@COMMIT"
        raise ReportError(f"{side} {text}: expected {kinds}, found nothing of that name").leads(Topic.REPORTS)
    return stored


def _stored(name: str) -> list[Path]:
    """Runs in pytest-benchmark's storage: by number (`0007`), or by pattern of the file's name without its ending."""
    if not STORAGE.is_dir() or "/" in name or not name:
        return []
    pattern = f"{name}_*.json" if re.fullmatch(r"\d{4}", name) else f"{name}.json"
    return sorted(STORAGE.glob(f"*/{pattern}"))


# --------------------------------------------------------------------------- what is in a file


def _read(path: Path, document: Any) -> list[Found]:
    if kind := _concluded(document):
        raise ReportError(f"{path}: expected a report or a pytest-benchmark file, found a document of kind {kind!r}")
    if isinstance(document, dict) and "machine_info" in document and "benchmarks" in document:
        return [_pytest_run(path, document)]
    if isinstance(document, dict) and isinstance(document.get("reports"), list):
        return [_harness_run(path, one) for one in document["reports"]]
    if isinstance(document, dict) and "scenario" in document:
        return [_harness_run(path, document)]
    raise ReportError(f"{path}: expected a report or a pytest-benchmark file, found JSON of another form")


def _harness_run(path: Path, document: Any) -> Found:
    mistakes = report_mistakes(document)
    if mistakes:
        raise ReportError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    commit = document["commit"] or {"id": None, "dirty": None}
    measured = tuple(report_metrics(Report(document)))
    return Found(path, HARNESS, document["timestamp"], document["run_id"], commit["id"], commit["dirty"], measured)


def _pytest_run(path: Path, document: Any) -> Found:
    measured = tuple(pytest_metrics(path, document))
    commit = document.get("commit_info") or {}
    found = str(commit.get("id") or "")
    known = found if _COMMIT.fullmatch(found) else None
    when = str(document.get("datetime", ""))
    return Found(path, PYTEST, when, f"{when} {found} {len(measured)}", known, commit.get("dirty"), measured)


# --------------------------------------------------------------------------- what may not be one side


def _on_commit(runs: list[Found], commit: str | None, text: str, side: str) -> list[Found]:
    if commit is None:
        return runs
    known = sorted({run.commit[:12] for run in runs if run.commit})
    matching = {
        run.commit for run in runs if run.commit and _COMMIT.fullmatch(commit) and run.commit.startswith(commit)
    }
    if len(matching) == 1:
        return [run for run in runs if run.commit in matching]
    found = "several that begin so" if matching else f"results of {', '.join(known) or 'no commit'}"
    raise ReportError(f"{side} {text}: expected the hash of a commit with results, found {found}")


def _refuse_mixture(runs: Sequence[Found], text: str, side: str) -> None:
    """One side is one tool, one commit, each run once."""
    first: dict[str, dict[object, Found]] = {"tool": {}, "commit": {}}
    for run in runs:
        first["tool"].setdefault(run.tool, run)
        first["commit"].setdefault(run.commit, run)
    for what, found in first.items():
        if len(found) > 1:
            told = " and ".join(f"{name or 'none'} ({run.path.name})" for name, run in list(found.items())[:3])
            hint = f"; name one: {text}@COMMIT" if what == "commit" else ""
            raise ReportError(f"{side} {text}: expected results of one {what}, found {told}{hint}")
    seen: dict[str, Path] = {}
    for run in runs:
        if run.run_id in seen:
            raise ReportError(f"{side} {text}: the same run twice: {seen[run.run_id].name} and {run.path.name}")
        seen[run.run_id] = run.path


def _doubts(runs: Sequence[Found], side: str) -> Iterable[str]:
    if any(run.commit is None for run in runs):
        yield f"{side}: the commit is not known"
    if any(run.dirty for run in runs):
        yield f"{side}: measured with changes that were not committed"
