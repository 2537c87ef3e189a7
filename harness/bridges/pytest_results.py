"""pytest-benchmark's JSON in the form that is compared.

A test that used `load_scenario` has one sample per replication in its `extra_info`, and compares as a report does. Any
other test was timed in rounds of one process: those are that process's values, and a single process settles nothing.
So several files a side are needed, `--benchmark-json` of several runs in one folder, or `.benchmarks` by pattern.
"""

from __future__ import annotations

import hashlib
import math
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.bridges.report_samples import FIGURES, run_command
from harness.errors import ReportError
from harness.judge.metrics_form import Identity, Measured
from harness.report.text import visible

PYTEST = "pytest-benchmark"


def pytest_metrics(path: Path, document: Mapping[str, Any]) -> Iterable[Measured]:
    """Every metric of one file. Raises `ReportError` that names the test and the field which is not as it should be."""
    _refuse_other_kinds(path, document, {"benchmarks": list, "machine_info": dict, "commit_info": dict | None})
    facts = _facts(document["machine_info"])
    for place, benchmark in enumerate(document["benchmarks"]):
        try:
            yield from _load(benchmark, facts) if _is_load(benchmark) else (_timed(benchmark, facts),)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            name = visible(str(benchmark.get("fullname")) if isinstance(benchmark, dict) else "no table")
            told = f"nothing at {error}" if isinstance(error, KeyError) else visible(str(error))
            raise ReportError(
                f"{path}: benchmarks[{place}] ({name}): expected pytest-benchmark's form: {told}"
            ) from error


def _refuse_other_kinds(path: Path, document: Mapping[str, Any], kinds: Mapping[str, Any]) -> None:
    for name, kind in kinds.items():
        found = document.get(name)
        if not isinstance(found, kind):
            raise ReportError(f"{path}: {name}: expected pytest-benchmark's form, found {type(found).__name__}")


def _is_load(benchmark: Mapping[str, Any]) -> bool:
    return "scenario_digest" in (benchmark.get("extra_info") or {})


def _load(benchmark: Mapping[str, Any], facts: Mapping[str, str]) -> Iterable[Measured]:
    info = benchmark["extra_info"]
    exact = info["clock"] == "virtual"
    seeds = tuple(map(int, info["seeds"]))
    identity = Identity(
        digest=str(info["scenario_digest"]), target=str(info["target"]), clock=str(info["clock"]), machine=facts
    )
    for figure in FIGURES:
        values = info.get("throughput_per_s" if figure.metric == "throughput" else figure.field)
        if values is None or all(value is None for value in values):
            continue
        lost = sum(value is None for value in values)
        yield Measured(
            metric=figure.metric,
            scenario=str(info["scenario"]),
            unit=figure.unit,
            direction=figure.direction,
            # the file has the shares of each replication but not how many workflows they are shares of
            kind="exact" if exact else "memory" if figure.kind == "memory" else "noisy",
            processes=tuple((_number(value),) for value in values if value is not None),
            seeds=tuple(seed for seed, value in zip(seeds, values, strict=True) if value is not None),
            identity=identity,
            unfit=_unfit(info, lost, len(values), figure.metric),
            command=run_command(str(info["scenario"]), str(info["target"]), str(info["clock"]), seeds),
        )


def _unfit(info: Mapping[str, Any], lost: int, whole: int, metric: str) -> str:
    if info.get("baseline") == "invalid":
        return "the run is invalid"
    return f"{lost} of {whole} replications have no {metric}" if lost else ""


def _timed(benchmark: Mapping[str, Any], facts: Mapping[str, str]) -> Measured:
    stats = benchmark["stats"]
    values = stats.get("data")
    notes = () if values else ("only the median of its rounds was saved; --benchmark-save-data keeps all",)
    return Measured(
        metric="time",
        scenario=str(benchmark["fullname"]),
        unit="s",
        processes=(tuple(map(_number, values or [stats["median"]])),),
        identity=Identity(clock=str((benchmark.get("options") or {}).get("timer")), machine=facts),
        notes=notes,
        command=f"{shlex.join(['pytest', str(benchmark['fullname'])])} --benchmark-only",
    )


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no finite number")
    return number


def _facts(machine: Mapping[str, Any]) -> dict[str, str]:
    """What bears on times. The host's name tells machines apart, and is nobody's business: a hash of it does too."""
    cpu = machine["cpu"] if isinstance(machine.get("cpu"), dict) else {}
    facts = {
        "host": hashlib.sha256(str(machine.get("node")).encode()).hexdigest()[:8] if machine.get("node") else None,
        "system": machine.get("system"),
        "release": machine.get("release"),
        "architecture": machine.get("machine"),
        "processor": cpu.get("brand_raw"),
        "cpu_count": cpu.get("count"),
        "python": machine.get("python_version"),
        "python_implementation": machine.get("python_implementation"),
    }
    return {name: str(value) for name, value in facts.items() if value is not None}
