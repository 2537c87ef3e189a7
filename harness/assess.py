"""One scenario from declaration to report: run the replications, summarise, judge, build the document.

What the command line and every bridge call, so that all of them give the same report.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import harness
from harness.distribute.driving import Crew, drive_with
from harness.drive.clock import ClockName
from harness.drive.interrupts import asked_to_stop
from harness.drive.opening import BUILTIN
from harness.errors import ExitCode, HarnessError, NotEnoughError
from harness.execute import run_all
from harness.judge.baseline import judge_baseline
from harness.measure.metrics import summarise
from harness.measure.record import Run
from harness.measure.totals.record import Totals
from harness.measure.totals.summarised import summarise_totals
from harness.measure.watch import Watch
from harness.report.build import build_report
from harness.report.model import Report
from harness.report.provenance import collect_commit, collect_machine
from harness.scenario.model import Scenario
from harness.soak import Soak, soak

Progress = Callable[[int], None]

_STOPPED_BY = {"interrupted": ExitCode.INTERRUPTED, "terminated": ExitCode.TERMINATED}
_VERDICTS = {
    "held": ExitCode.HELD,
    "broken": ExitCode.BASELINE_BROKEN,
    "cannot_tell": ExitCode.NOT_ENOUGH,
    "invalid": ExitCode.RUN_INVALID,
}
_WORST_FIRST = (
    ExitCode.TERMINATED,
    ExitCode.INTERRUPTED,
    ExitCode.RUN_INVALID,
    ExitCode.BASELINE_BROKEN,
    ExitCode.NOT_ENOUGH,
)


def assess(
    scenario: Scenario,
    seeds: Iterable[int],
    *,
    target: object = BUILTIN,
    clock: ClockName = "wall",
    progress: Progress | None = None,
    watch: Watch | None = None,
    take_stop_signals: bool = False,
    crew: Crew | None = None,
    keep: Soak | None = None,
    take_run: Callable[[Run | Totals], None] | None = None,
    **clock_options: Any,
) -> Report:
    """Run `scenario` once per seed and report on all replications together.

    `clock_options` are `patch_time`, `job_grace_s`, `loop` and `precise`, as `harness.run` takes them. With `crew`,
    several workers drive each replication; with `keep`, no rows are kept, and the totals so far are handed on.
    `take_run` is handed each replication as it ends, for whoever wants its rows; whoever holds `watch` may look at them
    all while they go on.

    Raises what `harness.run` raises, where that happens before the first replication has ended. Whatever stops the
    others, what was measured is reported, as invalid.
    """
    seeds = tuple(seeds)
    runs: list[Run | Totals] = []
    why = None
    how: dict[str, Any] = {
        "target": target,
        "clock": clock,
        "progress": progress,
        "watch": watch,
        "take_stop_signals": take_stop_signals,
    }
    try:
        for done in _replications(scenario, seeds, crew, keep, how | clock_options):
            runs.append(done)
            if watch is not None:
                watch.over(done)
            if take_run is not None:
                take_run(done)
    except HarnessError as error:
        if not runs:
            raise
        why = str(error)
    if len(runs) < len(seeds):
        why = f"ended after {len(runs)} of {len(seeds)} replications: {why or asked_to_stop() or runs[-1].stopped}"
    return report_on(scenario, runs, invalid=why)


def _replications(
    scenario: Scenario, seeds: Sequence[int], crew: Crew | None, keep: Soak | None, how: dict[str, Any]
) -> Iterator[Run | Totals]:
    if crew is None and keep is None:
        yield from run_all(scenario, seeds, **how)
        return
    for seed in seeds:
        done = _in_its_own_way(scenario, seed, crew, keep, how)
        yield done
        if asked_to_stop() or done.stopped in _STOPPED_BY:
            return


def _in_its_own_way(
    scenario: Scenario, seed: int, crew: Crew | None, keep: Soak | None, how: dict[str, Any]
) -> Run | Totals:
    """One replication by several workers, or without its rows, or both."""
    if crew is None:
        return soak(scenario, seed, keep=keep, **how)
    watch = how["watch"]
    if watch is not None and how["progress"] is None:
        how = how | {"progress": watch.advanced}  # all that the workers tell
    if keep is not None:
        how = how | {"totals": True, "checkpoint": keep.checkpoint, "every_s": keep.every_s}
    return drive_with(crew, scenario, seed, **how)


def report_on(scenario: Scenario, runs: Sequence[Run | Totals], invalid: str | None = None) -> Report:
    """The report on replications of `scenario` that were run already; raises `NotEnoughError` without one.

    All of them have rows, or none has.

    `invalid` says why they may not be believed, beside what the runs themselves say.
    """
    if not runs:
        raise NotEnoughError(f"{scenario.name}: no replication was run")
    totals = [run for run in runs if isinstance(run, Totals)]
    if totals:
        metrics = summarise_totals(scenario, totals)
    else:
        metrics = summarise(scenario, [run for run in runs if isinstance(run, Run)])
    return build_report(
        scenario,
        runs,
        metrics,
        judge_baseline(scenario, metrics),
        harness_version=harness.__version__,
        commit=collect_commit(),
        machine=collect_machine(),
        timestamp=datetime.now(UTC),
        run_id=uuid.uuid4().hex,
        invalid=next((run.invalid for run in runs if run.invalid), invalid),
    )


def stopped_by(reason: str | None) -> ExitCode | None:
    """How a command ends that was asked to stop; None where it was not."""
    return None if reason is None else _STOPPED_BY[reason]


def exit_code(reports: Iterable[Report]) -> ExitCode:
    """How a command that made these reports ends: with the worst of what they say."""
    codes = {code_of(report) for report in reports}
    return next((code for code in _WORST_FIRST if code in codes), ExitCode.HELD)


def code_of(report: Report) -> ExitCode:
    """What one report alone would end a command with; a scenario without a baseline has nothing to break."""
    stopped = _STOPPED_BY.get(str(report.document["stopped"]))
    if stopped is not None:
        return stopped
    if report.valid and not report.document["baseline"]["lines"]:
        return ExitCode.HELD
    return _VERDICTS[report.verdict]
